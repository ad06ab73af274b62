"""The oracle of a whole system: what every ClickHouse table must hold after an import.

It folds the same records offline (streams.offline), maps what was sent with the archive's own mapper and keeps it in
the in-memory twin of ClickHouse; `differences` compares that with the tables.
"""

import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from archive_rig import comparable

from schemas.registry import TOPICS
from streams.config import Settings
from streams.intake.ordering import Record
from streams.metrics.days import Days
from streams.offline import Offline
from streams.sinks.clickhouse import ClickHouse
from streams.sinks.memory import MemoryBackend
from streams.sinks.rows import RowMapper
from streams.sinks.table import Table
from streams.sinks.tables import (
    ACCOUNTS,
    ALERTS,
    CHURN_CURRENT,
    CHURN_MODELS,
    CHURN_OBSERVATIONS,
    DEAD_LETTERS,
    HEALTH_CURRENT,
    HEALTH_DAILY,
    MODEL_QUALITY_DAILY,
    PORTFOLIO_METRICS,
    TABLES,
    UPSELL_DAILY,
)

sys.path.append(str(Path(__file__).parents[1] / "flow"))
from offline_rig import NOW, PARTITIONS, folded, some_records

__all__ = ["PARTITIONS", "Rows", "by_key", "differences", "oracle", "sample"]

_OFFSETS = frozenset({"version", "row_version"})
#: Columns that tell how the topics were interleaved on the way and not what is so; every other column must be equal.
NOT_COMPARED: dict[Table, frozenset[str]] = {
    # Offsets in metrics.v1, scores.*, observations.v1, portfolio.v1, which several agents write to by turns.
    PORTFOLIO_METRICS: _OFFSETS,
    MODEL_QUALITY_DAILY: _OFFSETS,
    HEALTH_DAILY: _OFFSETS,
    HEALTH_CURRENT: _OFFSETS,
    CHURN_CURRENT: _OFFSETS,
    UPSELL_DAILY: _OFFSETS,
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
    """What is imported: 12 customers, all they did, and the heartbeats of the last months.

    The fewest that have all that can differ with some to spare (a test asks for it): most of the work of the tests that
    import it is done once for each customer and day.
    """
    return some_records(12, 150)


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


def store(settings: Settings, inputs: Iterable[Record], offline: Offline, days: Days) -> None:
    """Puts into the database what the archive would: the inputs and everything the machines sent."""
    found: dict[Table, list[tuple[object, ...]]] = defaultdict(list)
    for row in RowMapper("", days).rows([*as_read(inputs), *as_sent(offline)], NOW).rows:
        found[row.table].append(row.values)
    backend = ClickHouse(settings)
    for table, rows in found.items():
        backend.insert(table, rows, "")
    backend.close()


def by_key(table: Table, found: Iterable[dict[str, Any]]) -> Rows:
    """Rows by the table's key, with values as they were put in, however the database gives them back."""
    plain = [{name: comparable(value) for name, value in row.items()} for row in found]
    return {tuple(row[name] for name in table.key): row for row in plain}


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
