"""The broker, the topics and the workers of a run; everything is gone when the block is left."""

import asyncio
import secrets
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Self, assert_never

import msgspec
import psutil
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition
from faust.types import TP

from bench import peers, saved
from bench.contestants import Contestant, Task
from bench.job import PARTITIONS, Customer, Score, fold, generate
from bench.progress import Progress
from streams.embedded.broker import broker_child
from streams.embedded.kafka import ApacheKafka
from streams.embedded.ports import LOOPBACK, free_port
from streams.embedded.stack import BrokerKind
from streams.embedded.supervise import Child, Supervisor
from streams.engine.outbox import Output, publish
from streams.engine.table import changelog_name
from streams.engine.topics import CHANGELOG_CONFIG, TopicSpec, create_topics
from streams.errors import ZeloError

ROOT = Path(__file__).parents[1]
_POLL_SECONDS = 0.005
_COMMIT_POLL_SECONDS = 0.05
_PRODUCE_AT_ONCE = 20_000
_REQUEST_BYTES = 4 * 1024 * 1024
#: Kafka's default, said aloud: Quix Streams asks for it, and the embedded broker tells only what was set.
_SOURCE_CONFIG = {"retention.ms": str(7 * 86_400_000)}


class BenchError(ZeloError):
    """The benchmark cannot say anything; the message names who did not do what in time."""


class OutOfTimeError(BenchError):
    """A worker that lives has not come so far in the time it has."""


Record = tuple[int, str, bytes]
"""Partition, customer, value."""


@dataclass(frozen=True)
class Load:
    """Events as they go into a topic, and what folding all of them gives."""

    records: list[Record]
    expected: dict[str, Customer]


@cache
def load(events: int, customers: int) -> Load:
    """The same for everybody who asks for the same."""
    encode = msgspec.json.Encoder().encode
    records: list[Record] = []
    expected: dict[str, Customer] = {}
    for partition, event in generate(events, customers):
        records.append((partition, event.customer_id, encode(event)))
        fold(expected.setdefault(event.customer_id, Customer()), event)
    return Load(records, expected)


@dataclass(frozen=True)
class Run:
    """Names and files of one contestant in one trial; a restarted worker has the same."""

    contestant: Contestant
    task: Task


class Rig:
    """One broker, and workers one after the other.

    Args:
        broker: kind of it.
    """

    def __init__(self, broker: BrokerKind = "embedded") -> None:
        self._broker = broker
        self._numbers = count(1)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="zelo-bench-"))
        self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        try:
            self._supervisor = await self._stack.enter_async_context(Supervisor())
            self.bootstrap = await self._start_broker()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def _start_broker(self) -> str:
        if self._broker == "kafka":
            kafka = ApacheKafka(self.folder / "kafka", supervisor=self._supervisor)
            await kafka.start()
            return kafka.bootstrap
        port = free_port()
        cluster = f"bench-{secrets.token_hex(4)}"
        await self._supervisor.start(broker_child(port, cluster, self.folder / "broker.log"))
        return f"{LOOPBACK}:{port}"

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    # topics

    async def fill(self, topic: str, records: list[Record]) -> None:
        """Writes the records as fast as it goes."""
        async with self.producer() as producer:
            for start in range(0, len(records), _PRODUCE_AT_ONCE):
                chunk = records[start : start + _PRODUCE_AT_ONCE]
                outputs = [Output(topic, number, name.encode(), value) for number, name, value in chunk]
                await publish(producer, outputs, _REQUEST_BYTES)

    def producer(self) -> AbstractAsyncContextManager[Any]:
        """A producer of the harness."""
        producer: AbstractAsyncContextManager[Any] = AIOKafkaProducer(
            bootstrap_servers=self.bootstrap, max_batch_size=512 * 1024
        )
        return producer

    @asynccontextmanager
    async def scores(self, run: Run) -> AsyncIterator[Callable[[], Awaitable[list[Score]]]]:
        """Gives a function that returns the scores that came since the last call, within 25 ms or so."""
        decode = msgspec.json.Decoder(Score).decode
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, enable_auto_commit=False, fetch_max_wait_ms=25)
        async with consumer:
            consumer.assign([TopicPartition(run.task.scores, number) for number in range(PARTITIONS)])
            await consumer.seek_to_beginning()

            async def newest() -> list[Score]:
                found = await consumer.getmany(timeout_ms=25)
                return [decode(record.value) for records in found.values() for record in records]

            yield newest

    # workers

    async def prepare(self, contestant: Contestant) -> Run:
        """Makes the topics of one contestant in one trial."""
        group = f"{contestant.name}-{next(self._numbers)}"
        source, scores = f"{group}-events", f"{group}-scores"
        await create_topics(
            self.bootstrap,
            [
                TopicSpec(source, PARTITIONS, _SOURCE_CONFIG),
                TopicSpec(scores, PARTITIONS),
                TopicSpec(changelog_name(group, "csj"), PARTITIONS, CHANGELOG_CONFIG),
            ],
        )
        folder = str(self.folder / group)
        return Run(contestant, Task(self.bootstrap, group, source, scores, folder))

    @asynccontextmanager
    async def worker(self, run: Run) -> AsyncIterator["Worker"]:
        """A running worker process of this contestant."""
        name = f"{run.task.group}-{next(self._numbers)}"
        progress = Progress(self.folder / name)
        worker = Worker(run, progress, self.folder / f"{name}.log")

        async def ready() -> bool:
            return progress.pid > 0

        command = ["-m", "bench.worker", run.contestant.module, msgspec.json.encode(run.task).decode()]
        child = Child(
            name=name,
            argv=[peers.interpreter(run.contestant), *command, str(progress.path)],
            ready=ready,
            log_path=worker.log,
            cwd=ROOT,
        )
        await self._supervisor.start(child)
        try:
            yield worker
        finally:
            await self._supervisor.stop(name)


