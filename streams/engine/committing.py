"""The half of the consumer that acknowledges and commits.

Faust's stream marks messages as acked; which offsets that makes committable is decided by batches.py (I3),
and nothing is committed before the checkpoint has saved what depends on it (checkpoint.py).
"""

import asyncio
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

#: Of a worker that ends; chosen: half of what is left to it before it is killed (cli/processes.py).
_LAST_RENDER_SECONDS = 10.0


class CommittingConsumer(driver.Consumer):
    """A Faust consumer that commits through the checkpoint."""

    engine: Any
    positions: Positions
    counters: Counters
    settings: EngineSettings

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: What the broker has taken from this process, over all memberships: nothing lower is committed again.
        self._taken: dict[TP, int] = {}

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
        committed = self.committed(tp)
        return committed is None or offset > committed

    def committed(self, tp: TP) -> int | None:
        """What the group has of a partition, as far as we know; None for nothing.

        Faust forgets it with the membership; a commit that outlived one may have been taken behind the next one's seek.
        """
        known = [at for at in (self._committed_offset[tp], self._taken.get(tp)) if at is not None]
        return max(known, default=None)

    @Service.task
    async def _commit_handler(self) -> None:
        """Commits from time to time; Faust's own knows one interval only."""
        while not self.should_stop:
            await rest(self, self.engine.rhythm.commit_pause)
            await self.commit()

    async def _commit_tps(self, tps: Any, *_: Any, **__: Any) -> bool:
        if self.app.crashed:
            return False  # nothing is committed past an error
        # who waits may give up; the save goes on, and if it fails the worker ends all the same
        return await asyncio.shield(self._save(tps))

    async def on_stop(self) -> None:
        self.engine.checkpoint.leaving(_LAST_RENDER_SECONDS)
        await self.force_commit()  # stock waits for one that is under way instead, and that may have rendered nothing
        await super().on_stop()

    async def _save(self, tps: Any) -> bool:
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
        self._taken.update(ours)
        self.counters.commits += 1
        self.counters.last_commit_at_monotonic = monotonic()
        self.app.monitor.on_tp_commit(cast(Any, ours))
        return True

    async def verify_all_partitions_active(self) -> None:
        """Faust only logs here, and is mistaken about partitions that are held back (see watchdog.py)."""
