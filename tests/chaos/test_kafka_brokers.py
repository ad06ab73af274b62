"""Brokers of Apache Kafka die, stop and freeze under a worker: the recount stays exact."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from streams.embedded.kafka import ApacheKafka

sys.path.append(str(Path(__file__).parents[1] / "integration"))
from engine_rig import Job, Worker, check_exact, is_drained, poll, prepare, produce

pytestmark = [pytest.mark.integration, pytest.mark.chaos, pytest.mark.kafka, pytest.mark.timeout(240)]


async def feed(job: Job, stop: asyncio.Event) -> None:
    """Writes until told to stop; every record that was sent is one that Kafka took."""
    while not stop.is_set():
        await produce(job, [f"c{number % 97}" for number in range(2_000)])
        await asyncio.sleep(0.1)


async def keep_working(job: Job, begun: asyncio.Event) -> None:
    """A worker, and another when it ends: cut off for longer than its session, it ends by itself."""
    while True:
        with Worker(job) as worker:
            while worker.process.poll() is None:
                if "Worker ready" in worker.text():
                    begun.set()
                await asyncio.sleep(0.1)


@asynccontextmanager
async def working(job: Job) -> AsyncIterator[None]:
    """A worker that is kept running; ready when entered."""
    begun = asyncio.Event()
    keeping = asyncio.create_task(keep_working(job, begun))
    try:
        await asyncio.wait_for(begun.wait(), 40)
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


@asynccontextmanager
async def feeding(job: Job) -> AsyncIterator[None]:
    """Events come in all the time; none is on its way any more when it is left."""
    stop = asyncio.Event()
    task = asyncio.create_task(feed(job, stop))
    try:
        yield
    finally:
        stop.set()
        await task


@pytest_asyncio.fixture
async def three(tmp_path: Path) -> AsyncIterator[ApacheKafka]:
    async with ApacheKafka(tmp_path / "kafka", brokers=3) as kafka:
        yield kafka


async def test_each_of_three_brokers_gone_in_turn_changes_nothing(three: ApacheKafka, tmp_path: Path) -> None:
    job = Job(three.bootstrap, str(tmp_path))
    await prepare(job, replication_factor=3)
    async with working(job):
        async with feeding(job):
            for number in (1, 2, 3):
                await three.kill(number)
                await asyncio.sleep(3)  # the others elect leaders, and everybody writes on
                await three.restart(number)
        await poll(lambda: is_drained(job), seconds=60)
    await check_exact(job)


async def test_a_leader_that_freezes_and_comes_back_changes_nothing(three: ApacheKafka, tmp_path: Path) -> None:
    job = Job(three.bootstrap, str(tmp_path))
    await prepare(job, replication_factor=3)
    async with working(job):
        async with feeding(job):
            os.kill(three.pid(2), signal.SIGSTOP)
            await asyncio.sleep(6)  # longer than its session: its partitions have other leaders now
            os.kill(three.pid(2), signal.SIGCONT)
        await poll(lambda: is_drained(job), seconds=90)
    await check_exact(job)


async def test_the_only_broker_killed_and_restarted_changes_nothing(tmp_path: Path) -> None:
    async with ApacheKafka(tmp_path / "kafka") as kafka:
        job = Job(kafka.bootstrap, str(tmp_path))
        await prepare(job)
        await produce(job, [f"c{number % 97}" for number in range(20_000)])
        async with working(job):
            await kafka.kill(1)
            await kafka.restart(1)
            await produce(job, [f"c{number % 97}" for number in range(20_000)])
            await poll(lambda: is_drained(job), seconds=90)
        await check_exact(job)
