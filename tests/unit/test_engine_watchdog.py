"""The watchdog: who is stuck and who only looks like it."""

from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from streams.engine.batches import Track
from streams.engine.counters import Counters
from streams.engine.table import StateTable
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


class PiecesWithoutEnd:
    """What a broken machine does: before a record always one more piece. After some of them a day ends, if ever."""

    def __init__(self, day_of: int) -> None:
        self.day_of = day_of
        self.track = Track(begin=10, expected=20)
        self.counters = Counters()
        self.table: Any = StateTable.__new__(StateTable)
        checkpoint = SimpleNamespace(pieces=False)
        self.table.broken, self.table._busy = None, False
        self.table._engine = SimpleNamespace(
            is_current=lambda message: True, counters=self.counters, checkpoint=checkpoint
        )
        self.meta = SimpleNamespace(got_to=0)
        self.table.partition = lambda number: SimpleNamespace(live=True, has_outputs=False, meta=self.meta)
        self.event: Any = SimpleNamespace(message=SimpleNamespace(track=self.track, partition=0))

    def piece(self) -> None:
        with self.table.piece(self.event):
            self.meta.got_to += bool(self.day_of) and (self.counters.pieces + 1) % self.day_of == 0


@pytest.mark.parametrize("day_of, ends", [(0, True), (5, False), (13, True)])
def test_pieces_of_a_day_that_never_ends_are_no_progress(world: World, day_of: int, ends: bool) -> None:
    """Each is saved and counts as activity; only a day that is through moves the partition."""
    work = PiecesWithoutEnd(day_of)

    def an_hour() -> None:
        for second in range(0, 3600, 60):
            work.piece()
            world.look(float(second), Sight(10, 10, work.track.applied), activity=work.counters.activity)

    if ends:
        with pytest.raises(StuckError, match="for 660 s"):
            an_hour()
    else:
        an_hour()
        assert work.counters.pieces == 60
