"""Money, numbers and lengths of time in words of a language (CLDR by babel; minor units by ISO 4217)."""

from decimal import Decimal

from babel import Locale as BabelLocale
from babel.numbers import parse_pattern

from streams.alerts.texts import Locale, text
from streams.metrics.days import DAY_MS, HOUR_MS

NONE = "–"
_BABEL: dict[Locale, BabelLocale] = {
    "pt": BabelLocale.parse("pt_BR"),
    "es": BabelLocale.parse("es"),
    "en": BabelLocale.parse("en_US"),
}
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
_NUMBER = parse_pattern("#,##0.#")


def minor_digits(currency: str) -> int:
    """Digits after the decimal mark that the minor unit of a currency stands for.

    Example:
        >>> minor_digits("BRL"), minor_digits("JPY"), minor_digits("KWD")
        (2, 0, 3)
    """
    return _DIGITS.get(currency, _USUAL_DIGITS)


def money(amount_minor: int, currency: str | None, locale: Locale) -> str:
    """An amount for people; a dash when it has no currency.

    Example:
        >>> money(123456, "USD", "en"), money(1200, "JPY", "en"), money(1234, "KWD", "en")
        ('$1,234.56', '¥1,200', 'KWD1.234')
    """
    if currency is None:
        return NONE
    digits = minor_digits(currency)
    usual: str = _BABEL[locale].currency_formats["standard"].pattern
    pattern = parse_pattern(usual.replace(".00", f".{'0' * digits}" if digits else ""))
    amount = Decimal(amount_minor).scaleb(-digits)
    return str(pattern.apply(amount, _BABEL[locale], currency=currency, currency_digits=False))


def number(value: object, locale: Locale) -> str:
    """A number with at most one decimal place; a dash for anything else.

    Example:
        >>> number(1234.56, "pt"), number(50.0, "en"), number(None, "es")
        ('1.234,6', '50', '–')
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return NONE
    return str(_NUMBER.apply(round(value, 1), _BABEL[locale]))


def lasted(milliseconds: int, locale: Locale) -> str:
    """A length of time in whole days, under one day in hours, at least one.

    Example:
        >>> lasted(6 * 86_400_000, "pt"), lasted(0, "es")
        ('6 dias', '1 hora')
    """
    unit, count = ("day", milliseconds // DAY_MS) if milliseconds >= DAY_MS else ("hour", milliseconds // HOUR_MS)
    count = max(1, count)
    return text(unit if count == 1 else f"{unit}s", locale, count=number(count, locale))
