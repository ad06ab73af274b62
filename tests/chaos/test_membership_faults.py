"""Rebalances that find a worker in the middle of something: nothing is written on a membership that has ended."""

import asyncio
import random
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "integration"))
from engine_rig import LABOURED, Job, Worker, broker, check_exact, prepare, produce, recover
from fault_rig import FaultWorker, begun, drained, fed, frozen, some_more, to_produce, told
from faults import Fault
from proxy import Proxy

pytestmark = [pytest.mark.integration, pytest.mark.chaos, pytest.mark.timeout(240)]

SEED = 20261127


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    with broker() as bootstrap:
        yield Job(bootstrap, str(tmp_path), session_seconds=2.0)


async def test_a_write_that_outlives_a_rebalance_is_taken_back_with_its_worker(job: Job) -> None:
    """The way to an output's broker is held up, the way to the group's is not; another worker takes over meanwhile."""
    await prepare(job)
    port = int(job.bootstrap.rpartition(":")[2])
    async with Proxy(port) as network:
        with ExitStack() as workers:
            late = workers.enter_context(FaultWorker(job, Fault(detours={str(port): network.port})))
            async with fed(job, random.Random(SEED)):
                await begun(late)
                await some_more(job)
                await asyncio.wait_for(network.hold_at(to_produce(job.out)), 90)
                heir = workers.enter_context(Worker(job))
                await late.ended()
                assert "a write that the rebalance found under way" in late.text()
                await begun(heir)
                await some_more(job)
            await drained(job)  # nothing comes any more that could cover up what was held
            network.restore()
            await check_exact(job)


async def test_agents_that_wait_for_room_hold_up_no_rebalance(job: Job) -> None:
    """There is room for less than a batch's outputs, so each agent waits for a publication most of the time."""
    job.room_records = 20
    await prepare(job)
    with ExitStack() as workers:
        async with fed(job, random.Random(SEED), events=400):
            first = workers.enter_context(Worker(job))
            await begun(first)
            second = workers.enter_context(Worker(job))
            await begun(second)
            await some_more(job)
            assert await asyncio.to_thread(first.stop) == 0, first.text()[-3000:]
            await some_more(job)
        await drained(job)
        await check_exact(job)


async def test_a_worker_told_to_stop_between_two_memberships_ends_in_order(job: Job) -> None:
    job.room_records = 20
    await prepare(job)
    with ExitStack() as workers:
        async with fed(job, random.Random(SEED), events=400):
            first = workers.enter_context(
                FaultWorker(job, Fault("between two memberships", hit=2, number=signal.SIGTERM))
            )
            await begun(first)
            second = workers.enter_context(Worker(job))
            assert await first.ended() == 0, first.text()[-3000:]
            await begun(second)
            await some_more(job)
        await drained(job)
        await check_exact(job)


async def test_a_worker_kept_from_its_group_for_longer_than_the_poll_interval_joins_it_after_all(job: Job) -> None:
    """Frozen between two memberships, as its coordinator's absence would keep it there: it waited for ever."""
    job.max_poll_seconds = 2.0
    await prepare(job)
    with ExitStack() as workers:
        async with fed(job, random.Random(SEED)):
            late = workers.enter_context(
                FaultWorker(job, Fault("between two memberships", hit=2, number=signal.SIGSTOP))
            )
            await begun(late)
            heir = workers.enter_context(Worker(job))
            await frozen(late)
            await begun(heir)
            await some_more(job)
            joins = late.text().count("Worker ready")
            late.process.send_signal(signal.SIGCONT)
            await told(late, "Worker ready", joins + 1)
            assert await asyncio.to_thread(heir.stop) == 0, heir.text()[-3000:]
            await some_more(job)  # of all partitions, which are the late one's now
        await drained(job)
        assert late.process.poll() is None, late.text()[-3000:]
        await check_exact(job)


async def test_a_worker_killed_between_two_pieces_of_work_goes_on_where_it_was_saved(job: Job) -> None:
    """All the while nothing can be committed: without its pieces saved each life would begin anew."""
    job.pieces, job.catch_up_seconds = (
        250,
        0.5,
    )  # more work than three lives can do, in each of which two flushes are made
    await prepare(job)
    await produce(job, ["c1"] * 100 + [LABOURED.decode()] + ["c2"] * 100, per_batch=201)
    went: list[int] = []
    for _ in range(3):
        with FaultWorker(job, Fault("between flush and commit", hit=2)) as worker:
            assert await worker.ended() == -9, worker.text()[-3000:]
            went += pieces(worker)
    (saved,) = [part.meta.worked for part in (await recover(job)).values() if part.meta.worked]
    with Worker(job) as last:
        await drained(job)
        went += pieces(last)
    assert {part.meta.worked for part in (await recover(job)).values()} == {0, job.pieces}
    assert sorted(set(went)) == list(range(1, job.pieces + 1))
    assert min(pieces(last)) == saved + 1
    await check_exact(job)


def pieces(worker: Worker) -> list[int]:
    """Which ones this worker went through."""
    return [int(number) for number in re.findall(r"^piece \d+\.(\d+)$", worker.text(), re.MULTILINE)]
