"""The commit protocol with a scripted producer: its order, and a crash at every point of it."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from faust.types import TP
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from streams.engine.batches import BatchMessage, RawBatch, Track
from streams.engine.checkpoint import Checkpoint
from streams.engine.counters import Counters
from streams.engine.outbox import Outbox, Output, RecordTooLargeError, publish, publish_steps
from streams.engine.pace import Pace
from streams.engine.partition import META_KEY
from streams.engine.rhythm import Rhythm
from streams.engine.settings import EngineSettings
from streams.engine.states import StateCodec
from streams.engine.table import StateTable, UnsavedError
from streams.errors import ConfigurationError

SOURCE, CHANGELOG, OUT = "usage", "app-usage-changelog", "metrics"
TINY, ROOMY = 120, 100_000


class Customer(msgspec.Struct):
    events: int = 0
    last: int = -1


class Ledger(msgspec.Struct):
    read: int = 0


class CrashError(Exception):
    pass


class Batch:
    def __init__(self, limit: int) -> None:
        self.limit, self.used, self.records = limit, 0, []

    def append(self, *, key: Any, value: Any, timestamp: Any, headers: Any) -> object | None:
        size = len(key or b"") + len(value or b"") + 30
        if self.records and self.used + size > self.limit:
            return None
        self.used += size
        self.records.append((key, value))
        return object()

    def record_count(self) -> int:
        return len(self.records)

    def close(self) -> None:
        pass


class Broker:
    """Logs, and a producer that dies after a number of batches; a batch is written whole or not at all."""

    def __init__(self, batch_bytes: int = ROOMY) -> None:
        self.logs: dict[tuple[str, int], list[Any]] = defaultdict(list)
        self.compacted: dict[tuple[str, int], int] = defaultdict(int)
        self.writes: list[tuple[str, list[Any]]] = []
        self.committed: dict[TP, int] = {}
        self.batch_bytes = batch_bytes
        self.dies_after: int | None = None

    def create_batch(self) -> Batch:
        return Batch(self.batch_bytes)

    def step(self) -> None:
        if self.dies_after is not None:
            if self.dies_after == 0:
                raise CrashError
            self.dies_after -= 1

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> Any:
        await asyncio.sleep(0)
        self.step()
        log = self.logs[topic, partition]
        base = len(log)
        log += batch.records
        self.writes.append((topic, batch.records))
        written = asyncio.get_running_loop().create_future()
        written.set_result(SimpleNamespace(offset=base))
        return written

    def changelog(self) -> RawBatch:
        """What a recovery reads: after a compaction only the newest record of each key before some offset."""
        log, until = self.logs[CHANGELOG, 0], self.compacted[CHANGELOG, 0]
        newest = {key: offset for offset, (key, _) in enumerate(log[:until])}
        records = [
            SimpleNamespace(offset=offset, key=key, value=value)
            for offset, (key, value) in enumerate(log)
            if offset >= until or newest[key] == offset
        ]
        return RawBatch(0, len(log), records)

    def compact(self, part: float) -> None:
        until = int(len(self.logs[CHANGELOG, 0]) * part)
        self.compacted[CHANGELOG, 0] = max(until, self.compacted[CHANGELOG, 0])

    async def commit(self, offsets: dict[TP, int]) -> bool:
        self.step()
        self.committed.update(offsets)
        self.writes.append(("commit", list(offsets.values())))
        return True


def render(part: Any, keys: Sequence[str]) -> None:
    for key in keys:
        state = part.get(key)
        part.emit(OUT, key.encode(), b"live %d" % (state.events if state else 0))


class Worker:
    """A process: one table, one agent, what the broker has. Starting one is a recovery.

    Attributes:
        behind: it conflates a backlog.
        informed: it knows what renders depend on.
        settles: the end of a backlog is not yet through it.
    """

    behind = False
    informed = True
    settles = False

    def __init__(self, broker: Broker, room: int = 50_000) -> None:
        self.broker = broker
        self.stale: set[int] = set()
        options = EngineSettings("nowhere:1", producer_batch_bytes=broker.batch_bytes, room_records=room)
        self.counters = Counters()
        self.table: StateTable[Customer, Ledger] = StateTable.__new__(StateTable)
        self.written: dict[tuple[str, int], int] = {}
        self.checkpoint = Checkpoint(
            options,
            self.counters,
            lambda steps: publish_steps(broker, steps, options.producer_request_bytes),
            lambda: [self.table],
            self._wrote,
            Pace().turn,
            lambda: self.behind,
            lambda: self.informed,
        )
        self.checkpoint.settling = lambda: self.settles
        self.table.name = "usage"
        self.table.app = SimpleNamespace(
            engine=SimpleNamespace(
                settings=options,
                checkpoint=self.checkpoint,
                counters=self.counters,
                pace=Pace(),
                rhythm=Rhythm(options, self.counters),
                is_current=lambda message: id(message) not in self.stale,
            )
        )
        self.table._changelog_topic = SimpleNamespace(get_topic_name=lambda: CHANGELOG)
        self.table.configure(SOURCE, StateCodec(Customer, Ledger), render, last=True)
        self.table.load(0, broker.changelog())
        self.part = self.table.partition(0)
        self.part.recovered()
        self.checkpoint.joined()

    def _wrote(self, topic: str, partition: int, offset: int) -> None:
        self.written[topic, partition] = offset

    def process(self, records: list[Any], event: Any = None) -> None:
        with self.table.batch(event or event_of(records), records) as (part, fresh):
            for record in fresh:
                step(part, record)

    async def commit(self, offset: int) -> bool:
        return await self.checkpoint.save(lambda: {TP(SOURCE, 0): offset}, self.broker.commit)


def step(part: Any, record: Any) -> None:
    part.offset = record.offset
    part.meta.read += 1
    key = record.key.decode()
    if part.ahead(key, record.offset):
        return
    state = part.get(key) or Customer()
    state.events += 1
    state.last = record.offset
    if state.events % 7 == 0:
        part.delete(key)
    else:
        part.put(key, state)
        part.publish(key)
    part.emit(OUT, record.key, b"event %d is %d" % (record.offset, state.events))


def source(keys: list[int]) -> list[Any]:
    return [SimpleNamespace(key=b"c%d" % key, offset=offset) for offset, key in enumerate(keys)]


def event_of(records: list[Any]) -> Any:
    message = BatchMessage(SOURCE, 0, records[0].offset, 0.0, 0, None, None, None, None, 0, 0, TP(SOURCE, 0))
    message.track, message.reached, message.refcount = Track(), 0, 1
    return SimpleNamespace(value=records, message=message)


def state_of(worker: Worker) -> dict[str, Customer | None]:
    keys = worker.part.keys()
    return {key: worker.part.get(key) for key in keys}


def shown(broker: Broker) -> dict[str, int]:
    """What was rendered last of each customer."""
    live = [(key, value) for key, value in broker.logs[OUT, 0] if value.startswith(b"live")]
    return {key.decode(): int(value.split()[1]) for key, value in live}


def is_shown(broker: Broker, worker: Worker) -> bool:
    """Whether the last that was rendered of every customer is its state; one that was deleted may not be rendered."""
    last = shown(broker)
    customers = {key: state for key, state in state_of(worker).items() if key.startswith("c") and state is not None}
    return all(last[key] == state.events for key, state in customers.items())


def emitted(broker: Broker) -> set[Any]:
    return {(key, value) for key, value in broker.logs[OUT, 0] if value.startswith(b"event")}


async def undisturbed(keys: list[int]) -> tuple[dict[str, Customer | None], int, set[Any]]:
    broker = Broker()
    worker = Worker(broker)
    if keys:
        worker.process(source(keys))
        await worker.commit(len(keys))
    return state_of(worker), worker.part.meta.read, emitted(broker)


CRASH = st.tuples(st.integers(1, 12), st.integers(0, 9), st.floats(0, 1))


@pytest.fixture(params=[200, 2])
def in_slices(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """So many keys are rendered in one go; when few are, as many outputs make a portion."""
    size: int = request.param
    monkeypatch.setattr("streams.engine.rendering._SLICE", size)
    return size


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.integers(0, 5), max_size=60),
    st.lists(CRASH, max_size=25),
    st.sampled_from((TINY, ROOMY)),
    st.booleans(),
    st.sets(st.integers(0, 25)),
    st.sets(st.integers(0, 25)),
)
@example(  # of a key without a complete version two wait, and a flush in between completed the older one
    [1, 3, 4, 0, 0, 0, 1, 2, 3, 0, 0],
    [(1, 2, 0.0), (3, 7, 1.0), (9, 8, 0.0), (8, 4, 0.0), (1, 0, 1.0), (3, 5, 0.0), (2, 3, 0.0)],
    TINY,
    True,
    set(),
    set(),
)
@example([0, 0], [(1, 9, 0.0), (1, 0, 0.0)], ROOMY, False, {0}, set())  # of its first commit nobody has seen anything
@example([0, 0], [(1, 9, 0.0), (1, 0, 0.0)], ROOMY, False, set(), {0})  # nor of one while a backlog settles
@example([1, 2], [(2, 2, 0.0)], TINY, False, {0}, set())  # nor of a key of a torn flush, which a replay passes over
@example(
    [0, 0, 1, 0], [(4, 5, 0.0), (1, 2, 0.75), (3, 3, 1.0)], TINY, True, set(), set()
)  # compaction took the further one away
def test_a_crash_at_any_point_changes_neither_state_nor_outputs(
    in_slices: int,
    keys: list[int],
    crashes: list[tuple[int, int, float]],
    batch_bytes: int,
    compacts: bool,
    behind: set[int],
    settling: set[int],
) -> None:
    """`crashes`: records until the next commit, after how many writes of it the process dies, and which part of
    the changelog is compacted then; `behind`: the commits of a worker that is late; `settling`: of one that was, with
    a publication before each."""

    async def run() -> None:
        room = ROOMY if in_slices == 200 else 2
        broker = Broker(batch_bytes)
        worker = Worker(broker, room)
        plan = [*crashes, (len(keys) + 1, None, 0.0)]
        for number, (size, dies_after, compacted) in enumerate(plan):
            worker.behind, worker.settles = number in behind, number in settling
            position = broker.committed.get(TP(SOURCE, 0), 0)
            records = source(keys)[position : position + size]
            if not records:
                continue
            worker.process(records[: len(records) // 2] or records)
            worker.process(records)
            broker.dies_after = dies_after
            try:
                if worker.settles:
                    await worker.checkpoint.publish_outputs()
                await worker.commit(position + len(records))
            except CrashError:
                broker.dies_after = None
                if compacts:
                    broker.compact(compacted)
                worker = Worker(broker, room)
        expected_state, expected_read, expected_outputs = await undisturbed(keys)
        broker.dies_after = None
        worker.settles = False
        await worker.checkpoint.publish_outputs()  # as the engine does of itself when something is marked
        assert is_shown(broker, worker)
        survivor = Worker(broker)
        assert state_of(survivor) == state_of(worker) == expected_state
        assert survivor.part.meta.read == worker.part.meta.read == expected_read
        assert emitted(broker) == expected_outputs

    asyncio.run(run())


def test_a_table_says_how_far_it_is_in_a_batch_unless_another_agent_reads_it_too() -> None:
    worker = Worker(Broker())
    event = event_of(source([1, 2, 3, 4]))
    worker.process(event.value[:2], event)
    assert event.message.reached == 2
    event.message.refcount = 2
    worker.process(event.value, event)
    assert event.message.reached == 2
    assert worker.part.applied == 3


async def test_outputs_come_before_keys_and_keys_before_meta_and_all_before_the_commit() -> None:
    broker = Broker(TINY)
    worker = Worker(broker)
    worker.process(source([1, 2, 3, 4, 5, 6, 7, 8]))
    await worker.commit(8)
    topics = [topic for topic, _ in broker.writes]
    assert topics == sorted(topics, key=[OUT, CHANGELOG, "commit"].index)
    state_writes = [key for topic, records in broker.writes if topic == CHANGELOG for key, _ in records]
    assert state_writes[-1] == META_KEY
    assert Counter(state_writes)[META_KEY] == 1


async def test_a_small_flush_is_one_record_batch_with_its_meta() -> None:
    broker = Broker()
    worker = Worker(broker)
    worker.process(source([1, 2, 3]))
    await worker.commit(3)
    flushed = [records for topic, records in broker.writes if topic == CHANGELOG]
    assert [[key for key, _ in records] for records in flushed] == [[b"c1", b"c2", b"c3", META_KEY]]
    assert worker.written == {(CHANGELOG, 0): 3}


async def test_a_late_commit_renders_nothing_that_has_a_state_and_its_successor_knows_it() -> None:
    broker = Broker()
    worker = Worker(broker)
    worker.process(source([1, 2]))
    worker.part.publish("nobody")
    worker.behind = True
    await worker.commit(2)
    assert shown(broker) == {"nobody": 0}
    assert worker.checkpoint.published_at == 0.0
    heir = Worker(broker)
    assert (heir.part.marks, state_of(heir)) == (2, state_of(worker))
    await heir.checkpoint.publish_outputs()
    assert shown(broker) == {"nobody": 0, "c1": 1, "c2": 1}
    await heir.commit(2)
    assert Worker(broker).part.marks == 0
    written = len(broker.logs[CHANGELOG, 0])
    await heir.commit(2)
    assert len(broker.logs[CHANGELOG, 0]) == written


async def test_marks_alone_are_saved_too() -> None:
    broker = Broker()
    worker = Worker(broker)
    worker.process(source([1, 2]))
    await worker.commit(2)
    worker.part.publish("c1")
    worker.behind = True
    await worker.commit(2)
    assert Worker(broker).part.marks == 2


async def test_the_last_commit_of_a_membership_leaves_nothing_however_late() -> None:
    broker = Broker()
    worker = Worker(broker)
    worker.process(source([1, 2]))
    worker.behind = True
    worker.checkpoint.leaving()
    await worker.commit(2)
    assert (shown(broker), Worker(broker).part.marks) == ({"c1": 1, "c2": 1}, 0)


async def test_while_a_backlog_settles_a_table_that_comes_last_sends_what_is_ordered_alone() -> None:
    broker = Broker()
    worker = Worker(broker)
    worker.settles = True
    worker.process(source([1, 2]))
    worker.checkpoint.wanted.clear()
    await worker.checkpoint.publish_outputs()
    assert (shown(broker), len(emitted(broker)), worker.part.marks) == ({}, 2, 2)
    assert worker.checkpoint.wanted.is_set()  # somebody must ask again
    assert await worker.commit(2)
    assert (shown(broker), Worker(broker).part.marks) == ({}, 2)
    worker.settles = False
    await worker.checkpoint.publish_outputs()
    assert shown(broker) == {"c1": 1, "c2": 1}
    assert not await worker.checkpoint.save(dict, broker.commit)
    assert Worker(broker).part.marks == 0


async def test_while_a_backlog_settles_other_tables_are_published_as_ever() -> None:
    broker = Broker()
    worker = Worker(broker)
    worker.table.last, worker.settles = False, True
    worker.process(source([1, 2]))
    await worker.checkpoint.publish_outputs()
    assert shown(broker) == {"c1": 1, "c2": 1}
    assert worker.checkpoint.sent == {(OUT, 0): 3}
    worker.part.emit("elsewhere", None, b"")
    await worker.checkpoint.publish_outputs()
    assert worker.checkpoint.sent == {(OUT, 0): 3, ("elsewhere", 0): 0}


async def test_while_a_backlog_settles_a_table_that_comes_last_renders_nothing_however_much_is_marked() -> None:
    worker = Worker(Broker())
    worker.settles = True
    worker.process(source(list(range(1_000))))
    await worker.checkpoint.publish_outputs()
    assert (shown(worker.broker), worker.part.marks, worker.part.outputs) == ({}, 1_000, [])


async def test_a_round_begun_while_a_backlog_settles_and_through_behind_its_end_asks_for_what_it_left_out() -> None:
    worker, other = Worker(Broker()), Worker(Broker())
    checkpoint = worker.checkpoint
    worker.table.last, worker.settles = False, True
    other.process(source([1]))
    worker.process(source(list(range(1_000))))
    checkpoint.rendering._tables = lambda: [worker.table, other.table]
    checkpoint.rendering.room_records = 300

    async def turn() -> None:
        worker.settles = False

    checkpoint.rendering.turn = turn
    checkpoint.wanted.clear()
    checkpoint.published_at = -1.0
    await checkpoint.publish_outputs()
    assert (other.part.marks, checkpoint.rendering.leaves_last, checkpoint.wanted.is_set()) == (1, True, True)
    assert checkpoint.published_at == -1.0  # not of everything that waited
    await checkpoint.publish_outputs()
    assert (other.part.marks, checkpoint.rendering.leaves_last) == (0, False)
    assert checkpoint.published_at > 0.0


async def test_the_last_commit_of_a_membership_leaves_nothing_while_a_backlog_settles() -> None:
    broker = Broker()
    worker = Worker(broker)
    worker.settles = True
    worker.process(source([1, 2]))
    await worker.checkpoint.publish_outputs()
    worker.checkpoint.leaving()
    await worker.commit(2)
    assert (shown(broker), Worker(broker).part.marks) == ({"c1": 1, "c2": 1}, 0)


async def test_a_late_publication_takes_what_was_marked_when_it_began() -> None:
    broker = Broker()
    worker = Worker(broker)
    worker.process(source(list(range(300))))
    worker.behind = True

    async def turn() -> None:
        worker.part.publish("c1")

    worker.checkpoint.rendering.turn = turn
    await worker.checkpoint.publish_outputs()
    assert shown(broker) == {f"c{key}": 1 for key in range(300)}
    assert (worker.part.marks, worker.part.outputs) == (1, [])


async def test_what_a_late_commit_left_marked_is_known_to_be_out_though_nothing_more_is_to_be_committed() -> None:
    broker = Broker()
    worker = Worker(broker)
    worker.process(source([1, 2]))
    worker.behind = True
    await worker.commit(2)
    worker.behind = False
    assert not await worker.checkpoint.save(dict, broker.commit)
    assert (shown(broker), Worker(broker).part.marks) == ({"c1": 1, "c2": 1}, 0)
    written = len(broker.writes)
    assert not await worker.checkpoint.save(dict, broker.commit)
    assert len(broker.writes) == written


async def test_the_last_commit_of_a_membership_leaves_what_it_has_no_time_for() -> None:
    broker = Broker()
    worker = Worker(broker)
    worker.process(source(list(range(1_000))))
    worker.checkpoint.leaving(0.0)
    assert await worker.commit(1_000)
    assert len(shown(broker)) == 200  # those of one slice: the time is looked at behind it
    worker.checkpoint.left()
    heir = Worker(broker)
    assert (heir.part.marks, heir.part.meta.read) == (1_000, 1_000)
    await heir.checkpoint.publish_outputs()
    assert len(shown(broker)) == 1_000
    worker.checkpoint.joined()
    await worker.commit(1_000)
    assert (worker.part.has_outputs, Worker(broker).part.marks) == (False, 0)  # it has all the time there is again


async def test_nothing_marked_is_rendered_by_who_is_not_informed_and_nobody_waits() -> None:
    """A worker that began with all its customers marked scored them with the model it was born with."""
    broker = Broker()
    worker = Worker(broker)
    worker.informed = False
    worker.process(source([1, 2]))
    await worker.checkpoint.publish_outputs()
    assert await worker.commit(2)
    worker.process(source([1, 2, 3]))
    worker.checkpoint.leaving()
    assert await worker.commit(3)
    assert (shown(broker), len(emitted(broker)), Worker(broker).part.marks) == ({}, 3, 3)
    worker.checkpoint.joined()
    worker.informed = True
    await worker.checkpoint.publish_outputs()
    assert shown(broker) == {"c1": 1, "c2": 1, "c3": 1}


async def test_a_publication_of_very_many_goes_out_in_portions_and_commits_come_in_between() -> None:
    broker = Broker()
    worker = Worker(broker)
    worker.process(source(list(range(1_500))))
    worker.part.outputs.clear()
    worker.checkpoint.rendering.room_records = 300
    most = 0

    async def turn() -> None:
        nonlocal most
        most = max(most, len(worker.part.outputs))
        worker.part.publish("c1")  # a later publication's
        await asyncio.sleep(0)

    worker.checkpoint.rendering.turn = turn
    worker.behind = True
    publication = asyncio.create_task(worker.checkpoint.publish_outputs())
    await asyncio.sleep(0)
    worker.behind = False  # or a commit would leave the marks in any case
    assert await worker.commit(1_500)
    assert (most, len(shown(broker)), publication.done()) == (400, 400, False)
    assert Worker(broker).part.marks == 1_500
    await publication
    assert (most, len(shown(broker)), worker.checkpoint.published_at > 0.0) == (400, 1_500, True)
    assert all(len(records) <= 500 for topic, records in broker.writes if topic == OUT)


async def test_a_commit_of_very_many_writes_outputs_in_portions_and_all_before_the_state() -> None:
    broker = Broker()
    worker = Worker(broker)
    worker.process(source(list(range(1_000))))
    worker.part.outputs.clear()
    worker.checkpoint.rendering.room_records = 300
    assert await worker.commit(1_000)
    assert [topic for topic, _ in broker.writes] == [OUT, OUT, OUT, CHANGELOG, "commit"]
    assert [len(records) for topic, records in broker.writes if topic == OUT] == [400, 400, 200]
    assert (len(shown(broker)), Worker(broker).part.marks) == (1_000, 0)


async def test_an_unchanged_partition_writes_nothing() -> None:
    broker = Broker()
    worker = Worker(broker)
    worker.process(source([1]))
    await worker.commit(1)
    before = len(broker.writes)
    await worker.commit(1)
    assert [topic for topic, _ in broker.writes[before:]] == ["commit"]


async def test_nothing_is_committed_when_the_flush_fails_nor_ever_after() -> None:
    broker = Broker()
    worker = Worker(broker)
    worker.process(source([1]))
    broker.dies_after = 1
    with pytest.raises(CrashError):
        await worker.commit(1)
    broker.dies_after = None
    with pytest.raises(UnsavedError):
        await worker.commit(1)
    with pytest.raises(UnsavedError):
        await worker.checkpoint.publish_outputs()
    assert broker.committed == {}


async def test_a_cancelled_commit_goes_on_and_the_next_one_waits_for_it() -> None:
    broker = Broker()
    worker = Worker(broker)
    worker.process(source([1, 2]))
    task = asyncio.create_task(worker.commit(2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await worker.commit(2)
    assert [topic for topic, _ in broker.writes] == [OUT, CHANGELOG, "commit", "commit"]


async def test_a_batch_that_raised_is_never_saved() -> None:
    broker = Broker()
    worker = Worker(broker)
    records = source([1, 2])
    records[1].key = None
    with pytest.raises(AttributeError):
        worker.process(records)
    with pytest.raises(UnsavedError, match="half changed") as raised:
        await worker.commit(1)
    assert isinstance(raised.value.__cause__, AttributeError)
    assert broker.writes == []


async def test_a_commit_during_a_batch_is_refused() -> None:
    worker = Worker(Broker())
    with worker.table.batch(event_of(source([1]))), pytest.raises(ConfigurationError, match="must not"):
        worker.checkpoint.snapshot()


async def test_conflated_outputs_go_out_once_per_publication_after_the_ordered_ones() -> None:
    broker = Broker()
    worker = Worker(broker)
    worker.process(source([1, 1, 1]))
    await worker.checkpoint.publish_outputs()
    values = [value for _, value in broker.logs[OUT, 0]]
    assert values == [b"event 0 is 1", b"event 1 is 2", b"event 2 is 3", b"live 3"]
    await worker.checkpoint.publish_outputs()
    assert len(broker.logs[OUT, 0]) == 4
    assert broker.logs[CHANGELOG, 0] == []


async def test_a_slice_leaves_the_applied_offset_right() -> None:
    worker = Worker(Broker())
    records = source([1, 2, 3, 4, 5])
    event = event_of(records)
    worker.process(records[:2], event)
    assert worker.part.applied == 1
    worker.process(records[2:], event)
    assert (worker.part.applied, worker.part.meta.read) == (4, 5)


async def test_a_batch_of_a_partition_that_went_away_gives_no_records() -> None:
    worker = Worker(Broker())
    records = source([1, 2])
    event = event_of(records)
    worker.stale.add(id(event.message))
    worker.process(records, event)
    assert (worker.part.applied, worker.part.meta.read) == (-1, 0)


async def test_a_table_refuses_the_batches_of_another_topic() -> None:
    worker = Worker(Broker())
    event = event_of(source([1]))
    event.message.topic = "billing"
    with pytest.raises(ConfigurationError, match="fed by usage"), worker.table.batch(event):
        pass


async def test_a_table_refuses_a_partition_it_does_not_own() -> None:
    worker = Worker(Broker())
    worker.part.live = False
    with pytest.raises(ConfigurationError, match="same number of partitions"):
        worker.process(source([1]))


async def test_room_publishes_when_too_much_is_waiting() -> None:
    broker = Broker()
    worker = Worker(broker)
    worker.table.room_records = 3
    worker.process(source([1, 2]))
    await worker.table.room()
    assert broker.writes == []
    worker.process(source([1, 2, 3]))
    await worker.table.room()
    assert worker.table.outputs_waiting == 0
    assert len(broker.logs[OUT, 0]) == 3  # those emitted; what is to be rendered goes on being conflated
    await worker.checkpoint.publish_outputs()
    assert len(broker.logs[OUT, 0]) == 6


async def test_who_makes_room_does_not_take_the_place_of_who_publishes() -> None:
    broker = Broker()
    worker = Worker(broker)
    worker.process(source([1, 2]))
    busy = asyncio.create_task(worker.checkpoint.publish_outputs(marked=False))
    wanted = asyncio.create_task(worker.checkpoint.publish_outputs())
    await asyncio.gather(busy, wanted)
    assert not worker.part.has_outputs


async def test_a_commit_is_a_publication_too_and_making_room_is_none() -> None:
    worker = Worker(Broker())
    worker.process(source([1, 2]))
    await worker.checkpoint.publish_outputs(marked=False)
    assert worker.checkpoint.published_at == 0.0
    await worker.commit(2)
    assert (saved := worker.checkpoint.published_at) > 0.0
    await worker.checkpoint.publish_outputs()
    assert worker.checkpoint.published_at > saved


@pytest.mark.parametrize("save", [False, True])
async def test_others_have_their_turn_while_many_are_rendered(save: bool) -> None:
    broker = Broker()
    worker = Worker(broker)
    worker.process(source(list(range(1_000))))
    turns = 0

    async def turn() -> None:
        nonlocal turns
        turns += 1
        worker.part.publish("c1")  # rendered before the first turn, so it is again

    worker.checkpoint.rendering.turn = turn
    await (worker.commit(999) if save else worker.checkpoint.publish_outputs())
    live = Counter(key for key, value in broker.logs[OUT, 0] if value.startswith(b"live"))
    assert turns == 4
    assert live == Counter({b"c%d" % key: 1 for key in range(1_000)} | {b"c1": 2})
    assert not worker.part.has_outputs


async def test_however_many_ask_one_publication_at_most_waits() -> None:
    broker = Broker()
    worker = Worker(broker)
    worker.process(source([1, 2]))
    writes: list[list[list[Output]]] = []
    send = worker.checkpoint._send

    async def count(steps: list[list[Output]]) -> Any:
        writes.append(steps)
        return await send(steps)

    worker.checkpoint._send = count
    first = asyncio.create_task(worker.checkpoint.publish_outputs())
    while not writes:
        await asyncio.sleep(0)
    worker.process(source([1, 2, 3]))
    await asyncio.gather(first, *(worker.checkpoint.publish_outputs() for _ in range(5)))
    assert len(writes) == 2
    assert worker.table.outputs_waiting == 0
    assert worker.counters.outputs == len(broker.logs[OUT, 0])


async def test_runs_cover_the_batch_in_order_and_their_length_follows_the_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr("streams.engine.table.monotonic", lambda: now)
    worker = Worker(Broker())
    event = event_of(source([1] * 500))
    lengths, offsets = [], []
    async for run in worker.table.runs(event):
        lengths.append(len(run))
        offsets += [record.offset for record in run]
        now += len(run) * (0.0001 if len(offsets) < 250 else 0.0038)
    assert offsets == list(range(500))
    assert lengths == [16, 32, 64, 128, 200, *[5] * 12]


async def test_runs_are_longer_while_the_worker_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("streams.engine.table.monotonic", lambda: now)
    worker = Worker(Broker())
    lengths = []
    async for run in worker.table.runs(event_of(source([1] * 500))):
        lengths.append(len(run))
        now += len(run) * 0.0009
        worker.counters.backlog_seconds = 60.0 if sum(lengths) >= 56 else 0.0
    assert lengths == [16, 22, 22, 44, 55, 55, 55, 55, 55, 55, 55, 11]


async def test_a_run_is_at_most_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.engine.table.monotonic", lambda: 0.0)
    lengths = [len(run) async for run in Worker(Broker()).table.runs(event_of(source([1] * 40_000)))]
    assert max(lengths) == EngineSettings("nowhere:1").batch_records


async def test_an_outbox_is_published_with_the_commit() -> None:
    broker = Broker()
    worker = Worker(broker)
    box = Outbox(2, worker.checkpoint.publish_outputs, worker.checkpoint.wanted, Pace().turn)
    worker.checkpoint.outboxes.append(box)
    box.emit(Output("dead-letters", 0, b"k", b"v"))
    await box.room()
    assert len(box) == 1
    await worker.commit(1)
    assert broker.logs["dead-letters", 0] == [(b"k", b"v")]
    box.emit(Output("dead-letters", 0, b"k", b"1"))
    box.emit(Output("dead-letters", 0, b"k", b"2"))
    await box.room()
    assert len(box) == 0


async def test_order_is_kept_per_partition_and_a_large_record_goes_alone() -> None:
    broker = Broker(TINY)
    outputs = [Output(OUT, n % 2, b"k", b"x" * (500 if n == 4 else 10) + b"%d" % n) for n in range(12)]
    last = await publish(broker, outputs, max_request_bytes=1000)
    for partition in (0, 1):
        expected = [(o.key, o.value) for o in outputs if o.partition == partition]
        assert broker.logs[OUT, partition] == expected
        assert last[OUT, partition] == 5


async def test_a_record_that_no_request_can_carry_is_refused_before_anything_is_sent() -> None:
    broker = Broker()
    with pytest.raises(RecordTooLargeError, match="1264 bytes, the largest request 1000"):
        await publish(broker, [Output(OUT, 0, None, b"a"), Output(OUT, 0, None, b"x" * 1200)], 1000)
    assert broker.writes == []


# ------------------------------------------------------------------------------------------------------ memberships


def gated(worker: Worker) -> list[asyncio.Event]:
    """Lets no write through before its event is set; they come in the order of the writes."""
    gates: list[asyncio.Event] = []
    send = worker.checkpoint._send

    async def wait(steps: Any) -> Any:
        gates.append(asyncio.Event())
        await gates[-1].wait()
        return await send(steps)

    worker.checkpoint._send = wait
    return gates


async def turns(number: int = 20) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def test_what_is_asked_to_be_published_between_two_memberships_waits_and_nobody_spins() -> None:
    broker = Broker()
    worker = Worker(broker)
    worker.process(source([1, 2]))
    worker.checkpoint.leaving()
    begin, begun = worker.checkpoint._begin, []
    worker.checkpoint._begin = lambda work: begun.append(work) or begin(work)  # type: ignore[method-assign,func-returns-value]
    asked = [asyncio.create_task(worker.checkpoint.publish_outputs()) for _ in range(3)]
    await turns()
    worker.checkpoint.left()
    await turns()
    assert (broker.writes, worker.checkpoint.under_way, begun) == ([], False, [])
    worker.checkpoint.joined()
    await asyncio.gather(*asked)
    assert len(broker.logs[OUT, 0]) == 4


async def test_a_publication_that_waits_for_its_turn_when_the_membership_ends_comes_after_the_next_one_began() -> None:
    """It was made behind the last save, on a membership that had ended."""
    broker = Broker()
    worker = Worker(broker)
    gates = gated(worker)
    worker.process(source([1, 2]))
    saving = asyncio.create_task(worker.commit(2))
    await turns()
    worker.process(source([1, 2, 3]))
    asked = asyncio.create_task(worker.checkpoint.publish_outputs())
    await turns()
    worker.checkpoint.leaving()
    assert worker.checkpoint.under_way
    gates[0].set()
    await saving
    await turns()
    assert (len(gates), worker.checkpoint.under_way, asked.done()) == (1, False, False)
    worker.checkpoint.left()
    await turns()
    assert (len(gates), asked.done()) == (1, False)
    worker.table.drop_partition(0)  # it is another's now
    worker.checkpoint.joined()
    await asked
    assert (len(gates), len(broker.logs[OUT, 0])) == (1, 4)


async def test_one_save_is_made_while_a_membership_ends_and_none_behind_it() -> None:
    broker = Broker()
    worker = Worker(broker)
    gates = gated(worker)
    worker.process(source([1, 2]))
    running = asyncio.create_task(worker.commit(2))
    await turns()
    worker.process(source([1, 2, 3]))
    worker.checkpoint.leaving()
    saves = [asyncio.create_task(worker.commit(3)) for _ in range(2)]
    await turns()
    gates[0].set()
    await turns()
    worker.process(source([1, 2, 3, 4]))
    gates[1].set()
    assert await asyncio.gather(running, *saves) == [True, True, False]
    assert not worker.checkpoint.under_way
    worker.checkpoint.left()
    assert not await worker.commit(4)
    assert broker.committed == {TP(SOURCE, 0): 3}
    worker.checkpoint.joined()
    gates.clear()
    last = asyncio.create_task(worker.commit(4))
    await turns()
    gates[0].set()
    assert await last


async def test_a_membership_that_ends_while_much_is_rendered_takes_nothing_out() -> None:
    broker = Broker()
    worker = Worker(broker)
    worker.process(source(list(range(1_000))))
    go_on = asyncio.Event()
    worker.checkpoint.rendering.turn = go_on.wait  # type: ignore[assignment]
    asked = asyncio.create_task(worker.checkpoint.publish_outputs())
    await turns()
    worker.checkpoint.leaving()
    worker.checkpoint.left()
    go_on.set()
    await turns(100)
    assert broker.writes == []
    assert worker.part.has_outputs
    worker.checkpoint.joined()
    await asked
    assert not worker.part.has_outputs
    live = Counter(key for key, value in broker.logs[OUT, 0] if value.startswith(b"live"))
    assert live == Counter({b"c%d" % key: 1 for key in range(1_000)})


async def test_pieces_of_work_are_saved_without_a_commit_but_not_of_a_membership_that_ended() -> None:
    broker = Broker()
    worker = Worker(broker)
    event = event_of(source([1, 2]))
    worker.process(event.value, event)
    await worker.commit(2)
    assert worker.counters.last_commit_at_monotonic is None  # the consumer's, when the offsets are committed

    def piece(events: int) -> None:
        with worker.table.piece(event) as part:
            assert part is not None
            part.put("c9", Customer(events))

    piece(1)
    assert not await worker.checkpoint.save(dict, broker.commit)
    assert worker.counters.last_commit_at_monotonic is not None
    assert (worker.counters.pieces, event.message.track.pieces, event.message.track.applied) == (1, 1, 2)
    assert state_of(Worker(broker)) == state_of(worker)
    written = len(broker.writes)
    assert not await worker.checkpoint.save(dict, broker.commit)
    piece(2)
    worker.checkpoint.leaving()
    worker.checkpoint.left()
    assert not await worker.checkpoint.save(dict, broker.commit)
    worker.checkpoint.joined()
    assert not await worker.checkpoint.save(dict, broker.commit)
    assert len(broker.writes) == written


async def test_what_waits_in_an_outbox_when_a_membership_begins_is_read_again() -> None:
    broker = Broker()
    worker = Worker(broker)
    box = Outbox(1, worker.checkpoint.publish_outputs, worker.checkpoint.wanted, Pace().turn)
    worker.checkpoint.outboxes.append(box)
    worker.checkpoint.leaving()
    box.emit(Output("dead-letters", 0, b"k", b"v"))
    agent = asyncio.create_task(box.room())
    await turns()
    worker.checkpoint.left()
    worker.checkpoint.joined()
    await agent
    assert broker.writes == []


async def test_who_waits_for_a_membership_can_be_cancelled() -> None:
    worker = Worker(Broker())
    worker.process(source([1, 2]))
    worker.table.room_records = 1
    worker.checkpoint.leaving()
    agent = asyncio.create_task(worker.table.room())
    await turns()
    agent.cancel()
    with pytest.raises(asyncio.CancelledError):
        await agent
    assert worker.checkpoint._tasks == set()


async def test_a_piece_that_changes_the_meta_alone_is_saved() -> None:
    broker = Broker()
    worker = Worker(broker)
    event = event_of(source([1, 2]))
    worker.process(event.value, event)
    await worker.commit(2)
    for day in (100, 101):
        with worker.table.piece(event) as part:
            assert part is not None
            part.meta.read = day
        assert not await worker.checkpoint.save(dict, broker.commit)
        assert Worker(broker).part.meta.read == day
    records = len(broker.logs["app-usage-changelog", 0])
    assert not await worker.checkpoint.save(dict, broker.commit)
    assert len(broker.logs["app-usage-changelog", 0]) == records
