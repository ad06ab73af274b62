"""An alert of a profile's own rule in words: the figure by its title in the catalogue, in its unit."""

from streams.alerts.amounts import NONE, lasted, money, number
from streams.alerts.telling import Telling, Words
from streams.alerts.texts import Locale, text
from streams.alerts.untrusted import clean
from streams.catalogue.metric import Metric
from streams.catalogue.registry import catalogue
from streams.metrics.days import DAY_MS

_WORD_LENGTH = 60  # of a name that a figure can be
_PERCENT = ("share", "probability")
_MONEY_BY_CURRENCY = "money by currency"
_PLACES = 2


def own_words(telling: Telling, locale: Locale, name: str) -> Words:
    """Title, body and next step of one step of an episode.

    Args:
        telling: of a rule of the profile's own.
        locale: language.
        name: what the customer is called.
    """
    facts, score = telling.facts, telling.score
    metric = _figure(facts["metric"])
    unit = "ratio" if metric is None else metric.unit
    change_unit = "share" if str(facts["when"]).endswith("_share") else unit
    currency = score.currency
    if unit == _MONEY_BY_CURRENCY:  # its names are currencies, or movements and currencies: contraction:EUR
        currency = clean(str(facts.get("key")).rpartition(":")[2], _WORD_LENGTH)

    def said(fact: str, in_unit: str = unit) -> str:
        return _value(facts.get(fact), in_unit, currency, locale)

    changes = facts.get("against_days") is not None
    back = lasted(int(facts.get("against_days") or 0) * DAY_MS, locale)
    limit, change = said("limit", change_unit), said("change", change_unit)
    condition = text(
        str(facts["when"]).partition("_")[0] if changes else str(facts["when"]),
        locale,
        limit=limit,
        change=change,
        previous=said("previous_value"),
        back=back,
    )
    values = {
        "name": name,
        "figure": _title(metric, facts.get("key"), locale) or clean(str(facts["metric"]), _WORD_LENGTH),
        "value": said("value"),
        "value_told": said("value_told"),
        "condition": condition,
        "days": lasted(int(facts["days"] or 0) * DAY_MS, locale),
        "lasted": lasted(score.as_of - telling.episode.opened_at, locale),
    }
    if telling.step == "resolved":
        code = f"figure.{facts['ended']}"
        return Words(text(code, locale, **values), text(f"{code}.body", locale, **values), "")
    todo = f"{text('next', locale)}: {text(telling.rule.next_step, locale)}"
    return Words(text(f"figure.{telling.step}", locale, **values), text("figure.body", locale, **values), todo)


def _figure(name: object) -> Metric | None:
    """The catalogue's entry; None for a figure that only an earlier release had."""
    return next(iter(catalogue().named(str(name))), None)


def _title(metric: Metric | None, key: object, locale: Locale) -> str:
    if metric is None:
        return ""
    title = metric.title.in_language(locale)
    return title if key is None else f"{title} ({clean(str(key), _WORD_LENGTH)})"


def _value(value: str | int | float | None, unit: str, currency: str | None, locale: Locale) -> str:
    """A figure as people write it."""
    if value is None:
        return NONE
    if isinstance(value, str):
        return clean(value, _WORD_LENGTH)
    if unit == "yes or no":
        return text("yes" if value else "no", locale)
    if unit in _PERCENT:
        return f"{number(100 * value, locale)} %"
    if unit in ("money", _MONEY_BY_CURRENCY):
        return money(value, currency, locale)
    return number(value, locale, _PLACES)
