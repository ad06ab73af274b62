"""A whole Zelo as processes of their own on a shared broker and ClickHouse, and the oracle of what must come out.

The oracle folds the same records offline (streams.offline), maps what was sent with the archive's own mapper and
keeps it in the in-memory twin of ClickHouse; `differences` compares it with the tables.
"""

import asyncio
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple, cast

import aiohttp

from schemas.registry import TOPICS
from streams.app import changelog_specs
from streams.cli.flow import drained
from streams.cli.stack import EMBEDDED_TIMEOUTS, worker_children
from streams.config import Settings
from streams.embedded import EmbeddedStack
from streams.embedded.supervise import Child, Restart
from streams.engine.topics import create_topics
from streams.intake.ordering import PreparedImport, Record
from streams.intake.produce import Target, produce
from streams.metrics.days import Days, from_date
from streams.offline import Offline
from streams.sinks.clickhouse import connect
from streams.sinks.memory import MemoryBackend
from streams.sinks.migrate import migrate
from streams.sinks.rows import RowMapper
from streams.sinks.tables import (
    ACCOUNTS,
    ALERTS,
    CHURN_CURRENT,
    CHURN_MODELS,
    CHURN_OBSERVATIONS,
    DEAD_LETTERS,
    HEALTH_CURRENT,
    HEALTH_DAILY,
    TABLES,
    Table,
)
from streams.topics import topic_specs

sys.path.append(str(Path(__file__).parents[1] / "flow"))
from offline_rig import NOW, PARTITIONS, folded, some_records

#: Restarted at once and for as long as a test likes to kill.
RESTART = Restart(attempts=50, first_delay_seconds=0.05, max_delay_seconds=0.05)
#: Longer than publication, re-scoring and commit together.
QUIET_SECONDS = 2.5
PREFIX = "zelo."
_OFFSETS = frozenset({"version", "row_version"})
#: Columns that tell how the topics were interleaved on the way and not what is so; every other column must be equal.
NOT_COMPARED: dict[Table, frozenset[str]] = {
    # Offsets in metrics.v1, scores.*, observations.v1, which several agents write to by turns.
    HEALTH_DAILY: _OFFSETS,
    HEALTH_CURRENT: _OFFSETS,
    CHURN_CURRENT: _OFFSETS,
    CHURN_OBSERVATIONS: _OFFSETS,
    CHURN_MODELS: _OFFSETS,
    ALERTS: _OFFSETS,
    # The newest profile goes out when the next interval comes: by then more or fewer days are closed.
    ACCOUNTS: frozenset({"as_of", "row_version"}),
}

Rows = dict[tuple[Any, ...], dict[str, Any]]


