"""Changelogs are unpacked as aiokafka unpacks them, whatever a broker may hold."""

import struct
from typing import Any

import pytest
from aiokafka.consumer.fetcher import READ_COMMITTED, READ_UNCOMMITTED, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.engine.unpacking import PackedBatch, Record, take_packed, take_records

TP = TopicPartition("changelog", 0)
CONTROL, EMPTY_TAIL = 0x20, 3
MAYBE = st.none() | st.binary(max_size=40)
RECORD = st.tuples(MAYBE, MAYBE, st.lists(st.tuples(st.text(max_size=3), MAYBE), max_size=2))
#: Records and the hole in front of each, codec, producer of a transaction, kind, and offsets that compaction took away.
BATCH = st.tuples(
    st.lists(st.tuples(st.integers(0, 3), RECORD), max_size=6),
    st.sampled_from(range(5)),
    st.sampled_from([-1, -1, 1, 2]),
    st.sampled_from(["data", "data", "abort", "commit"]),
    st.integers(0, EMPTY_TAIL),
)


def signed(raw: bytearray, base: int, tail: int, control: bool) -> bytes:
    """A record batch moved to its place in the log, with offsets at its end that compaction took away."""
    raw[:8] = struct.pack(">q", base)
    raw[21:23] = struct.pack(">h", struct.unpack(">h", raw[21:23])[0] | (CONTROL if control else 0))
    raw[23:27] = struct.pack(">i", struct.unpack(">i", raw[23:27])[0] + tail)
    raw[17:21] = struct.pack(">I", calc_crc32c(raw[21:]))
    return bytes(raw)


def data(base: int, records: list[Any], codec: int, producer: int, tail: int) -> tuple[bytes, int]:
    codec = codec if records else 0  # as a broker's compaction leaves an empty batch
    builder = DefaultRecordBatchBuilder(2, codec, int(producer >= 0), producer, 0, 0, 1_000_000)
    delta = -1
    for hole, (key, value, headers) in records:
        delta += 1 + hole
        builder.append(delta, 1000, key, value, headers)
    last = max(delta, 0)
    return signed(builder.build(), base, tail, control=False), base + last + tail + 1


def marker(base: int, kind: int, producer: int) -> tuple[bytes, int]:
    builder = DefaultRecordBatchBuilder(2, 0, 1, producer, 0, 0, 1_000)
    builder.append(0, 1000, struct.pack(">hh", 0, kind), b"", [])
    return signed(builder.build(), base, 0, control=True), base + 1


def log_of(plan: list[Any]) -> tuple[bytes, list[tuple[int, int]], int]:
    """Bytes of the log, aborted transactions as a broker tells them, end."""
    raw, base, aborted, open_since = b"", 0, [], {}
    for records, codec, producer, kind, tail in plan:
        if kind == "data" or producer < 0:
            open_since.setdefault(producer, base)
            piece, base = data(base, records, codec, producer, tail)
        else:
            since = open_since.pop(producer, None)
            if kind == "abort" and since is not None:
                aborted.append((producer, since))
            piece, base = marker(base, 0 if kind == "abort" else 1, producer)
        raw += piece
    return raw, aborted, base


def fetched(raw: bytes, aborted: list[tuple[int, int]], start: int, isolation: int) -> PartitionRecords:
    return PartitionRecords(TP, MemoryRecords(raw), list(aborted), start, None, None, True, isolation)


@settings(max_examples=300, deadline=None)
@given(st.lists(BATCH, max_size=8), st.integers(0, 5), st.sampled_from([READ_COMMITTED, READ_UNCOMMITTED]))
def test_it_gives_what_aiokafka_gives(plan: list[Any], start: int, isolation: int) -> None:
    raw, aborted, _ = log_of(plan)
    start = min(start, max(0, log_of(plan[:1])[2] - 1))  # a fetch begins with the batch that holds its offset
    theirs, ours = (fetched(raw, aborted, start, isolation) for _ in range(2))
    wanted = [(record.offset, record.key, record.value) for record in theirs]
    batches = take_packed(ours)
    packed = PackedBatch(start, ours.next_fetch_offset, batches)
    assert [(record.offset, record.key, record.value) for run in packed.runs() for record in run] == wanted
    assert ours.next_fetch_offset == theirs.next_fetch_offset


@settings(max_examples=300, deadline=None)
@given(st.lists(BATCH, max_size=8), st.integers(0, 5), st.lists(st.integers(1, 9), min_size=1, max_size=30))
def test_records_come_in_pieces_without_loss(plan: list[Any], start: int, caps: list[int]) -> None:
    raw, aborted, _ = log_of(plan)
    start = min(start, max(0, log_of(plan[:1])[2] - 1))
    theirs, ours = (fetched(raw, aborted, start, READ_COMMITTED) for _ in range(2))
    wanted = [Record(*TP, r.offset, r.timestamp, r.timestamp_type, r.key, r.value, list(r.headers)) for r in theirs]
    found: list[Record] = []
    more = True
    for cap in [*caps, 1000]:
        if more:
            records, more = take_records(ours, *TP, cap)
            assert len(records) <= cap
            assert all(record.offset < ours.next_fetch_offset for record in records)
            found += records
            # whatever is not given yet stands behind the position
            assert [record for record in wanted if record.offset < ours.next_fetch_offset] == found
    assert found == wanted
    assert ours.next_fetch_offset == theirs.next_fetch_offset


@settings(max_examples=100, deadline=None)
@given(st.lists(BATCH, min_size=1, max_size=4), st.integers(0, 30))
def test_what_was_read_before_is_cut(plan: list[Any], since: int) -> None:
    raw, aborted, _ = log_of(plan)
    packed = PackedBatch(0, 0, take_packed(fetched(raw, aborted, 0, READ_COMMITTED)))
    wanted = [record.offset for record in fetched(raw, aborted, 0, READ_COMMITTED) if record.offset >= since]
    assert [record.offset for run in packed.since(since).runs() for record in run] == wanted


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_flipped_bit_is_found(chosen: st.DataObject) -> None:
    records = chosen.draw(st.lists(st.tuples(st.just(0), RECORD), min_size=1, max_size=4))
    raw = bytearray(data(0, records, chosen.draw(st.integers(0, 4)), -1, 0)[0])
    at = chosen.draw(st.integers(21, len(raw) - 1))
    raw[at] ^= 1 << chosen.draw(st.integers(0, 7))
    with pytest.raises(CorruptRecordException):
        list(PackedBatch(0, 0, take_packed(fetched(bytes(raw), [], 0, READ_COMMITTED))).runs())