@dataclass(frozen=True)
class Worker:
    """A worker process as the harness sees it."""

    run: Run
    progress: Progress
    log: Path

    @property
    def process(self) -> psutil.Process:
        """The worker itself."""
        return psutil.Process(self.progress.pid)

    def cpu_seconds(self) -> float:
        """User and system time so far, of all threads."""
        times = self.process.cpu_times()
        return times.user + times.system

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Inside the block the worker gets no processor time."""
        self.process.suspend()
        try:
            yield
        finally:
            self.process.resume()

    async def until_applied(self, records: int, seconds: float) -> None:
        """Waits until this process has applied so many records."""
        await self.until(lambda: self.progress.records >= records, seconds, f"apply {records:,} events")

    async def until_saved(self, records: list[Record], seconds: float) -> None:
        """Waits until these records, which are all of the topic, are committed, or safe in whatever way it has."""
        end = monotonic() + seconds
        numbers = Counter(partition for partition, _, _ in records)
        due = {TP(self.run.task.source, number): numbers[number] for number in range(PARTITIONS)}
        while not await self._has_saved(due):
            self.check(end, f"commit {len(records):,} events")
            await asyncio.sleep(_COMMIT_POLL_SECONDS)

    async def _has_saved(self, due: dict[TP, int]) -> bool:
        match self.run.contestant.saved:
            case "offsets":
                return await saved.offsets(self.run.task, due)
            case "epoch":
                return saved.epoch(self.run.task, due)
            case "snapshot":
                return saved.snapshot(self.run.task, self.progress, sum(due.values()))
            case other:
                assert_never(other)

    async def state(self, seconds: float = 20.0) -> dict[str, Customer]:
        """The state the worker holds."""
        self.progress.ask()
        path = self.progress.answer_path
        await self.until(path.exists, seconds, "tell its state")
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Customer])

    async def until(self, done: Callable[[], bool], seconds: float, what: str) -> None:
        end = monotonic() + seconds
        while not done():
            self.check(end, what)
            await asyncio.sleep(_POLL_SECONDS)

    def check(self, end: float, what: str) -> None:
        """Raises when the time for something is over, or the worker is gone."""
        gone = not psutil.pid_exists(self.progress.pid)
        if gone or monotonic() > end:
            said = self.log.read_text(errors="replace").strip().splitlines()[-20:]
            raise (BenchError if gone else OutOfTimeError)(
                f"{self.run.contestant.title} did not {what} {'before it ended' if gone else 'in time'} (it stands at "
                f"{self.progress.records:,}); its last log lines:\n" + "\n".join(said)
            )
