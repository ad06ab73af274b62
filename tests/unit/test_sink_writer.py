"""The writer: acknowledgements, block sizes, back-pressure, failure; against the twin in memory."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sink_samples import WITH_ROW, profile, rows, runs, used

from streams.errors import ConfigurationError, PoisonError, TransientError, ZeloError
from streams.sinks.backend import Values
from streams.sinks.delivery import Rejected, RetryPolicy
from streams.sinks.lane import BlockPolicy
from streams.sinks.memory import MemoryBackend
from streams.sinks.run import Row
from streams.sinks.table import Table
from streams.sinks.tables import ACCOUNTS, EVENTS, TABLES
from streams.sinks.writer import Writer, WriterPolicy

DOWN = TransientError("connection refused", 0.0)
NEVER = 3600.0


def policy(rows: int = 1000, age: float = NEVER, waiting: int = 10_000, size: int = 1 << 20) -> WriterPolicy:
    return WriterPolicy(
        BlockPolicy(rows=rows, bytes=size, age_seconds=age),
        RetryPolicy(first_seconds=0.0),
        waiting_rows=waiting,
    )


class Bench:
    """A writer with what it reports."""

    def __init__(self, backend: MemoryBackend, policy: WriterPolicy) -> None:
        self.rejected: list[Rejected] = []
        self.failures: list[BaseException] = []
        self.done: list[str] = []
        self.backend = backend
        self.writer = Writer(backend, self._reject, self.failures.append, policy, Random(0))

    async def _reject(self, rejected: Sequence[Rejected]) -> None:
        self.rejected.extend(rejected)

    async def add(self, name: str, made: Sequence[Row]) -> None:
        await self.writer.add(runs(made), lambda: self.done.append(name))


@asynccontextmanager
async def bench(backend: MemoryBackend | None = None, **sizes: Any) -> AsyncIterator[Bench]:
    one = Bench(backend or MemoryBackend(), policy(**sizes))
    try:
        yield one
    finally:
        await one.writer.close(grace_seconds=5)


async def until(claim: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not claim():
            await asyncio.sleep(0.001)


def made(count: int, start: int = 0) -> list[Row]:
    return rows(*(used(f"e{number}", offset=number) for number in range(start, start + count)))


async def test_a_batch_is_done_only_when_all_its_rows_of_all_tables_are_stored() -> None:
    async with bench(rows=2) as one:
        await one.add("mixed", rows(used("e1"), used("e2"), profile("Acme")))
        await until(lambda: one.backend.stored(EVENTS) == 2)
        assert one.done == []
        await one.writer.flush()
        assert one.done == ["mixed"]
        assert one.backend.stored(ACCOUNTS) == 1


async def test_batches_of_several_partitions_share_blocks() -> None:
    async with bench() as one:
        for number in range(10):
            await one.add(str(number), made(10, start=number * 10))
        await one.writer.flush()
        assert one.backend.inserts == [("events", 100)]
        assert one.done == [str(number) for number in range(10)]


async def test_a_full_block_goes_without_waiting_for_its_age() -> None:
    async with bench(rows=10) as one:
        await one.add("a", made(25))
        await until(lambda: len(one.backend.inserts) == 2)
        assert one.backend.inserts == [("events", 10), ("events", 10)]
        assert one.writer.waiting_rows == 5


async def test_few_rows_go_when_the_oldest_has_waited_long_enough() -> None:
    async with bench(age=0.02) as one:
        await one.add("a", made(3))
        await until(lambda: one.done == ["a"])
        await one.add("b", made(3, start=3))
        await until(lambda: one.done == ["a", "b"])


async def test_blocks_are_bounded_in_bytes_and_a_large_row_goes_alone() -> None:
    large = used("large", offset=1, session_id="s" * 150)
    size = len(large.value or b"")
    async with bench(size=size) as one:
        await one.add("a", rows(used("e0"), large, used("e2", offset=2)))
        await one.writer.flush()
        assert one.backend.inserts == [("events", 1)] * 3


async def test_a_batch_without_rows_is_done_at_once() -> None:
    async with bench() as one:
        await one.add("empty", [])
        assert one.done == ["empty"]
        await one.writer.flush()


class Gated(MemoryBackend):
    """Down until told otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.up = threading.Event()

    def insert(self, table: Table, rows: Values, token: str) -> None:
        if not self.up.is_set():
            raise DOWN
        super().insert(table, rows, token)


async def test_while_clickhouse_is_down_intake_stops_at_the_bound_and_catches_up_after() -> None:
    gated = Gated()
    async with bench(gated, rows=10, waiting=100) as one:

        async def intake() -> None:
            for number in range(100):
                await one.add(str(number), made(10, start=number * 10))

        task = asyncio.create_task(intake())
        await until(lambda: one.writer.waiting_rows >= 100 and one.writer.counters["events"].retries > 10)
        assert one.writer.waiting_rows <= 110
        assert one.done == []
        gated.up.set()
        await task
        await one.writer.flush()
        assert len(gated.final(EVENTS)) == 1000
        assert len(one.done) == 100
        assert (one.writer.waiting_rows, one.writer.waiting_bytes) == (0, 0)


