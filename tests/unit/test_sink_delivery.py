"""One block: waited for, halved, bisected, named."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sink_samples import Rec, rows, runs, used
from structlog.testing import capture_logs

from streams.errors import ConfigurationError, PoisonError, TransientError
from streams.sinks.backend import BlockTooLargeError, Values
from streams.sinks.delivery import Delivery, RetryPolicy, token
from streams.sinks.memory import MemoryBackend
from streams.sinks.run import Run, joined
from streams.sinks.table import Table
from streams.sinks.tables import EVENTS

AT_ONCE = RetryPolicy(first_seconds=0.0)
DOWN = TransientError("connection refused", 0.0)


@pytest.fixture
def executor() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def made(count: int, start: int = 0) -> Run:
    return run(*(used(f"e{number}", offset=number) for number in range(start, start + count)))


def run(*records: Rec) -> Run:
    (one,) = runs(rows(*records))
    return one


def delivery(backend: Any, executor: Executor, policy: RetryPolicy = AT_ONCE) -> Delivery:
    return Delivery(backend, executor, policy, Random(0))


class Choosy(MemoryBackend):
    """Refuses rows of some events, and blocks that are too large."""

    def __init__(self, poison: Sequence[str] = (), most: int = 10**9) -> None:
        super().__init__()
        self.poison = set(poison)
        self.most = most

    def insert(self, table: Table, rows: Values, token: str) -> None:
        if len(rows) > self.most:
            self.inserts.append((table.name, len(rows)))
            raise BlockTooLargeError("memory limit", 0.0)
        if any(row[0] in self.poison for row in rows):
            self.inserts.append((table.name, len(rows)))
            raise PoisonError("cannot be stored")
        super().insert(table, rows, token)


def ids(backend: MemoryBackend) -> set[object]:
    return {row["event_id"] for row in backend.final(EVENTS)}


async def test_a_transient_error_is_waited_out_and_counted(executor: Executor) -> None:
    backend = MemoryBackend()
    backend.faults.extend([DOWN] * 20)
    courier = delivery(backend, executor)
    assert await courier.deliver(made(5)) == []
    assert (len(backend.final(EVENTS)), courier.counters.retries, courier.counters.rows) == (5, 20, 5)


async def test_a_lost_answer_stores_the_block_once(executor: Executor) -> None:
    backend = MemoryBackend()
    backend.lost_answers.extend([DOWN, DOWN])
    await delivery(backend, executor).deliver(made(5))
    assert len(backend.inserts) == 3
    assert backend.stored(EVENTS) == 5


async def test_a_lasting_error_is_logged_once_per_interval(executor: Executor) -> None:
    backend = MemoryBackend()
    backend.faults.extend([DOWN] * 10)
    with capture_logs() as logs:
        await delivery(backend, executor).deliver(made(1))
    assert [entry["event"] for entry in logs] == ["clickhouse_insert_waits"]


async def test_a_watchdog_is_told_while_a_block_is_put_off_and_only_then(executor: Executor) -> None:
    told: list[str] = []

    @contextmanager
    def waiting(reason: str) -> Iterator[None]:
        told.append(reason)
        yield
        told.append("over")

    backend = MemoryBackend()
    courier = Delivery(backend, executor, AT_ONCE, Random(0), waiting)
    await courier.deliver(made(1))
    assert told == []
    backend.faults.extend([DOWN, DOWN])
    await courier.deliver(made(1, start=1))
    assert told == ["clickhouse", "over"]


async def test_poison_rows_are_found_and_their_neighbours_stored(executor: Executor) -> None:
    backend = Choosy(poison=["e3", "e100"])
    block = made(128)
    courier = delivery(backend, executor)
    rejected = await courier.deliver(block)
    assert [found.row for found in rejected] == [block[3], block[100]]
    assert len(ids(backend)) == 126
    assert len(backend.inserts) < 40
    assert courier.counters.rejected == 2


async def test_a_lone_row_is_not_given_up_for_one_refusal(executor: Executor) -> None:
    """A broken request looks like a poison row; of a larger block the halves find out, a single row was lost."""
    backend = MemoryBackend()
    backend.faults.append(PoisonError("cannot parse"))
    assert await delivery(backend, executor).deliver(made(1)) == []
    assert backend.stored(EVENTS) == 1
    backend = Choosy(poison=["e0"])
    assert len(await delivery(backend, executor).deliver(made(1))) == 1
    assert len(backend.inserts) == 2


async def test_a_block_too_large_goes_in_halves_in_order(executor: Executor) -> None:
    backend = Choosy(most=3)
    assert await delivery(backend, executor).deliver(made(10)) == []
    assert len(ids(backend)) == 10
    assert [count for _, count in backend.inserts if count <= 3] == [2, 3, 2, 3]


async def test_one_row_that_is_too_large_waits_like_any_other_transient_error(executor: Executor) -> None:
    backend = MemoryBackend()
    backend.faults.extend([BlockTooLargeError("memory", 0.0)] * 3)
    assert await delivery(backend, executor).deliver(made(1)) == []
    assert backend.stored(EVENTS) == 1


async def test_a_table_that_takes_no_row_at_all_is_a_configuration_error(executor: Executor) -> None:
    backend = Choosy(poison=[f"e{number}" for number in range(1000)])
    with pytest.raises(ConfigurationError, match="zelo migrate"):
        await delivery(backend, executor).deliver(made(1000))
    assert len(backend.inserts) < 100


async def test_few_poison_rows_alone_are_rejected(executor: Executor) -> None:
    backend = Choosy(poison=["e0", "e1"])
    assert len(await delivery(backend, executor).deliver(made(2))) == 2


async def test_a_configuration_error_goes_up_at_once(executor: Executor) -> None:
    backend = MemoryBackend()
    backend.faults.append(ConfigurationError("no such table"))
    with pytest.raises(ConfigurationError, match="no such table"):
        await delivery(backend, executor).deliver(made(2))
    assert len(backend.inserts) == 1


@given(st.sets(st.integers(0, 39), max_size=15), st.integers(1, 40))
def test_whatever_is_poison_all_others_are_stored(poison: set[int], most: int) -> None:
    import asyncio

    async def run() -> None:
        backend = Choosy(poison=[f"e{number}" for number in poison], most=most)
        with ThreadPoolExecutor(1) as pool:
            rejected = await delivery(backend, pool).deliver(made(40))
        assert {found.row.values[0] for found in rejected} == {f"e{number}" for number in poison}
        assert ids(backend) == {f"e{number}" for number in range(40) if number not in poison}

    asyncio.run(run())


def test_a_token_names_positions_bytes_and_columns() -> None:
    block = made(10)
    changed = run(*(used(f"e{number}", offset=number, source="other") for number in range(10)))
    wider = Run(replace(EVENTS, columns=EVENTS.columns[1:]), block.columns[1:], block.records)
    moved = run(*(replace(used(f"e{number}", offset=number), partition=1) for number in range(10)))
    others = [block[:5], block[5:], changed, wider, moved]
    assert token(block) == token(made(10))
    assert len({token(block), *(token(other) for other in others)}) == 6


def test_a_token_does_not_depend_on_how_partitions_are_interleaved() -> None:
    first = made(5)
    second = run(*(replace(used(f"o{number}", offset=number), partition=1) for number in range(5)))
    (mixed,) = runs([row for pair in zip(first, second, strict=True) for row in pair])
    assert token(joined([first, second])) == token(joined([second, first])) == token(mixed)


def test_pauses_double_up_to_a_bound_and_never_fall_below_what_the_error_asks() -> None:
    policy = RetryPolicy(first_seconds=0.5, most_seconds=4.0, jitter=0.2)
    assert [policy.wait_seconds(attempt, 0.0, 0.0) for attempt in range(5)] == [0.5, 1.0, 2.0, 4.0, 4.0]
    assert policy.wait_seconds(0, 10.0, 0.0) == 10.0
    assert policy.wait_seconds(10**6, 0.0, 0.5) == pytest.approx(4.4)
