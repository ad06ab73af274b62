"""The consumer against a model of aiokafka and the broker: drops, holes, retention, seeks and rebalances.

The model cuts in at every await of the consumer. Whatever happens, what is committed was processed, and
once it is quiet everything is processed and committed.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from functools import partial
from types import SimpleNamespace
from typing import Any
from weakref import WeakSet

from faust.types import TP
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.engine.batches import Positions, RawBatch
from streams.engine.consumer import BatchConsumer
from streams.engine.counters import Counters
from streams.engine.gate import always_open
from streams.engine.settings import EngineSettings

TPS = [TP("usage", 0), TP("usage", 1)]


class Log:
    """One partition of the broker: offsets that hold a record, and where the log begins and ends."""

    def __init__(self) -> None:
        self.begin = self.end = 0
        self.offsets: list[int] = []

    def append(self, records: int, holes: int) -> None:
        self.offsets += range(self.end, self.end + records)
        self.end += records + holes

    def trim(self, begin: int) -> None:
        self.begin = min(max(begin, self.begin), self.end)
        self.offsets = [o for o in self.offsets if o >= self.begin]


class Thread:
    """aiokafka's consumer: positions that move with every fetch, seen or not."""

    def __init__(self) -> None:
        self.logs = {tp: Log() for tp in TPS}
        self.position = dict.fromkeys(TPS, 0)
        self.committed: dict[TP, int] = {}
        self.cap = 3
        self.commits_fail = False
        self.cut_in: list[Callable[[], Awaitable[None]]] = []

    async def _await(self) -> None:
        await asyncio.sleep(0)
        if self.cut_in:
            await self.cut_in.pop()()

    def take(self, tp: TP) -> RawBatch | None:
        log = self.logs[tp]
        start = max(self.position[tp], log.begin)  # out of range: reset to the beginning
        offsets = [o for o in log.offsets if o >= start][: self.cap]
        more = any(o > offsets[-1] for o in log.offsets) if offsets else False
        end = offsets[-1] + 1 if more else log.end
        self.position[tp] = end
        return RawBatch(start, end, [record(tp, o) for o in offsets]) if end != start else None

    async def getmany(self, wanted: set[TP], timeout: float) -> dict[TP, RawBatch]:  # noqa: ASYNC109
        await self._await()
        found = {tp: batch for tp in TPS if tp in wanted and (batch := self.take(tp)) is not None}
        await self._await()
        return found

    async def seek_wait(self, offsets: dict[TP, int]) -> None:
        await self._await()
        self.position.update(offsets)
        await self._await()

    async def seek_to_committed(self) -> dict[TP, int | None]:
        await self._await()
        for tp, offset in self.committed.items():
            if offset > 0:
                self.position[tp] = offset
        await self._await()
        return {tp: self.committed.get(tp) for tp in TPS}

    async def earliest_offsets(self, *tps: TP) -> dict[TP, int]:
        await self._await()
        return {tp: self.logs[tp].begin for tp in tps}

    async def commit(self, offsets: dict[TP, int]) -> bool:
        await self._await()
        if not self.commits_fail:
            self.committed.update(offsets)
        return not self.commits_fail

    def assignment(self) -> set[TP]:
        return set(TPS)

    def idle_positions(self) -> dict[TP, int]:
        return dict(self.position)

    def highwater(self, tp: TP) -> int:
        return self.logs[tp].end


def record(tp: TP, offset: int) -> Any:
    return SimpleNamespace(topic=tp.topic, partition=tp.partition, offset=offset, timestamp=0, timestamp_type=0)


class Queue(list[Any]):
    qsize = list.__len__
    force_put_nowait = list.append


