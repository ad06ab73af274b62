"""Recovery of tables in bulk, and who may keep memory over a rebalance.

Changelog batches go straight into the partitions, past Faust's queues (160,000 records/s, bench/recovery.py, instead
of 5,000, ENGINE.md 5), still packed (unpacking.py); their positions are checked like those of sources (I2).

Ownership: an active partition keeps its memory only when it was active here before and this generation
is the direct successor of that one, so that nobody else can have written in between. A standby replica
is kept in either new role. Everything else is dropped and read from the changelog: it may hold what
never reached it.
"""

import asyncio
from collections.abc import Iterable
from time import monotonic, process_time
from typing import Any, cast

from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.types import TP
from mode import Service

from streams.engine.batches import RawBatch
from streams.engine.table import StateTable
from streams.errors import TransientError

_CHECK_SECONDS = 0.25


class BulkRecovery(Recovery):
    """Faust's recovery with our reading, ending and ownership."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._last_generation: int | None = None
        self._were_standby: frozenset[TP] = frozenset()
        self._began: tuple[float, float] | None = None

    # ----------------------------------------------------------- ownership

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        if generation_id != self.app.consumer_generation_id:
            # another rebalance has begun, and the assignor may already speak of that one: this
            # generation does not count, so nothing is a direct successor of it
            await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)
            return
        assignor = self.app.assignor
        actives, standbys = frozenset(assignor.assigned_actives()), frozenset(assignor.assigned_standbys())
        direct = self._last_generation is not None and generation_id == self._last_generation + 1
        kept = {
            tp: offset for table in self._state_tables() for tp, offset in self._keep(table, actives, standbys, direct)
        }
        self._last_generation, self._were_standby = generation_id, standbys
        await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)
        for tp, offset in kept.items():
            (self.active_offsets if tp in self.active_tps else self.standby_offsets)[tp] = cast(int, offset)

    def _keep(
        self, table: StateTable[Any, Any], actives: frozenset[TP], standbys: frozenset[TP], direct: bool
    ) -> Iterable[tuple[TP, int | None]]:
        """Drops what may not be kept; gives the rest with the changelog offset it contains."""
        for part in table.partitions_here():
            tp = TP(table.changelog_topic_name, part.number)
            if part.live and direct and tp in actives:
                yield tp, self.active_offsets.get(tp)
            elif not part.live and tp in self._were_standby and (tp in actives or tp in standbys):
                yield tp, self.standby_offsets.get(tp)
            else:
                table.drop_partition(part.number)
            self.revoke(tp)

    def _state_tables(self) -> list[StateTable[Any, Any]]:
        return [table for table in self.tables.values() if isinstance(table, StateTable)]

    # ------------------------------------------------------------- reading

    def load(self, tp: TP, batch: RawBatch) -> None:
        """Takes a changelog batch; called by the consumer."""
        offsets = self.active_offsets if tp in self.active_tps else self.standby_offsets
        if tp not in self.active_tps and tp not in self.standby_tps:
            return
        cast("StateTable[Any, Any]", self.tp_to_table[tp]).load(tp.partition, batch)
        seen = offsets.get(tp)
        # the end of the batch, not its last record: markers and compacted tails carry no record
        if seen is None or batch.end - 1 > seen:
            offsets[tp] = batch.end - 1
        self._end_when_done()

    def written(self, topic: str, partition: int, offset: int) -> None:
        """Our own flush reached `offset` of the changelog: no need to read it back."""
        tp = TP(topic, partition)
        seen = self.active_offsets.get(tp)
        if tp in self.active_tps and (seen is None or offset > seen):
            self.active_offsets[tp] = offset

    async def _seek_offsets(self, consumer: Any, tps: set[TP], offsets: Any, *_: Any) -> None:
        # the stock version seeks to the last offset it has, one too low
        await consumer.seek_wait({tp: max(0, offsets[tp] + 1) for tp in tps})

    # -------------------------------------------------------------- ending

    def _set_recovery_started(self) -> None:
        if self._began is None:
            self._began = monotonic(), process_time()
        super()._set_recovery_started()
        self.signal_recovery_end.clear()

    def _end_when_done(self) -> None:
        if self.in_recovery and not self.need_recovery():
            self._set_recovery_ended()
            self.signal_recovery_end.set()

    def _count(self, began: float, cpu_began: float) -> None:
        counters = cast(Any, self.app).engine.counters
        counters.recoveries += 1
        counters.recovery_seconds += monotonic() - began
        counters.recovery_cpu_seconds += process_time() - cpu_began

    @Service.task
    async def _slurp_changelogs(self) -> None:
        # nothing to slurp: watches over the end, which also comes without a further record
        while not self.should_stop:
            await asyncio.sleep(_CHECK_SECONDS)
            self._end_when_done()
            if not self.tables.standbys_ready and not self.standby_remaining_total():
                self.tables.on_standbys_ready()
            if self.in_recovery:
                await self._crash_when_stuck()

    async def _crash_when_stuck(self) -> None:
        limit = cast(Any, self.app).engine.settings.recovery_timeout_seconds
        started = self._recovery_started_at
        if started is not None and monotonic() - started > limit:
            await self.app.crash(
                TransientError(f"recovery not done after {limit:.0f} s, remaining: {self.active_stats()}")
            )

    def flush_buffers(self) -> None:
        """There are no buffers."""

    async def on_recovery_completed(self, generation_id: int = 0) -> None:
        if generation_id == self.app.consumer_generation_id:
            for tp in self.active_tps:
                part = cast("StateTable[Any, Any]", self.tp_to_table[tp]).partition(tp.partition)
                part.recovered()
                if part.has_outputs:  # of a worker that died in a backlog, and no batch may come
                    cast(Any, self.app).engine.checkpoint.wanted.set()
            if self._began is not None:
                self._count(*self._began)
                self._began = None
        await super().on_recovery_completed(generation_id)


class BulkTables(TableManager):
    """Faust's table manager with our recovery."""

    async def on_start(self) -> None:
        # the stock version sleeps a second first, in case tables are still being declared
        if not self.should_stop:
            await self._update_channels()
            await self.recovery.start()

    @property
    def recovery(self) -> BulkRecovery:
        if self._recovery is None:
            self._recovery = BulkRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return cast(BulkRecovery, self._recovery)
