"""Fields of a row: what is read, and what is refused with which words."""

from datetime import UTC, datetime

import pytest

from schemas.envelope import epoch_ms
from streams.intake.fields import FieldError, Fields
from streams.metrics.days import from_date


def fields(text: str) -> Fields:
    return Fields({"f": text})


def test_dates_are_read_day_first() -> None:
    assert fields("03-04-2023").day("f") == from_date(datetime(2023, 4, 3, tzinfo=UTC).date())


@pytest.mark.parametrize(
    "text",
    ["", "04-13-2023", "31-02-2023", "3-4-2023", "2023-04-03", "03/04/2023", "٠٣-٠٤-٢٠٢٣", "03-04-2023 "],
)
def test_what_is_no_day_first_date_is_refused(text: str) -> None:
    with pytest.raises(FieldError, match="expected a date dd-mm-yyyy, got") as caught:
        fields(text).day("f")
    assert caught.value.field == "f"


def test_an_empty_field_is_absent_where_it_may_be() -> None:
    empty = fields("")
    assert empty.optional_day("f") is None
    assert empty.optional_minute("f") is None
    assert empty.optional_text("f") is None
    assert empty.optional_whole("f") is None
    with pytest.raises(FieldError, match="expected a value, got none"):
        empty.text("f")


def test_minutes_are_utc() -> None:
    expected = epoch_ms(datetime(2023, 7, 28, 3, 5, tzinfo=UTC))
    assert fields("28-07-2023 03:05").optional_minute("f") == expected


@pytest.mark.parametrize("text", ["28-07-2023", "28-07-2023 24:00", "28-07-2023 3:05", "32-07-2023 03:05"])
def test_what_is_no_minute_is_refused(text: str) -> None:
    with pytest.raises(FieldError, match="expected dd-mm-yyyy HH:MM"):
        fields(text).optional_minute("f")


@pytest.mark.parametrize("text, minor", [("0", 0), ("4", 400), ("4.5", 450), ("4.05", 405), ("392.92", 39292)])
def test_money_is_exact_in_minor_units(text: str, minor: int) -> None:
    assert fields(text).minor("f") == minor


@pytest.mark.parametrize("text", ["", "-1", "1.234", "1e3", "nan", "1,50", "$3", ".5", "1" * 20])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(FieldError, match="expected an amount like"):
        fields(text).minor("f")


@pytest.mark.parametrize("text", ["", "1_000", " 5", "+5", "-5", "5.0", "٣", "1" * 16])
def test_what_is_no_whole_number_is_refused(text: str) -> None:
    with pytest.raises(FieldError, match="expected a whole number"):
        fields(text).whole("f")


def test_a_number_under_its_least_is_refused() -> None:
    with pytest.raises(FieldError, match="expected at least 1, got 0"):
        fields("0").whole("f", least=1)


def test_flags_are_true_or_false_and_nothing_else() -> None:
    assert fields("TRUE").flag("f") is True
    assert fields("false").flag("f") is False
    with pytest.raises(FieldError, match="expected TRUE or FALSE, got '1'"):
        fields("1").flag("f")


@pytest.mark.parametrize(
    "text, two",
    [
        ("03-04-2023", True),
        ("04-04-2023", False),
        ("13-04-2023", False),
        ("", False),
        ("03-04-2023 10:00", True),
    ],
)
def test_a_date_valid_in_both_orders_is_told(text: str, two: bool) -> None:
    assert fields(text).has_two_readings("f") is two


def test_long_values_are_cut_in_the_reason() -> None:
    with pytest.raises(FieldError) as caught:
        fields("x" * 10_000).whole("f")
    assert len(caught.value.reason) < 120
