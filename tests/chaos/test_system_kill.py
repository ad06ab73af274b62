"""Workers killed at random points of an import: the final figures are those of an undisturbed run."""

import asyncio
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1] / "integration"))
from system_oracle import sample
from system_rig import System, running

from streams.embedded import EmbeddedStack

pytestmark = [pytest.mark.integration, pytest.mark.chaos, pytest.mark.timeout(240)]

SEED = 20261122
#: Killed one after the other, each in the middle of its share of the import.
VICTIMS = ("stream", "archive", "stream", "stream")


async def killed(system: System, role: str) -> None:
    """Kills a worker and waits until the supervisor has put a new one in its place."""
    victim = system.pid(role)
    os.kill(victim, signal.SIGKILL)
    async with asyncio.timeout(60):
        while system.pid(role) == victim or not await system.children[role].ready():
            await asyncio.sleep(0.1)


async def test_kills_of_the_stream_and_the_archive_worker_change_no_figure() -> None:
    chance = random.Random(SEED)
    records = sample()
    cuts = [len(records) * share // len(VICTIMS) for share in range(len(VICTIMS) + 1)]
    chosen: dict[str, Any] = {"session_timeout_seconds": 3.0, "rebalance_timeout_seconds": 3.0}  # each kill costs them
    chosen |= {"piece_customers": 3, "commit_interval_seconds": 0.1}  # days are cut, and saved, in their middle
    async with EmbeddedStack() as stack, running(stack, "kills", **chosen) as system:
        for number, role in enumerate(VICTIMS):
            sending = asyncio.create_task(system.send(records[cuts[number] : cuts[number + 1]]))
            after = chance.uniform(0.2, 2.5)
            await asyncio.sleep(after)  # the random point, not a wait for something
            print(f"seed {SEED}: {role} killed {after:.2f} s into share {number + 1}")  # noqa: T201 - to run it again
            await killed(system, role)
            await sending
        await system.drained()
        assert await system.differences(records) == []
