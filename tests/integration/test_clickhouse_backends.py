"""One suite for both backends: ClickHouse over HTTP, and its twin in memory that other tests rely on."""

import asyncio
import gc
from collections.abc import Callable, Iterator, Sequence
from random import Random
from weakref import ref

import pytest
from archive_rig import comparable
from sink_samples import (
    WITH_ROW,
    alert,
    churn,
    dead_letter,
    health,
    labelled,
    movement,
    profile,
    progress,
    rows,
    runs,
    snapshot,
    used,
)

from streams.config import Settings
from streams.errors import PoisonError
from streams.metrics.days import DAY_MS
from streams.sinks.backend import Backend
from streams.sinks.clickhouse import ClickHouse
from streams.sinks.delivery import Rejected, RetryPolicy
from streams.sinks.lane import BlockPolicy
from streams.sinks.memory import MemoryBackend
from streams.sinks.run import ByColumn, Row
from streams.sinks.table import Table
from streams.sinks.tables import EVENTS, MRR_MOVEMENTS, TABLES
from streams.sinks.writer import Writer, WriterPolicy

pytestmark = [pytest.mark.integration, pytest.mark.any_broker("speaks to ClickHouse alone")]

Final = Callable[[Table], list[dict[str, object]]]
REPEATED = (
    *(used(f"e{number}", offset=number) for number in range(50)),
    used("e1", offset=60, source="sent again"),
    movement("new", 100, 0, version=1),
    movement("new", 100, 0, version=2, removed=True),
    movement("expansion", 50, 100, at=1_700_000_000_000, version=3),
    profile("old", offset=1),
    profile("new", offset=2),
    health("live", offset=1),
    health("live", offset=2, score=90.0),
    churn(offset=1),
    churn(offset=3, probability=0.9),
    snapshot(offset=80),
    labelled(0.2, True, offset=3),
    progress(offset=1, read=3),
    progress(offset=4),
    alert("opened", 1),
    alert("resolved", 2),
    dead_letter(own_offset=1),
    dead_letter(own_offset=2),
    *WITH_ROW,
)


def sorted_rows(table: Table, found: list[dict[str, object]]) -> list[dict[str, object]]:
    plain = [{name: comparable(value) for name, value in row.items()} for row in found]
    return sorted(plain, key=lambda row: repr([row[name] for name in table.key]))


@pytest.fixture(params=["memory", "clickhouse"])
def both(request: pytest.FixtureRequest) -> Iterator[tuple[Backend, Final]]:
    if request.param == "memory":
        memory = MemoryBackend()
        yield memory, lambda table: sorted_rows(table, memory.final(table))
        return
    client = request.getfixturevalue("client")
    backend = ClickHouse(request.getfixturevalue("archive"))

    def final(table: Table) -> list[dict[str, object]]:
        sql = f"SELECT * FROM {table.name} FINAL"
        found = client.query(sql, query_formats={"String": "bytes"}, tz_mode="aware")
        return sorted_rows(table, list(found.named_results()))

    yield backend, final
    backend.close()


async def write(backend: Backend, made: Sequence[Row], batch: int, block: int) -> None:
    async def reject(rejected: Sequence[Rejected]) -> None:
        raise AssertionError(rejected)

    failures: list[BaseException] = []
    policy = WriterPolicy(BlockPolicy(rows=block, age_seconds=60), RetryPolicy(first_seconds=0.01))
    writer = Writer(backend, reject, failures.append, policy, Random(0))
    acknowledged: list[int] = []
    for start in range(0, len(made), batch):
        await writer.add(runs(made[start : start + batch]), lambda: acknowledged.append(1))
    await writer.flush()
    assert len(acknowledged) == len(range(0, len(made), batch))
    assert await writer.close()
    assert failures == []


def expected(made: Sequence[Row]) -> dict[str, list[dict[str, object]]]:
    """By the definition: of the rows with one key the one with the largest version stands."""
    found: dict[str, list[dict[str, object]]] = {}
    for table in TABLES:
        newest: dict[tuple[object, ...], dict[str, object]] = {}
        for row in made:
            if row.table is table:
                stored = dict(zip(table.column_names, row.values, strict=True))
                key = tuple(stored[name] for name in table.key)
                other = newest.get(key)
                if other is None or stored["row_version"] >= other["row_version"]:  # type: ignore[operator]
                    newest[key] = stored
        standing = [row for row in newest.values() if table.deleted is None or not row[table.deleted]]
        found[table.name] = sorted_rows(table, standing)
    return found


