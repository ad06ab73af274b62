"""Stored history as input records: files of events, or the archive in ClickHouse. Read only."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from clickhouse_connect.driver.exceptions import ClickHouseError

from streams.config import Settings
from streams.errors import ConfigurationError
from streams.intake.importer import Importer
from streams.intake.ordering import heartbeats, prepare
from streams.metrics.days import Days
from streams.offline import Input
from streams.sinks.clickhouse import connect, translated

_SOURCE = "history"
_SORTING_SECONDS = 3600.0  # ClickHouse sorts everything before the first row comes
_PARTITIONS = "SELECT count() AS events, max(partition) + 1 AS partitions FROM events"
# Each partition in the order it arrived in; between partitions by the newest instant each had reached.
_EVENTS = (
    "SELECT topic, partition, customer_id, payload, toUnixTimestamp64Milli(max(occurred_at) OVER "
    "(PARTITION BY topic, partition ORDER BY offset ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)) AS reached "
    "FROM events FINAL ORDER BY reached, topic, partition, offset"
)


class Stored(NamedTuple):
    """An archived event and the newest instant its partition had reached with it, epoch ms."""

    record: Input
    reached: int


class History(NamedTuple):
    """Records in the order to fold them, and how many partitions each topic has."""

    records: Iterable[Input]
    partitions: int


def from_files(settings: Settings, importer: Importer, path: Path, as_arrived: bool = False) -> History:
    """The events of files as an import sends them: by event time, or `as_arrived`.

    Raises:
        ConfigurationError: there is no such file, or no event in it.
    """
    prepared = prepare(importer, path, settings.partitions, Days(settings.timezone), as_arrived=as_arrived)
    if not prepared.events:
        raise ConfigurationError(f"expected events in {path}, found none ({prepared.report.bad_row_count} bad rows)")
    return History((Input(*record[:4]) for record in prepared), settings.partitions)


def from_archive(settings: Settings) -> History:
    """The table `events`, each topic-partition in the order of its offsets.

    Of an event that was sent twice the first stands. The archive keeps no heartbeats: days end as they would have by
    the newest event of all partitions.

    Raises:
        ConfigurationError: ClickHouse has no such table or no event, or refuses.
        TransientError: ClickHouse is away.
    """
    try:
        with connect(settings) as client:
            ((events, partitions),) = client.query(_PARTITIONS).result_rows
    except ClickHouseError as error:
        raise translated(error) from error
    if not events:
        raise ConfigurationError(
            f"expected events in the table events of {settings.clickhouse_database}, found none: "
            "name a file with --events, or let `zelo worker` archive some"
        )
    number = max(int(partitions), settings.partitions)
    records = with_heartbeats(_archived(settings), number, Days(settings.timezone), settings.lateness_seconds)
    return History(records, number)


def _archived(settings: Settings) -> Iterator[Stored]:
    try:
        with connect(settings, _SORTING_SECONDS) as client, client.query_rows_stream(_EVENTS) as rows:
            row: Any
            for row in rows:
                topic, partition, customer, payload, reached = row
                yield Stored(Input(topic, partition, customer.encode(), payload.encode()), reached)
    except ClickHouseError as error:
        raise translated(error) from error


def with_heartbeats(stored: Iterable[Stored], partitions: int, days: Days, lateness_seconds: float) -> Iterator[Input]:
    """Records with a heartbeat in every topic-partition at the start of each day, and after the last one.

    A day's heartbeats come when events have passed its start by the lateness, so that they close no day before the
    partition's own events would have.

    Args:
        stored: in the order of `reached`.
        partitions: of every topic.
        days: the company's calendar.
        lateness_seconds: how much events may be out of order.
    """
    lateness_ms = round(lateness_seconds * 1000)
    beaten = last = None
    for record, reached in stored:
        due, last = days.of(reached - lateness_ms), days.of(reached)
        for day in range(due if beaten is None else beaten + 1, due + 1):
            yield from _beats(day, partitions, days)
        beaten = due
        yield record
    if last is not None and beaten is not None:
        for day in range(beaten + 1, last + 2):
            yield from _beats(day, partitions, days)


def _beats(day: int, partitions: int, days: Days) -> Iterator[Input]:
    return (Input(*record[:4]) for record in heartbeats(day, partitions, days, _SOURCE))
