"""Alive and ready, as a worker says."""

from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from streams.engine.counters import Counters
from streams.engine.health import Holding, holdings, is_ready, pulse, recovery_remaining
from streams.engine.partition import META_KEY
from streams.engine.settings import EngineSettings
from streams.engine.staging import PREFIX, Logged
from streams.engine.states import StateCodec
from streams.engine.table import StateTable

SETTINGS = EngineSettings("broker:9092", stall_seconds=60.0, commit_interval_seconds=1.0, catch_up_seconds=10.0)
SOURCE, CHANGELOG = TP("usage", 0), TP("app-usage-changelog", 0)


@pytest.fixture
def app() -> Any:
    """A worker that is well: one partition, recovered, committed a moment ago."""
    counters = Counters(last_commit_at_monotonic=monotonic(), lag_seconds={SOURCE: 0.0})
    engine = SimpleNamespace(settings=SETTINGS, counters=counters, waiting_for=[])
    table: Any = StateTable.__new__(StateTable)
    table.name = "usage"
    table.app = SimpleNamespace(engine=engine)
    table.configure("usage", StateCodec(dict[str, int], dict), None)
    table.partition(0).live = True
    recovery = SimpleNamespace(
        active_tps={CHANGELOG},
        active_highwaters={CHANGELOG: 9},
        active_offsets={CHANGELOG: 9},
        standby_tps=set(),
        standby_highwaters={},
        standby_offsets={},
    )
    tables = SimpleNamespace(values=lambda: [table], _recovery=recovery)
    return SimpleNamespace(
        engine=engine,
        tables=tables,
        table=table,
        rebalancing=False,
        rebalancing_count=1,
        in_recovery=False,
        consumer=SimpleNamespace(assignment=lambda: {SOURCE, CHANGELOG, TP("alerts", 3)}),
    )


def committed_ago(app: Any, seconds: float | None) -> None:
    app.engine.counters.last_commit_at_monotonic = None if seconds is None else monotonic() - seconds


def late(app: Any, seconds: float) -> None:
    app.engine.counters.lag_seconds = {TP("billing", 1): 0.0, SOURCE: seconds}


@pytest.mark.parametrize(
    "late_seconds, commit_ago, alive",
    [
        (0.0, 3600.0, True),  # an hour without anything to commit
        (0.5, 3600.0, True),  # something came just now
        (3600.0, 1.0, True),  # a long backlog, worked off
        (81.0, 79.0, True),
        (79.0, 81.0, True),
        (81.0, 81.0, False),
        (81.0, None, False),
        (79.0, None, True),
    ],
)
def test_a_worker_is_dead_when_records_wait_and_nothing_is_committed(
    app: Any, late_seconds: float, commit_ago: float | None, alive: bool
) -> None:
    late(app, late_seconds)
    committed_ago(app, commit_ago)
    found = pulse(app)
    assert (found.alive, found.late_seconds) == (alive, late_seconds)


@pytest.mark.parametrize("reason", ["rebalancing", "in_recovery", "waiting"])
def test_a_worker_that_waits_is_alive(app: Any, reason: str) -> None:
    late(app, 900.0)
    committed_ago(app, 900.0)
    if reason == "waiting":
        app.engine.waiting_for.append("clickhouse")
    else:
        setattr(app, reason, True)
    assert pulse(app).alive


def test_a_worker_is_ready_with_its_partitions_recovered(app: Any) -> None:
    assert is_ready(app)


def test_a_worker_is_not_ready_before_its_first_partitions(app: Any) -> None:
    app.rebalancing_count = 0
    assert not is_ready(app)


@pytest.mark.parametrize("state", ["rebalancing", "in_recovery"])
def test_a_worker_is_not_ready_during_a_rebalance_or_recovery(app: Any, state: str) -> None:
    setattr(app, state, True)
    assert not is_ready(app)


def test_a_worker_is_not_ready_while_a_table_of_its_partitions_is_not_live(app: Any) -> None:
    app.table.partition(0).live = False
    assert not is_ready(app)
    app.table.drop_partition(0)
    assert not is_ready(app)
    app.consumer = SimpleNamespace(assignment=set)
    assert is_ready(app)


def test_what_a_recovery_has_left_is_told(app: Any) -> None:
    recovery = app.tables._recovery
    assert recovery_remaining(app) == (0, 0)
    recovery.active_offsets = {CHANGELOG: 3}
    assert recovery_remaining(app) == (6, 0)
    recovery.active_offsets = {CHANGELOG: None}
    assert recovery_remaining(app) == (10, 0)
    recovery.active_offsets = {CHANGELOG: 12}  # we have written meanwhile
    recovery.standby_tps, recovery.standby_highwaters = {TP("c", 1), TP("c", 2)}, {TP("c", 1): 4}
    assert recovery_remaining(app) == (0, 5)
    app.tables._recovery = None
    assert recovery_remaining(app) == (0, 0)


def test_what_tables_hold_is_told(app: Any) -> None:
    assert holdings(app) == {"usage": Holding(0, 0, 0)}
    for number, key in enumerate("abc"):
        app.table.partition(number % 2).put(key, {})
    app.table.partition(0).take_state()
    assert holdings(app) == {"usage": Holding(states=3, dirty=1, decoded=3)}


def test_a_standby_copy_counts_among_what_is_held(app: Any) -> None:
    standby = app.table.partition(1)
    standby.load([Logged(0, b"a", PREFIX.pack(4, 1) + b"\x80")])
    standby.load([Logged(1, META_KEY, PREFIX.pack(4, 1) + b"\x80")])
    assert holdings(app) == {"usage": Holding(states=1, dirty=0, decoded=0)}