class Rec(NamedTuple):
    """A Kafka record as the mapper reads it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


def sample() -> tuple[Record, ...]:
    """What is imported: 20 customers, all they did, and the heartbeats of the last months."""
    return some_records(20, 150)


@dataclass(frozen=True)
class System:
    """A running system with topics, groups and a database of its own.

    Attributes:
        children: its workers by role.
    """

    stack: EmbeddedStack
    settings: Settings
    children: dict[str, Child]

    async def send(self, records: Sequence[Record]) -> None:
        """Sends records with the product's own producer."""
        target = Target(self.settings.kafka_bootstrap, self.settings.topic_prefix)
        await produce(target, cast(PreparedImport, records))

    async def drained(self, quiet_seconds: float = QUIET_SECONDS, deadline_seconds: float = 100.0) -> None:
        """Waits until everything has flowed through; a worker that is dead for good ends the wait."""
        waiting = asyncio.ensure_future(drained(self.settings, quiet_seconds, lambda _: None, deadline_seconds))
        failing = asyncio.ensure_future(self.stack.supervisor.wait())
        await asyncio.wait({waiting, failing}, return_when=asyncio.FIRST_COMPLETED)
        failing.cancel()
        if failing.done() and not failing.cancelled():
            waiting.cancel()
            failing.result()
        await waiting

    def pid(self, role: str) -> int:
        """Process id of a worker."""
        return self.stack.supervisor.pid(self.children[role].name)

    async def partitions_of(self, role: str) -> int:
        """How many partitions a worker reads, as its page says."""
        env = self.children[role].env or {}
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{env['ZELO_HTTP_PORT']}/readyz") as page,
        ):
            return int((await page.json())["partitions"])

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Rows of a query."""
        with connect(self.settings) as client:
            return list(client.query(sql, tz_mode="aware").named_results())

    async def tables(self) -> dict[str, Rows]:
        """The rows of every table that stand, by key, comparable."""
        return await asyncio.to_thread(lambda: {table.name: self._rows(table) for table in TABLES})

    def _rows(self, table: Table) -> Rows:
        with connect(self.settings) as client:
            found = client.query(
                f"SELECT * FROM {table.name} FINAL", query_formats={"String": "bytes"}, tz_mode="aware"
            )
            return by_key(table, found.named_results())


@asynccontextmanager
async def running(
    stack: EmbeddedStack, name: str, *, stream_workers: int = 1, **overrides: Any
) -> AsyncIterator[System]:
    """Topics, a database and the workers of one system on a stack; the workers are gone at the end."""
    settings = system_settings(stack, name, **overrides)
    await prepare(settings)
    logs = stack.data_dir / "logs" / name
    children = {child.name: child for child in worker_children(settings, logs, RESTART)}
    for number in range(2, stream_workers + 1):
        twin = next(c for c in worker_children(settings, logs / str(number), RESTART) if c.name == "stream")
        children[f"stream-{number}"] = twin
    children = {role: replace(child, name=f"{name}-{role}") for role, child in children.items()}
    started = await asyncio.gather(
        *(stack.supervisor.start(child) for child in children.values()), return_exceptions=True
    )
    try:
        for outcome in started:
            if isinstance(outcome, BaseException):
                raise outcome
        yield System(stack, settings, children)
    finally:
        alive = [child.name for child, o in zip(children.values(), started, strict=True) if o is None]
        await asyncio.gather(*(stack.supervisor.stop(one) for one in alive))


def system_settings(stack: EmbeddedStack, name: str, **overrides: Any) -> Settings:
    """Settings of a system with names of its own on a shared stack."""
    chosen: dict[str, Any] = {
        **EMBEDDED_TIMEOUTS,
        "kafka_bootstrap": stack.bootstrap,
        "clickhouse_url": stack.clickhouse_url,
        "clickhouse_database": f"zelo_{name}",
        "data_dir": stack.data_dir / name,
        "app_id": name,
        "topic_prefix": f"{name}.",
        "partitions": PARTITIONS,
        "clock": "log",
        "dedup_days": 1100,
        "profile": "demo",
        "rescore_seconds": 0.5,
        "commit_interval_seconds": 0.5,
        "archive_seconds": 0.5,
        **overrides,
    }
    return Settings(**chosen)


async def prepare(settings: Settings) -> None:
    """The database and all topics."""
    await asyncio.to_thread(migrate, settings)
    await create_topics(settings.kafka_bootstrap, [*topic_specs(settings), *changelog_specs(settings)])


async def until(come_to_pass: Callable[[], Any], what: str, seconds: float = 60.0) -> Any:
    """Polls until something true comes, and gives it."""
    end = monotonic() + seconds
    while not (found := await asyncio.to_thread(come_to_pass)):
        assert monotonic() < end, f"it did not come to pass within {seconds:g} s: {what}"
        await asyncio.sleep(0.1)
    return found


# --- the oracle ---------------------------------------------------------------------------------------------------


@cache
def oracle(records: Iterable[Record]) -> dict[str, Rows]:
    """What every table must hold after these records."""
    inputs = tuple(records)
    backend = MemoryBackend()
    rows: dict[str, list[tuple[object, ...]]] = defaultdict(list)
    mapper = RowMapper("", Days())
    for row in mapper.rows([*as_read(inputs), *as_sent(folded(inputs))], NOW).rows:
        rows[row.table.name].append(row.values)
    for table in TABLES:
        backend.insert(table, rows[table.name], table.name)
    return {table.name: by_key(table, backend.final(table)) for table in TABLES}


def as_read(inputs: Iterable[Record]) -> Iterable[Rec]:
    """Input records with the offsets they get on empty topics."""
    ends: dict[tuple[str, int], int] = defaultdict(int)
    for record in inputs:
        place = (record.topic, record.partition)
        yield Rec(record.topic, record.partition, ends[place], record.timestamp_ms, record.key, record.value)
        ends[place] += 1


def as_sent(offline: Offline) -> Iterable[Rec]:
    """Everything the machines sent, as records."""
    ends: dict[tuple[str, int], int] = defaultdict(int)
    for topic in TOPICS:
        for sent in offline.log[topic.name]:
            place = (topic.name, sent.partition)
            yield Rec(topic.name, sent.partition, ends[place], 0, sent.key, sent.value, tuple(sent.headers))
            ends[place] += 1


def by_key(table: Table, found: Iterable[dict[str, Any]]) -> Rows:
    """Rows by the table's key, with values as they were put in, however the database gives them back."""
    plain = [{name: comparable(value) for name, value in row.items()} for row in found]
    return {tuple(row[name] for name in table.key): row for row in plain}


def comparable(value: Any) -> Any:
    """A value as it was put in."""
    match value:
        case datetime():
            return round(value.timestamp() * 1000)
        case date():
            return from_date(value)
        case str():
            return value.encode()
        case list() | tuple():
            return [comparable(part) for part in value]
        case dict():
            return {comparable(name): part for name, part in value.items()}
        case _:
            return value


def differences(found: dict[str, Rows], expected: dict[str, Rows]) -> list[str]:
    """How the tables differ, in lines; at most a few per table. Dead letters are not the oracle's business."""
    lines: list[str] = []
    for table in TABLES:
        if table is not DEAD_LETTERS:
            here, there = (standing(table, side) for side in (found, expected))
            lines += list(_differences(table, here, there))[:6]
    return lines


def standing(table: Table, tables: dict[str, Rows]) -> Rows:
    """The rows of a table that can be compared, without the columns that cannot."""
    rows = tables[table.name]
    if table is CHURN_CURRENT:  # who left keeps the last risk that happened to be published
        paying = {key for key, row in tables[HEALTH_CURRENT.name].items() if row["paying"]}
        rows = {key: row for key, row in rows.items() if key in paying}
    elif table is CHURN_MODELS:  # those in between are conflated
        rows = dict([max(rows.items())]) if rows else rows
    hidden = NOT_COMPARED.get(table, frozenset())
    return {key: {n: v for n, v in row.items() if n not in hidden} for key, row in rows.items()}


def _differences(table: Table, here: Rows, there: Rows) -> Iterable[str]:
    if len(here) != len(there):
        yield f"{table.name}: {len(here)} rows, expected {len(there)}"
    for key in list(there.keys() - here.keys())[:2]:
        yield f"{table.name}{key}: missing"
    for key in list(here.keys() - there.keys())[:2]:
        yield f"{table.name}{key}: too many"
    for key in sorted(here.keys() & there.keys(), key=repr):
        for name, value in here[key].items():
            if value != there[key][name]:
                yield f"{table.name}{key}.{name}: {value!r}, expected {there[key][name]!r}"
