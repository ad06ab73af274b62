"""What only a durable Kafka can suffer: a broker that dies under load, transactions taken back, history gone."""

import asyncio
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.structs import TopicPartition
from faust.types import TP
from kafka_rig import HastyKafka

sys.path.append(str(Path(__file__).parents[1] / "integration"))
from engine_rig import Job, Worker, check_exact, poll, prepare, produce, read_all, recover
from fault_rig import begun, drained, fed, some_more

from streams.clock import SystemClock
from streams.config import Settings
from streams.embedded.kafka import ApacheKafka
from streams.engine.offsets import end_offsets
from streams.engine.topics import TopicSpec, create_topics
from streams.topics import topic_specs

pytestmark = [
    pytest.mark.integration,
    pytest.mark.chaos,
    pytest.mark.kafka,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="module"),
]

SEED = 20261125


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kafka(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ApacheKafka]:
    async with HastyKafka(tmp_path_factory.mktemp("one")) as kafka:
        yield kafka


@pytest.fixture
def job(kafka: ApacheKafka, tmp_path: Path) -> Job:
    job = Job(kafka.bootstrap, str(tmp_path), session_seconds=2.0)
    job.suffix = f"-{job.name}"
    return job


@asynccontextmanager
async def kept(job: Job) -> AsyncIterator[list[Worker]]:
    """A worker, and another one whenever it has died, as a supervisor would do; gives all there were."""
    workers = [Worker(job)]

    async def keep() -> None:
        while True:
            if workers[-1].process.poll() is not None:
                workers.append(Worker(job))
            await asyncio.sleep(0.2)

    keeping = asyncio.create_task(keep())
    try:
        yield workers
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
        for worker in workers:
            worker.__exit__(*sys.exc_info())


async def test_a_broker_killed_and_started_again_only_delays(kafka: ApacheKafka, job: Job) -> None:
    await prepare(job)
    async with kept(job) as workers:
        async with fed(job, random.Random(SEED)):
            await begun(workers[0])
            for _ in range(2):
                await some_more(job)
                await kafka.kill(1)
                await asyncio.sleep(2.0)  # how long it is away, not a wait for something
                await kafka.restart(1)
            await some_more(job)
        await drained(job)
    await check_exact(job)


async def test_what_a_transaction_took_back_never_happened_and_its_holes_hold_up_nobody(job: Job) -> None:
    await prepare(job)
    chance = random.Random(SEED)
    producer = AIOKafkaProducer(bootstrap_servers=job.bootstrap, transactional_id=job.name)
    taken: Counter[str] = Counter()
    async with producer:
        with Worker(job) as worker:
            await begun(worker)
            for number in range(120):
                keys = [f"c{chance.randrange(97)}" for _ in range(20)]
                await producer.begin_transaction()
                for key in keys:
                    await producer.send(job.source, b"x", key.encode(), partition=number % job.partitions)
                if chance.random() < 0.7:
                    await producer.commit_transaction()
                    taken.update(keys)
                else:
                    await producer.flush()
                    await producer.abort_transaction()
            await drained(job)
            await producer.begin_transaction()  # the last word of a log may be one that was taken back
            await producer.send_and_wait(job.source, b"x", b"never", partition=0)
            await producer.abort_transaction()
            await drained(job)
            assert await asyncio.to_thread(worker.stop) == 0
    counted: Counter[str] = Counter()
    for part in (await recover(job)).values():
        counted.update(counts(part))
    assert counted == taken
    await check_exact(job)


#: A segment is closed and cleaned as soon as can be; the newest one never is.
COMPACTED = {"cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.01"}


