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

While the worker conflates a backlog, a commit renders nothing that waits for a publication: what is marked is written
down with the state (partition.py), and a publication takes what was marked when it began. It may be all there is, so it
goes out in portions, and commits come in between. A commit that covers all there is to read leaves nothing, nor does
the last one of a membership, as far as it is given the time. Nothing marked is rendered before the worker knows what
renders depend on (broadcast.py). While the end of a backlog settles (settling.py), commits go on rendering nothing, and
publications leave out the tables that come last.

Nothing is begun outside a membership of the group. From `leaving` on, what is to be published waits, and one save at
most is made, the last; nothing from `left` on. `joined` lets all go on, once what belongs to others by now is dropped:
what had been taken out before and came in later would stand behind the outputs of the new owner.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from math import inf
from time import monotonic
from typing import Any, TypeVar

from streams.engine.counters import Counters
from streams.engine.flush import Flush, Snapshot
from streams.engine.outbox import Outbox, Output, Written
from streams.engine.rendering import Rendering
from streams.engine.settings import EngineSettings
from streams.engine.table import UnsavedError

T = TypeVar("T")
R = TypeVar("R")


class Checkpoint:
    """Saves outputs and state of all tables and outboxes of an app, one save at a time.

    Args:
        write: sends lists of records, each list when the broker has the one before, and gives the last
            offset written of each (topic, partition).
        tables: gives the app's tables.
        written: told the last changelog offset written of each (topic, partition).
        turn: lets everything else of the worker go on.
        behind: whether there is more to read, and the worker conflates it.
        informed: whether what renders depend on is known.

    Attributes:
        settling: whether what a backlog has left is still on its way through the worker; never unless set.
        rendering: of what is marked in the tables.
        outboxes: of agents without a table.
        wanted: set when something waits for publication.
        pieces: some were gone through since the last save, of work that precedes a record (table.py).
        under_way: something was taken out and is not yet written, or its offsets are not yet committed.
        published_at: when the broker last had everything that waited, in seconds of `time.monotonic()`; also what comes
            last.
        sent: offset of the last output written, by topic and partition.
    """

    def __init__(
        self,
        settings: EngineSettings,
        counters: Counters,
        write: Callable[[list[list[Output]]], Awaitable[list[Written]]],
        tables: Callable[[], Iterable[Any]],
        written: Callable[[str, int, int], None],
        turn: Callable[[], Awaitable[None]],
        behind: Callable[[], bool] = bool,
        informed: Callable[[], bool] = lambda: True,
    ) -> None:
        self.settings = settings
        self.counters = counters
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Future[Any]] = set()
        self._publication: asyncio.Future[bool] | None = None
        self._with_marked = False
        self._failed: BaseException | None = None
        self.settling: Callable[[], bool] = bool
        self.rendering = Rendering(settings.room_records, tables, turn)
        self.outboxes: list[Outbox] = []
        self.wanted = asyncio.Event()
        self.pieces = False
        self.under_way = False
        self.published_at = 0.0
        self.sent: Written = {}
        self._member = asyncio.Event()
        self._may_save = False
        self._send = write
        self._written = written
        self._behind = behind
        self._informed = informed

    def leaving(self, seconds: float = inf) -> None:
        """The membership ends: one save may still begin, publications wait for the next membership.

        Args:
            seconds: after which that save leaves what is marked to the next owner.
        """
        self.rendering.until = monotonic() + seconds
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
        self.rendering.end()
        self.rendering.until = inf
        self._may_save = True
        self._member.set()

    async def save(self, committable: Callable[[], T], commit: Callable[[T], Awaitable[bool]]) -> bool:
        """One commit: steps 1 to 4, never abandoned halfway; without the last while only pieces of work move.

        Args:
            committable: gives the offsets that may be committed; nothing to do when they are empty, but for `pieces`,
                or to say that what an earlier one left marked is out.
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
            written = await asyncio.shield(self._publication)
            done = written and not (marked and self.rendering.under_way)

    def paused_since(self, ended: float) -> float:
        """When the pause before the next publication began, in seconds of `time.monotonic()`.

        What was left out for a backlog to settle waits no longer than it would have, had it not been left out.

        Args:
            ended: when the last publication was through.
        """
        if self.rendering.leaves_last and not self.settling():
            return self.published_at
        return max(ended, self.published_at)

    async def _save(self, committable: Callable[[], T], commit: Callable[[T], Awaitable[bool]]) -> bool:
        async with self._lock:
            is_last = not self._member.is_set()
            marked = self._informed() and (is_last or not self._waits)
            if self._may_save and marked:
                marked = await self._render_all()
            # no await from here to the snapshot: what is committable is in it, and the membership is the same; so is
            # what there was to read, if some of it goes unrendered
            offsets = committable()
            told = marked and any(part.left_marks for _, part in self.rendering.live())
            if not (self._may_save and (offsets or self.pieces or told)):
                return False
            self._may_save = self._member.is_set()  # no further one when this is the last of a membership
            self.pieces = False
            with self._taking_out():
                await self._write(self.snapshot(marked))
                if marked:
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
            marked, self._with_marked = self._with_marked and self._informed(), False
            behind, whole = self._behind(), True
            if marked:
                if not self.rendering.under_way:
                    self.rendering.begin(last=not self.settling())
                whole = await self.rendering.go_on(whole=behind)
            if not self._may_save:  # or while it rendered
                self._with_marked |= marked
                return False
            with self._taking_out():
                await self._write(Snapshot(self._take_outputs(marked and whole and not behind)))
            self._with_marked |= not whole
            if marked and whole:
                if self.rendering.leaves_last:
                    self.wanted.set()  # to look again whether the rest may go
                else:
                    self.published_at = monotonic()
            return True

    @property
    def _waits(self) -> bool:
        """Whether what is marked is left to a publication."""
        return self.rendering.under_way or self._behind() or self.settling()

    @contextmanager
    def _taking_out(self) -> Iterator[None]:
        self.under_way = True
        try:
            yield
        finally:
            self.under_way = False

    async def _render_all(self) -> bool:
        """Renders what is marked by now for a commit, and writes what is too much for one; False when time is up."""
        self.rendering.begin()
        while not await self.rendering.go_on(whole=False):
            if not self._may_save or monotonic() >= self.rendering.until:
                self.rendering.end()
                return False
            with self._taking_out():
                await self._write(Snapshot(self._take_outputs(marked=False)))
        return True

    def _begin(self, work: Coroutine[Any, Any, R]) -> asyncio.Future[R]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)  # the loop alone would not keep it
        task.add_done_callback(self._tasks.discard)
        return task

    def snapshot(self, marked: bool = True) -> Snapshot:
        """Step 1. Synchronous: no agent runs between what is committable and what is saved.

        Args:
            marked: also renders what is to be rendered; else only what has no state that could tell of it.
        """
        if not marked:
            for _, part in self.rendering.live():
                part.render_stateless()
        snapshot = Snapshot(self._take_outputs(marked))
        for table, part in self.rendering.live():
            taken = part.take_state()
            if taken is not None:
                snapshot.flushes.append(Flush.of(table.changelog_topic_name, part.number, *taken))
        return snapshot

    async def _write(self, snapshot: Snapshot) -> None:
        started = monotonic()
        steps = snapshot.steps(self.settings.producer_batch_bytes)
        try:
            written = await self._send(steps) if any(steps) else []
        except BaseException as exc:
            self._failed = exc
            raise
        if written:
            self.sent |= written[0]
        self.counters.outputs += len(snapshot.outputs)
        if not snapshot.flushes:
            return
        for (topic, partition), offset in (item for step in written[1:] for item in step.items()):
            self._written(topic, partition, offset)
        self.counters.flushes += 1
        self.counters.keys += sum(len(flush.keys) for flush in snapshot.flushes)
        self.counters.flush_seconds += monotonic() - started

    def _take_outputs(self, marked: bool) -> list[Output]:
        if self._failed is not None:
            raise UnsavedError("an earlier save failed: nothing after it may be committed") from self._failed
        outputs = self.rendering.outputs(marked)
        for outbox in self.outboxes:
            outputs += outbox.take()
        return outputs