class Rig:
    """A consumer without Faust around it, and an agent that acknowledges when told."""

    def __init__(self, channels: int = 1) -> None:
        self.thread = Thread()
        self.queues = [Queue() for _ in range(channels)]
        self.processed: dict[TP, set[int]] = defaultdict(set)
        self.consumer = consumer = BatchConsumer.__new__(BatchConsumer)
        options = EngineSettings("nowhere:1", linger_seconds=0.0)
        counters = Counters()
        engine = SimpleNamespace(
            gate=always_open,
            settings=options,
            counters=counters,
            positions=Positions(counters),
            checkpoint=SimpleNamespace(save=self.save),
        )
        consumer.engine, consumer.settings, consumer.counters = engine, options, counters
        consumer.positions = engine.positions
        consumer._thread = self.thread
        consumer._rest_until, consumer._suspects = {}, {}
        consumer._active_partitions, consumer._paused_partitions = set(TPS), set()
        consumer._committed_offset, consumer._taken = defaultdict(lambda: None), {}
        consumer._read_offset = {}
        consumer._acked, consumer._acked_index = {}, {}
        consumer._unacked_messages, consumer._waiting_for_ack = WeakSet(), None
        consumer.not_waiting_next_records = asyncio.Event()
        consumer.log = SimpleNamespace(
            **{level: logging.getLogger("rig").debug for level in ("dev", "info", "warning", "error")}
        )
        consumer.app = SimpleNamespace(
            consumer_generation_id=1,
            crashed=False,
            consumer=consumer,
            flow_control=SimpleNamespace(is_active=lambda: True),
            tables=SimpleNamespace(_changelogs={}),
            monitor=SimpleNamespace(on_tp_commit=lambda offsets: None),
            topics=SimpleNamespace(
                _tp_index={tp: [SimpleNamespace(queue=queue) for queue in self.queues] for tp in TPS},
                acks_enabled_for=lambda topic: True,
            ),
            create_event=lambda key, value, headers, message: SimpleNamespace(value=value, message=message),
        )

    async def save(self, committable: Any, commit: Any) -> bool:
        offsets = committable()
        return bool(offsets) and await commit(offsets)

    async def drain(self, size: int = 0) -> None:
        await self.consumer._drain_once()

    async def seek(self, size: int = 0) -> None:
        await self.consumer.perform_seek()

    async def commit(self, size: int = 0) -> None:
        await self.consumer._commit_tps(TPS)
        self.check()

    async def fail(self, size: int = 0) -> None:
        self.thread.commits_fail = not self.thread.commits_fail

    async def rebalance(self, size: int = 0) -> None:
        """As Faust does it: stop, one last commit, new generation, positions from the group, seek."""
        consumer = self.consumer
        for queue in self.queues:
            queue.clear()
        await consumer._commit_tps(TPS)
        consumer.positions.forget()
        consumer.app.consumer_generation_id += 1
        for tp in TPS:
            self.thread.position[tp] = self.thread.committed.get(tp, self.thread.logs[tp].begin)
        consumer._committed_offset.clear()
        await consumer.perform_seek()
        self.check()

    async def drop(self, size: int = 0) -> None:
        """Records are taken out of aiokafka and never arrive (a cancelled fetch)."""
        for tp in TPS:
            self.thread.take(tp)

    async def append(self, size: int) -> None:
        for log in self.thread.logs.values():
            log.append(size, 0)

    async def holes(self, size: int) -> None:
        for log in self.thread.logs.values():
            log.append(size % 3, size)

    async def trim(self, size: int) -> None:
        for log in self.thread.logs.values():
            log.trim(log.begin + size)

    async def work(self, size: int = 0) -> None:
        self.finish(0)

    async def work_last(self, size: int = 0) -> None:
        self.finish(-1)

    def finish(self, which: int = 0, queue: int = 0) -> None:
        """The agent finishes one of the batches before it, not necessarily the oldest."""
        waiting = self.queues[queue]
        if waiting:
            event = waiting.pop(which % len(waiting))
            if len(self.queues) == 1:
                self.processed[event.message.tp].update(r.offset for r in event.value)
            event.message.ack(self.consumer)

    def check(self) -> None:
        for tp, offset in self.thread.committed.items():
            lost = {o for o in self.thread.logs[tp].offsets if o < offset} - self.processed[tp]
            assert not lost, f"{tp} committed {offset}, but {sorted(lost)} were never processed"

    async def settle(self) -> None:
        self.thread.cut_in.clear()
        self.thread.commits_fail = False
        for _ in range(200):
            await self.drain()
            while self.queues[0]:
                self.finish()
            await self.commit()
            await self.consumer.look_for_gaps()
            if all(self.thread.committed.get(tp, 0) >= log.end for tp, log in self.thread.logs.items()):
                return
        raise AssertionError(f"never quiet: {self.thread.committed} of {[g.end for g in self.thread.logs.values()]}")


ACTIONS = (
    "drain",
    "drop",
    "work",
    "work_last",
    "commit",
    "fail",
    "seek",
    "rebalance",
    "append",
    "holes",
    "trim",
)
STEP = st.tuples(
    st.sampled_from(ACTIONS),
    st.integers(1, 6),
    st.lists(st.sampled_from(("drain", "drop", "seek", "rebalance", "commit", "work", "append")), max_size=3),
)


def action(rig: Rig, name: str, size: int) -> Callable[[], Awaitable[None]]:
    return partial(getattr(rig, name), size)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEP, min_size=1, max_size=40))
def test_nothing_is_lost_and_everything_is_committed_in_the_end(
    steps: list[tuple[str, int, list[str]]],
) -> None:
    async def run() -> None:
        rig = Rig()
        for log in rig.thread.logs.values():
            log.append(20, 3)
        await rig.consumer.perform_seek()
        for name, size, inside in steps:
            rig.thread.cut_in = [action(rig, within, size) for within in inside]
            await action(rig, name, size)()
            rig.check()
        await rig.settle()
        rig.check()

    asyncio.run(run())


async def test_a_dropped_batch_is_read_again_before_anything_later() -> None:
    rig = Rig()
    rig.thread.logs[TPS[0]].append(9, 0)
    await rig.consumer.perform_seek()
    await rig.drain()
    await rig.drop()
    await rig.drain()  # finds the gap, seeks back
    await rig.drain()
    assert [r.offset for event in rig.queues[0] for r in event.value] == [0, 1, 2, 3, 4, 5]
    assert rig.consumer.counters.reseeks == 1


