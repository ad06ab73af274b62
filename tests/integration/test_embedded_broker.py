"""The embedded broker, spoken to with the client library that Zelo uses."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.embedded.broker import answering_cluster_id, broker_child
from streams.embedded.ports import LOOPBACK, free_port
from streams.embedded.supervise import ChildError, Supervisor

pytestmark = [pytest.mark.integration, pytest.mark.embedded_broker]


@pytest.fixture
async def bootstrap(tmp_path: Path) -> AsyncIterator[str]:
    port = free_port()
    async with Supervisor([broker_child(port, "test-cluster", tmp_path / "broker.log")]):
        yield f"{LOOPBACK}:{port}"


async def create_topics(bootstrap: str, topics: list[NewTopic]) -> list[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        reply = await admin.create_topics(topics)
        assert [error for _name, error, _text in reply.topic_errors] == [0] * len(topics)
        return sorted(await admin.list_topics())
    finally:
        await admin.close()


async def test_records_come_back_in_order_with_key_headers_and_time(bootstrap: str) -> None:
    compacted = NewTopic("accounts", 1, 1, topic_configs={"cleanup.policy": "compact"})
    assert await create_topics(bootstrap, [NewTopic("usage", 4, 1), compacted]) == ["accounts", "usage"]
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, compression_type="gzip") as producer:
        for number in range(400):
            await producer.send(
                "usage",
                key=b"customer",
                value=b"%d" % number,
                partition=number % 4,
                timestamp_ms=1_700_000_000_000 + number,
                headers=[("source", b"test")],
            )
        await producer.flush()
    async with AIOKafkaConsumer(
        "usage", bootstrap_servers=bootstrap, group_id=None, auto_offset_reset="earliest"
    ) as consumer:
        records = [await consumer.getone() for _ in range(400)]
    for partition in range(4):
        own = [record for record in records if record.partition == partition]
        assert [record.offset for record in own] == list(range(100))
        assert [int(record.value) for record in own] == list(range(partition, 400, 4))
    first = min(records, key=lambda record: int(record.value))
    assert (first.key, first.headers, first.timestamp) == (
        b"customer",
        (("source", b"test"),),
        1_700_000_000_000,
    )


async def test_what_a_group_commits_is_where_its_next_consumer_goes_on(bootstrap: str) -> None:
    await create_topics(bootstrap, [NewTopic("usage", 1, 1)])
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for number in range(10):
            await producer.send_and_wait("usage", b"%d" % number, partition=0)
    options = {
        "bootstrap_servers": bootstrap,
        "group_id": "workers",
        "auto_offset_reset": "earliest",
        "enable_auto_commit": False,
        "rebalance_timeout_ms": 3_000,
        "session_timeout_ms": 6_000,
    }
    async with AIOKafkaConsumer("usage", **options) as consumer:
        for _ in range(4):
            await consumer.getone()
        await consumer.commit({TopicPartition("usage", 0): 4})
    async with AIOKafkaConsumer(**options) as consumer:
        consumer.assign([TopicPartition("usage", 0)])  # without joining again, which takes its seconds
        assert (await consumer.getone()).value == b"4"


async def test_readiness_is_not_fooled_by_another_broker_on_the_port(bootstrap: str, tmp_path: Path) -> None:
    """The broker that finds its port taken ends with status 0: only the cluster id tells the two apart."""
    assert await answering_cluster_id(bootstrap) == "test-cluster"
    port = int(bootstrap.rpartition(":")[2])
    with pytest.raises(ChildError, match=r"ended while starting \(exit status 0\)[^$]*Address in use"):
        async with Supervisor([broker_child(port, "mine", tmp_path / "second.log")]):
            pass


async def test_nobody_answers_on_a_port_without_broker() -> None:
    assert await answering_cluster_id(f"{LOOPBACK}:{free_port()}") is None
