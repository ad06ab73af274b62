from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from streams.metrics.business_time import BusinessTime
from streams.metrics.calendar_policy import CalendarPolicy, WeekHours
from streams.metrics.days import DAY_MS, MINUTE_MS

WEEKDAYS = WeekHours.__struct_fields__
# Days of clock changes: at midnight, at two, by half an hour, back over midnight; and one without.
PLACES = st.sampled_from(
    [
        ("America/Sao_Paulo", date(2018, 11, 4)),
        ("America/Sao_Paulo", date(2018, 2, 17)),
        ("Europe/Madrid", date(2024, 3, 31)),
        ("Europe/Madrid", date(2024, 10, 27)),
        ("America/New_York", date(2024, 3, 10)),
        ("Australia/Lord_Howe", date(2024, 4, 7)),
        ("America/Havana", date(2024, 11, 3)),
        ("UTC", date(2024, 12, 31)),
    ]
)


def clock(minutes):
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


@st.composite
def spans(draw):
    edges = sorted(draw(st.sets(st.integers(0, 96), max_size=6)))
    return tuple(f"{clock(a * 15)}-{clock(b * 15)}" for a, b in zip(edges[::2], edges[1::2], strict=False))


HOURS = st.fixed_dictionaries({day: spans() for day in WEEKDAYS}).map(lambda drawn: WeekHours(**drawn))


@st.composite
def calendars(draw):
    zone, day = draw(PLACES)
    off = draw(st.sets(st.integers(-2, 2), max_size=2))
    extra = tuple(sorted(day + timedelta(days=n) for n in off))
    middle = int(datetime.combine(day, datetime.min.time(), tzinfo=ZoneInfo(zone)).timestamp()) * 1000
    return CalendarPolicy(hours=draw(HOURS), extra_holidays=extra), zone, middle


def works_at(policy, zone, at):
    """Whether the wall clock shows working time."""
    wall = datetime.fromtimestamp(at / 1000, UTC).astimezone(ZoneInfo(zone))
    minute = wall.hour * 60 + wall.minute
    is_open = any(opens <= minute < closes for opens, closes in policy.hours.spans()[wall.weekday()])
    return is_open and wall.date() not in policy.extra_holidays


MINUTES = st.integers(-1800, 1800)


@given(calendars(), MINUTES, MINUTES)
def test_working_time_is_the_minutes_at_which_the_wall_clock_shows_working_hours(drawn, one, other):
    policy, zone, middle = drawn
    start, end = (middle + minutes * MINUTE_MS for minutes in sorted((one, other)))
    counted = sum(works_at(policy, zone, at) for at in range(start, end, MINUTE_MS))
    assert BusinessTime(policy, zone).between(start, end) == counted * MINUTE_MS


INSTANTS = st.integers(1_577_836_800_000, 1_735_689_600_000)  # five years: many blocks


@given(calendars(), st.tuples(INSTANTS, INSTANTS, INSTANTS))
def test_working_time_adds_up_and_is_never_negative(drawn, instants):
    policy, zone, _ = drawn
    time, (first, second, third) = BusinessTime(policy, zone), sorted(instants)
    assert time.between(first, first) == 0
    assert 0 <= time.between(first, second) <= second - first
    assert time.between(first, second) + time.between(second, third) == time.between(first, third)


@given(calendars(), INSTANTS, st.integers(0, 40 * DAY_MS))
def test_a_length_of_work_ends_at_the_last_instant_that_has_no_more_of_it(drawn, start, length):
    policy, zone, _ = drawn
    assume(policy.works)
    time = BusinessTime(policy, zone)
    end = time.after(start, length)
    assert time.between(start, end) == length
    assert time.between(start, end + 1) == length + 1


@given(calendars(), MINUTES, st.integers(0, 6))
def test_working_days_are_those_with_hours_and_any_where_there_are_none(drawn, minutes, count):
    policy, zone, middle = drawn
    at = middle + minutes * MINUTE_MS
    day = datetime.fromtimestamp(at / 1000, UTC).astimezone(ZoneInfo(zone)).date()
    for _ in range(count):
        day += timedelta(days=1)
        while policy.works and (day in policy.extra_holidays or not policy.hours.spans()[day.weekday()]):
            day += timedelta(days=1)
    after = datetime.combine(day + timedelta(days=1), datetime.min.time(), tzinfo=ZoneInfo(zone))
    assert BusinessTime(policy, zone).days_after(at, count) == int(after.timestamp()) * 1000


@pytest.mark.parametrize("at", [946_684_800_000, 4_102_444_800_000])
def test_the_first_and_the_last_instant_an_event_may_have_are_within_the_calendar(at):
    time = BusinessTime(CalendarPolicy(country="BR"), "America/Sao_Paulo")
    assert time.between(at, at) == 0
    assert time.between(946_684_800_000, 4_102_444_800_000) > 0
    assert time.after(at, DAY_MS) > at
