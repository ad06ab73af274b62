"""Digits as a language groups them: babel knows the marks and what stands around, this writes the digits between.

Babel writes a number in 6 to 18 microseconds, which is much of a score with its reasons in words; this takes one, and
gives the same text (tested). What is long enough to be written another way by floats than by decimals is left to babel.
"""

from collections.abc import Mapping
from functools import cache

from babel import Locale as BabelLocale

from streams.alerts.texts import Locale

#: From here on floats have no room for two decimal places: what is not whole is not written here.
EXACT_UNDER = 10**12
_CLDR: Mapping[Locale, str] = {"pt": "pt_BR", "es": "es", "en": "en_US"}
LOCALES: Mapping[Locale, BabelLocale] = {locale: BabelLocale.parse(name) for locale, name in _CLDR.items()}


def grouped(value: float, places: int, locale: Locale) -> str:
    """A number with at most so many decimal places, at least one; it lies under `EXACT_UNDER` and is rounded to them.

    Example:
        >>> grouped(1234.5, 1, "pt"), grouped(50.0, 2, "en"), grouped(-0.25, 2, "es")
        ('1.234,5', '50', '-0,25')
    """
    return f"{value:,.{places}f}".rstrip("0").rstrip(".").translate(_marks(locale))


def in_units(minor: int, digits: int, locale: Locale) -> str:
    """An amount >= 0 of minor units, `digits` of which are behind the decimal mark.

    Example:
        >>> in_units(123456, 2, "es"), in_units(1200, 0, "en"), in_units(5, 3, "pt")
        ('1.234,56', '1,200', '0,005')
    """
    whole, rest = divmod(minor, 10**digits)
    return (f"{whole:,}.{rest:0{digits}}" if digits else f"{whole:,}").translate(_marks(locale))


@cache
def _marks(locale: Locale) -> dict[int, str]:
    """The marks of a language; asked for on first use, as babel reads a file for each."""
    symbols = LOCALES[locale].number_symbols["latn"]
    return str.maketrans({",": symbols["group"], ".": symbols["decimal"]})
