"""Taking records out of aiokafka's fetcher: I1, one cap per partition, and what its unpacking guards."""

import gc
import struct
import weakref
from contextlib import nullcontext
from operator import index
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.consumer.fetcher import READ_COMMITTED, FetchError, FetchResult, PartitionRecords
from aiokafka.consumer.subscription_state import TopicPartitionState
from aiokafka.errors import CorruptRecordException, KafkaError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition
from faust.types import TP

from streams.engine.app import engine_app
from streams.engine.fetching import BatchThread, Hold, _drain
from streams.engine.gate import SkewGate
from streams.engine.settings import EngineSettings
from streams.engine.unpacking import Record

HERE = TP("usage", 0)


class Fetcher:
    """A fetcher with its subscription, filled by hand."""

    def __init__(self) -> None:
        self._records: dict[TopicPartition, Any] = {}
        self.states: dict[TopicPartition, TopicPartitionState] = {}
        self.notified = 0
        self._wait_consume_future = None
        self._closed = False
        self.assignment = SimpleNamespace(active=True, state_value=self.states.get)
        self._subscriptions = SimpleNamespace(
            subscription=SimpleNamespace(assignment=self.assignment), is_assigned=self.states.__contains__
        )

    def put(self, partition: int, offsets: list[int], start: int, end: int, position: int | None = None) -> None:
        raw = record_batch(*((offset, None, None) for offset in offsets), span=(start, end))
        self.put_records(partition, fetched(raw, start=start), start if position is None else position)

    def put_records(self, partition: int, records: Any, position: int) -> None:
        tp = TopicPartition("usage", partition)
        state = TopicPartitionState(self.assignment)
        state.reset_to(position)
        self.states[tp] = state
        self._records[tp] = FetchResult(tp, assignment=self.assignment, partition_records=records, backoff=0)

    def _notify(self, future: Any) -> None:
        self.notified += 1

    def drain(self, *partitions: int, cap: int = 100) -> dict[int, tuple[int, int, list[int]]]:
        drained = _drain(self, {TP("usage", number) for number in partitions}, lambda _: cap)
        return {
            tp.partition: (batch.start, batch.end, [r.offset for r in batch.records]) for tp, batch in drained.items()
        }


@pytest.fixture
async def fetcher() -> Fetcher:
    return Fetcher()


async def test_a_batch_knows_where_it_starts_and_ends_holes_included(fetcher: Fetcher) -> None:
    fetcher.put(0, [12, 13, 17], start=10, end=20)
    assert fetcher.drain(0) == {0: (10, 20, [12, 13, 17])}
    assert fetcher._records == {}
    assert fetcher.notified == 1


async def test_a_batch_of_holes_only_still_moves_the_position(fetcher: Fetcher) -> None:
    fetcher.put(0, [], start=10, end=20)
    assert fetcher.drain(0) == {0: (10, 20, [])}


async def test_each_partition_has_its_own_cap_and_the_rest_stays(fetcher: Fetcher) -> None:
    fetcher.put(0, list(range(5)), start=0, end=5)
    fetcher.put(1, list(range(5)), start=0, end=5)
    assert fetcher.drain(0, 1, cap=3) == {0: (0, 3, [0, 1, 2]), 1: (0, 3, [0, 1, 2])}
    assert fetcher.drain(0, 1, cap=3) == {0: (3, 5, [3, 4]), 1: (3, 5, [3, 4])}


async def test_a_batch_is_no_larger_than_the_gate_allows(fetcher: Fetcher) -> None:
    gate = SkewGate(["usage", "billing"], 7 * 86_400_000)
    gate.assigned([HERE])
    fetcher._subscriptions.fetch_context, fetcher._subscriptions.reassignment_in_progress = nullcontext, False
    thread: Any = BatchThread.__new__(BatchThread)
    thread.app = engine_app("test", EngineSettings("127.0.0.1:1", Path("unused"), batch_records=600), gate=gate)
    thread.consumer = SimpleNamespace(flow_active=True, _is_changelog_tp=lambda tp: False)
    thread._hold = Hold(0.0)
    consumer: Any = SimpleNamespace(_fetcher=fetcher, _closed=False)
    fetcher.put(0, list(range(1_200)), start=0, end=1_200)
    batches = [await thread._fetch_records(consumer, {HERE})]
    gate.assigned([])
    batches.append(await thread._fetch_records(consumer, {HERE}))
    assert [(batch[HERE].start, batch[HERE].end) for batch in batches] == [(0, 500), (500, 1_100)]


