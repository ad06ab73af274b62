"""A local Apache Kafka: durable, bound to its owner's life, and three of it without one."""

import asyncio
import os
import signal
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from faust.types import TP

from streams.embedded.broker import answering_cluster_id
from streams.embedded.kafka import ApacheKafka
from streams.embedded.supervise import ChildError, Restart
from streams.engine.offsets import committed_offsets, end_offsets
from streams.engine.topics import TopicSpec, create_topics

pytestmark = [
    pytest.mark.integration,
    pytest.mark.kafka,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]
HERE = TopicPartition("usage", 0)
ROOT = Path(__file__).parents[2]


async def write(bootstrap: str, *values: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for value in values:
            await producer.send_and_wait(HERE.topic, value, partition=0)


async def read(bootstrap: str, group: str | None = None) -> list[bytes]:
    """All values from the start, or from where the group stands; the group then stands at their end."""
    options: dict[str, Any] = {"auto_offset_reset": "earliest", "enable_auto_commit": False}
    end = (await end_offsets(bootstrap, [TP(*HERE)]))[TP(*HERE)]
    values: list[bytes] = []
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, **options) as consumer:
        consumer.assign([HERE])
        while await consumer.position(HERE) < end:
            values += [record.value for record in (await consumer.getmany(HERE, timeout_ms=500)).get(HERE, [])]
        if group:
            await consumer.commit({HERE: end})
    return values


async def test_a_restart_on_the_same_folder_keeps_records_offsets_and_identity(tmp_path: Path) -> None:
    async with ApacheKafka(tmp_path) as kafka:
        first = kafka.cluster_id
        await create_topics(kafka.bootstrap, [TopicSpec(HERE.topic, 1)])
        await write(kafka.bootstrap, b"1", b"2")
        assert await read(kafka.bootstrap, "workers") == [b"1", b"2"]
        await write(kafka.bootstrap, b"3")
        with pytest.raises(ChildError, match="kafka-1 ended while starting"):
            async with ApacheKafka(tmp_path):
                pass
    async with ApacheKafka(tmp_path, restart=Restart(first_delay_seconds=0)) as kafka:
        assert await answering_cluster_id(kafka.bootstrap) == kafka.cluster_id == first
        assert await committed_offsets(kafka.bootstrap, "workers", [TP(*HERE)]) == {TP(*HERE): 2}
        assert await read(kafka.bootstrap, "workers") == [b"3"]
        os.kill(kafka.pid(1), signal.SIGKILL)
        async with asyncio.timeout(60):
            while await answering_cluster_id(kafka.bootstrap) is None:
                await asyncio.sleep(0.1)
        assert await read(kafka.bootstrap) == [b"1", b"2", b"3"]


async def test_a_broker_on_a_taken_port_is_an_error_that_shows_its_log(tmp_path: Path) -> None:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ChildError, match="kafka-1 ended while starting") as caught:
            async with ApacheKafka(tmp_path, port=port):
                pass
    assert "Address already in use" in caught.value.log_tail


OWNER = """
    import asyncio, sys
    from pathlib import Path
    from streams.embedded.kafka import ApacheKafka

    async def main(folder):
        async with ApacheKafka(folder) as kafka:
            print("started", kafka.bootstrap, flush=True)
            await asyncio.sleep(3600)

    asyncio.run(main(Path(sys.argv[1])))
"""


async def test_no_broker_is_left_when_its_owner_is_killed_9(tmp_path: Path) -> None:
    owner = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", textwrap.dedent(OWNER), str(tmp_path)), stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert owner.stdout is not None
    async for line in owner.stdout:
        if line.startswith(b"started"):
            break
    brokers = [one for one in psutil.Process(owner.pid).children(recursive=True) if "java" in one.name()]
    assert len(brokers) == 1
    owner.kill()
    await owner.communicate()
    gone, alive = await asyncio.to_thread(psutil.wait_procs, brokers, 15)
    assert (len(gone), alive) == (1, [])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def three(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ApacheKafka]:
    async with ApacheKafka(tmp_path_factory.mktemp("three"), brokers=3) as kafka:
        await create_topics(kafka.bootstrap, [TopicSpec(HERE.topic, 1)], replication_factor=3)
        yield kafka


async def test_writing_and_reading_go_on_without_one_of_three(three: ApacheKafka) -> None:
    sent: list[bytes] = []
    for number in (1, 2):
        sent.append(b"before %d" % number)
        await write(three.bootstrap, sent[-1])
        await three.kill(number)
        sent.append(b"without %d" % number)
        await write(three.bootstrap, sent[-1])
        assert await read(three.bootstrap, "workers") == sent[-2:]
        await three.restart(number)
    assert await read(three.bootstrap) == sent


async def test_an_orderly_stop_of_one_moves_its_leadership(three: ApacheKafka) -> None:
    await three.stop(2)
    await write(three.bootstrap, b"two of three")
    assert (await read(three.bootstrap))[-1] == b"two of three"
    await three.restart(2)
