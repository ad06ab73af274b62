"""One worker on a real broker: exact tables, orderly ends, and what the broker's offsets really are."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition
from engine_rig import (
    OUT,
    SOURCE,
    Job,
    Worker,
    broker,
    build,
    check_exact,
    is_drained,
    poll,
    prepare,
    produce,
    read_all,
    recover,
)
from faust.types import TP

from streams.engine.broadcast import Broadcast
from streams.engine.offsets import committed_offsets, end_offsets
from streams.engine.table import changelog_name
from streams.engine.topics import TopicSpec, create_topics
from streams.errors import ConfigurationError

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    with broker() as bootstrap:
        yield Job(bootstrap, str(tmp_path))


async def test_a_worker_is_exact_ends_orderly_and_goes_on_where_it_stopped(job: Job) -> None:
    await prepare(job)
    await produce(job, [f"c{n % 97}" for n in range(20_000)])
    with Worker(job) as worker:
        await poll(lambda: is_drained(job))
        listening = [c for c in psutil.Process(worker.process.pid).net_connections() if c.status == "LISTEN"]
        assert listening == [], "Faust's web server is up"
        assert worker.stop() == 0
    await check_exact(job)
    await produce(job, [f"c{n % 97}" for n in range(5_000)])
    with Worker(job):
        await poll(lambda: is_drained(job))
    await check_exact(job)


def check_end_of_log(text: str) -> None:
    """The first error is also the last, and the shutdown adds none of its own."""
    errors = [line for line in text.splitlines() if "[ERROR]" in line or "[CRITICAL]" in line]
    mode_says_so = errors.pop()
    assert "We experienced a crash" in mode_says_so
    assert all("told to fail at bad" in line for line in errors), errors
    assert "ended by ValueError" in errors[-1]
    for noise in ("Event loop is closed", "Error while stopping", "UnsavedError", "never awaited"):
        assert noise not in text


async def test_an_agent_that_raises_ends_the_worker_with_nothing_committed_past_it(job: Job) -> None:
    await prepare(job)
    await produce(job, ["good"] * 200 + ["bad"] * 200, per_batch=100)
    job.fails_at = "bad"
    with Worker(job) as worker:
        assert await asyncio.to_thread(worker.process.wait, 90) != 0
        check_end_of_log(worker.text())
    assert not await is_drained(job)
    job.fails_at = ""
    with Worker(job):
        await poll(lambda: is_drained(job))
    await check_exact(job)


async def test_a_signal_under_load_saves_and_commits_all_that_is_done(job: Job) -> None:
    job.work_seconds = 0.0002  # commits in a backlog of some seconds render nothing
    await prepare(job)
    await produce(job, [f"c{n % 997}" for n in range(60_000)])
    sources = [TP(SOURCE, number) for number in range(job.partitions)]

    async def committed() -> dict[TP, int]:
        found = await committed_offsets(job.bootstrap, job.name, sources)
        return {tp: offset or 0 for tp, offset in found.items()}

    async def has_begun() -> bool:
        return sum((await committed()).values()) > 0

    with Worker(job) as worker:
        await poll(has_begun)
        assert worker.stop() == 0
    parts = await recover(job)
    assert await committed() == {TP(SOURCE, number): part.meta.read for number, part in parts.items()}
    for number, records in (await read_all(job, OUT)).items():
        last: dict[bool, dict[bytes, int]] = {True: {}, False: {}}
        for record in records:
            is_live = record.value.startswith(b"live")
            last[is_live][record.key] = int(record.value.partition(b":")[2])
        assert last[True] == last[False], "what was marked was not published"
        assert parts[number].marks == 0
    assert not await is_drained(job), "it was no backlog"
    job.work_seconds = 0.0
    with Worker(job):
        await poll(lambda: is_drained(job))
    await check_exact(job)


async def test_the_watchdog_ends_a_worker_with_a_stuck_partition_and_the_next_goes_on(job: Job) -> None:
    job.stuck_at, job.stall_seconds = "stuck", 2.0
    await prepare(job)
    await produce(job, [*(f"c{n}" for n in range(400)), "stuck"])
    with Worker(job) as stuck:
        assert await asyncio.to_thread(stuck.process.wait, 60) == 1
        said = stuck.text()
        assert re.search(r"StuckError.*source\[\d\] stands at \d+, \d+ from the end of its log, for \d+ s", said), said
    job.stuck_at = ""
    with Worker(job):
        await poll(lambda: is_drained(job))
    await check_exact(job)


async def test_two_agents_on_one_topic_are_both_exact(job: Job) -> None:
    job.twice = True
    await prepare(job)
    await produce(job, [f"c{n % 7}" for n in range(4_000)])
    with Worker(job):
        await poll(lambda: is_drained(job))
    await check_exact(job, "counts")
    await check_exact(job, "again")


async def test_an_agent_without_a_table_hands_everything_on_in_order(job: Job) -> None:
    job.hands_on = True
    await prepare(job)
    await produce(job, [f"c{n}" for n in range(4_000)])
    with Worker(job):
        await poll(lambda: is_drained(job))
    source, out = await read_all(job, SOURCE), await read_all(job, OUT)
    assert {n: [r.key for r in records] for n, records in out.items()} == {
        n: [r.key for r in records] for n, records in source.items()
    }


async def test_outputs_and_changelogs_are_compressed(job: Job) -> None:
    await prepare(job)
    await produce(job, [f"c{n % 50}" for n in range(4_000)])
    with Worker(job):
        await poll(lambda: is_drained(job))
    await check_exact(job)
    for topic in (OUT, changelog_name(job.name, "counts")):
        assert await codecs(job, topic) == {2}, "2 is snappy"


async def codecs(job: Job, topic: str) -> set[int]:
    """Compression codecs of the record batches of partition 0, as the broker gives them."""
    async with AIOKafkaConsumer(bootstrap_servers=job.bootstrap) as consumer:
        here = TopicPartition(topic, 0)
        consumer.assign([here])
        await consumer.end_offsets([here])  # asks for its leader
        request = FetchRequest(1000, 1, 4_000_000, 0, [(topic, [(0, 0, 4_000_000)])])
        response = await consumer._client.send(consumer._client.cluster.leader_for_partition(here), request)
    [(_, [(*_, raw)])] = response.topics
    found, records = set(), MemoryRecords(raw)
    while (batch := records.next_batch()) is not None:
        found.add(batch.compression_type)
    return found


async def test_a_message_larger_than_a_fetch_is_read(job: Job) -> None:
    large = 6 * 1024 * 1024
    await prepare(job, {"max.message.bytes": str(large + 1000)})
    async with AIOKafkaProducer(bootstrap_servers=job.bootstrap, max_request_size=large + 1000) as producer:
        await producer.send_and_wait(SOURCE, key=b"big", value=b"x" * large, partition=0)
        await producer.send_and_wait(SOURCE, key=b"small", value=b"x", partition=0)
    with Worker(job):
        await poll(lambda: is_drained(job))
    await check_exact(job)


async def test_end_offsets_are_those_after_the_last_record(job: Job) -> None:
    await prepare(job)
    await produce(job, ["c"] * 900, per_batch=150)
    tps = [TP(SOURCE, 0), TP(SOURCE, 1), TP(OUT, 0)]
    assert await end_offsets(job.bootstrap, tps) == {tps[0]: 300, tps[1]: 300, tps[2]: 0}
    assert await end_offsets(job.bootstrap, []) == {}


@pytest.mark.embedded_broker
async def test_this_broker_reports_the_base_of_the_last_batch_as_the_end(job: Job) -> None:
    """Pins the quirk that `end_offsets` works around; when this fails, the broker was mended."""
    await prepare(job)
    await produce(job, ["c"] * 150, per_batch=150)
    async with AIOKafkaConsumer(bootstrap_servers=job.bootstrap) as consumer:
        here = TopicPartition(SOURCE, 0)
        assert (await consumer.end_offsets([here]))[here] < 150


async def test_committed_offsets_are_none_before_the_first_commit(job: Job) -> None:
    await prepare(job)
    assert await committed_offsets(job.bootstrap, "nobody", [TP(SOURCE, 0)]) == {TP(SOURCE, 0): None}
    assert await committed_offsets(job.bootstrap, "nobody", []) == {}


async def test_topics_are_created_once_and_their_partitions_are_checked(job: Job) -> None:
    spec = TopicSpec("new", 3, {"cleanup.policy": "compact"})
    assert await create_topics(job.bootstrap, [spec]) == ["new"]
    assert await create_topics(job.bootstrap, [spec]) == []
    with pytest.raises(ConfigurationError, match="new has 3 partitions, it must have 4"):
        await create_topics(job.bootstrap, [TopicSpec("new", 4)])


async def test_a_broadcast_gives_the_newest_of_each_key_and_then_what_follows(job: Job) -> None:
    job.partitions = 1
    await prepare(job)
    async with AIOKafkaProducer(bootstrap_servers=job.bootstrap) as producer:
        for key, value in ((b"a", b"1"), (b"b", b"1"), (b"a", b"2")):
            await producer.send_and_wait(OUT, key=key, value=value, partition=0)
        seen: list[tuple[bytes, bytes, int]] = []
        follower = Broadcast(build(job), OUT, lambda *value: seen.append(value))
        await follower.start()
        try:
            await asyncio.wait_for(follower.ready.wait(), 60)
            assert seen == [(b"b", b"1", 1), (b"a", b"2", 2)]
            await producer.send_and_wait(OUT, key=b"a", value=None, partition=0)

            async def has_followed() -> bool:
                return seen[-1] == (b"a", b"", 3)

            await poll(has_followed)
        finally:
            await follower.stop()


async def test_a_broadcast_of_an_empty_topic_is_ready_at_once(job: Job) -> None:
    job.partitions = 1
    await prepare(job)
    follower = Broadcast(build(job), OUT, lambda *value: None)
    await follower.start()
    try:
        await asyncio.wait_for(follower.ready.wait(), 60)
    finally:
        await follower.stop()
    assert await read_all(job, OUT) == {0: []}
