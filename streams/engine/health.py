"""What a worker says of itself when it is asked: is it alive, is it ready, how much does it hold.

Alive: something is committed now and then while there is something to commit, or saved on the way there. A worker that
only waits (a rebalance, a recovery, ClickHouse or Slack away) is alive; the watchdog and the limits of a recovery end
it when that is right.
Ready: it has its partitions, and their tables are recovered.
"""

from collections.abc import Iterable
from time import monotonic
from typing import Any, NamedTuple

from faust.types import TP

from streams.engine.table import StateTable


class Pulse(NamedTuple):
    """Whether a worker is alive.

    Attributes:
        alive: False when somebody should end it.
        late_seconds: how late its latest partition is with its commits.
        commit_age_seconds: since the last commit, or save of pieces of work between two; None before the first.
    """

    alive: bool
    late_seconds: float
    commit_age_seconds: float | None


class Holding(NamedTuple):
    """What one table holds in this worker.

    Attributes:
        states: keys, those of standby partitions included.
        dirty: keys changed since the last commit.
        decoded: states kept as objects.
    """

    states: int
    dirty: int
    decoded: int


def pulse(app: Any) -> Pulse:
    """Whether anything is committed while there is something to commit."""
    engine = app.engine
    counters, limit = engine.counters, engine.settings.stuck_after_seconds
    last = counters.last_commit_at_monotonic
    age = None if last is None else monotonic() - last
    late = max(counters.lag_seconds.values(), default=0.0)
    waits = app.rebalancing or app.in_recovery or bool(engine.waiting_for)
    stuck = late > limit and (age is None or age > limit)
    return Pulse(waits or not stuck, late, age)


def is_ready(app: Any) -> bool:
    """Whether the worker has joined its group and all tables of its partitions are recovered."""
    if not app.rebalancing_count or app.rebalancing or app.in_recovery:
        return False
    ours: set[TP] = set(app.consumer.assignment())
    return all(
        table.is_live(tp.partition) for table in state_tables(app) for tp in ours if tp.topic == table.source_topic
    )


def recovery_remaining(app: Any) -> tuple[int, int]:
    """Changelog records still to be read: of the partitions we own, of standby copies when they began."""
    recovery = app.tables._recovery
    if recovery is None:  # not started yet
        return 0, 0
    return _remaining(recovery.active_highwaters, recovery.active_offsets, recovery.active_tps), _remaining(
        recovery.standby_highwaters, recovery.standby_offsets, recovery.standby_tps
    )


def _remaining(ends: Any, offsets: Any, tps: Iterable[TP]) -> int:
    """Both give the last offset; what we wrote ourselves may lie behind the end that was asked for."""
    pairs = [(ends.get(tp), offsets.get(tp)) for tp in tps]
    return sum(max(0, end - (-1 if offset is None else offset)) for end, offset in pairs if end is not None)


def holdings(app: Any) -> dict[str, Holding]:
    """What each table holds."""
    return {table.name: Holding(*map(sum, zip(*_sizes(table), strict=True))) for table in state_tables(app)}


def _sizes(table: StateTable[Any, Any]) -> list[tuple[int, int, int]]:
    return [(0, 0, 0), *(part.sizes for part in table.partitions_here())]


def state_tables(app: Any) -> list[StateTable[Any, Any]]:
    """The tables of an app."""
    return [table for table in app.tables.values() if isinstance(table, StateTable)]
