"""The domain machine: classification, closing of days, restatement, accounting."""

from typing import Any

import pytest
from domain_rig import DAY, NOON, Rig, at, beat, used

from schemas.metrics import DayClosed, Movement, Progress
from streams.engine.states import ShapeCodec
from streams.metrics.lifts import customer_shape

START = 19_700


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_first_record_starts_the_calendar_the_day_before(rig: Rig) -> None:
    rig.feed(used("a", START))
    assert rig.of(DayClosed) == [DayClosed(domain="usage", day=START - 1, version=0)]


def test_a_day_closes_when_the_watermark_passes_its_end(rig: Rig) -> None:
    rig.feed(used("a", START), used("b", START + 1, minute=59))
    assert rig.closed_days() == [START - 1]
    rig.feed(used("c", START + 1, minute=61))
    assert rig.closed_days() == [START - 1, START]


def test_values_of_a_closed_day_exclude_what_happened_after_it(rig: Rig) -> None:
    rig.feed(used("a", START), used("b", START + 1, minute=30), beat(START + 1))
    assert rig.day_values("c1", START)[0].values.events_28d == 1


def test_silent_customers_get_every_day(rig: Rig) -> None:
    rig.feed(used("a", START), beat(START + 4))
    assert [m.day for m in rig.values("c1", "day")] == [START, START + 1, START + 2, START + 3]


def test_a_customer_unknown_before_the_end_of_the_day_is_not_in_it(rig: Rig) -> None:
    rig.feed(used("a", START, customer="c1"), used("b", START + 1, minute=5, customer="c2"), beat(START + 1))
    assert rig.values("c2", "day") == []


def test_the_marker_follows_all_values_of_its_day(rig: Rig) -> None:
    rig.feed(used("a", START, customer="c1"), used("b", START, customer="c2"), beat(START + 1))
    kinds = [type(m).__name__ for m in rig.sent if not isinstance(m, Progress)]
    assert kinds == ["DayClosed", "MetricValues", "MetricValues", "DayClosed"]


def test_the_same_id_twice_is_a_duplicate(rig: Rig) -> None:
    rig.feed(used("a", START), used("a", START))
    assert rig.counts() == (2, 1, 1, 0, 0)
    assert rig.live("c1").values.events_28d == 1


def test_an_event_beyond_the_horizon_is_late_and_changes_nothing(rig: Rig) -> None:
    rig.feed(used("a", START), beat(START + 200), used("b", START))
    assert rig.counts() == (3, 2, 0, 1, 0)
    assert rig.table()["c1"].version == 0


def test_a_known_id_beyond_the_horizon_is_a_duplicate_not_late() -> None:
    rig = Rig(dedup_days=400)
    rig.feed(used("a", START), beat(START + 200), used("a", START))
    assert rig.counts() == (3, 2, 1, 0, 0)


def test_a_late_event_restates_the_closed_days_it_changes(rig: Rig) -> None:
    rig.feed(used("a", START), beat(START + 3), used("late", START + 1))
    assert [(m.day, m.revision) for m in rig.values("c1", "day") if m.revision] == [
        (START + 1, 1),
        (START + 2, 1),
    ]
    assert rig.day_values("c1", START + 2)[-1].values.events_28d == 2


def test_each_late_event_raises_the_revision_once(rig: Rig) -> None:
    rig.feed(used("a", START), beat(START + 1), used("b", START), used("c", START))
    assert [m.revision for m in rig.day_values("c1", START)] == [0, 1, 2]


def test_a_heartbeat_that_moves_nothing_is_a_duplicate(rig: Rig) -> None:
    rig.feed(beat(START), beat(START), beat(START - 1))
    assert rig.counts() == (3, 1, 2, 0, 0)


def test_dead_records_are_read_and_counted(rig: Rig) -> None:
    rig.feed(used("a", START))
    rig.machine.dead(rig.part, 1)
    assert rig.counts() == (2, 1, 0, 0, 1)


def test_progress_says_the_accounting(rig: Rig) -> None:
    rig.feed(used("a", START), used("a", START))
    rig.part.flush()
    (progress,) = rig.of(Progress)
    assert (progress.read, progress.applied, progress.duplicate) == (2, 1, 1)
    assert progress.closed_day == START - 1
    assert progress.watermark == at(START, NOON - 60)


