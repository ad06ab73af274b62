"""Brokers of Apache Kafka die, stop and freeze under a worker: the recount stays exact."""

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from streams.embedded.kafka import ApacheKafka

sys.path.append(str(Path(__file__).parents[1] / "integration"))
from engine_rig import Job, Worker, check_exact, prepare
from fault_rig import drained, fed

pytestmark = [
    pytest.mark.integration,
    pytest.mark.chaos,
    pytest.mark.kafka,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="module"),
]

SEED = 20261126


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
        await asyncio.wait_for(begun.wait(), 90)
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def three(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ApacheKafka]:
    async with ApacheKafka(tmp_path_factory.mktemp("three"), brokers=3) as kafka:
        yield kafka


@pytest.fixture
def job(three: ApacheKafka, tmp_path: Path) -> Job:
    job = Job(three.bootstrap, str(tmp_path))
    job.suffix = f"-{job.name}"
    return job


async def test_each_of_three_brokers_gone_in_turn_changes_nothing(three: ApacheKafka, job: Job) -> None:
    await prepare(job, replication_factor=3)
    async with working(job):
        async with fed(job, random.Random(SEED), events=500):
            for number in (1, 2, 3):
                await three.kill(number)
                await asyncio.sleep(3)  # the others elect leaders, and everybody writes on
                await three.restart(number)
        await drained(job)
    await check_exact(job)


async def test_a_leader_that_freezes_and_comes_back_changes_nothing(three: ApacheKafka, job: Job) -> None:
    await prepare(job, replication_factor=3)
    async with working(job):
        async with fed(job, random.Random(SEED), events=500):
            os.kill(three.pid(2), signal.SIGSTOP)
            await asyncio.sleep(6)  # longer than its session: its partitions have other leaders now
            os.kill(three.pid(2), signal.SIGCONT)
        await drained(job)
    await check_exact(job)
