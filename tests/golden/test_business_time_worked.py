"""Working time worked out by hand: weekends, holidays of four countries, clock changes (METRICS.md section 3)."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from streams.metrics.business_time import BusinessTime
from streams.metrics.calendar_policy import CalendarPolicy, WeekHours
from streams.metrics.days import MINUTE_MS, Days

ROUND_THE_CLOCK = WeekHours(**dict.fromkeys(WeekHours.__struct_fields__, ("00:00-24:00",)))
LUNCH = WeekHours(**dict.fromkeys(WeekHours.__struct_fields__[:5], ("08:30-12:00", "13:00-17:30")))
SAO_PAULO, MADRID, NEW_YORK, MEXICO = "America/Sao_Paulo", "Europe/Madrid", "America/New_York", "America/Mexico_City"


def instant(zone, text):
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1000


def calendar(zone, **policy):
    return BusinessTime(CalendarPolicy(**policy), zone)


@pytest.mark.parametrize(
    "zone, policy, start, end, minutes",
    [
        pytest.param("UTC", {}, "2024-06-12 10:00", "2024-06-12 10:45", 45, id="within an hour of work"),
        pytest.param("UTC", {}, "2024-06-12 17:30", "2024-06-13 09:15", 45, id="over a night: 30 + 15"),
        pytest.param("UTC", {}, "2024-06-14 17:00", "2024-06-17 10:00", 120, id="over a weekend: 60 + 60"),
        pytest.param("UTC", {}, "2024-06-15 03:00", "2024-06-16 22:00", 0, id="within a weekend"),
        pytest.param("UTC", {}, "2024-06-12 05:00", "2024-06-12 23:00", 540, id="a whole day has nine hours"),
        pytest.param("UTC", {}, "2024-06-10 00:00", "2024-06-24 00:00", 5400, id="two weeks: ten days of 540"),
        pytest.param("UTC", {"hours": LUNCH}, "2024-06-12 11:00", "2024-06-12 14:00", 120, id="lunch is no work"),
        pytest.param(
            MADRID,
            {"hours": WeekHours(sunday=("02:00-03:00",))},
            "2024-03-31 00:00",
            "2024-03-31 12:00",
            0,
            id="all the work of a day lies in the hour that the clocks leave out",
        ),
        # Brazil: Thursday 2024-11-14 17:00, Friday 15 is the Republic, Wednesday 20 Black Awareness (since 2024)
        pytest.param(
            SAO_PAULO, {"country": "BR"}, "2024-11-14 17:00", "2024-11-18 10:00", 120, id="Brazil: a long weekend"
        ),
        pytest.param(
            SAO_PAULO, {}, "2024-11-14 17:00", "2024-11-18 10:00", 660, id="without holidays the Friday counts"
        ),
        pytest.param(SAO_PAULO, {"country": "BR"}, "2024-11-20 09:00", "2024-11-20 18:00", 0, id="Brazil: since 2024"),
        pytest.param(
            SAO_PAULO, {"country": "BR"}, "2023-11-20 09:00", "2023-11-20 18:00", 540, id="Brazil: not before"
        ),
        pytest.param(SAO_PAULO, {"country": "BR"}, "2024-07-09 09:00", "2024-07-09 18:00", 540, id="Brazil: one state"),
        pytest.param(
            SAO_PAULO,
            {"country": "BR", "subdivision": "SP"},
            "2024-07-09 09:00",
            "2024-07-09 18:00",
            0,
            id="the state of São Paulo",
        ),
        pytest.param(
            SAO_PAULO,
            {"country": "BR", "worked_holidays": (date(2024, 11, 15),), "extra_holidays": (date(2024, 11, 14),)},
            "2024-11-14 09:00",
            "2024-11-15 18:00",
            540,
            id="a bridge day off, the holiday worked",
        ),
        pytest.param(MEXICO, {"country": "MX"}, "2024-09-16 09:00", "2024-09-17 10:00", 60, id="Mexico: Independence"),
        pytest.param(
            MADRID,
            {"country": "ES", "subdivision": "MD"},
            "2024-05-02 09:00",
            "2024-05-03 10:00",
            60,
            id="Madrid's day",
        ),
        pytest.param(
            NEW_YORK, {"country": "US"}, "2021-07-02 17:00", "2021-07-06 10:00", 120, id="US: the 4th, seen on the 5th"
        ),
        # clocks: Madrid 2024-03-31 02:00 -> 03:00, 2024-10-27 03:00 -> 02:00; São Paulo 2018-11-04 00:00 -> 01:00
        pytest.param(
            MADRID, {}, "2024-03-29 17:00", "2024-04-01 10:00", 120, id="a weekend with a clock change: 60 + 60 still"
        ),
        pytest.param(
            MADRID, {"hours": ROUND_THE_CLOCK}, "2024-03-31 00:00", "2024-04-01 00:00", 1380, id="a day of 23 hours"
        ),
        pytest.param(
            MADRID, {"hours": ROUND_THE_CLOCK}, "2024-10-27 00:00", "2024-10-28 00:00", 1500, id="a day of 25 hours"
        ),
        pytest.param(
            MADRID,
            {"hours": WeekHours(sunday=("01:00-05:00",))},
            "2024-03-31 00:00",
            "2024-03-31 12:00",
            180,
            id="an hour left out is not worked",
        ),
        pytest.param(
            MADRID,
            {"hours": WeekHours(sunday=("01:00-05:00",))},
            "2024-10-27 00:00",
            "2024-10-27 12:00",
            300,
            id="an hour repeated is worked twice",
        ),
        pytest.param(
            SAO_PAULO,
            {"hours": ROUND_THE_CLOCK},
            "2018-11-03 12:00",
            "2018-11-04 12:00",
            1380,
            id="a day that begins at one",
        ),
        pytest.param(
            "UTC",
            {"time_zone": SAO_PAULO},
            "2024-06-12 11:00",
            "2024-06-12 12:30",
            30,
            id="hours of another zone than the days: São Paulo opens at 12:00 UTC",
        ),
        pytest.param(
            "UTC",
            {"hours": WeekHours(monday=("22:00-24:00",), tuesday=("00:00-06:00",))},
            "2024-06-10 21:00",
            "2024-06-11 09:00",
            480,
            id="a shift over midnight",
        ),
    ],
)
def test_minutes_of_work(zone, policy, start, end, minutes):
    found = calendar(zone, **policy).between(instant(zone, start), instant(zone, end))
    assert found / MINUTE_MS == minutes


@pytest.mark.parametrize(
    "start, minutes, end",
    [
        pytest.param("2024-06-14 17:00", 60, "2024-06-17 09:00", id="used up on Friday: until Monday opens"),
        pytest.param("2024-06-14 17:00", 61, "2024-06-17 09:01", id="a minute more"),
        pytest.param("2024-06-15 12:00", 30, "2024-06-17 09:30", id="asked at the weekend"),
        pytest.param("2024-06-12 10:00", 540, "2024-06-13 10:00", id="a day of work"),
        pytest.param("2024-01-01 09:00", 520 * 540, "2025-12-29 09:00", id="104 weeks of five days"),
    ],
)
def test_when_a_length_of_work_is_over(start, minutes, end):
    assert calendar("UTC").after(instant("UTC", start), minutes * MINUTE_MS) == instant("UTC", end)


@pytest.mark.parametrize(
    "zone, policy, at, count, end",
    [
        pytest.param("UTC", {}, "2024-06-10 11:00", 3, "2024-06-14 00:00", id="Monday: through Thursday"),
        pytest.param("UTC", {}, "2024-06-13 11:00", 3, "2024-06-19 00:00", id="Thursday: through Tuesday"),
        pytest.param("UTC", {}, "2024-06-15 11:00", 1, "2024-06-18 00:00", id="Saturday: through Monday"),
        pytest.param("UTC", {}, "2024-06-13 11:00", 0, "2024-06-14 00:00", id="none: the day itself"),
        pytest.param(
            "UTC", {"hours": WeekHours(**dict.fromkeys(WeekHours.__struct_fields__, ()))}, "2024-06-13 11:00", 3,
            "2024-06-17 00:00", id="no hours: calendar days",
        ),
        pytest.param(SAO_PAULO, {"country": "BR"}, "2024-11-14 11:00", 1, "2024-11-19 00:00", id="over the Republic"),
    ],
)  # fmt: skip
def test_when_working_days_are_over(zone, policy, at, count, end):
    found = calendar(zone, **policy).days_after(instant(zone, at), count)
    assert found == instant(zone, end)
    assert found == Days(zone).start(Days(zone).of(found))
