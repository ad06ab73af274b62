"""The writer against a ClickHouse that dies, is cut off, or was never there: nothing lost, nothing twice."""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from clickhouse_server import at, running
from sink_samples import rows, runs, used

from streams.config import Settings
from streams.embedded.clickhouse.child import clickhouse_child
from streams.embedded.ports import LOOPBACK, free_port
from streams.embedded.supervise import Restart, Supervisor
from streams.errors import ConfigurationError
from streams.sinks.clickhouse import ClickHouse, connect
from streams.sinks.delivery import Rejected, RetryPolicy
from streams.sinks.lane import BlockPolicy
from streams.sinks.migrate import migrate
from streams.sinks.writer import Writer, WriterPolicy

pytestmark = [pytest.mark.integration, pytest.mark.any_broker("speaks to ClickHouse alone")]

QUICK = RetryPolicy(first_seconds=0.05, most_seconds=0.5)


async def _no_rejects(rejected: Sequence[Rejected]) -> None:
    raise AssertionError(rejected)


def writer_for(settings: Settings, failed: Callable[[BaseException], None], block: int = 500) -> Writer:
    policy = WriterPolicy(BlockPolicy(rows=block, age_seconds=0.05), QUICK, waiting_rows=5_000)
    return Writer(ClickHouse(settings), _no_rejects, failed, policy)


def counted(settings: Settings) -> tuple[int, int]:
    """Rows without FINAL, and distinct offsets among them."""
    with connect(settings) as client:
        ((total, distinct),) = client.query("SELECT count(), uniqExact(offset) FROM events").result_rows
    return total, distinct


async def test_nothing_acknowledged_is_lost_and_nothing_is_twice_when_the_server_is_killed(
    tmp_path: Path,
) -> None:
    batch, batches = 100, 120
    port = free_port()
    settings = at(port)
    restart = Restart(attempts=5, first_delay_seconds=0.1)
    failures: list[BaseException] = []
    acknowledged: set[int] = set()
    async with Supervisor([clickhouse_child(tmp_path / "data", port, tmp_path / "log", restart=restart)]) as supervisor:
        await asyncio.to_thread(migrate, settings)
        writer = writer_for(settings, failures.append)
        for number in range(batches):
            made = rows(*(used(f"e{offset}", offset=offset) for offset in range(number * batch, (number + 1) * batch)))
            await writer.add(runs(made), lambda number=number: acknowledged.add(number))  # type: ignore[misc]
            await asyncio.sleep(0.005)
            if number in (30, 70):
                before = len(acknowledged)
                os.kill(supervisor.pid("clickhouse"), signal.SIGKILL)
                assert before < batches
        await asyncio.wait_for(writer.flush(), 60)
        assert acknowledged == set(range(batches))
        assert await writer.close()
        total, distinct = await asyncio.to_thread(counted, settings)
    assert distinct == batch * batches
    assert total == distinct
    assert failures == []
    assert writer.counters["events"].retries > 0


class CuttingProxy:
    """Forwards to the server, but loses its answers to the first inserts together with the connection."""

    def __init__(self, target_port: int, cuts: int) -> None:
        self.answers = 0
        self._target_port = target_port
        self._cuts = cuts

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(LOOPBACK, self._target_port)
        inserting = asyncio.Event()
        tasks = [
            asyncio.create_task(self._ask(reader, up_writer, inserting)),
            asyncio.create_task(self._answer(up_reader, writer, inserting)),
        ]
        await asyncio.wait(tasks, return_when="FIRST_COMPLETED")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        writer.close()
        up_writer.close()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, inserting: asyncio.Event) -> None:
        while chunk := await reader.read(65_536):
            if b"insert_deduplication_token" in chunk:
                inserting.set()
            writer.write(chunk)
            await writer.drain()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, inserting: asyncio.Event
    ) -> None:
        while chunk := await reader.read(65_536):
            self.answers += inserting.is_set()
            if inserting.is_set() and self.answers <= self._cuts:
                writer.transport.abort()
                return
            writer.write(chunk)
            await writer.drain()


async def test_an_insert_whose_answer_is_lost_is_sent_again_and_stored_once(tmp_path: Path) -> None:
    async with running(tmp_path) as settings:
        await asyncio.to_thread(migrate, settings)
        port = urlsplit(settings.clickhouse_url).port
        assert port is not None
        proxy = CuttingProxy(port, cuts=5)
        server = await asyncio.start_server(proxy, LOOPBACK, 0)
        async with server:
            failures: list[BaseException] = []
            writer = writer_for(at(server.sockets[0].getsockname()[1]), failures.append)
            done = asyncio.Event()
            await writer.add(runs(rows(*(used(f"e{offset}", offset=offset) for offset in range(300)))), done.set)
            await asyncio.wait_for(done.wait(), 30)
            await writer.close()
        assert proxy.answers > 5
        assert await asyncio.to_thread(counted, settings) == (300, 300)
        assert failures == []


async def test_rows_wait_for_a_server_that_comes_later(tmp_path: Path) -> None:
    port = free_port()
    settings = at(port)
    writer = writer_for(settings, lambda _: None)
    done = asyncio.Event()
    await writer.add(runs(rows(used("e1"))), done.set)
    async with asyncio.timeout(20):
        while writer.counters["events"].retries == 0:
            await asyncio.sleep(0.01)
    assert not done.is_set()
    # The schema is made elsewhere, before the port the writer knocks at opens.
    first = at(free_port())
    child_port = urlsplit(first.clickhouse_url).port
    assert child_port is not None
    async with Supervisor([clickhouse_child(tmp_path / "data", child_port, tmp_path / "log")]):
        await asyncio.to_thread(migrate, first)
    async with Supervisor([clickhouse_child(tmp_path / "data", port, tmp_path / "log")]):
        await asyncio.wait_for(done.wait(), 30)
        assert await writer.close()
        assert await asyncio.to_thread(counted, settings) == (1, 1)


async def test_a_database_that_was_never_migrated_stops_the_writer(tmp_path: Path) -> None:
    async with running(tmp_path) as settings:
        failures: list[BaseException] = []
        writer = writer_for(settings, failures.append)
        done: list[bool] = []
        await writer.add(runs(rows(used("e1"))), lambda: done.append(True))
        with pytest.raises(ConfigurationError, match="zelo migrate"):
            await writer.flush()
        assert not await writer.close()
    assert done == []
    assert len(failures) == 1
