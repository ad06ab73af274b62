"""Money, numbers and lengths of time in words of a language (CLDR by babel; minor units by ISO 4217)."""

from decimal import Decimal
from functools import lru_cache

from babel.numbers import parse_pattern

from streams.alerts.digits import EXACT_UNDER, grouped, in_units
from streams.alerts.digits import LOCALES as _BABEL
from streams.alerts.texts import Locale, text
from streams.metrics.days import DAY_MS, HOUR_MS

NONE = "–"
# ISO 4217, table A.1; all others have two. Not babel's precision: CLDR says how prices are shown, and drops
# the digits of currencies whose small coins are gone (RSD, IQD, LBP): amounts would be wrong a hundredfold.
_NO_DIGITS = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV"}
    | {"XAF", "XOF", "XPF"}
)
_DIGITS = (
    dict.fromkeys(_NO_DIGITS, 0)
    | dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3)
    | dict.fromkeys(("CLF", "UYW"), 4)
)
_USUAL_DIGITS = 2
#: Chosen. From here on a number is said in short: babel rounds in 28 digits, and raises where they are not enough.
_SHORT_FROM = 10**15
_NUMBERS = {places: parse_pattern(f"#,##0.{'#' * places}") for places in (1, 2)}
_PRECISE = parse_pattern("#,##0.000")


def minor_digits(currency: str) -> int:
    """Digits after the decimal mark that the minor unit of a currency stands for.

    Example:
        >>> minor_digits("BRL"), minor_digits("JPY"), minor_digits("KWD")
        (2, 0, 3)
    """
    return _DIGITS.get(currency, _USUAL_DIGITS)


def money(amount_minor: float, currency: str | None, locale: Locale) -> str:
    """An amount for people; a dash when it has no currency, or no end.

    Example:
        >>> money(123456, "USD", "en"), money(1200, "JPY", "en"), money(1234, "KWD", "en")
        ('$1,234.56', '¥1,200', 'KWD1.234')
    """
    if currency is None or not Decimal(amount_minor).is_finite():
        return NONE
    digits = minor_digits(currency)
    amount = Decimal(amount_minor).scaleb(-digits)
    if not -_SHORT_FROM < amount < _SHORT_FROM:
        return f"{_short(amount, locale)} {currency}"
    if isinstance(amount_minor, int):
        before, behind = _around(currency, locale, amount_minor < 0)
        return f"{before}{in_units(abs(amount_minor), digits, locale)}{behind}"
    return _priced(amount, currency, locale)


def _priced(amount: Decimal, currency: str, locale: Locale) -> str:
    digits = minor_digits(currency)
    usual: str = _BABEL[locale].currency_formats["standard"].pattern
    pattern = parse_pattern(usual.replace(".00", f".{'0' * digits}" if digits else ""))
    return str(pattern.apply(amount, _BABEL[locale], currency=currency, currency_digits=False))


@lru_cache(maxsize=1024)  # of currencies; there are some 170
def _around(currency: str, locale: Locale, negative: bool) -> tuple[str, str]:
    """What stands before and behind the digits of an amount."""
    digits = minor_digits(currency)
    before, _, behind = _priced(Decimal(-1 if negative else 1), currency, locale).partition(
        in_units(10**digits, digits, locale)
    )
    return before, behind


def number(value: object, locale: Locale, places: int = 1) -> str:
    """A number with at most so many decimal places, one or two; a dash for anything else.

    Example:
        >>> number(1234.56, "pt"), number(50.0, "en"), number(None, "es"), number(2.5e30, "pt")
        ('1.234,6', '50', '–', '2,50E+30')
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return NONE
    if not -_SHORT_FROM < value < _SHORT_FROM:
        return _short(Decimal(value), locale)
    if -EXACT_UNDER < value < EXACT_UNDER:
        return grouped(round(value, places), places, locale)
    return str(_NUMBERS[places].apply(round(value, places), _BABEL[locale]))


def precise(value: object, locale: Locale) -> str:
    """A number with three decimal places; a dash for anything else.

    Example:
        >>> precise(0.11231, "pt"), precise(None, "en")
        ('0,112', '–')
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return NONE
    if not -_SHORT_FROM < value < _SHORT_FROM:
        return _short(Decimal(value), locale)
    return str(_PRECISE.apply(value, _BABEL[locale]))


def _short(value: Decimal, locale: Locale) -> str:
    """A number too long to be read; a dash for one that is none, or has no end."""
    if not value.is_finite():
        return NONE
    return f"{value:.2E}".replace(".", str(_BABEL[locale].number_symbols["latn"]["decimal"]))


def lasted(milliseconds: int, locale: Locale) -> str:
    """A length of time in whole days, under one day in hours, at least one.

    Example:
        >>> lasted(6 * 86_400_000, "pt"), lasted(0, "es")
        ('6 dias', '1 hora')
    """
    unit, count = ("day", milliseconds // DAY_MS) if milliseconds >= DAY_MS else ("hour", milliseconds // HOUR_MS)
    count = max(1, count)
    return text(unit if count == 1 else f"{unit}s", locale, count=number(count, locale))
