"""The Faust app of one worker role, with every option taken from `EngineSettings` and nothing else.

Faust lets environment variables override what an app is given; `env={}` takes that away. Its web server
(port 6066, all interfaces) is neither enabled nor built.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import faust
from faust.app.base import BootStrategy
from faust.types import TP
from mode import CrashingSupervisor

from streams.engine.allocator import keep_freed_memory
from streams.engine.batches import Positions
from streams.engine.broadcast import Broadcast
from streams.engine.checkpoint import Checkpoint
from streams.engine.collector import calm_collector
from streams.engine.counters import Counters
from streams.engine.gate import Gate, SkewGate, always_open
from streams.engine.lease import Lease
from streams.engine.outbox import Outbox, Output, Written
from streams.engine.pace import Pace
from streams.engine.recovery import BulkTables
from streams.engine.rhythm import Rhythm
from streams.engine.services import Publisher, Watch
from streams.engine.settings import EngineSettings
from streams.engine.settling import Settling
from streams.engine.table import StateTable, UnsavedError
from streams.engine.transport import SCHEME, install
from streams.engine.watchdog import Sight


class Engine:
    """What the parts of one app share: `app.engine`.

    Attributes:
        settings: of this app.
        counters: what happened so far.
        positions: of every partition in this worker.
        checkpoint: saves outputs and state.
        lease: says whether it still may.
        gate: consulted before a partition is drained.
        pace: gives agents their turns.
        rhythm: how often is published and saved.
        settling: the end of a backlog.
        broadcasts: what renders depend on; none is made before all are ready.
    """

    def __init__(self, settings: EngineSettings, gate: Gate) -> None:
        self.settings = settings
        self.counters = Counters()
        self.positions = Positions(self.counters)
        self.gate = gate
        self.pace = Pace()
        self.rhythm = Rhythm(settings, self.counters)
        self.settling = Settling(self.rhythm)
        self.lease = Lease(settings.session_timeout_seconds, settings.request_timeout_seconds)
        self.broadcasts: list[Broadcast] = []
        self.checkpoint: Checkpoint
        self.waiting_for: list[str] = []
        self._app: Any = None

    def attach(self, app: faust.App) -> None:
        """Called once by `EngineApp`."""
        self._app = app
        self.checkpoint = Checkpoint(
            self.settings,
            self.counters,
            write=self._write,
            tables=self._tables,
            written=self._written,
            turn=self.pace.turn,
            behind=self._behind,
            informed=lambda: all(broadcast.ready.is_set() for broadcast in self.broadcasts),
        )
        self.checkpoint.settling = self._settles
        self.checkpoint.rendering.begun = self.settling.rendered

    # Faust builds these on first use, and its settings must be complete by then: ask late

    async def _write(self, steps: list[list[Output]]) -> list[Written]:
        if any(steps):
            await self.lease.held()
        written: list[Written] = await self._app.producer.write(steps)
        return written

    def batch_records(self, tp: TP) -> int:
        """How many records of a partition one batch may have."""
        most = self.settings.batch_records
        return self.gate.batch_records(tp, most) if isinstance(self.gate, SkewGate) else most

    def _behind(self) -> bool:
        return self.rhythm.late and any(sight.lag > 0 for sight in self._app.consumer.sights().values())

    def _settles(self) -> bool:
        if self.settling.lasts and self._is_through():
            self.settling.through()
        return self.settling.leaves_out(self._behind())

    def _is_through(self) -> bool:
        """Whether all that is here has been read, and all that was sent here, and nothing waits but what comes last."""
        sent = self.checkpoint.sent
        if self.checkpoint.rendering.waits or any(map(len, self.checkpoint.outboxes)):
            return False
        if any(broadcast.end <= sent.get((broadcast.topic, 0), -1) for broadcast in self.broadcasts):
            return False
        sights: dict[TP, Sight] = self._app.consumer.sights()
        return all(
            sight.lag <= 0 and (sight.committable or 0) > sent.get((tp.topic, tp.partition), -1)
            for tp, sight in sights.items()
        )

    def _tables(self) -> Iterable[Any]:
        return cast("Iterable[Any]", self._app.tables.values())

    def _written(self, topic: str, partition: int, offset: int) -> None:
        self._app.tables.recovery.written(topic, partition, offset)

    def is_current(self, message: Any) -> bool:
        """Whether a batch still belongs to us; false after a rebalance or seek took its place."""
        return self.positions.is_current(message)

    def assigned(self, tps: Iterable[TP]) -> None:
        """Called by the consumer with every new assignment."""
        if isinstance(self.gate, SkewGate):
            self.gate.attach(self._app.consumer.standing, lambda: self.counters.activity)
            self.gate.assigned(tps)

    def outbox(self) -> Outbox:
        """A new outbox for an agent without a table (dead letters)."""
        checkpoint = self.checkpoint
        limit = self.settings.room_records
        box = Outbox(limit, checkpoint.publish_outputs, checkpoint.wanted, self.pace.turn)
        checkpoint.outboxes.append(box)
        return box

    @contextmanager
    def waiting(self, reason: str) -> Iterator[None]:
        """Tells the watchdog that an agent waits for something outside and the worker is not stuck."""
        self.waiting_for.append(reason)
        try:
            yield
        finally:
            self.waiting_for.remove(reason)


class _Boot(BootStrategy):
    enable_web = False


class EngineApp(faust.App):
    """A Faust app with an `engine`."""

    BootStrategy = _Boot

    def __init__(self, name: str, engine: Engine, **options: Any) -> None:
        self.engine = engine
        super().__init__(name, **options)
        engine.attach(self)

    async def on_start(self) -> None:
        keep_freed_memory()
        calm_collector()
        await super().on_start()

    async def crash(self, reason: BaseException) -> None:
        """Ends the worker. The first error counts; what follows from it is neither logged nor kept."""
        if not self.crashed:
            cause = reason.__cause__ if isinstance(reason, UnsavedError) else None
            first = cause or reason
            try:
                raise first from first.__cause__  # so that it is logged without what it led to
            except type(first):
                await super().crash(first)

    def _crash(self, reason: BaseException) -> None:
        if not self.crashed:
            super()._crash(reason)

    async def on_shutdown(self) -> None:
        await super().on_shutdown()
        if self.crash_reason is not None:  # once more, so that a log ends with it
            self.log.critical("ended by %r", self.crash_reason, exc_info=self.crash_reason)


def engine_app(name: str, settings: EngineSettings, *, gate: Gate = always_open, **options: Any) -> EngineApp:
    """Makes the Faust app of a worker role.

    Args:
        name: also the consumer group (with `-v{version}` from version 2 on) and the prefix of changelogs.
        settings: everything the engine needs to know.
        gate: consulted before a partition is drained; a `SkewGate` for co-partitioned inputs.
        options: further Faust settings (autodiscover, origin, broker_credentials, ...).
    """
    install()
    app = EngineApp(name, Engine(settings, gate), **(_faust_options(settings) | options))
    services: list[Any] = [Publisher(app, beacon=app.beacon), Watch(app, beacon=app.beacon)]
    app._extra_services += services
    return app


def _faust_options(s: EngineSettings) -> dict[str, Any]:
    return {
        "env": {},
        "broker": ";".join(f"{SCHEME}://{broker}" for broker in s.brokers),
        "broker_credentials": s.security.credentials(),
        "version": s.version,
        "datadir": s.datadir,
        "store": "memory://",
        "web_enabled": False,
        "debug": False,
        "processing_guarantee": "at_least_once",
        "agent_supervisor": CrashingSupervisor,
        "Table": StateTable,
        "TableManager": BulkTables,
        "topic_partitions": s.partitions,
        "topic_replication_factor": s.replication_factor,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "consumer_auto_offset_reset": "earliest",
        "consumer_max_fetch_size": s.fetch_partition_bytes,
        "consumer_group_instance_id": s.group_instance_id or None,
        "broker_max_poll_records": s.batch_records,
        "broker_max_poll_interval": s.max_poll_interval_seconds,
        "broker_session_timeout": s.session_timeout_seconds,
        "broker_heartbeat_interval": s.heartbeat_interval_seconds,
        "broker_rebalance_timeout": s.rebalance_timeout_seconds,
        "broker_request_timeout": s.request_timeout_seconds,
        "broker_commit_interval": s.commit_interval_seconds,
        "broker_check_crcs": True,
        "stream_buffer_maxsize": s.queue_batches,
        # An agent stuck in an external call must not hang a rebalance. Not waiting is safe: its batch is
        # unacknowledged, so whoever owns the partition then reads it again (I4).
        "stream_wait_empty": False,
        "stream_recovery_delay": 0.0,
        "table_standby_replicas": s.standby_replicas,
        "recovery_consistency_check": False,
        "producer_acks": -1,
        "producer_linger": s.producer_linger_seconds,
        "producer_max_batch_size": s.producer_batch_bytes,
        "producer_max_request_size": s.producer_request_bytes,
        "producer_compression_type": s.compression or None,
        "producer_request_timeout": s.request_timeout_seconds,
        "worker_redirect_stdouts": False,
    }
