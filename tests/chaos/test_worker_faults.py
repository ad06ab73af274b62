"""A worker that is frozen, ended in order, cut off, or left without a disk: the recount stays exact."""

import asyncio
import random
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

import pytest

sys.path.append(str(Path(__file__).parents[1] / "integration"))
from engine_rig import Job, Worker, broker, check_exact, poll, prepare, read_all
from fault_rig import FaultWorker, begun, drained, fed, frozen, some_more, to_produce, told
from faults import Fault
from proxy import Proxy

pytestmark = [pytest.mark.integration, pytest.mark.chaos, pytest.mark.timeout(240)]

SEED = 20261123
#: A session that is not to end, however busy the machine is; else short ones, because each death costs one.
UNBROKEN = 6.0


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    with broker() as bootstrap:
        yield Job(bootstrap, str(tmp_path), session_seconds=2.0)


# ------------------------------------------------------------------------------------------------------- zombies


@pytest.mark.parametrize("point", ["in a batch", "before a flush", "between flush and commit"])
async def test_a_worker_frozen_past_its_session_harms_nobody_when_it_thaws(job: Job, point: str) -> None:
    await prepare(job)
    fault = Fault(point, hit=2_000 if point == "in a batch" else 4, number=signal.SIGSTOP)
    with ExitStack() as workers:
        async with fed(job, random.Random(SEED)):
            zombie = workers.enter_context(FaultWorker(job, fault))
            await frozen(zombie)
            heir = workers.enter_context(Worker(job))
            await begun(heir)
        await drained(job)  # nothing comes any more that could cover up what the zombie writes
        joins = zombie.text().count("Worker ready")
        zombie.process.send_signal(signal.SIGCONT)
        await told(zombie, "Worker ready", joins + 1)
        await check_exact(job)


# ---------------------------------------------------------------------------------------------------- orderly ends


async def outputs(job: Job) -> int:
    """How many outputs there are of single events, repetitions counted."""
    return sum(not r.value.startswith(b"live") for records in (await read_all(job, job.out)).values() for r in records)


async def test_sigterm_under_load_commits_what_is_done_and_leaves_the_group(job: Job) -> None:
    await prepare(job)
    job.session_seconds = 18.0  # whoever comes next would wait that long for a member that has not left
    begins = []
    async with fed(job, random.Random(SEED)):
        for _ in range(2):
            with Worker(job) as worker:
                start = monotonic()
                await begun(worker)
                begins.append(monotonic() - start)
                before = await outputs(job)

                async def goes_on(before: int = before) -> bool:
                    return await outputs(job) > before + 200

                await poll(goes_on)
                assert await asyncio.to_thread(worker.stop) == 0, worker.text()[-3000:]
    with Worker(job):
        await drained(job)
    await check_exact(job)
    events = sum(map(len, (await read_all(job, job.source)).values()))
    assert await outputs(job) == events, "something that was done was read again"
    assert max(begins) < job.session_seconds


async def test_four_workers_that_come_go_and_die_under_load_change_nothing(job: Job) -> None:
    job.partitions, job.standby_replicas, job.batch_bytes = 8, 1, 600
    await prepare(job)
    with ExitStack() as workers:
        async with fed(job, random.Random(SEED)):
            first, second = (workers.enter_context(Worker(job)) for _ in range(2))
            await begun(first)
            third, fourth = (workers.enter_context(Worker(job)) for _ in range(2))
            await asyncio.gather(begun(second), begun(third), begun(fourth))
            first.kill()
            assert await asyncio.to_thread(second.stop) == 0
            fifth = workers.enter_context(Worker(job))
            await begun(fifth)
            third.kill()
        await drained(job)
        await check_exact(job)


# ------------------------------------------------------------------------------------------------------- network


async def test_a_short_cut_and_a_slow_network_only_delay(job: Job) -> None:
    job.session_seconds = UNBROKEN
    await prepare(job)
    port = int(job.bootstrap.rpartition(":")[2])
    async with Proxy(port) as network:
        with FaultWorker(job, Fault(detours={str(port): network.port})) as worker:
            async with fed(job, random.Random(SEED)):
                await begun(worker)
                await some_more(job)
                network.cut()
                await asyncio.sleep(1.5)  # how long it is cut, not a wait for something
                network.restore()
                await some_more(job)
                network.delay = 0.1
                await some_more(job)
            network.restore()
            await drained(job)
            assert worker.process.poll() is None, worker.text()[-3000:]
    await check_exact(job)


@pytest.mark.parametrize("how", ["cut", "frozen", "frozen, then killed"])
async def test_a_worker_cut_off_past_its_session_is_replaced_and_harms_nobody(job: Job, how: str) -> None:
    """Frozen, there is a request with outputs on its way, which would arrive when others have written newer ones."""
    await prepare(job)
    port = int(job.bootstrap.rpartition(":")[2])
    async with Proxy(port) as network:
        with ExitStack() as workers:
            lonely = workers.enter_context(FaultWorker(job, Fault(detours={str(port): network.port})))
            async with fed(job, random.Random(SEED)):
                await begun(lonely)
                await some_more(job)
                if how == "cut":
                    network.cut()
                else:
                    await asyncio.wait_for(network.freeze_at(to_produce(job.out)), 90)
                if how == "frozen, then killed":
                    lonely.kill()
                heir = workers.enter_context(Worker(job))
                await begun(heir)
                await some_more(job)
            await drained(job)
            joins = lonely.text().count("Worker ready")
            network.restore()
            await told(lonely, "Worker ready", joins + 1)
            await check_exact(job)


# ------------------------------------------------------------------------------------------------- disk and clock


async def test_a_clock_that_jumps_back_and_forth_moves_no_figure_and_holds_up_nothing(job: Job) -> None:
    job.session_seconds = UNBROKEN
    await prepare(job)
    with ExitStack() as workers:
        async with fed(job, random.Random(SEED)):
            first = workers.enter_context(FaultWorker(job, Fault(clock_steps=True)))
            await begun(first)
            await some_more(job)
            second = workers.enter_context(FaultWorker(job, Fault(clock_steps=True, hit=2)))
            await begun(second)
            await some_more(job)
            first.kill()
        await drained(job)
        assert second.process.poll() is None
        await check_exact(job)


async def test_a_full_disk_stops_nothing_because_nothing_of_value_is_kept_on_it(job: Job) -> None:
    """RLIMIT_FSIZE of 0: every write to a file fails, those to the log too."""
    job.session_seconds = UNBROKEN
    await prepare(job)
    with FaultWorker(job, Fault(disk_full=True)) as worker:
        async with fed(job, random.Random(SEED)):
            await some_more(job)
        await drained(job)
        assert await asyncio.to_thread(worker.stop) in (0, 120)  # 120: Python could not write the end of its log
    await check_exact(job)