class OneTableDown(MemoryBackend):
    def insert(self, table: Table, rows: Values, token: str) -> None:
        if table is EVENTS:
            raise DOWN
        super().insert(table, rows, token)


async def test_a_table_that_waits_holds_up_no_other() -> None:
    one = Bench(OneTableDown(), policy(rows=1))
    await one.add("events", made(1))
    await one.add("accounts", rows(profile("Acme")))
    await until(lambda: one.done == ["accounts"])
    assert await one.writer.close(grace_seconds=0.05) is False
    assert one.done == ["accounts"]


async def test_a_rejected_row_is_reported_before_its_batch_is_done() -> None:
    class Poisoned(MemoryBackend):
        def insert(self, table: Table, rows: Values, token: str) -> None:
            if any(row[0] == "e1" for row in rows):
                raise PoisonError("no")
            super().insert(table, rows, token)

    async with bench(Poisoned()) as one:
        block = made(3)
        await one.add("a", block)
        await one.writer.flush()
        assert [found.row.record for found in one.rejected] == [block[1].record]
        assert one.done == ["a"]
        assert one.writer.counters["events"].rejected == 1


async def test_a_configuration_error_ends_the_writer_and_acknowledges_nothing() -> None:
    async with bench(rows=1) as one:
        one.backend.faults.append(ConfigurationError("no such table"))
        await one.add("a", made(1))
        with pytest.raises(ConfigurationError, match="no such table"):
            await one.writer.flush()
        for more in (made(1), []):
            with pytest.raises(ConfigurationError):
                await one.add("b", more)
        assert one.done == []
        assert len(one.failures) == 1


async def test_a_dead_letter_that_cannot_be_sent_ends_the_writer() -> None:
    backend = MemoryBackend()
    backend.faults.extend([PoisonError("no")] * 2)

    async def reject(_: Sequence[Rejected]) -> None:
        raise TransientError("broker down")

    failures: list[BaseException] = []
    done: list[bool] = []
    writer = Writer(backend, reject, failures.append, policy())
    await writer.add(runs(made(1)), lambda: done.append(True))
    with pytest.raises(ZeloError, match="broker down"):
        await writer.flush()
    await writer.close()
    assert done == []
    assert len(failures) == 1


async def test_waiting_adds_are_woken_when_the_writer_fails() -> None:
    gated = Gated()
    async with bench(gated, rows=1, waiting=1) as one:
        await one.add("a", made(1))
        blocked = asyncio.create_task(one.add("b", made(1, start=1)))
        await asyncio.sleep(0)
        gated.faults.append(ConfigurationError("access denied"))
        gated.up.set()
        with pytest.raises(ConfigurationError):
            await blocked


async def test_close_stores_what_waits() -> None:
    one = Bench(MemoryBackend(), policy())
    await one.add("a", made(5))
    assert await one.writer.close(grace_seconds=5) is True
    assert one.done == ["a"]
    assert await Bench(MemoryBackend(), policy()).writer.close() is True


async def test_the_event_loop_is_free_while_a_block_is_inserted() -> None:
    entered, leave = threading.Event(), threading.Event()

    class Slow(MemoryBackend):
        def insert(self, table: Table, rows: Values, token: str) -> None:
            entered.set()
            assert leave.wait(10)
            super().insert(table, rows, token)

    async with bench(Slow(), rows=1) as one:
        await one.add("a", made(1))
        await until(entered.is_set)
        await one.add("b", made(1, start=1))
        assert one.done == []
        leave.set()
        await one.writer.flush()
        assert one.done == ["a", "b"]


cuts = st.lists(st.integers(1, 9), min_size=1, max_size=12)


@settings(max_examples=30)
@given(cuts, cuts, st.integers(1, 20), st.integers(1, 20))
def test_a_replay_with_other_batches_and_blocks_changes_no_final_row(
    first: list[int], second: list[int], block: int, other_block: int
) -> None:
    records = [*WITH_ROW, *(used(f"e{number}", offset=100 + number) for number in range(20))]

    async def run(sizes: list[int], rows_per_block: int, backend: MemoryBackend) -> None:
        async with bench(backend, rows=rows_per_block) as one:
            start, turn = 0, 0
            while start < len(records):
                size = sizes[turn % len(sizes)]
                await one.add(str(start), rows(*records[start : start + size]))
                start, turn = start + size, turn + 1
            await one.writer.flush()

    backend = MemoryBackend()
    asyncio.run(run(first, block, backend))
    once = {table.name: backend.final(table) for table in TABLES}
    asyncio.run(run(second, other_block, backend))
    assert {table.name: backend.final(table) for table in TABLES} == once
