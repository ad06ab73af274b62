"""`zelo worker --workers N` as people run it: processes that share the partitions and leave nothing behind."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise
from math import inf
from pathlib import Path

import aiohttp
import psutil
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer
from system_oracle import oracle, sample
from system_rig import prepare, running, system_settings

from streams.app import group
from streams.config import Settings, child_environment
from streams.embedded import EmbeddedStack
from streams.engine.partition import META_KEY
from streams.engine.staging import PREFIX
from streams.engine.table import changelog_name
from streams.telemetry import ASKED, HELD, LAG, LATE, TELEMETRY

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="module")]

ROOT = Path(__file__).parents[2]
PAGE = re.compile(r"^(\S+) +(http://\S+)/readyz", flags=re.MULTILINE)


class Command:
    """A running `zelo worker` and what it printed."""

    def __init__(self, settings: Settings, *arguments: str) -> None:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        self.out = settings.data_dir / "out.txt"
        with self.out.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streams.cli", "worker", *arguments],
                cwd=ROOT,
                env=child_environment(settings),
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def pages(self) -> dict[str, str]:
        """Addresses it told, by process."""
        return dict(PAGE.findall(self.out.read_text()))

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


@asynccontextmanager
async def command(settings: Settings, *arguments: str) -> AsyncIterator[Command]:
    started = Command(settings, *arguments)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.process.kill()
            started.process.wait()


async def partitions(page: str) -> int:
    """Partitions of a worker that is ready; 0 before."""
    try:
        async with aiohttp.ClientSession() as session, session.get(f"{page}/readyz") as answer:
            return int((await answer.json())["partitions"]) if answer.status == 200 else 0
    except aiohttp.ClientError:
        return 0


async def sharing(started: Command, workers: int, below: float = inf) -> list[int]:
    """Waits until every process of a command has partitions, and gives how many.

    Args:
        started: the command.
        workers: how many processes.
        below: fewer than so many together. Who had them all may be late for the first generation of a group that
            others join, and have none until the next.
    """
    async with asyncio.timeout(60):
        while True:
            assert started.process.poll() is None, started.out.read_text()
            found = [await partitions(page) for page in started.pages().values()]
            if len(found) == workers and all(found) and sum(found) < below:
                return found
            await asyncio.sleep(0.1)


async def gone(processes: list[psutil.Process]) -> None:
    async with asyncio.timeout(60):
        while any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes):
            await asyncio.sleep(0.05)


@pytest.fixture
def six_partitions(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    """Sample and oracle of more partitions than workers; gives the setting."""
    import offline_rig  # system_oracle has made the path to it

    caches = (offline_rig.all_records, offline_rig.some_records, oracle)
    monkeypatch.setattr(offline_rig, "PARTITIONS", 6)
    for cached in caches:
        cached.cache_clear()
    yield {"partitions": 6}
    for cached in caches:
        cached.cache_clear()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack() -> AsyncIterator[EmbeddedStack]:
    async with EmbeddedStack() as stack:
        yield stack


async def test_three_workers_share_the_partitions_and_end_with_the_command(stack: EmbeddedStack) -> None:
    settings = system_settings(stack, "three", partitions=6)
    await prepare(settings)
    async with command(settings, "--role", "stream", "--workers", "3") as started:
        await sharing(started, 3)
        children = started.children()
        assert list(started.pages()) == ["stream", "stream-2", "stream-3"]
        assert len(children) == 3
        folders = {child.environ()["ZELO_DATA_DIR"] for child in children}
        assert folders == {str(settings.data_dir / "workers" / name) for name in started.pages()}
        for page in started.pages().values():
            await says_all_it_should(page)
        started.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(started.process.wait, 60) == 0
        await gone(children)


async def says_all_it_should(page: str) -> None:
    """The pages of a worker that is well, and has had nothing to do."""
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{page}/livez") as answer:
            live = await answer.json()
            assert (answer.status, live["alive"], live["late_seconds"]) == (200, True, 0.0)
        async with session.get(f"{page}/readyz") as answer:
            assert (await answer.json())["recovery_remaining"] == 0
        async with session.get(f"{page}/metrics") as answer:
            text = await answer.text()
    for figure in (*TELEMETRY, LAG, LATE, *ASKED, *HELD):
        name = figure.name + "_total" * (figure.kind == "counter")
        assert re.search(rf"^{name}(\{{.+\}})? [\d.e+]+$", text, flags=re.MULTILINE), name
    assert re.search(r'^zelo_states\{table="usage"\} 0\.0$', text, flags=re.MULTILINE)
    if sys.platform == "linux":
        assert "process_resident_memory_bytes" in text


async def test_a_changelog_of_a_newer_release_stops_the_worker_with_the_mend(stack: EmbeddedStack) -> None:
    settings = system_settings(stack, "newer")
    await prepare(settings)
    changelog = changelog_name(group(settings, "stream"), "usage")
    value = PREFIX.pack(5, 1) + b"\xc1\x09what no release knows yet"
    async with AIOKafkaProducer(bootstrap_servers=stack.bootstrap) as producer:
        for key in (b"acme", META_KEY):
            await producer.send_and_wait(changelog, value, key=key, partition=0)
    async with command(settings, "--role", "stream") as started:
        assert await asyncio.to_thread(started.process.wait, 90) == 1
        said = started.out.read_text()
        assert "was stored as version 9 by a newer release" in said
        assert "set ZELO_APP_ID to a new name" in said


async def test_a_worker_that_dies_comes_back_and_none_outlives_a_killed_command(stack: EmbeddedStack) -> None:
    settings = system_settings(stack, "back")
    await prepare(settings)
    async with command(settings, "--role", "stream", "--workers", "2") as started:
        await sharing(started, 2)
        victim, *_ = started.children()
        os.kill(victim.pid, signal.SIGKILL)
        async with asyncio.timeout(60):
            while len(started.children()) < 2 or victim in started.children():
                await asyncio.sleep(0.05)
        await sharing(started, 2)
        children = started.children()
        started.process.kill()
        started.process.wait()
        await gone(children)


async def test_a_signal_while_the_workers_start_ends_them_at_once(stack: EmbeddedStack) -> None:
    """The command looked for signals only when all were ready, which takes as long as their recovery."""
    settings = system_settings(stack, "early", kafka_bootstrap="127.0.0.1:1")
    async with command(settings, "--role", "stream", "--workers", "2") as started:
        async with asyncio.timeout(60):
            while len(started.children()) < 2:
                await asyncio.sleep(0.02)
        children = started.children()
        started.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(started.process.wait, 60) in (0, 2)
        await gone(children)


async def test_partitions_move_to_workers_that_join_and_back_without_loss(
    stack: EmbeddedStack, six_partitions: dict[str, int]
) -> None:
    records = sample()
    cuts = [len(records) * share // 4 for share in range(5)]
    shares = [records[start:end] for start, end in pairwise(cuts)]
    async with running(stack, "moves", **six_partitions) as system:
        alone = await _partitions_when_ready(system.children["stream"].env or {})
        await system.send(shares[0])
        elsewhere = system.settings.model_copy(update={"data_dir": Path(stack.data_dir) / "elsewhere"})
        async with command(elsewhere, "--role", "stream", "--workers", "2") as joined:
            sending = asyncio.create_task(system.send(shares[1]))
            await sharing(joined, 2, below=alone)
            await sending
            sending = asyncio.create_task(system.send(shares[2]))
            await stack.supervisor.stop(system.children["stream"].name)
            await sending
            await system.send(shares[3])
            await system.drained()
            assert sum(await sharing(joined, 2)) == alone
            assert await system.differences(records) == []
            joined.process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(joined.process.wait, 60) == 0


async def _partitions_when_ready(env: object) -> int:
    assert isinstance(env, dict)
    page = f"http://{env['ZELO_HTTP_HOST']}:{env['ZELO_HTTP_PORT']}"
    async with asyncio.timeout(60):
        while not (found := await partitions(page)):
            await asyncio.sleep(0.1)
    return found