async def test_every_value_of_every_table_comes_back_as_it_was_put_in(both: tuple[Backend, Final]) -> None:
    backend, final = both
    made = rows(*WITH_ROW)
    await write(backend, made, batch=100, block=1000)
    for table in TABLES:
        assert final(table) == expected(made)[table.name], table.name


async def test_batches_sent_again_with_other_boundaries_change_nothing(both: tuple[Backend, Final]) -> None:
    backend, final = both
    made = rows(*REPEATED)
    once = expected(made)
    for batch, block in ((7, 10), (100, 1000), (3, 4)):
        await write(backend, made, batch, block)
        assert {table.name: final(table) for table in TABLES} == once


def test_one_token_counts_once_and_another_again(both: tuple[Backend, Final]) -> None:
    backend, final = both
    first, second = (rows(used(name, offset=number)) for number, name in enumerate(("e1", "e2")))
    for made in (first, first, second):
        backend.insert(EVENTS, [row.values for row in made], "same token")
    assert [row["event_id"] for row in final(EVENTS)] == [b"e1"]
    backend.insert(EVENTS, [row.values for row in second], "other token")
    assert len(final(EVENTS)) == 2


def test_removed_rows_are_gone_from_final(both: tuple[Backend, Final]) -> None:
    backend, final = both
    removed = rows(movement("new", 1, 0, version=1), movement("new", 1, 0, version=2, removed=True))
    backend.insert(MRR_MOVEMENTS, [row.values for row in removed], "t")
    assert final(MRR_MOVEMENTS) == []


@pytest.mark.parametrize("column, wrong", [("offset", -1), ("row_version", 2**64), ("event_id", None)])
def test_a_value_that_cannot_be_stored_is_poison(both: tuple[Backend, Final], column: str, wrong: object) -> None:
    backend, final = both
    (row,) = rows(used("e1"))
    values = [wrong if name == column else value for name, value in zip(EVENTS.column_names, row.values, strict=True)]
    with pytest.raises(PoisonError):
        backend.insert(EVENTS, [values], "t")
    assert final(EVENTS) == []


async def test_a_bad_row_in_a_block_is_found_and_all_others_are_stored(both: tuple[Backend, Final]) -> None:
    backend, final = both
    made = rows(*(used(f"e{number}", offset=number) for number in range(200)))
    bad = made[77]
    values = tuple(
        None if name == "event_id" else value for name, value in zip(EVENTS.column_names, bad.values, strict=True)
    )
    made[77] = bad._replace(values=values)
    rejected: list[Rejected] = []

    async def reject(found: Sequence[Rejected]) -> None:
        rejected.extend(found)

    writer = Writer(backend, reject, lambda _: None)
    done = asyncio.Event()
    await writer.add(runs(made), done.set)
    await writer.flush()
    assert done.is_set()
    await writer.close()
    assert [found.row.record.offset for found in rejected] == [77]
    assert len(final(EVENTS)) == 199


def test_a_block_may_span_more_months_than_the_server_allows_by_default(both: tuple[Backend, Final]) -> None:
    backend, final = both
    made = rows(*(used(f"e{number}", at=946_684_800_000 + number * 31 * DAY_MS) for number in range(280)))
    backend.insert(EVENTS, [row.values for row in made], "t")
    assert len(final(EVENTS)) == 280


class Text(str):
    """A text that can be watched."""

    __slots__ = ("__weakref__",)


@pytest.mark.usefixtures("client")
def test_nothing_of_a_block_lives_on_in_the_driver(archive: Settings) -> None:
    backend = ClickHouse(archive)
    block = ByColumn([[value] for value in rows(used("e1"))[0].values], 1)
    place = EVENTS.column_names.index("customer_id")
    block.columns[place][0] = Text("c1")
    watched = ref(block.columns[place][0])
    gc.disable()  # a worker's collections are rare: what lives until the next one takes megabytes
    try:
        backend.insert(EVENTS, block, "t")
        assert watched() == "c1"  # whoever sends the block again still has it
        del block
        assert watched() is None
    finally:
        gc.enable()
        backend.close()
