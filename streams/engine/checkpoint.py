"""The commit protocol: what is saved, in which order, before source offsets are committed.

1. One synchronous step: committable offsets, outputs, dirty keys, meta and applied offset of every partition.
2. Outputs are sent and acknowledged.
3. Dirty keys are sent and acknowledged, then the meta record. When all of a partition fits into one record
   batch, which a broker writes whole or not at all, keys and meta go as that one batch.
4. Source offsets are committed (by the consumer).

Any failure crashes the worker with nothing committed, now or later: what was taken out of the tables and
not written is nowhere else. For the same reason a cancellation (shutdown, a rebalance that cannot wait)
does not reach a save that has begun; it goes on, and the next one waits for it.

After a crash at any point the state is recovered to the last meta record, which completes a flush
(staging.py); the replay makes again whatever came after it, outputs included.

Work that precedes a record and takes long (days that close) is saved piece by piece, steps 1 to 3 alone: there is no
offset to commit before its end, and a worker that dies goes on behind the last piece saved.

Nothing is begun outside a membership of the group. From `leaving` on, what is to be published waits, and one save at
most is made, the last; nothing from `left` on. `joined` lets all go on, once what belongs to others by now is dropped:
what had been taken out before and came in later would stand behind the outputs of the new owner.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, NamedTuple, TypeVar

from streams.engine.counters import Counters
from streams.engine.outbox import Outbox, Output, Written
from streams.engine.partition import META_KEY
from streams.engine.settings import EngineSettings
from streams.engine.table import StateTable, UnsavedError

#: Keys rendered in one go; at some 100 us each as long as a run of an agent.
_SLICE = 200
_new: Any = tuple.__new__  # Output's own, in Python, takes three times as long

T = TypeVar("T")
R = TypeVar("R")


class Flush(NamedTuple):
    """State of one partition to be saved."""

    topic: str
    partition: int
    keys: list[Output]
    meta: Output

    def fits(self, batch_bytes: int) -> bool:
        """Whether keys and meta make one record batch, which is atomic."""
        return sum(record.size for record in self.keys) + self.meta.size < batch_bytes


@dataclass(slots=True)
class Snapshot:
    """Everything one commit must save, taken in one step."""

    outputs: list[Output] = field(default_factory=list)
    flushes: list[Flush] = field(default_factory=list)


class Checkpoint:
    """Saves outputs and state of all tables and outboxes of an app, one save at a time.

    Args:
        write: sends lists of records, each list when the broker has the one before, and gives the last
            offset written of each (topic, partition).
        tables: gives the app's tables.
        written: told the last changelog offset written of each (topic, partition).
        turn: lets everything else of the worker go on.

    Attributes:
        outboxes: of agents without a table.
        wanted: set when something waits for publication.
        pieces: some were gone through since the last save, of work that precedes a record (table.py).
        under_way: something was taken out and is not yet written, or its offsets are not yet committed.
        published_at: when the broker last had everything that waited, in seconds of `time.monotonic()`.
    """

    def __init__(
        self,
        settings: EngineSettings,
        counters: Counters,
        write: Callable[[list[list[Output]]], Awaitable[list[Written]]],
        tables: Callable[[], Iterable[Any]],
        written: Callable[[str, int, int], None],
        turn: Callable[[], Awaitable[None]],
    ) -> None:
        self.settings = settings
        self.counters = counters
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Future[Any]] = set()
        self._publication: asyncio.Future[bool] | None = None
        self._with_marked = False
        self._failed: BaseException | None = None
        self.outboxes: list[Outbox] = []
        self.wanted = asyncio.Event()
        self.pieces = False
        self.under_way = False
        self.published_at = 0.0
        self._member = asyncio.Event()
        self._may_save = False
        self._send = write
        self._tables = tables
        self._written = written
        self._turn = turn

    def leaving(self) -> None:
        """The membership ends: one save may still begin, publications wait for the next membership."""
        self._member.clear()

    def left(self) -> None:
        """Nothing begins until the next membership."""
        self._may_save = self.pieces = False

    def joined(self) -> None:
        """A membership begins, and the tables hold nothing of others any more.

        What waits in outboxes is of batches that were not committed: whoever has them now reads them again.
        """
        for outbox in self.outboxes:
            outbox.take()
        self._may_save = True
        self._member.set()

    async def save(self, committable: Callable[[], T], commit: Callable[[T], Awaitable[bool]]) -> bool:
        """One commit: steps 1 to 4, never abandoned halfway; without the last while only pieces of work move.

        Args:
            committable: gives the offsets that may be committed; nothing to do when they are empty, but for `pieces`.
            commit: commits them once everything is saved.

        Returns:
            Whether something was committed.
        """
        return await asyncio.shield(self._begin(self._save(committable, commit)))

    async def publish_outputs(self, marked: bool = True) -> None:
        """Publishes what is waiting, without saving state: the state's flush will come after it.

        One publication at most waits for its turn, however many agents ask for one. Between two memberships all who
        ask wait here, where a cancellation reaches them.

        Args:
            marked: also what is to be rendered; False merely makes room, and does not undo conflation.
        """
        self._with_marked |= marked
        done = False
        while not done:
            await self._member.wait()
            if self._publication is None:
                self._publication = self._begin(self._publish_outputs())
            done = await asyncio.shield(self._publication)

    async def _save(self, committable: Callable[[], T], commit: Callable[[T], Awaitable[bool]]) -> bool:
        async with self._lock:
            if self._may_save:
                await self._render_waiting()
            # no await from here to the snapshot: what is committable is in it, and the membership is the same
            offsets = committable()
            if not self._may_save or not (offsets or self.pieces):
                return False
            self._may_save = self._member.is_set()  # no further one when this is the last of a membership
            self.pieces = False
            with self._taking_out():
                await self._write(self.snapshot())
                self.published_at = monotonic()
                if offsets:
                    return await commit(offsets)
            self.counters.last_commit_at_monotonic = monotonic()
            return False

    async def _publish_outputs(self) -> bool:
        async with self._lock:
            self._publication = None  # what is emitted from here on needs another one
            if not self._member.is_set():
                return False  # the membership ended while this waited for its turn
            marked, self._with_marked = self._with_marked, False
            if marked:
                await self._render_waiting()
            if not self._may_save:  # or while it rendered
                self._with_marked |= marked
                return False
            with self._taking_out():
                await self._write(Snapshot(self._take_outputs(marked)))
            if marked:
                self.published_at = monotonic()
            return True

    @contextmanager
    def _taking_out(self) -> Iterator[None]:
        self.under_way = True
        try:
            yield
        finally:
            self.under_way = False

    async def _render_waiting(self) -> None:
        """Renders what is marked by now, in slices; what is marked meanwhile is little."""
        for table in self._state_tables():
            for part in table.partitions_here():
                left = part.marks if part.live else 0
                while left > _SLICE:
                    part.render_marked(_SLICE)
                    left -= _SLICE
                    await self._turn()

    def _begin(self, work: Coroutine[Any, Any, R]) -> asyncio.Future[R]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)  # the loop alone would not keep it
        task.add_done_callback(self._tasks.discard)
        return task

    def snapshot(self) -> Snapshot:
        """Step 1. Synchronous: no agent runs between what is committable and what is saved."""
        snapshot = Snapshot(self._take_outputs())
        for table in self._state_tables():
            for part in table.partitions_here():
                taken = part.take_state() if part.live else None
                if taken is not None:
                    snapshot.flushes.append(_flush(table.changelog_topic_name, part.number, *taken))
        return snapshot

    async def _write(self, snapshot: Snapshot) -> None:
        started = monotonic()
        steps = [snapshot.outputs, *self._state_steps(snapshot.flushes)]
        try:
            written = await self._send(steps) if any(steps) else []
        except BaseException as exc:
            self._failed = exc
            raise
        self.counters.outputs += len(snapshot.outputs)
        if not snapshot.flushes:
            return
        for (topic, partition), offset in (item for step in written[1:] for item in step.items()):
            self._written(topic, partition, offset)
        self.counters.flushes += 1
        self.counters.keys += sum(len(flush.keys) for flush in snapshot.flushes)
        self.counters.flush_seconds += monotonic() - started

    def _state_steps(self, flushes: list[Flush]) -> list[list[Output]]:
        limit = self.settings.producer_batch_bytes
        large: list[Flush] = []
        small: list[Flush] = []
        for flush in flushes:
            (small if flush.fits(limit) else large).append(flush)
        whole = [record for flush in small for record in (*flush.keys, flush.meta)]
        return [[record for flush in large for record in flush.keys], whole + [flush.meta for flush in large]]

    def _state_tables(self) -> list[StateTable[Any, Any]]:
        return [table for table in self._tables() if isinstance(table, StateTable)]

    def _take_outputs(self, marked: bool = True) -> list[Output]:
        if self._failed is not None:
            raise UnsavedError("an earlier save failed: nothing after it may be committed") from self._failed
        outputs: list[Output] = []
        for table in self._state_tables():
            table.check_whole()
            outputs += table.take_outputs(marked)
        for outbox in self.outboxes:
            outputs += outbox.take()
        return outputs


def _flush(topic: str, number: int, keys: list[tuple[bytes, bytes | None]], meta: bytes) -> Flush:
    records = [_new(Output, (topic, number, key, value, (), None)) for key, value in keys]
    return Flush(topic, number, records, Output(topic, number, META_KEY, meta))
