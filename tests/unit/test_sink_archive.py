"""The archive's intake: rows to the writer, the rest to the dead letters."""

from collections.abc import Sequence
from random import Random

from sink_samples import NOW, PREFIX, WITH_ROW, WITHOUT_ROW, Rec, dead_letter, mapper, rows, used
from structlog.testing import capture_logs

from schemas import registry
from streams.clock import ManualClock
from streams.config import Settings
from streams.errors import PoisonError
from streams.sinks.archive import SLICE, Archive, writer_policy
from streams.sinks.delivery import Rejected
from streams.sinks.memory import MemoryBackend
from streams.sinks.record import Record
from streams.sinks.tables import EVENTS, TABLES
from streams.sinks.writer import Writer


class Rig:
    def __init__(self) -> None:
        self.letters: list[tuple[Record, str, str]] = []
        self.done = 0
        self.backend = MemoryBackend()
        self.archive = Archive(mapper(), ManualClock(NOW), self._letter)
        self.writer = Writer(self.backend, self.archive.reject, lambda _: None, random=Random(0))

    def _letter(self, record: Record, stage: str, error: Exception) -> None:
        self.letters.append((record, stage, type(error).__name__))

    async def take(self, records: Sequence[Rec]) -> None:
        def done() -> None:
            self.done += 1

        await self.archive.take(self.writer, records, done)
        await self.writer.flush()


async def test_a_batch_of_everything_fills_every_table_and_is_done_once() -> None:
    rig = Rig()
    await rig.take([*WITH_ROW, *WITHOUT_ROW])
    assert all(rig.backend.final(table) for table in TABLES)
    assert (rig.done, rig.letters) == (1, [])
    await rig.writer.close()


async def test_a_batch_larger_than_a_slice_is_stored_whole() -> None:
    rig = Rig()
    await rig.take([used(f"e{number}", offset=number) for number in range(SLICE * 2 + 1)])
    assert len(rig.backend.final(EVENTS)) == SLICE * 2 + 1
    assert rig.done == 1
    await rig.writer.close()


async def test_what_no_agent_judges_is_dead_lettered_by_it() -> None:
    rig = Rig()
    alerts, usage = (Rec(PREFIX + topic.name, b"{") for topic in (registry.ALERTS, registry.USAGE))
    await rig.take([alerts, usage])
    assert rig.letters == [(alerts, "decode", "SchemaError")]
    assert rig.done == 1
    await rig.writer.close()


async def test_a_rejected_row_is_dead_lettered_but_never_a_dead_letter() -> None:
    rig = Rig()
    event, letter = rows(used("e1"), dead_letter())
    with capture_logs() as logs:
        await rig.archive.reject([Rejected(event, PoisonError("no")), Rejected(letter, PoisonError("no"))])
    assert rig.letters == [(event.record, "archive", "PoisonError")]
    assert [entry["event"] for entry in logs] == ["dead_letter_not_stored"]


def test_the_bound_on_waiting_rows_leaves_room_for_two_blocks() -> None:
    policy = writer_policy(Settings(archive_rows=1_000_000, archive_seconds=2.5))
    assert (policy.block.rows, policy.block.age_seconds, policy.waiting_rows) == (1_000_000, 2.5, 2_000_000)
    assert writer_policy(Settings()).waiting_rows >= 2 * Settings().archive_rows
