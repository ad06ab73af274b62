"""A reason as a sentence of a language."""

from collections.abc import Callable, Mapping

from streams.alerts.texts import LOCALES, Locale
from streams.churn.reasons import names
from streams.churn.reasons.about_care import FEEDBACK, SUPPORT
from streams.churn.reasons.about_money import MONEY
from streams.churn.reasons.about_use import LIFE, USE
from streams.churn.reasons.figures import written
from streams.churn.reasons.template import Fill, Template, Words, in_language, said

Values = Mapping[str, float | int | None]
Said = str | None

TEXTS: Mapping[str, Words] = {**USE, **LIFE, **MONEY, **SUPPORT, **FEEDBACK}
_TEXTS: Mapping[Locale, Mapping[str, Template]] = {locale: in_language(TEXTS, locale) for locale in LOCALES}
_FEATURES = {locale: in_language(names.FEATURES, locale) for locale in LOCALES}
_FAMILIES = {locale: in_language(names.FAMILIES, locale) for locale in LOCALES}
_FRAMES = {locale: in_language(names.FRAMES, locale) for locale in LOCALES}


def reason_text(code: str, values: Values, locale: Locale, currency: str | None = None) -> str:
    """What a reason says, with the numbers that are known; the code itself when no text is known for it.

    Args:
        code: of the reason; one without a direction (`usage_pattern`) names its feature, the first of `values`.
        values: of the reason, as published.
        locale: of the reader.
        currency: of the customer's amounts; without one, amounts are left out.

    Example:
        >>> reason_text("usage_falling", {"events_14d": 180, "events_prev_14d": 310}, "en")
        'usage down 42% against the previous two weeks (310 to 180 events)'
        >>> reason_text("renewal_due", {"days_to_renewal": 12}, "pt")
        'renova em 12 dias'
    """
    texts, feature, write = _TEXTS[locale], next(iter(values), ""), _writer(values, locale, currency)
    if code in texts:
        return said(texts[code], write)
    if feature in _FEATURES[locale]:
        return said(_FRAMES[locale]["undirected"], _always(said(_FEATURES[locale][feature], write)))
    return code


def feature_name(feature: str, locale: Locale) -> str:
    """What a feature is called; its own name when it is of another release."""
    template = _FEATURES[locale].get(feature)
    return feature if template is None else said(template, _nothing)


def family_name(family: str, locale: Locale) -> str:
    """What a family of features is called; its own name when it is of another release."""
    template = _FAMILIES[locale].get(family)
    return family if template is None else said(template, _nothing)


def no_data_text(family: str, locale: Locale) -> str:
    """That nothing is known of a family, and what that does not mean.

    Example:
        >>> no_data_text("support", "en")
        'no data on support (which does not mean that all is well)'
    """
    return said(_FRAMES[locale]["no_data"], _always(family_name(family, locale)))


def frame(code: str, locale: Locale) -> str:
    """What is said around reasons: `raising`, `protecting`."""
    return said(_FRAMES[locale][code], _nothing)


def _nothing(_name: str, _kind: str) -> None:
    """No number is known."""


def _always(text: str) -> Fill:
    """The same words in every gap."""

    def fill(_name: str, _kind: str) -> str:
        return text

    return fill


def _writer(values: Values, locale: Locale, currency: str | None) -> Fill:
    value_of, derived_of = values.get, DERIVED.get

    def write(name: str, kind: str) -> Said:
        derived = derived_of(name)
        value = value_of(name) if derived is None else derived(values)
        return None if value is None else written(value, kind, locale, currency)

    return write


def _moved(now: str, before: str, sign: float) -> Callable[[Values], float | None]:
    """The change as a share of what was before, None where that was nothing or it moved the other way."""

    def moved(values: Values) -> float | None:
        new, old = values.get(now), values.get(before)
        share = None if new is None or not old else sign * (new / old - 1.0)
        if share is None or new is None or share <= 0.0:
            return None
        return min(share, _NEARLY_ALL) if sign < 0.0 < new else share

    return moved


def _some(counted: str) -> Callable[[Values], float | None]:
    """A count, None where there is nothing."""
    return lambda values: values.get(counted) or None


_NEARLY_ALL = 0.99  # rounded, a fall that leaves something would be told as one of 100 %
#: Numbers that texts have beside those of a reason, with what they are made of.
DERIVED_FROM: Mapping[str, tuple[str, ...]] = {
    "usage_fall": ("events_14d", "events_prev_14d"),
    "usage_rise": ("events_14d", "events_prev_14d"),
    "mrr_fall": ("mrr_minor", "mrr_28d_ago_minor"),
    "mrr_rise": ("mrr_minor", "mrr_28d_ago_minor"),
    "some_open": ("tickets_open",),
    "some_ratings": ("csat_ratings_90d",),
}
DERIVED: Mapping[str, Callable[[Values], float | None]] = {
    name: _some(of[0]) if len(of) == 1 else _moved(of[0], of[1], sign=-1.0 if name.endswith("_fall") else 1.0)
    for name, of in DERIVED_FROM.items()
}
