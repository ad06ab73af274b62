"""The half of the consumer that acknowledges and commits.

Faust's stream marks messages as acked; which offsets that makes committable is decided by batches.py (I3),
and nothing is committed before the checkpoint has saved what depends on it (checkpoint.py).
"""

from collections.abc import Iterator, Mapping
from time import monotonic
from typing import Any, cast

from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ack_lock
from mode import Service
from mode.utils.futures import notify

from streams.engine.batches import Positions
from streams.engine.counters import Counters
from streams.engine.rhythm import rest
from streams.engine.settings import EngineSettings


class CommittingConsumer(driver.Consumer):
    """A Faust consumer that commits through the checkpoint."""

    engine: Any
    positions: Positions
    counters: Counters
    settings: EngineSettings

    def _is_changelog_tp(self, tp: TP) -> bool:
        return tp.topic in cast(Any, self.app.tables)._changelogs

    def ack(self, message: Any) -> bool:
        """Marks a batch as done; the commit finds it in its place (I3)."""
        with ack_lock:
            if message.acked:
                return False
            message.acked = True
            self._unacked_messages.discard(message)
        notify(self._waiting_for_ack)
        return True

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        return (
            tp
            for tp in self.positions.tracks()
            if not self._is_changelog_tp(tp) and (topics is None or tp in topics or tp.topic in topics)
        )

    def _new_offset(self, tp: TP) -> int | None:
        # the stream's own bookkeeping, offset by offset, is of no use here and must not grow
        self._acked.pop(tp, None)
        self._acked_index.pop(tp, None)
        return self.positions.committable(tp)

    def _should_commit(self, tp: TP, offset: int) -> bool:
        committed = self._committed_offset[tp]
        return committed is None or offset > committed

    @Service.task
    async def _commit_handler(self) -> None:
        """Commits from time to time; Faust's own knows one interval only."""
        while not self.should_stop:
            await rest(self, self.engine.rhythm.commit_pause)
            await self.commit()

    async def _commit_tps(self, tps: Any, *_: Any, **__: Any) -> bool:
        if self.app.crashed:
            return False  # nothing is committed past an error
        try:
            saved: bool = await self.engine.checkpoint.save(
                lambda: self._filter_committable_offsets(tps), self._commit_offsets
            )
            return saved
        except Exception as exc:  # noqa: BLE001 - any failure to save must end the worker
            await self.app.crash(exc)
            return False

    async def _commit_offsets(self, offsets: Mapping[TP, int], *_: Any, **__: Any) -> bool:
        assignment = self.assignment()
        ours = {tp: offset for tp, offset in offsets.items() if tp in assignment}
        if not ours or self.app.crashed:
            return False
        if not await self._commit(ours):
            self.counters.failed_commits += 1
            return False  # I6: recorded only when the broker has it
        self._committed_offset.update(ours)
        self.counters.commits += 1
        self.counters.last_commit_at_monotonic = monotonic()
        self.app.monitor.on_tp_commit(cast(Any, ours))
        return True

    async def verify_all_partitions_active(self) -> None:
        """Faust only logs here, and is mistaken about partitions that are held back (see watchdog.py)."""
