"""Faust's consumer over whole batches: delivery and seeking (committing.py has the rest).

The invariants are stated in the package; the decisions are in batches.py. This module adds the I/O
around them. Delivery is synchronous from the check of the position to the agent's queue, so nothing can
change in between.
"""

import asyncio
from collections.abc import Mapping
from time import monotonic
from typing import Any, NamedTuple, cast

from aiokafka.errors import IllegalStateError
from faust.transport.consumer import ensure_TPset
from faust.types import TP

from streams.engine.batches import BatchMessage, RawBatch, Reread
from streams.engine.committing import CommittingConsumer
from streams.engine.fetching import BatchThread
from streams.engine.gate import Standing
from streams.engine.joining import join_however_late
from streams.engine.lease import LeaseLostError
from streams.engine.leaving import leave_from_the_first
from streams.engine.watchdog import Sight

#: A partition that becomes drainable meanwhile waits this long at most.
_POLL_SECONDS = 0.25
#: While a partition is held back by a gate or a full queue, look again this often.
_HELD_POLL_SECONDS = 0.01


class Membership(NamedTuple):
    """The source partitions of this worker in one generation of its group."""

    generation: int
    sources: frozenset[TP]

    def continues(self, before: "Membership") -> bool:
        """Whether nobody else can have had what was held before: the generations follow each other, nothing is lost."""
        return self.generation == before.generation + 1 and self.sources >= before.sources


