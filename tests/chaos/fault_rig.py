"""What the fault tests share: workers with a fault in them, and a steady stream of events."""

import asyncio
import json
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path

import psutil
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from faust.types import TP

sys.path.append(str(Path(__file__).parents[1] / "integration"))
from engine_rig import Job, Worker, is_drained, poll, write
from faults import Fault
from system_rig import System

from streams.embedded.supervise import Child
from streams.engine.offsets import committed_offsets, end_offsets
from streams.errors import TransientError

_SCRIPT = Path(__file__).with_name("fault_worker.py")


class FaultWorker(Worker):
    """A worker of the counting job that carries a fault."""

    def __init__(self, job: Job, fault: Fault) -> None:
        self.fault = fault
        super().__init__(job)

    def command(self) -> list[str]:
        return [sys.executable, str(_SCRIPT), "engine", json.dumps(asdict(self.job)), json.dumps(asdict(self.fault))]

    async def ended(self, seconds: float = 90.0) -> int:
        """Its exit status, once it has one."""

        async def has_ended() -> bool:
            return self.process.poll() is not None

        try:
            await poll(has_ended, seconds)
        except AssertionError:
            raise AssertionError(f"the worker never came to its fault {self.fault}:\n{self.text()[-3000:]}") from None
        return self.process.returncode


async def begun(worker: Worker, seconds: float = 90.0) -> None:
    """Returns when the worker has its partitions."""

    async def is_ready() -> bool:
        assert worker.process.poll() is None, f"the worker ended:\n{worker.text()[-3000:]}"
        return "Worker ready" in worker.text()

    await poll(is_ready, seconds)


async def frozen(worker: Worker) -> None:
    """Returns when the process stands still."""

    async def is_stopped() -> bool:
        assert worker.process.poll() is None, worker.text()[-3000:]
        return psutil.Process(worker.process.pid).status() == psutil.STATUS_STOPPED

    await poll(is_stopped)


async def told(worker: Worker, words: str, times: int) -> None:
    """Returns when the worker has logged the words so often, or has ended."""

    async def is_told() -> bool:
        return worker.process.poll() is not None or worker.text().count(words) >= times

    await poll(is_told)


async def drained(job: Job) -> None:
    """Returns when all there is has been committed and rendered; a partition may be without a leader meanwhile."""

    async def is_done() -> bool:
        try:
            return await is_drained(job)
        except TransientError:
            return False

    await poll(is_done)


async def some_more(job: Job) -> None:
    """Returns when events that come from now on have gone through."""
    tps = [TP(job.source, number) for number in range(job.partitions)]
    ends: dict[TP, int] = {}

    async def has_passed() -> bool:
        try:
            ends.update(ends or await end_offsets(job.bootstrap, tps))
            done = await committed_offsets(job.bootstrap, job.name, tps)
        except TransientError:  # no leader for the moment
            return False
        return all((done[tp] or 0) > end for tp, end in ends.items())

    await poll(has_passed)


@asynccontextmanager
async def fed(job: Job, chance: random.Random, events: int = 100, pause: float = 0.1) -> AsyncIterator[None]:
    """Writes events of 97 customers, some every `pause` seconds, until the block is left."""
    stop = asyncio.Event()

    async def feed() -> None:
        async with AIOKafkaProducer(bootstrap_servers=job.bootstrap) as producer:
            while not stop.is_set():
                keys = [f"c{chance.randrange(97)}" for _ in range(events)]
                with suppress(KafkaError):  # the broker may be away; what it took is in the recount
                    await write(producer, job, keys, per_batch=max(1, events // 8))
                await asyncio.sleep(pause)

    feeding = asyncio.create_task(feed())
    try:
        yield
    finally:
        stop.set()
        await feeding


def to_produce(topic: str) -> bytes:
    """Bytes of a request that writes to the topic: its name, how many partitions, ours are numbered from 0."""
    return b"\0" + len(topic).to_bytes(1) + topic.encode() + b"\0\0\0"


def with_fault_file(child: Child, role: str, file: Path) -> Child:
    """The same worker, but each start looks for a fault in the file first."""
    return replace(child, argv=[sys.executable, str(_SCRIPT), role, str(file)])


async def restarted(system: System, role: str, victim: int, seconds: float = 90.0) -> None:
    """Returns when the supervisor has put a new worker in place of the process `victim`."""
    async with asyncio.timeout(seconds):
        while system.pid(role) == victim or not await system.children[role].ready():
            await asyncio.sleep(0.1)
