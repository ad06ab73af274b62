"""Digits are written as babel writes them, only sooner."""

from decimal import Decimal

import pytest
from babel import Locale as BabelLocale
from babel.numbers import parse_pattern
from hypothesis import given
from hypothesis import strategies as st

from streams.alerts.amounts import minor_digits, money, number
from streams.alerts.digits import EXACT_UNDER, LOCALES, grouped, in_units
from streams.alerts.texts import Locale
from streams.churn.reasons.figures import percent

_BABEL = {"pt": BabelLocale.parse("pt_BR"), "es": BabelLocale.parse("es"), "en": BabelLocale.parse("en_US")}
LANGUAGES = st.sampled_from(sorted(LOCALES))
LARGE = float(EXACT_UNDER)


@given(st.floats(-LARGE, LARGE) | st.integers(-EXACT_UNDER, EXACT_UNDER), st.sampled_from([1, 2]), LANGUAGES)
def test_a_number_is_written_as_by_babel(value: float, places: int, locale: Locale) -> None:
    pattern = parse_pattern(f"#,##0.{'#' * places}")
    assert number(value, locale, places) == pattern.apply(round(value, places), _BABEL[locale])


@given(st.integers(-(10**14), 10**14), st.sampled_from(["BRL", "USD", "JPY", "KWD", "CLF", "XYZ"]), LANGUAGES)
def test_an_amount_is_written_as_by_babel(minor: int, currency: str, locale: Locale) -> None:
    digits = minor_digits(currency)
    usual = _BABEL[locale].currency_formats["standard"].pattern
    pattern = parse_pattern(usual.replace(".00", f".{'0' * digits}" if digits else ""))
    amount = Decimal(minor).scaleb(-digits)
    expected = pattern.apply(amount, _BABEL[locale], currency=currency, currency_digits=False)
    assert money(minor, currency, locale) == expected
    assert money(float(minor), currency, locale) == expected


@given(st.floats(-10.0, 10.0) | st.floats(-LARGE, LARGE) | st.integers(-5, 5), LANGUAGES)
def test_a_share_is_written_as_by_babel(value: float, locale: Locale) -> None:
    usual = _BABEL[locale].percent_formats[None].pattern
    pattern = parse_pattern(usual.replace("#,##0", "#,##0.#") if 0 < abs(value) < 0.1 else usual)
    assert percent(value, locale) == pattern.apply(value, _BABEL[locale]).replace("\xa0", " ")


@pytest.mark.parametrize(
    "value, places, locale, expected",
    [
        (0.0, 1, "en", "0"),
        (-0.0, 1, "en", "-0"),
        (100.0, 1, "es", "100"),
        (1_000_000.5, 1, "pt", "1.000.000,5"),
        (0.05, 2, "en", "0.05"),
    ],
)
def test_zeros_behind_the_mark_go_and_those_before_it_stay(
    value: float, places: int, locale: Locale, expected: str
) -> None:
    assert grouped(value, places, locale) == expected


def test_minor_units_have_all_their_digits() -> None:
    assert in_units(0, 2, "pt") == "0,00"
    assert in_units(1_000_000, 3, "es") == "1.000,000"
    assert in_units(7, 0, "en") == "7"