async def test_a_seek_without_any_commit_returns_to_the_beginning() -> None:
    rig = Rig()
    rig.thread.logs[TPS[0]].append(6, 0)
    await rig.consumer.perform_seek()
    await rig.drain()
    rig.queues[0].clear()
    await rig.consumer.perform_seek()
    await rig.drain()
    assert [r.offset for r in rig.queues[0][0].value] == [0, 1, 2]


async def test_nothing_is_delivered_before_the_first_seek() -> None:
    rig = Rig()
    rig.thread.logs[TPS[0]].append(6, 0)
    await rig.drain()
    assert not rig.queues[0]
    await rig.consumer.perform_seek()
    await rig.drain()
    assert [r.offset for r in rig.queues[0][0].value] == [0, 1, 2]


async def test_what_retention_deleted_is_counted_and_passed_over() -> None:
    rig = Rig()
    log = rig.thread.logs[TPS[0]]
    log.append(10, 0)
    await rig.consumer.perform_seek()
    log.trim(4)
    await rig.settle()
    assert rig.consumer.counters.lost == 4
    assert rig.thread.committed[TPS[0]] == 10


async def test_a_log_that_retention_emptied_is_passed_over_though_nothing_comes() -> None:
    rig = Rig()
    log = rig.thread.logs[TPS[0]]
    log.append(10, 0)
    await rig.consumer.perform_seek()
    await rig.drain()
    log.trim(10)
    await rig.drain()
    rig.thread.position[TPS[0]] = 10  # what aiokafka does with a position that is out of range
    await rig.consumer.look_for_gaps()
    assert rig.consumer.counters.lost == 0, "one look is not enough"
    await rig.settle()
    assert rig.consumer.counters.lost == 7
    assert rig.processed[TPS[0]] == {0, 1, 2}, "what was in flight is done all the same"
    assert rig.thread.committed[TPS[0]] == 10


async def test_records_dropped_at_the_end_of_a_log_are_read_again() -> None:
    rig = Rig()
    rig.thread.logs[TPS[0]].append(3, 0)
    await rig.consumer.perform_seek()
    await rig.drop()
    await rig.settle()
    assert rig.processed[TPS[0]] == {0, 1, 2}


async def test_a_failed_commit_is_made_again() -> None:
    rig = Rig()
    rig.thread.logs[TPS[0]].append(3, 0)
    await rig.consumer.perform_seek()
    await rig.drain()
    rig.finish()
    rig.thread.commits_fail = True
    await rig.commit()
    assert TPS[0] not in rig.thread.committed
    rig.thread.commits_fail = False
    await rig.commit()
    assert rig.thread.committed[TPS[0]] == 3
    assert rig.consumer.counters.failed_commits == 1


async def test_a_batch_is_done_when_both_channels_have_acknowledged_it() -> None:
    rig = Rig(channels=2)
    rig.thread.logs[TPS[0]].append(3, 0)
    await rig.consumer.perform_seek()
    await rig.drain()
    rig.finish(queue=0)
    await rig.consumer._commit_tps(TPS)
    assert TPS[0] not in rig.thread.committed
    rig.finish(queue=1)
    await rig.consumer._commit_tps(TPS)
    assert rig.thread.committed[TPS[0]] == 3


async def test_a_full_queue_holds_back_its_own_partitions_only() -> None:
    rig = Rig()
    for log in rig.thread.logs.values():
        log.append(6, 0)
    full, free = Queue([None] * 16), Queue()
    rig.consumer.app.topics._tp_index = {
        TPS[0]: [SimpleNamespace(queue=full)],
        TPS[1]: [SimpleNamespace(queue=free)],
    }
    await rig.consumer.perform_seek()
    await rig.drain()
    await rig.drain()
    assert len(full) == 16
    assert [r.offset for event in free for r in event.value] == [0, 1, 2, 3, 4, 5]


async def test_a_closed_gate_holds_a_partition_back_without_losing_its_place() -> None:
    rig = Rig()
    for log in rig.thread.logs.values():
        log.append(3, 0)
    await rig.consumer.perform_seek()
    rig.consumer.engine.gate = lambda tps: set(tps) - {TPS[0]}
    await rig.drain()
    assert {event.message.tp for event in rig.queues[0]} == {TPS[1]}
    rig.consumer.engine.gate = always_open
    await rig.drain()
    assert {event.message.tp for event in rig.queues[0]} == set(TPS)


async def test_a_small_batch_makes_its_partition_linger() -> None:
    rig = Rig()
    rig.consumer.settings = EngineSettings("nowhere:1", linger_seconds=60.0)
    rig.thread.logs[TPS[0]].append(6, 0)
    await rig.consumer.perform_seek()
    await rig.drain()
    await rig.drain()
    assert [len(event.value) for event in rig.queues[0]] == [3]