def test_live_values_go_out_once_per_flush(rig: Rig) -> None:
    rig.feed(used("a", START), used("b", START))
    rig.part.flush()
    assert len(rig.values("c1", "live")) == 1


def test_live_values_describe_at_least_the_last_closed_day(rig: Rig) -> None:
    rig.feed(used("a", START), beat(START + 5), used("b", START + 4))
    rig.part.flush()
    assert rig.values("c1", "live")[-1].as_of == (START + 5) * DAY


def test_values_of_a_day_that_are_also_the_newest_stand_for_the_live_ones(rig: Rig) -> None:
    rig.feed(used("a", START), used("b", START, customer="c2"), used("later", START + 1, minute=30, customer="c2"))
    rig.feed(beat(START + 1))
    rig.part.flush()
    assert rig.values("c1", "live") == []
    assert [m.as_of for m in rig.values("c2", "live")] == [at(START + 1, minute=30) + 1]
    rig.feed(used("late", START, minute=1), used("d", START, minute=2, customer="c2"))
    rig.part.flush()
    assert [m.as_of for m in rig.values("c1", "live")] == [at(START + 1)]
    assert [m.values.events_28d for m in rig.values("c2", "live")] == [2, 3]


def test_live_values_of_a_domain_that_is_not_daily_follow_its_day() -> None:
    """ClickHouse keeps the newest of them, live ones alone."""
    rig = Rig(daily=False)
    rig.feed(used("a", START), beat(START + 1))
    rig.part.flush()
    assert len(rig.values("c1", "day")) == len(rig.values("c1", "live")) == 1


def test_old_ids_and_facts_are_forgotten_weekly() -> None:
    rig = Rig(horizon_days=10, dedup_days=10)
    rig.feed(used("a", START), *(used(f"e{n}", START + n) for n in range(1, 40)))
    assert min(rig.table()["c1"].seen.by_day()) > START + 10


def test_a_state_survives_its_encoding(rig: Rig) -> None:
    rig.feed(used("a", START), beat(START + 3), used("late", START + 1))
    customer = rig.table()["c1"]
    codec: ShapeCodec[Any] = ShapeCodec(customer_shape(rig.fold), "a state")
    assert codec.decode(codec.encode(customer)) == customer


def test_keys_ahead_of_the_log_are_neither_folded_nor_closed_again(rig: Rig) -> None:
    rig.feed(used("a", START))
    rig.part.ahead = lambda key, offset: True  # type: ignore[method-assign]
    rig.feed(used("b", START), beat(START + 1))
    assert rig.values("c1", "day") == []
    assert rig.counts() == (3, 3, 0, 0, 0)


@pytest.mark.parametrize("daily", [True, False])
def test_what_is_ahead_of_the_log_closes_the_day_of_its_change_all_the_same(daily: bool) -> None:
    """A state recovered with an event that the log gives again: only changed customers close in a domain not daily."""
    rig = Rig(daily=daily)
    rig.feed(used("a", START))
    rig.part.meta.keep([])  # as it stood before the event that the state has
    rig.part.ahead = lambda key, offset: offset == 1  # type: ignore[method-assign]
    rig.feed(used("a", START), beat(START + 1))
    assert [m.day for m in rig.values("c1", "day")] == [START]
    assert rig.counts() == (3, 3, 0, 0, 0)


def test_movements_are_sent_and_taken_back() -> None:
    rig = Rig(movements=True)
    rig.feed(used("a", START, quantity=5), used("b", START + 1, quantity=5))
    assert [(m.effective_at, m.removed) for m in rig.of(Movement)] == [(at(START, NOON), False)]
    rig.feed(used("c", START - 1, quantity=5))
    assert [(m.effective_at, m.removed) for m in rig.of(Movement)][1:] == [
        (at(START - 1, NOON), False),
        (at(START, NOON), True),
    ]


def test_a_domain_that_is_not_daily_publishes_changes_only() -> None:
    rig = Rig(daily=False)
    rig.feed(used("a", START), beat(START + 3), used("b", START + 3), beat(START + 5))
    assert [m.day for m in rig.values("c1", "day")] == [START, START + 3]


def test_a_change_of_the_open_day_waits_for_its_own_close() -> None:
    rig = Rig(daily=False)
    rig.feed(used("a", START), used("b", START + 1, minute=30), beat(START + 1), beat(START + 2))
    assert [m.day for m in rig.values("c1", "day")] == [START, START + 1]
