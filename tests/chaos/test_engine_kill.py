"""Workers killed, stopped, joined and stuck at random points: the recount stays exact."""

import asyncio
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "integration"))
from engine_rig import Job, Worker, broker, check_exact, check_snapshots, is_drained, poll, prepare, produce
from fault_rig import FaultWorker
from faults import Fault

pytestmark = [pytest.mark.integration, pytest.mark.chaos, pytest.mark.timeout(240)]


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    with broker() as bootstrap:
        yield Job(bootstrap, str(tmp_path), session_seconds=2.0)  # each death costs them


def keys(count: int) -> list[str]:
    return [f"c{number % 97}" for number in range(count)]


async def has_begun(worker: Worker) -> bool:
    return "Worker ready" in worker.text()


async def feed(job: Job, stop: asyncio.Event) -> None:
    while not stop.is_set():
        await produce(job, keys(2_000))
        await asyncio.sleep(0.1)


async def test_kills_at_random_points_change_nothing(job: Job) -> None:
    job.batch_bytes = 600
    await prepare(job)
    chance = random.Random(20261122)
    stop = asyncio.Event()
    feeding = asyncio.create_task(feed(job, stop))
    for _ in range(3):
        with Worker(job) as worker:
            await poll(lambda worker=worker: has_begun(worker))
            await asyncio.sleep(chance.uniform(0.3, 1.5))  # the random point, not a wait for something
            worker.kill()
    stop.set()
    await feeding
    with Worker(job):
        await poll(lambda: is_drained(job))
    await check_exact(job)


async def test_kills_in_the_middle_of_large_flushes_leave_keys_and_meta_of_one_flush(job: Job) -> None:
    job.batch_bytes = 600  # a flush is some hundred batches, so the changelog is seen growing in the middle of one
    await prepare(job)
    chance = random.Random(7)
    torn = 0
    for _ in range(3):
        await produce(job, [f"c{chance.randrange(4_000)}" for _ in range(12_000)])
        with FaultWorker(job, Fault("in a flush", chance.randint(20, 60))) as worker:
            assert await worker.ended() == -9, worker.text()[-3000:]
        torn += await check_snapshots(job)
    assert torn > 0, "no kill hit a flush"
    with Worker(job):
        await poll(lambda: is_drained(job))
    await check_exact(job)


@pytest.mark.parametrize("standby_replicas", [0, 1])
async def test_workers_that_join_leave_and_die_change_nothing(job: Job, standby_replicas: int) -> None:
    job.standby_replicas = standby_replicas
    await prepare(job)
    stop = asyncio.Event()
    feeding = asyncio.create_task(feed(job, stop))
    with Worker(job) as first:
        await poll(lambda: has_begun(first))
        with Worker(job) as second:
            await poll(lambda: has_begun(second))
            assert await asyncio.to_thread(first.stop) == 0
            with Worker(job) as third:
                await poll(lambda: has_begun(third))
                second.kill()
                stop.set()
                await feeding
                await poll(lambda: is_drained(job))
    await check_exact(job)


async def test_an_agent_stuck_in_a_call_does_not_hold_up_a_rebalance(job: Job) -> None:
    job.stuck_at = "stuck"
    await prepare(job)
    with Worker(job) as stuck:
        await poll(lambda: has_begun(stuck))
        await produce(job, ["stuck"] * job.partitions, per_batch=1)
        job.stuck_at = ""
        with Worker(job) as free:
            await poll(lambda: has_begun(free))
            stuck.kill()
            await poll(lambda: is_drained(job))
    await check_exact(job)