async def test_what_compaction_took_away_holds_up_nobody(job: Job) -> None:
    await create_topics(job.bootstrap, [TopicSpec(job.source, job.partitions, COMPACTED)])
    await prepare(job)
    for _ in range(3):
        await produce(job, [f"c{n % 97}" for n in range(4_000)])
        await asyncio.sleep(0.2)  # so that the next record closes the segment
    ends = await end_offsets(job.bootstrap, tps(job))

    async def is_compacted() -> bool:
        left = await read_all(job, job.source)
        return all(len(records) < ends[TP(job.source, number)] // 2 for number, records in left.items())

    await poll(is_compacted, 90)
    with Worker(job) as worker:
        await drained(job)
        assert await asyncio.to_thread(worker.stop) == 0
    await check_exact(job)


async def delete_records(job: Job, before: dict[int, int]) -> None:
    """What retention does, at once."""
    admin = AIOKafkaAdminClient(bootstrap_servers=job.bootstrap)
    await admin.start()
    try:
        wanted = {TopicPartition(job.source, number): RecordsToDelete(offset) for number, offset in before.items()}
        await admin.delete_records(wanted)
    finally:
        await admin.close()


@pytest.mark.parametrize("left", [0, 100])
async def test_retention_that_overtook_a_stopped_worker_is_told_and_passed(job: Job, left: int) -> None:
    """Also when nothing is left, and nothing comes."""
    await prepare(job)
    await produce(job, [f"c{n % 97}" for n in range(4_000)])
    with Worker(job) as worker:
        await drained(job)
        assert await asyncio.to_thread(worker.stop) == 0
    read = (await end_offsets(job.bootstrap, [TP(job.source, 0)]))[TP(job.source, 0)]
    source = await read_all(job, job.source)
    await produce(job, [f"c{n % 97}" for n in range(4_000)])
    ends = {tp.partition: end for tp, end in (await end_offsets(job.bootstrap, tps(job))).items()}
    await delete_records(job, {number: end - left for number, end in ends.items()})
    rest = await read_all(job, job.source)
    with Worker(job) as worker:
        await drained(job)
        lost = [line for line in worker.text().splitlines() if "are gone" in line]
        assert len(lost) == job.partitions
        assert all("[ERROR]" in line for line in lost)
        assert f"offsets {read} to {ends[0] - left - 1} are gone" in worker.text()
        await produce(job, ["after"] * 100 * job.partitions, per_batch=100)
        await drained(job)
        assert await asyncio.to_thread(worker.stop) == 0
    for number, part in (await recover(job)).items():
        expected = Counter(r.key.decode() for r in [*source[number], *rest[number]])
        expected["after"] += 100
        assert counts(part) == dict(expected)


DAY_MS = 86_400_000
MONTHS = 6


async def test_an_imported_past_is_kept_as_long_as_the_present(kafka: ApacheKafka) -> None:
    """Kafka measures age by the records' own time unless told otherwise; topics that are not told show it."""
    ours = topic_specs(Settings(topic_prefix="past.", partitions=1))
    by_event_time = [
        replace(spec, name=f"twin.{spec.name}", config={**spec.config, "message.timestamp.type": "CreateTime"})
        for spec in ours
    ]
    await create_topics(kafka.bootstrap, [*ours, *by_event_time])
    start = SystemClock().now_ms() - 1100 * DAY_MS
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
        for spec in (*ours, *by_event_time):
            for month in range(MONTHS):
                at = start + month * 30 * DAY_MS
                await producer.send_and_wait(spec.name, b"%d" % month, b"key", partition=0, timestamp_ms=at)

    async def have_lost_some() -> bool:
        return all([await kept_records(kafka, spec.name) < MONTHS for spec in by_event_time])

    await poll(have_lost_some, 60)
    assert {spec.name: await kept_records(kafka, spec.name) for spec in ours} == {s.name: MONTHS for s in ours}


async def kept_records(kafka: ApacheKafka, topic: str) -> int:
    """How many records of partition 0 are left."""
    here = TopicPartition(topic, 0)
    end = (await end_offsets(kafka.bootstrap, [TP(*here)]))[TP(*here)]
    count = 0
    async with AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign([here])
        await consumer.seek_to_beginning()
        while await consumer.position(here) < end:
            count += len((await consumer.getmany(here, timeout_ms=200)).get(here, []))
    return count


def counts(part: Any) -> dict[str, int]:
    return {key: part.get(key).events for key in part.keys()}  # noqa: SIM118


def tps(job: Job) -> list[TP]:
    return [TP(job.source, number) for number in range(job.partitions)]
