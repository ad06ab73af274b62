"""How long a worker will be at what waits."""

import pytest
from faust.types import TP
from hand_clock import HandClock
from hypothesis import given
from hypothesis import strategies as st

from streams.engine.backlog import Backlog
from streams.engine.watchdog import Sight

HERE, THERE = TP("usage", 0), TP("usage", 1)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def backlog(clock: HandClock) -> Backlog:
    return Backlog(clock)


def test_it_takes_as_long_as_it_took_for_the_same_before(backlog: Backlog, clock: HandClock) -> None:
    assert backlog.look({HERE: Sight(0, 1000), THERE: Sight(0, 500)}) == 0.03  # at the best: nothing is known yet
    clock.now += 0.5
    assert backlog.look({HERE: Sight(100, 900), THERE: Sight(0, 500)}) == 7.0  # 1,400 at 200 a second
    clock.now += 0.5
    assert backlog.look({HERE: Sight(100, 2000), THERE: Sight(300, 200)}) == 5.5  # 2,200 at 400 a second


def test_the_pace_is_that_of_the_last_seconds(backlog: Backlog, clock: HandClock) -> None:
    backlog.look({HERE: Sight(0, 20_000)})
    clock.now += 8.0
    assert backlog.look({HERE: Sight(8000, 12_000)}) == 12.0
    clock.now += 8.0
    assert backlog.look({HERE: Sight(8800, 11_200)}) == 112.0


def test_after_a_moment_or_when_nothing_is_done_no_more_than_the_least_is_said(
    backlog: Backlog, clock: HandClock
) -> None:
    backlog.look({HERE: Sight(0, 1001)})
    clock.now += 0.2
    assert backlog.look({HERE: Sight(1, 1000)}) == 0.02
    clock.now += 60.0
    backlog.look({HERE: Sight(1, 1000)})
    clock.now += 1.0
    assert backlog.look({HERE: Sight(1, 1000)}) == 0.02


def test_a_very_large_backlog_is_seen_at_once(backlog: Backlog) -> None:
    assert backlog.look({HERE: Sight(0, 300_000), THERE: Sight(0, 200_000)}) == 10.0


@pytest.mark.parametrize(
    "sights",
    [
        {HERE: Sight(100, 0)},  # through
        {HERE: Sight(10, 90)},  # a seek
        {HERE: Sight(100, 0), THERE: Sight(7_000_000, 100)},  # another assignment
        {HERE: Sight(None, 100)},  # no position yet
        {},
    ],
)
def test_the_pace_is_measured_anew_after_a_break(backlog: Backlog, clock: HandClock, sights: dict[TP, Sight]) -> None:
    backlog.look({HERE: Sight(0, 100)})
    clock.now += 1.0
    assert backlog.look({HERE: Sight(50, 50)}) == 1.0
    clock.now += 1.0
    assert backlog.look(sights) < 0.01
    clock.now += 0.1
    assert backlog.look({**sights, HERE: Sight(100, 10)}) < 0.01


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.lists(st.floats(0.25, 60), min_size=1, max_size=30))
def test_at_a_steady_pace_it_is_right_however_often_it_looks(pace: int, lag: int, pauses: list[float]) -> None:
    clock, done = HandClock(), 0
    backlog, end = Backlog(clock), lag + pace * 2_000
    backlog.look({HERE: Sight(0, end)})
    for pause in pauses:
        seconds = max(1, round(pause))
        clock.now += seconds
        done += pace * seconds
        said = backlog.look({HERE: Sight(done, end - done)})
        assert said == pytest.approx((end - done) / (pace if seconds <= 8 else 50_000))  # so long ago says nothing