class BatchConsumer(CommittingConsumer):
    """One Faust event per (partition, fetch)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.engine = cast(Any, self.app).engine
        self.positions = self.engine.positions
        self.settings = self.engine.settings
        self.counters = self.engine.counters
        self._rest_until: dict[TP, float] = {}
        self._suspects: dict[TP, tuple[int, int]] = {}
        self._held = Membership(-1, frozenset())

    def _new_consumer_thread(self) -> BatchThread:
        return BatchThread(self, loop=self.loop, beacon=self.beacon)

    # ------------------------------------------------------------ delivery

    async def _drain_messages(self, fetcher: Any) -> None:
        try:
            while not (self._stopped.is_set() or fetcher._stopped.is_set()):
                await asyncio.sleep(0)
                if not self.flow_active:
                    await self.wait(cast(Any, self.can_resume_flow))
                    continue
                await self._drain_once()
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise

    async def _drain_once(self) -> None:
        wanted, held = self._drainable()
        timeout = _HELD_POLL_SECONDS if held else _POLL_SECONDS
        self.not_waiting_next_records.clear()
        try:
            raw: Mapping[TP, Any] = await self._getmany(wanted, timeout)
        finally:
            self.not_waiting_next_records.set()
        for tp, batch in (raw or {}).items():
            verdict = self.positions.judge(tp, batch, self._high_watermark(tp))
            if isinstance(verdict, Reread):
                await self._read_again(tp, verdict.offset, batch.start)
            elif verdict is not None:
                self._accept(tp, verdict)

    def _drainable(self) -> tuple[set[TP], bool]:
        """Partitions to drain now, and whether any is held back for a moment."""
        active = self._get_active_partitions()
        changelogs = {tp for tp in active if self._is_changelog_tp(tp)}
        wanted = changelogs | self.engine.gate(tp for tp in active - changelogs if self._has_room(tp))
        return wanted, len(wanted) < len(active)

    def _has_room(self, tp: TP) -> bool:
        if self._rest_until.get(tp, 0.0) > monotonic():
            return False
        limit = self.settings.queue_batches
        return all(channel.queue.qsize() < limit for channel in self._channels(tp))

    def _channels(self, tp: TP) -> Any:
        return cast(Any, self.app.topics)._tp_index.get(tp, ())

    async def _read_again(self, tp: TP, offset: int, found: int) -> None:
        self.log.warning("%s[%d]: position %d after %d, reading again", tp.topic, tp.partition, found, offset)
        try:
            track = self.positions.track(tp)
            begin = (await self._beginnings({tp}))[tp]
            if self.positions.track(tp) is not track or track.expected != offset:
                return  # a seek came in between
            if begin > offset:
                self.positions.gone(tp, offset, begin)
                await super().seek_wait({tp: begin})  # of this life: what is in flight is not there to be read again
            else:
                await self.seek_wait({tp: offset})
        except (IllegalStateError, KeyError, AttributeError) as exc:
            # revoked meanwhile: whoever owns it now begins at the committed offset
            self.log.info("%s[%d] is no longer ours: %r", tp.topic, tp.partition, exc)

    async def look_for_gaps(self) -> None:
        """Finds what no batch tells: retention has emptied a log, or records were dropped and none came after them.

        The fetcher then stands further than we expect, with nothing at hand, in two looks one after the other.
        """
        suspects = {}
        for tp, position in cast(BatchThread, self._thread).idle_positions().items():
            expected = None if self._is_changelog_tp(tp) else self.positions.track(tp).expected
            if expected is not None and position > expected:
                suspects[tp] = (expected, position)
        for tp, seen in suspects.items():
            if self._suspects.get(tp) == seen:
                await self._read_again(tp, *seen)
        self._suspects = suspects

    def _accept(self, tp: TP, batch: RawBatch) -> None:
        if self._is_changelog_tp(tp):
            self.positions.passed(tp, batch.end)
            cast(Any, self.app.tables).recovery.load(tp, batch)
        elif not batch.records:
            self.positions.passed(tp, batch.end)
        else:
            self._deliver(tp, batch)

    def _deliver(self, tp: TP, batch: RawBatch) -> None:
        channels = list(self._channels(tp))
        if not channels or not self.app.flow_control.is_active():
            self.counters.stale += 1  # its position is behind us now: I2 reads it again
            return
        message = self._to_batch(tp, batch)
        message.refcount = len(channels)
        self.positions.delivered(message, acked=not self.app.topics.acks_enabled_for(tp.topic))
        for channel in channels:
            channel.queue.force_put_nowait(self.app.create_event(None, batch.records, None, message))
        self.counters.batches += 1
        self.counters.records += len(batch.records)
        if len(batch.records) < self.settings.small_batch_records:
            self._rest_until[tp] = monotonic() + self.settings.linger_seconds

    def _to_batch(self, tp: TP, batch: RawBatch) -> BatchMessage:
        last = batch.records[-1]
        message = BatchMessage(
            tp.topic,
            tp.partition,
            batch.records[0].offset,
            last.timestamp / 1000.0,
            last.timestamp_type,
            None,
            None,
            cast(Any, batch.records),
            None,
            0,
            0,
            tp,
            generation_id=self.app.consumer_generation_id,
        )
        message.end = batch.end
        return message

    def _high_watermark(self, tp: TP) -> int | None:
        try:
            return self._thread.highwater(tp)
        except (AssertionError, AttributeError, KeyError, IllegalStateError):
            return None  # not assigned any more

    def _readable_end(self, tp: TP) -> int | None:
        try:
            return cast(BatchThread, self._thread).readable_end(tp)
        except (AssertionError, AttributeError, KeyError, IllegalStateError):
            return None  # not assigned any more

    def standing(self, tp: TP) -> Standing:
        """What a gate wants to know of a partition."""
        track = self.positions.track(tp)
        high = self._readable_end(tp)
        unread = high is None or track.expected is None or track.expected < high
        in_flight = sum(not message.acked for message in track.inflight)
        return Standing(track.expected, unread or in_flight > 0, in_flight, track.applied + track.pieces)

    def sights(self) -> dict[TP, Sight]:
        """What the watchdog looks at: every source partition of this worker."""
        sources = [tp for tp in self.positions.tracks() if not self._is_changelog_tp(tp)]
        free = self.engine.gate(sources)
        return {tp: self._sight(tp, tp not in free) for tp in sources}

    def _sight(self, tp: TP, held: bool) -> Sight:
        stands = self.positions.stands(tp)
        high = self._readable_end(tp)
        # a log that ends before us is as bad as one that we do not read
        away = 0 if high is None or stands is None else abs(high - stands)
        track, committed = self.positions.track(tp), self.committed(tp)
        committed = track.begin if committed is None else committed
        return Sight(stands, away, track.applied, held, committed)

    # ------------------------------------------------------------- seeking

    async def perform_seek(self) -> None:
        """Moves every source partition to where its group stands, or to the beginning of its log (I7)."""
        committed: dict[TP, int | None] = {
            TP(tp.topic, tp.partition): offset
            for tp, offset in (await self.seek_to_committed()).items()
            if not self._is_changelog_tp(TP(tp.topic, tp.partition))  # the recovery's to seek
        }
        # aiokafka leaves alone what has no commit, or 0: what was read of it so far would be lost
        moved = {tp: offset for tp, offset in committed.items() if offset is not None and offset > 0}
        left = {tp for tp in committed if tp not in moved}
        begin = await self._beginnings(left)
        self._committed_offset.update(moved)
        for tp, offset in (moved | begin).items():
            self.positions.sought(tp, offset)
        if begin:
            await self._thread.seek_wait(begin)

    async def _beginnings(self, tps: set[TP]) -> dict[TP, int]:
        found = await self.earliest_offsets(*tps) if tps else {}
        return {TP(tp.topic, tp.partition): offset for tp, offset in found.items()}

    async def seek(self, partition: TP, offset: int) -> None:
        self.positions.sought(partition, offset)
        await super().seek(partition, offset)

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        for tp, offset in partitions.items():
            self.positions.sought(TP(tp.topic, tp.partition), offset)
        await super().seek_wait(partitions)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        checkpoint, lease = self.engine.checkpoint, self.engine.lease
        checkpoint.leaving(self._patience() / 2)
        # super() stops the flow and clears the queues. Agents may still be inside a batch, perhaps
        # stuck in an external call: we do not wait for them (stream_wait_empty is off), the batch is
        # unacknowledged and will be read again. What they did acknowledge is committed now (I8), behind
        # a commit that may be under way.
        await super().on_partitions_revoked(revoked)
        try:
            await asyncio.wait_for(self.force_commit(), timeout=self._patience())
        except TimeoutError:
            self.log.warning("no commit before the rebalance: the last batches will be read again")
        checkpoint.left()
        lease.suspended()
        coordinator = cast(Any, self._thread)._ensure_consumer()._coordinator
        lease.watch(coordinator)  # before it joins
        leave_from_the_first(coordinator)
        join_however_late(coordinator, self.settings.join_patience_seconds, cast(Any, self._thread).crash)
        self.positions.forget()
        self._rest_until.clear()

    def _patience(self) -> float:
        """Seconds for the last save: half a session, unless the group gives our partitions away before.

        The group waits for us since a heartbeat that said nothing of it, at most; one more is left for the way back.
        """
        s = self.settings
        left = s.rebalance_timeout_seconds - s.heartbeat_interval_seconds - self.engine.lease.unsettled_seconds
        return float(max(0.0, min(s.session_timeout_seconds / 2, left)))

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        if self.app.crashed:
            return  # nothing is written on a membership that nobody will use
        held, self._held = self._held, self._membership(assigned, generation_id)
        if self.engine.checkpoint.under_way and not self._held.continues(held):
            self.engine.lease.lost()
            await self.app.crash(
                LeaseLostError("a write that the rebalance found under way may be of partitions that are another's now")
            )
            return
        self.engine.lease.joined()
        self.engine.assigned(ensure_TPset(assigned))
        await super().on_partitions_assigned(assigned, generation_id)
        # the tables have dropped what is not ours, unless the app stops or the group has changed again
        if not self.app.should_stop and generation_id == self.app.consumer_generation_id:
            self.engine.checkpoint.joined()

    def _membership(self, assigned: set[TP], generation: int) -> "Membership":
        return Membership(generation, frozenset(tp for tp in assigned if not self._is_changelog_tp(tp)))
