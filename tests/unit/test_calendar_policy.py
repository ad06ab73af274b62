from datetime import date

import msgspec
import pytest

from streams.metrics.calendar_policy import CalendarPolicy, DaysOff, WeekHours, holidays_version

NO_HOURS = WeekHours(**dict.fromkeys(WeekHours.__struct_fields__, ()))


def refusal(text: str) -> str:
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.toml.decode(text, type=CalendarPolicy)
    return str(refused.value)


def test_spans_are_minutes_of_the_day_monday_first() -> None:
    spans = WeekHours(monday=("08:30-12:00", "12:00-24:00")).spans()
    assert spans[0] == ((510, 720), (720, 1440))
    assert spans[1:] == (((540, 1080),),) * 4 + ((),) * 2


def test_a_calendar_without_hours_does_not_work() -> None:
    assert CalendarPolicy().works
    assert not CalendarPolicy(hours=NO_HOURS).works


@pytest.mark.parametrize(
    "hours",
    ["9-18", "09:00", "09:00-25:00", "09:60-10:00", "09:00-10:60", "18:00-09:00", "09:00-09:00", "09:00-24:01", ""],
)
def test_hours_that_are_no_span_are_refused(hours: str) -> None:
    reason = refusal(f"[hours]\nfriday = ['{hours}']")
    assert f"hours of friday like 09:00-18:00, the end after the start, got '{hours}'" in reason
    assert "$.hours" in reason


@pytest.mark.parametrize("spans", ["'13:00-18:00', '09:00-12:00'", "'09:00-13:00', '12:00-18:00'"])
def test_spans_out_of_order_are_refused(spans: str) -> None:
    assert "expected spans of monday in order and apart" in refusal(f"[hours]\nmonday = [{spans}]")


@pytest.mark.parametrize(
    "text, reason",
    [
        ("time_zone = 'Brasilia'", "IANA name like America/Sao_Paulo, got 'Brasilia'"),
        ("time_zone = '../x'", "IANA name like America/Sao_Paulo, got '../x'"),
        ("time_zone = ''", "IANA name like America/Sao_Paulo, got ''"),
        ("time_zone = 'America'", "IANA name like America/Sao_Paulo, got 'America'"),
        ("country = 'br'", "matching regex"),
        ("country = 'QQ'", "ISO 3166 code whose holidays are known, like BR, got 'QQ'"),
        ("country = 'BR'\nsubdivision = 'Lisboa'", "one of BR (AC, AL, AM"),
        ("subdivision = 'SP'", "expected a country beside the subdivision"),
        ("extra_holidays = ['tomorrow']", "Expected `date`, got `str`"),
        ("hours = { everyday = [] }", "unknown field `everyday`"),
    ],
)
def test_a_calendar_nobody_knows_is_refused_with_what_was_expected(text: str, reason: str) -> None:
    assert reason in refusal(text)


def test_days_off_are_the_public_ones_less_those_worked_and_the_companys_own() -> None:
    text = "country = 'ES'\nsubdivision = 'MD'\nextra_holidays = [2024-05-15]\nworked_holidays = [2024-05-02]"
    off = DaysOff(msgspec.toml.decode(text, type=CalendarPolicy))
    assert [day for day in range(1, 32) if date(2024, 5, day) in off] == [1, 15]
    assert date(2024, 5, 1) not in DaysOff(CalendarPolicy())


def test_holidays_have_a_version_where_there_are_any() -> None:
    assert holidays_version(CalendarPolicy()) == ""
    assert holidays_version(CalendarPolicy(country="MX")).count(".") >= 1