async def test_a_partition_held_back_keeps_its_records(fetcher: Fetcher) -> None:
    fetcher.put(0, [0], start=0, end=1)
    fetcher.put(1, [0], start=0, end=1)
    assert fetcher.drain(1) == {1: (0, 1, [0])}
    assert fetcher.drain() == {}
    assert fetcher.drain(0) == {0: (0, 1, [0])}


async def test_records_fetched_before_a_seek_are_not_given(fetcher: Fetcher) -> None:
    fetcher.put(0, [0, 1], start=0, end=2, position=50)
    assert fetcher.drain(0) == {}
    assert fetcher._records == {}


async def test_records_of_a_partition_that_went_away_are_dropped(fetcher: Fetcher) -> None:
    fetcher.put(0, [0], start=0, end=1)
    fetcher.states.clear()
    assert fetcher.drain() == {}
    assert fetcher._records == {}


async def test_an_error_waits_for_the_records_before_it_and_is_then_raised(fetcher: Fetcher) -> None:
    fetcher.put(0, [0], start=0, end=1)
    broken = TopicPartition("usage", 1)
    fetcher._records[broken] = FetchError(error=KafkaError("too large"), backoff=0)
    assert fetcher.drain(0, 1) == {0: (0, 1, [0])}
    with pytest.raises(KafkaError, match="too large"):
        fetcher.drain(0, 1)
    assert fetcher.drain(0, 1) == {}


def record_batch(
    *records: tuple[int, bytes | None, bytes | None],
    compression: int = 0,
    producer: int = -1,
    control: bool = False,
    span: tuple[int, int] | None = None,
) -> bytes:
    """A record batch as a broker has it; `producer` >= 0 makes it transactional, offsets of `span` may be holes."""
    builder = DefaultRecordBatchBuilder(2, compression, int(producer >= 0), producer, 0, 0, 1_000_000)
    base, end = span or (records[0][0], records[-1][0] + 1)
    for offset, key, value in records:
        builder.append(offset - base, 1000 + offset, key, value, [("h", b"1")])
    raw = bytearray(builder.build())
    raw[:8] = struct.pack(">q", base)
    raw[23:27] = struct.pack(">i", end - base - 1)
    if control:
        raw[21:23] = struct.pack(">h", struct.unpack(">h", raw[21:23])[0] | 0x20)
    raw[17:21] = struct.pack(">I", calc_crc32c(raw[21:]))
    return bytes(raw)


def fetched(
    raw: bytes, aborted: list[tuple[int, int]] | None = None, isolation: int = 0, start: int = 0
) -> PartitionRecords:
    tp = TopicPartition("usage", 0)
    return PartitionRecords(tp, MemoryRecords(raw), aborted or [], start, None, None, True, isolation)


@pytest.mark.parametrize("compression", [0, 1, 2])
async def test_a_record_has_everything_that_was_written(fetcher: Fetcher, compression: int) -> None:
    raw = record_batch((0, b"k", b"v"), (1, None, None), compression=compression)
    fetcher.put_records(0, fetched(raw), 0)
    batch = _drain(fetcher, {TP("usage", 0)}, lambda _: 100)[TP("usage", 0)]
    assert batch.records == [
        Record("usage", 0, 0, 1000, 0, b"k", b"v", [("h", b"1")]),
        Record("usage", 0, 1, 1001, 0, None, None, [("h", b"1")]),
    ]


async def test_a_batch_is_continued_where_the_cap_cut_it(fetcher: Fetcher) -> None:
    raw = record_batch((0, b"a", None), (1, b"b", None), (2, b"c", None)) + record_batch((3, b"d", None))
    fetcher.put_records(0, fetched(raw), 0)
    assert fetcher.drain(0, cap=2) == {0: (0, 2, [0, 1])}
    assert fetcher.drain(0, cap=2) == {0: (2, 4, [2, 3])}
    assert fetcher.drain(0, cap=2) == {}
    assert fetcher._records == {}


async def test_a_changelog_comes_whole_and_packed(fetcher: Fetcher) -> None:
    """A recovery in pieces of a batch spent its time between them."""
    raw = record_batch((0, b"a", None), (1, b"b", None), (2, b"c", None)) + record_batch((5, b"d", None))
    for number in range(2):
        fetcher.put_records(number, fetched(raw), 0)
    tps = {TP("usage", 0), TP("usage", 1)}
    drained = _drain(fetcher, tps, lambda _: 2, lambda tp: tp.partition == 1)
    source, changelog = drained[TP("usage", 0)], drained[TP("usage", 1)]
    assert [record.offset for record in source.records] == [0, 1]
    assert (changelog.start, changelog.end) == (0, 6)
    assert [[(record.offset, record.key) for record in run] for run in changelog.runs()] == [
        [(0, b"a"), (1, b"b"), (2, b"c")],
        [(5, b"d")],
    ]
    assert list(fetcher._records) == [TopicPartition("usage", 0)]


