"""kill -9 at chosen points of a worker's life, drawn by a seed: the recount stays exact.

`pytest tests/chaos/test_kill_points.py --kill-points 50` is the long form.
"""

import asyncio
import random
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "integration"))
from engine_rig import Job, Worker, broker, check_exact, is_drained, poll, prepare
from fault_rig import FaultWorker, begun, fed
from faults import Fault

pytestmark = [pytest.mark.integration, pytest.mark.chaos, pytest.mark.timeout(600)]

SEED = 20261122
LANES = 4
#: How often a point may be passed before it is hit, at most.
HITS = {
    "in a batch": 5_000,
    "in recovery": 3,
    "at the end of recovery": 1,
    "revoked": 1,
    "between two memberships": 1,
    "assigned": 1,
    "before a flush": 4,
    "in a flush": 60,
    "between flush and commit": 4,
    "outputs published": 4,
    "committed": 4,
}
#: They come with a second worker that joins.
REBALANCE = ("revoked", "between two memberships", "assigned")


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    with broker() as bootstrap:
        # a flush is many batches of the broker, none atomic with the others
        yield Job(bootstrap, str(tmp_path), batch_bytes=600, session_seconds=2.0)


def drawn(chance: random.Random, point: str) -> Fault:
    hit = chance.randint(1, HITS[point])
    return Fault(point, hit + (point in REBALANCE))


def lanes(chance: random.Random, points: int) -> list[list[Fault]]:
    """Every point as often as any other; each lane begins with one after which there is something to recover."""
    names = [name for number, name in enumerate(HITS) for _ in range(len(range(number, points, len(HITS))))]
    chance.shuffle(names)
    first = ("between flush and commit", "committed", "in a flush", "before a flush", "outputs published")
    names.sort(key=lambda name: name not in first)
    dealt = [names[lane::LANES] for lane in range(LANES)]
    return [[drawn(chance, name) for name in lane[:1] + chance.sample(lane[1:], len(lane) - 1)] for lane in dealt]


async def run_lane(job: Job, chance: random.Random, faults: list[Fault]) -> None:
    """One job, killed at one point after the other while events come in."""
    await prepare(job)
    async with fed(job, chance):
        for fault in faults:
            with ExitStack() as workers:
                victim = FaultWorker(job, fault)
                workers.enter_context(victim)
                if fault.point in REBALANCE:
                    await begun(victim)
                    workers.enter_context(Worker(job))
                assert await victim.ended() == -9, victim.text()[-3000:]
    with Worker(job):
        await poll(lambda: is_drained(job))
    await check_exact(job)


async def test_kills_at_every_point_of_the_protocol_change_nothing(job: Job, request: pytest.FixtureRequest) -> None:
    chance = random.Random(SEED)
    dealt = lanes(chance, request.config.getoption("--kill-points"))
    jobs = [replace(job, name=f"{job.name}-{number}", suffix=f"-{number}") for number in range(LANES)]
    async with asyncio.TaskGroup() as group:
        for lane, faults in zip(jobs, dealt, strict=True):
            print(f"seed {SEED}: {lane.name}: {faults}")  # noqa: T201 - to run it again
            group.create_task(run_lane(lane, random.Random(f"{SEED}{lane.suffix}"), faults))
