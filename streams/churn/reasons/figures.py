"""How numbers are written in a reason: counted things with their plural, percent, money, lengths of time.

Numbers, percent and plural rules by language: CLDR, by babel. Each takes microseconds there, so what was written once
is kept: counts repeat.
"""

from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache, lru_cache

from streams.alerts.amounts import money, number
from streams.alerts.digits import LOCALES as _BABEL
from streams.alerts.digits import grouped
from streams.alerts.texts import Locale
from streams.churn.reasons.nouns import NOUNS, TODAY, TOMORROW, Noun

_TELLABLE = 1e12  # larger ones are nonsense in a sentence: told without the number
_ONE_PLACE_UNDER = 0.1
_ONE, _TENTH = Decimal(1), Decimal("0.1")
_HOURS_A_DAY = 24.0
_DAYS_FROM = 72.0  # hours: longer waits are told in days
_MONTHS_FROM, _YEARS_FROM = 60.0, 730.0  # days
_DAYS_A_MONTH, _DAYS_A_YEAR = 30.4375, 365.25


def written(value: float, kind: str, locale: Locale, currency: str | None) -> str | None:
    """A number in words; None when there is no telling it: too large, or an amount without currency.

    Args:
        value: in the unit its kind asks for: hours, days, minor units, a share.
        kind: `percent`, `money`, `hours`, `span`, `soon`, `ago`, a noun, or empty.
        locale: of the reader.
        currency: of amounts.

    Example:
        >>> written(2.0, "open_tickets", "en", None), written(0.421, "percent", "pt", None)
        ('2 open tickets', '42%')
    """
    return _written(value + 0.0, kind, locale, currency)  # -0.0 is the same key as 0.0, and is written another way


@lru_cache(maxsize=16_384)
def _written(value: float, kind: str, locale: Locale, currency: str | None) -> str | None:
    if not abs(value) < _TELLABLE:
        return None
    if kind == "money":
        return None if currency is None else money(round(value), currency, locale)
    write = _KINDS.get(kind)
    return counted(value, NOUNS[kind], locale) if write is None else write(value, locale)


def counted(value: float, noun: Noun, locale: Locale) -> str:
    """A count with its noun.

    Example:
        >>> counted(1, NOUNS["days"], "es"), counted(3, NOUNS["days"], "pt")
        ('1 día', '3 dias')
    """
    return f"{number(value, locale)} {noun[locale][_is_plural(round(value, 1), locale)]}"


@lru_cache(maxsize=4096)
def _is_plural(rounded: float, locale: Locale) -> bool:
    return str(_BABEL[locale].plural_form(rounded)) != "one"  # "many" is for millions: no noun of ours differs there


def percent(value: float, locale: Locale) -> str:
    """A share in percent; small ones with one decimal place.

    Example:
        >>> percent(0.421, "en"), percent(0.021, "pt"), percent(1.5, "en")
        ('42%', '2,1%', '150%')
    """
    step = _TENTH if 0 < abs(value) < _ONE_PLACE_UNDER else _ONE
    rounded = (Decimal(str(value)) * 100).quantize(step, ROUND_HALF_EVEN)  # as babel does, not as floats are rounded
    return f"{grouped(float(rounded), 1, locale)}{_percent_sign(locale)}"


@cache
def _percent_sign(locale: Locale) -> str:
    """The sign with the space before it, if any; asked for on first use, as babel reads a file for each language."""
    return str(_BABEL[locale].percent_formats[None].suffix[0]).replace("\xa0", " ")


def hours(value: float, locale: Locale) -> str:
    """A wait: minutes under an hour, days from 72 hours on.

    Example:
        >>> hours(31.2, "en"), hours(0.34, "es"), hours(120, "pt")
        ('31 h', '20 min', '5 dias')
    """
    if value < 1.0:
        return f"{number(round(value * 60.0), locale)} min"
    if value < _DAYS_FROM:
        return f"{number(round(value), locale)} h"
    return counted(round(value / _HOURS_A_DAY), NOUNS["days"], locale)


def span(days: float, locale: Locale) -> str:
    """A long time: days, from 60 days on months, from two years on years.

    Example:
        >>> span(20, "en"), span(400, "pt"), span(800, "es")
        ('20 days', '13 meses', '2,2 años')
    """
    if days < _MONTHS_FROM:
        return counted(days, NOUNS["days"], locale)
    if days < _YEARS_FROM:
        return counted(round(days / _DAYS_A_MONTH), NOUNS["months"], locale)
    return counted(days / _DAYS_A_YEAR, NOUNS["years"], locale)


def soon(days: float, locale: Locale) -> str:
    """When something comes.

    Example:
        >>> soon(12, "en"), soon(1, "pt"), soon(0, "es")
        ('in 12 days', 'amanhã', 'hoy')
    """
    if days < 1.0:
        return TODAY[locale]
    return TOMORROW[locale] if days == 1.0 else f"{_IN[locale]} {counted(days, NOUNS['days'], locale)}"


def ago(days: float, locale: Locale) -> str:
    """When something was.

    Example:
        >>> ago(2, "en"), ago(2, "pt"), ago(0, "es")
        ('2 days ago', 'há 2 dias', 'hoy')
    """
    return TODAY[locale] if days < 1.0 else _AGO[locale].format(counted(days, NOUNS["days"], locale))


_IN: Mapping[Locale, str] = {"en": "in", "pt": "em", "es": "en"}
_AGO: Mapping[Locale, str] = {"en": "{} ago", "pt": "há {}", "es": "hace {}"}
_KINDS: Mapping[str, Callable[[float, Locale], str]] = {
    "": number,
    "percent": percent,
    "hours": hours,
    "span": span,
    "soon": soon,
    "ago": ago,
}
KINDS = frozenset({*_KINDS, *NOUNS, "money"})
