"""Batches of any topic into ClickHouse; what cannot be stored to the dead letters. Knows no Faust."""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from streams.clock import Clock
from streams.config import Settings
from streams.sinks.delivery import Rejected
from streams.sinks.lane import BlockPolicy
from streams.sinks.record import Record
from streams.sinks.rows import RowMapper
from streams.sinks.run import Run
from streams.sinks.tables import DEAD_LETTERS
from streams.sinks.writer import Writer, WriterPolicy

SLICE = 500  # records between two awaits, so that a large batch does not starve heartbeats
_FEWEST_WAITING_ROWS = 100_000  # chosen: some 200 MB
_log = structlog.get_logger(__name__)

DeadLetter = Callable[[Record, str, Exception], None]


class Archive:
    """Maps records to rows and hands them to the writer.

    Args:
        dead_letter: `dead_letter(record, stage, error)`; it must go out before the record's batch commits.
    """

    def __init__(self, mapper: RowMapper, clock: Clock, dead_letter: DeadLetter) -> None:
        self._mapper = mapper
        self._clock = clock
        self._dead_letter = dead_letter

    async def take(self, writer: Writer, records: Sequence[Record], done: Callable[[], object]) -> None:
        """Takes a batch in; `done` is called once each of its records is stored or reported.

        Raises:
            ZeloError: the writer failed.
        """
        runs: list[Run] = []
        for start in range(0, len(records), SLICE):
            mapped = self._mapper.rows(records[start : start + SLICE], self._clock.now_ms())
            runs += mapped.runs
            for found in mapped.unreadable:
                self._dead_letter(found.record, "decode", found.error)
            await asyncio.sleep(0)
        await writer.add(runs, done)

    async def reject(self, rejected: Sequence[Rejected]) -> None:
        """Reports rows that can never be stored."""
        for row, error in rejected:
            if row.table is DEAD_LETTERS:
                # Its dead letter would be archived and rejected again, for ever.
                where = f"{row.record.topic}[{row.record.partition}]@{row.record.offset}"
                _log.error("dead_letter_not_stored", record=where, reason=str(error))
            else:
                self._dead_letter(row.record, "archive", error)


def writer_policy(settings: Settings) -> WriterPolicy:
    """The settings in the writer's words."""
    return WriterPolicy(
        BlockPolicy(rows=settings.archive_rows, age_seconds=settings.archive_seconds),
        waiting_rows=max(_FEWEST_WAITING_ROWS, 2 * settings.archive_rows),
    )
