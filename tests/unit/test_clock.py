"""Clocks."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from streams.clock import Clock, ManualClock, SystemClock

YEAR_2025_MS = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp() * 1000)
YEAR_2100_MS = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp() * 1000)


def test_the_machines_clock_tells_milliseconds_since_1970() -> None:
    clock: Clock = SystemClock()
    assert YEAR_2025_MS < clock.now_ms() < YEAR_2100_MS


def test_a_manual_clock_stands_still() -> None:
    clock: Clock = ManualClock(7)
    assert [clock.now_ms() for _ in range(3)] == [7, 7, 7]


@given(start=st.integers(0, 2**53), steps=st.lists(st.integers(0, 2**40)))
def test_a_manual_clock_moves_by_what_it_is_told(start: int, steps: list[int]) -> None:
    clock = ManualClock(start)
    for step in steps:
        clock.advance(step)
    assert clock.now_ms() == start + sum(steps)
