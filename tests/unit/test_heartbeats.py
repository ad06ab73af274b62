"""Which silent partitions follow the clock, and to where; what a partition in memory does on its own."""

import pytest

from streams.metrics.days import DAY_MS
from streams.metrics.heartbeats import HeartbeatPolicy, Standing, heartbeats_due
from streams.metrics.ledger import Ledger
from streams.metrics.partition import Emitted, MemoryPartition

NOW = 20_000 * DAY_MS
POLICY = HeartbeatPolicy(idle_ms=60_000, lateness_ms=3_600_000, live_ms=7 * DAY_MS)
TARGET = NOW - 3_600_000
LIVE = Standing(watermark=NOW, quiet_ms=0, pending=False)


def due(**siblings: Standing) -> dict[str, int]:
    return heartbeats_due(POLICY, siblings, NOW)


def silent(watermark: int | None = None, quiet_ms: int = 60_000, pending: bool = False) -> Standing:
    return Standing(watermark, quiet_ms, pending)


@pytest.mark.parametrize("watermark", [None, 0, TARGET - 1])
def test_a_silent_partition_beside_a_live_one_follows_the_clock_less_the_lateness(watermark: int | None) -> None:
    assert due(usage=LIVE, surveys=silent(watermark)) == {"surveys": TARGET}


@pytest.mark.parametrize(
    "standing",
    [silent(quiet_ms=59_999), silent(pending=True), silent(TARGET), silent(NOW)],
    ids=["not long enough", "something waits to be read", "already there", "further"],
)
def test_a_partition_that_needs_none_gets_none(standing: Standing) -> None:
    assert due(usage=LIVE, surveys=standing) == {}


def test_without_any_event_there_is_no_time_to_follow() -> None:
    assert due(usage=silent(), surveys=silent()) == {}


def test_a_log_of_the_past_that_pauses_is_not_pushed_to_the_present() -> None:
    assert due(usage=silent(NOW - 7 * DAY_MS - 1), surveys=silent()) == {}
    assert due(usage=silent(NOW - 7 * DAY_MS), surveys=silent()) == {"usage": TARGET, "surveys": TARGET}


def test_a_partition_forgets_a_deleted_key() -> None:
    sent: list[Emitted] = []
    part: MemoryPartition[str, Ledger] = MemoryPartition(0, Ledger(), lambda part, keys: None, sent.append)
    part.put("a", "state")
    part.delete("a")
    part.delete("never there")
    assert part.get("a") is None
    assert list(part.keys()) == []
