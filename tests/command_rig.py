"""Zelo's own commands as processes: their words, and a worker that gets ready and ends when told."""

import asyncio
import subprocess
import sys

from streams.cli.processes import page_url, ready_probe
from streams.config import Settings, child_environment

_ZELO = (sys.executable, "-m", "streams.cli")


async def zelo(settings: Settings, *words: str) -> tuple[int | None, str]:
    """Exit status and output of a command with these settings, white space made single."""
    env, command = child_environment(settings), [*_ZELO, *words]
    done = await asyncio.to_thread(subprocess.run, command, env=env, capture_output=True, text=True, timeout=60)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


async def a_worker_enters(settings: Settings) -> None:
    """A worker of the role `stream` gets ready, and ends well when asked to."""
    env, command = child_environment(settings), [*_ZELO, "worker", "--role", "stream"]
    worker = await asyncio.create_subprocess_exec(*command, env=env)
    try:
        ready = ready_probe(page_url(settings))
        async with asyncio.timeout(60):
            while not await ready():
                assert worker.returncode is None
                await asyncio.sleep(0.1)
    finally:
        worker.terminate()
        assert await worker.wait() == 0
