"""How late a worker is, in seconds."""

import pytest
from faust.types import TP
from hand_clock import HandClock

from streams.engine.lateness import _NOTES, Lateness
from streams.engine.watchdog import Sight

HERE, THERE = TP("usage", 0), TP("usage", 1)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def lateness(clock: HandClock) -> Lateness:
    return Lateness(clock)


def test_who_has_committed_everything_is_not_late(lateness: Lateness, clock: HandClock) -> None:
    for committed in (0, 10, 20):
        assert lateness.look({HERE: Sight(committed, 0)}) == {HERE: 0.0}
        clock.now += 60


def test_a_record_is_late_since_it_was_first_seen(lateness: Lateness, clock: HandClock) -> None:
    lateness.look({HERE: Sight(10, 0)})
    clock.now = 200
    assert lateness.look({HERE: Sight(10, 1)}) == {HERE: 0.0}
    clock.now = 230
    assert lateness.look({HERE: Sight(10, 500)}) == {HERE: 30.0}


def test_what_was_committed_is_not_late_any_more_what_came_after_it_is(lateness: Lateness, clock: HandClock) -> None:
    for second in range(10):  # ten records a second, seen at 100, 101, ...
        clock.now = 100 + second
        lateness.look({HERE: Sight(0, 10 * (second + 1))})
    assert lateness.look({HERE: Sight(0, 100)}) == {HERE: 9.0}
    assert lateness.look({HERE: Sight(45, 55)}) == {HERE: 5.0}
    assert lateness.look({HERE: Sight(50, 50)}) == {HERE: 4.0}
    assert lateness.look({HERE: Sight(100, 0)}) == {HERE: 0.0}


def test_partitions_are_late_each_for_itself_and_forgotten_when_they_go(lateness: Lateness, clock: HandClock) -> None:
    lateness.look({HERE: Sight(0, 5), THERE: Sight(0, 0)})
    clock.now += 7
    assert lateness.look({HERE: Sight(0, 5), THERE: Sight(0, 5)}) == {HERE: 7.0, THERE: 0.0}
    clock.now += 1
    assert lateness.look({THERE: Sight(0, 5)}) == {THERE: 1.0}
    assert lateness.look({HERE: Sight(0, 5)}) == {HERE: 0.0}


def test_a_partition_without_known_position_is_not_late(lateness: Lateness) -> None:
    assert lateness.look({HERE: Sight(None, 5)}) == {HERE: 0.0}


def test_notes_stay_few_and_the_answer_near_however_long_it_lasts(lateness: Lateness, clock: HandClock) -> None:
    for second in range(20_000):
        clock.now = float(second)
        late = lateness.look({HERE: Sight(second // 2, second + 1 - second // 2)})[HERE]
        true = second - second // 2
        assert true <= late <= 2 * true + 1
        assert len(lateness._ends[HERE]) <= _NOTES + 1
