"""The skew gate: who is held back, who never is."""

import pytest
from faust.types import TP

from streams.engine.gate import SkewGate, Standing

DAY = 86_400_000
USAGE, BILLING, OTHER = TP("usage", 0), TP("billing", 0), TP("usage", 1)


class World:
    """Positions and pending work, set by hand, and a clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pending = {USAGE: True, BILLING: True, OTHER: True}
        self.position = {USAGE: 0, BILLING: 0, OTHER: 0}
        self.gate = SkewGate(["usage", "billing"], 7 * DAY, patience_seconds=5.0, clock=lambda: self.now)
        self.in_flight = {USAGE: 0, BILLING: 0, OTHER: 0}
        self.applied = {USAGE: 0, BILLING: 0, OTHER: 0}
        self.activity = 0
        self.gate.attach(self.standing, lambda: self.activity)
        self.gate.assigned([USAGE, BILLING, OTHER, TP("scores", 0)])

    def open(self, tp: TP) -> bool:
        return self.gate([tp]) == {tp}

    def advance(self, tp: TP, watermark_ms: int) -> None:
        self.gate.advance(tp, watermark_ms, 0)

    def standing(self, tp: TP) -> Standing:
        return Standing(self.position[tp], self.pending[tp], self.in_flight[tp], self.applied[tp])


@pytest.fixture
def world() -> World:
    return World()


def test_a_partition_too_far_ahead_is_held_back(world: World) -> None:
    world.advance(USAGE, 20 * DAY)
    world.advance(BILLING, 10 * DAY)
    assert not world.open(USAGE)
    assert world.open(BILLING)


def test_the_allowed_distance_is_allowed(world: World) -> None:
    world.advance(USAGE, 17 * DAY)
    world.advance(BILLING, 10 * DAY)
    assert world.open(USAGE)


def test_it_goes_on_when_the_slow_one_has_come_closer(world: World) -> None:
    world.advance(USAGE, 20 * DAY)
    world.advance(BILLING, 10 * DAY)
    assert not world.open(USAGE)
    world.advance(BILLING, 13 * DAY)
    assert world.open(USAGE)


def test_a_caught_up_sibling_steps_aside_at_once(world: World) -> None:
    world.advance(USAGE, 20 * DAY)
    world.advance(BILLING, 10 * DAY)
    assert not world.open(USAGE)
    world.pending[BILLING] = False
    assert world.open(USAGE)


def test_a_sibling_stands_still_only_when_nothing_of_the_worker_moves(world: World) -> None:
    world.advance(USAGE, 20 * DAY)
    world.advance(BILLING, 10 * DAY)
    for second in range(0, 50, 2):
        world.now, world.activity = float(second), second
        assert not world.open(USAGE)
    world.now, world.activity = 51.0, 51
    assert world.open(USAGE), "for ever is too long"


def test_a_sibling_that_moves_within_a_batch_keeps_holding(world: World) -> None:
    world.advance(USAGE, 20 * DAY)
    world.advance(BILLING, 10 * DAY)
    for second in range(100):
        world.now, world.applied[BILLING] = float(second), second
        assert not world.open(USAGE)


def test_a_sibling_that_does_not_move_steps_aside_after_the_patience(world: World) -> None:
    world.advance(USAGE, 20 * DAY)
    world.advance(BILLING, 10 * DAY)
    for second in (0.0, 4.0):
        world.now = second
        assert not world.open(USAGE)
    world.now = 5.1
    assert world.open(USAGE)


def test_the_patience_begins_when_the_sibling_gets_something_to_do(world: World) -> None:
    world.advance(USAGE, 20 * DAY)
    world.advance(BILLING, 10 * DAY)
    world.pending[BILLING] = False
    assert world.open(USAGE)
    world.now = 3600.0
    world.pending[BILLING] = True
    assert not world.open(USAGE)


def test_a_sibling_that_moves_keeps_holding(world: World) -> None:
    world.advance(USAGE, 20 * DAY)
    world.advance(BILLING, 10 * DAY)
    for second in range(1, 60):
        world.now = float(second)
        world.position[BILLING] = second
        assert not world.open(USAGE)


def test_an_unread_sibling_of_unknown_time_holds_those_whose_time_is_known(world: World) -> None:
    assert world.open(USAGE)
    world.advance(USAGE, DAY)
    assert not world.open(USAGE)
    assert world.open(BILLING)


def test_other_partition_numbers_and_other_topics_do_not_matter(world: World) -> None:
    world.advance(OTHER, 0)
    world.advance(USAGE, 20 * DAY)
    world.pending[BILLING] = False
    assert world.open(USAGE)
    assert world.open(TP("scores", 0))


def test_unprocessed_batches_do_not_pile_up_while_a_sibling_is_behind(world: World) -> None:
    world.in_flight[USAGE] = 2
    assert not world.open(USAGE)
    world.in_flight[USAGE] = 1
    assert world.open(USAGE)
    world.in_flight[USAGE] = 16
    world.pending[BILLING] = False
    assert world.open(USAGE)


def test_a_watermark_never_moves_back(world: World) -> None:
    world.advance(USAGE, 20 * DAY)
    world.advance(USAGE, 1 * DAY)
    world.advance(BILLING, 10 * DAY)
    assert not world.open(USAGE)


def test_every_partition_is_asked_once_a_look_where_it_stands(world: World) -> None:
    asked: list[TP] = []

    def standing(tp: TP) -> Standing:
        asked.append(tp)
        return world.standing(tp)

    third = TP("tickets", 0)
    world.pending[third], world.position[third], world.in_flight[third], world.applied[third] = True, 0, 0, 0
    gate = SkewGate(["usage", "billing", "tickets"], 7 * DAY, clock=lambda: world.now)
    assert gate([USAGE, third]) == {USAGE, third}  # nobody can be asked yet
    gate.attach(standing, lambda: world.activity)
    gate.assigned([USAGE, BILLING, third])
    gate.advance(USAGE, 20 * DAY, 0)
    gate.advance(BILLING, 10 * DAY, 0)
    gate.advance(third, 12 * DAY, 0)
    assert gate([USAGE, BILLING, third, TP("scores", 0)]) == {BILLING, third, TP("scores", 0)}
    assert sorted(asked) == sorted([USAGE, BILLING, third])


def test_a_partition_that_went_away_holds_nobody(world: World) -> None:
    world.advance(USAGE, 20 * DAY)
    world.advance(BILLING, 10 * DAY)
    world.gate.assigned([USAGE, OTHER])
    world.advance(BILLING, 11 * DAY)
    assert world.open(USAGE)


def test_a_batch_takes_a_partition_no_more_than_a_day_ahead(world: World) -> None:
    """A seventh of what is allowed; 500 records in any case, and before it is known how many come to a day."""
    assert world.gate.batch_records(USAGE, 5000) == 500
    for done in range(0, 2001, 100):  # 1,000 records a day
        world.gate.advance(USAGE, done * DAY // 1000, done)
    assert world.gate.batch_records(USAGE, 5000) == 1000
    assert world.gate.batch_records(USAGE, 700) == 700
    assert world.gate.batch_records(BILLING, 5000) == 500
    world.gate.advance(USAGE, 2 * DAY, 2500)  # many at one instant
    assert world.gate.batch_records(USAGE, 5000) == 5000
    world.gate.advance(USAGE, 300 * DAY, 3000)  # a long silence
    assert world.gate.batch_records(USAGE, 5000) == 500
    world.gate.advance(USAGE, 300 * DAY, 10)  # read again from further back
    world.gate.advance(USAGE, 301 * DAY, 3010)
    assert world.gate.batch_records(USAGE, 5000) == 3000


def test_a_topic_without_siblings_has_batches_as_large_as_may_be(world: World) -> None:
    world.gate.advance(TP("scores", 0), 300 * DAY, 10)
    assert world.gate.batch_records(TP("scores", 0), 5000) == 5000
