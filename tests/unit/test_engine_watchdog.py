"""The watchdog: who is stuck and who only looks like it."""

import pytest
from faust.types import TP

from streams.engine.watchdog import Sight, StuckError, Watchdog

HERE = TP("usage", 0)


class World:
    def __init__(self) -> None:
        self.now = 0.0
        self.watchdog = Watchdog(60.0, clock=lambda: self.now)

    def look(self, at: float, sight: Sight, excused: bool = False, activity: int = 0) -> None:
        self.now = at
        self.watchdog.look({HERE: sight}, activity, excused)


@pytest.fixture
def world() -> World:
    return World()


def test_lag_without_movement_is_stuck(world: World) -> None:
    world.look(0.0, Sight(10, 5))
    world.look(59.0, Sight(10, 6))
    with pytest.raises(StuckError, match=r"usage\[0\] stands at 10, 7 from the end of its log, for 61 s"):
        world.look(61.0, Sight(10, 7))


@pytest.mark.parametrize("sight", [Sight(11, 5), Sight(10, 0), Sight(10, 5, 7), Sight(10, 5, held=True)])
def test_movement_no_lag_and_a_gate_are_excuses(world: World, sight: Sight) -> None:
    world.look(0.0, Sight(10, 5))
    world.look(50.0, sight)
    world.look(100.0, Sight(sight.committable, 5, sight.applied))


def test_a_partition_may_stand_ten_times_as_long_while_the_worker_moves(world: World) -> None:
    for second in range(0, 600, 30):
        world.look(float(second), Sight(10, 5), activity=second)
    with pytest.raises(StuckError, match="for 601 s"):
        world.look(601.0, Sight(10, 5), activity=601)


def test_a_worker_that_was_busy_is_given_the_limit_once_more(world: World) -> None:
    world.look(0.0, Sight(10, 5))
    world.look(100.0, Sight(10, 5), activity=1)
    world.look(160.0, Sight(10, 5), activity=1)
    with pytest.raises(StuckError):
        world.look(161.0, Sight(10, 5), activity=1)


def test_waiting_for_something_outside_is_an_excuse_while_it_lasts(world: World) -> None:
    world.look(0.0, Sight(10, 5))
    world.look(1000.0, Sight(10, 5), excused=True)
    world.look(1050.0, Sight(10, 5))
    with pytest.raises(StuckError):
        world.look(1061.0, Sight(10, 5))


def test_a_partition_that_came_back_begins_anew(world: World) -> None:
    world.look(0.0, Sight(10, 5))
    world.watchdog.look({})
    world.look(100.0, Sight(10, 5))