async def test_a_changelog_fetched_before_a_seek_is_not_given(fetcher: Fetcher) -> None:
    fetcher.put_records(0, fetched(record_batch((0, b"a", None))), 50)
    assert _drain(fetcher, {TP("usage", 0)}, lambda _: 100, lambda _: True) == {}
    assert fetcher._records == {}


async def test_the_bytes_of_a_changelog_are_free_when_it_is_loaded(fetcher: Fetcher) -> None:
    """aiokafka's iterator, never begun, kept every fetch of a recovery in a cycle until the collector came."""
    records = fetched(record_batch((0, b"a", None)))
    gone = weakref.ref(records)
    fetcher.put_records(0, records, 0)
    del records
    gc.disable()
    try:
        batch = _drain(fetcher, {TP("usage", 0)}, lambda _: 100, lambda _: True).pop(TP("usage", 0))
        assert len(list(batch.runs())) == 1
        assert gone() is None
    finally:
        gc.enable()


async def test_a_flipped_bit_is_found(fetcher: Fetcher) -> None:
    raw = bytearray(record_batch((0, b"k", b"value")))
    raw[-1] ^= 1
    fetcher.put_records(0, fetched(bytes(raw)), 0)
    with pytest.raises(CorruptRecordException, match="wrong checksum"):
        fetcher.drain(0)


async def test_aborted_transactions_and_markers_are_holes(fetcher: Fetcher) -> None:
    abort_marker = struct.pack(">hh", 0, 0)
    raw = (
        record_batch((0, b"kept", None), producer=1)
        + record_batch((1, b"aborted", None), (2, b"aborted", None), producer=2)
        + record_batch((3, abort_marker, b""), producer=2, control=True)
        + record_batch((4, b"after", None))
    )
    fetcher.put_records(0, fetched(raw, [(2, 1)], READ_COMMITTED), 0)
    assert fetcher.drain(0) == {0: (0, 5, [0, 4])}


def thread(fetcher: Fetcher) -> BatchThread:
    """A consumer thread around a fetcher, never started."""
    found = BatchThread.__new__(BatchThread)
    state = fetcher.states.__getitem__
    fetcher.assignment.tps = fetcher.states.keys()
    found._consumer = SimpleNamespace(
        _fetcher=fetcher,
        _subscription=fetcher._subscriptions,
        highwater=lambda tp: state(tp).highwater,
        last_stable_offset=lambda tp: state(tp).lso,
    )
    return found


@pytest.mark.parametrize(
    "high, stable, end", [(20, 20, 20), (20, 12, 12), (20, None, 20), (20, -1, 20), (None, None, None)]
)
async def test_what_an_open_transaction_wrote_is_not_there_to_be_read(
    high: int | None, stable: int | None, end: int | None
) -> None:
    fetcher = Fetcher()
    fetcher.put(0, [5], 5, 6)
    state = fetcher.states[TopicPartition("usage", 0)]
    state.highwater, state.lso = high, stable
    assert thread(fetcher).readable_end(TP("usage", 0)) == end


async def test_only_a_partition_of_which_nothing_is_at_hand_is_idle() -> None:
    fetcher = Fetcher()
    for number in range(3):
        fetcher.put(number, [5], 5, 6)
    del fetcher._records[TopicPartition("usage", 0)]
    del fetcher._records[TopicPartition("usage", 1)]
    fetcher.states[TopicPartition("usage", 1)].await_reset(-2)
    assert thread(fetcher).idle_positions() == {TP("usage", 0): 5}
    fetcher._subscriptions.subscription = None
    assert thread(fetcher).idle_positions() == {}


def test_a_fetch_is_held_long_while_nothing_comes() -> None:
    now = [100.0]
    hold = Hold(0.025, lambda: now[0])
    assert index(hold) == 25  # it has just begun
    now[0] += 5
    assert index(hold) == 500
    hold.used()
    assert index(hold) == 25
    now[0] += 5
    assert index(Hold(2.0, lambda: now[0])) == 2000


def test_aiokafka_asks_for_the_hold_when_it_writes_the_request() -> None:
    request = FetchRequest(Hold(0.025), 1, 1024, 0, [("t", [(0, 5, 1024)])])  # type: ignore[arg-type]
    written = request.prepare({FetchRequest.API_KEY: (0, 4)}).encode()
    assert (25).to_bytes(4, "big") in written
