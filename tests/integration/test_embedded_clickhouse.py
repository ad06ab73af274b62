"""The embedded ClickHouse as a process: command line, credentials, durability."""

import asyncio
import csv
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path

import pytest
from aiohttp import ClientError, ClientSession

from streams.embedded.clickhouse.child import answering_name, clickhouse_child
from streams.embedded.ports import LOOPBACK, free_port
from streams.embedded.supervise import ChildError, Supervisor

pytestmark = [pytest.mark.integration, pytest.mark.any_broker("speaks to ClickHouse alone")]

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def command_line(*arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "streams.embedded.clickhouse", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=ROOT,
    )
    try:
        assert process.stdout is not None
        ready = json.loads(await process.stdout.readline())
        assert ready["host"] == LOOPBACK
        yield process, f"http://{ready['host']}:{ready['port']}/"
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def run(url: str, sql: str, rows: str | None = None, **parameters: str) -> str:
    async with (
        ClientSession() as session,
        session.post(url, params={"query": sql, **parameters}, data=rows) as reply,
    ):
        text = await reply.text()
        assert reply.status == 200, text
        return text


async def test_it_picks_a_port_says_so_checks_the_password_and_ends_on_sigterm(tmp_path: Path) -> None:
    arguments = (
        "--path",
        str(tmp_path),
        "--port",
        "0",
        "--user",
        "zelo",
        "--password",
        "sécret",
        "--name",
        "mine",
    )
    async with command_line(*arguments) as (process, url):
        assert await answering_name(url.rstrip("/")) == "mine"
        assert await run(url, "SELECT 1", user="zelo", password="sécret") == "1\n"
        async with ClientSession() as session:
            async with session.get(url, params={"query": "SELECT 1"}) as reply:
                assert reply.status == 403
            headers = {
                "X-ClickHouse-User": "zelo",
                "X-ClickHouse-Key": "secret",
                "Origin": "http://127.0.0.1",
            }
            async with session.post(url, headers=headers, data="SELECT 1") as reply:
                assert reply.headers["X-ClickHouse-Exception-Code"] == "516"
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 20) == 0


async def test_acknowledged_inserts_survive_kill_9_and_none_is_there_by_half(tmp_path: Path) -> None:
    child = clickhouse_child(tmp_path / "data", free_port(), tmp_path / "log")
    url = f"http://{LOOPBACK}:{child.argv[child.argv.index('--port') + 1]}/"
    numbers = count()
    acknowledged: set[int] = set()
    async with Supervisor() as supervisor:
        await supervisor.start(child)
        await run(url, "CREATE DATABASE app")
        await run(url, "CREATE TABLE app.t (batch UInt32, row UInt32) ENGINE = MergeTree ORDER BY batch")

        async def insert_until_the_end() -> None:
            with suppress(ClientError, OSError):
                for batch in numbers:
                    rows = "".join(f"{batch},{row}\n" for row in range(500))
                    await run(url, "INSERT INTO app.t FORMAT CSV", rows)
                    acknowledged.add(batch)
                    if len(acknowledged) == 30:  # while the others are in the middle of theirs
                        os.kill(supervisor.pid("clickhouse"), signal.SIGKILL)

        await asyncio.gather(*(insert_until_the_end() for _ in range(3)))
        with pytest.raises(ChildError, match="signal 9"):
            await supervisor.wait()
        await supervisor.stop("clickhouse")
        await supervisor.start(child)
        found = await run(url, "SELECT batch, count(), uniqExact(row) FROM app.t GROUP BY batch FORMAT CSV")
    batches = {int(batch): (int(rows), int(distinct)) for batch, rows, distinct in csv.reader(found.splitlines())}
    assert len(acknowledged) >= 30
    assert acknowledged <= batches.keys()
    assert set(batches.values()) == {(500, 500)}


async def test_a_second_process_on_the_same_directory_is_told_so(tmp_path: Path) -> None:
    children = [clickhouse_child(tmp_path / "data", free_port(), tmp_path / f"log{number}") for number in (1, 2)]
    async with Supervisor([children[0]]):
        with pytest.raises(ChildError, match="does another process use it"):
            async with Supervisor([children[1]]):
                pass
