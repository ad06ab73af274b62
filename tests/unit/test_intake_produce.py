"""Sending: order per partition, full batches, bounded chunks, pace, and errors that say what to do."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaError, MessageSizeTooLargeError, NodeNotReadyError
from aiokafka.producer.message_accumulator import BatchBuilder

from schemas.registry import INPUT_TOPICS
from streams.errors import ConfigurationError, TransientError
from streams.intake import produce
from streams.intake.ordering import Record
from streams.intake.produce import CHUNK_RECORDS, Pace, Target, check_topics, send

BATCH_BYTES = 2_000


class Counted:
    """aiokafka's own builder, with a memory of what was put in."""

    def __init__(self) -> None:
        self.builder = BatchBuilder(BATCH_BYTES, 0)
        self.values: list[bytes] = []

    def append(self, *, timestamp: int, key: bytes, value: bytes) -> object | None:
        taken: object | None = self.builder.append(timestamp=timestamp, key=key, value=value)
        if taken is not None:
            self.values.append(value)
        return taken


@dataclass
class FakeProducer:
    """Takes batches; acknowledges each one, or fails those of `failing`."""

    failing: dict[str, KafkaError] = field(default_factory=dict)
    sent: dict[tuple[str, int], list[bytes]] = field(default_factory=lambda: defaultdict(list))
    batches: int = 0
    unacknowledged: int = 0
    most_unacknowledged: int = 0

    def create_batch(self) -> Counted:
        return Counted()

    async def send_batch(self, batch: Counted, topic: str, *, partition: int) -> "asyncio.Future[None]":
        self.batches += 1
        self.unacknowledged += len(batch.values)
        self.most_unacknowledged = max(self.most_unacknowledged, self.unacknowledged)
        self.sent[topic, partition] += batch.values
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(self._answer, future, topic, len(batch.values))
        return future

    def _answer(self, future: "asyncio.Future[None]", topic: str, records: int) -> None:
        self.unacknowledged -= records
        if topic in self.failing:
            future.set_exception(self.failing[topic])
        else:
            future.set_result(None)


def records(count: int) -> Iterator[Record]:
    for number in range(count):
        topic = ("usage.v1", "billing.v1")[number % 2]
        yield Record(topic, number % 3, b"c", b"%d" % number, 1_700_000_000_000 + number)


async def test_every_record_is_sent_once_and_in_order_within_its_partition() -> None:
    producer = FakeProducer()
    count = 2 * CHUNK_RECORDS + 5
    assert await send(producer, records(count), count, "p.", Pace()) == count
    expected: dict[tuple[str, int], list[bytes]] = defaultdict(list)
    for record in records(count):
        expected["p." + record.topic, record.partition].append(record.value)
    assert producer.sent == expected
    assert producer.batches < count / 10


async def test_no_more_than_a_chunk_is_under_way() -> None:
    producer = FakeProducer()
    await send(producer, records(5 * CHUNK_RECORDS), 0, "", Pace())
    assert producer.most_unacknowledged <= CHUNK_RECORDS


async def test_a_record_larger_than_a_batch_travels_alone() -> None:
    producer = FakeProducer()
    large = [Record("usage.v1", 0, b"c", b"x" * size, 1) for size in (1, 3 * BATCH_BYTES, 1)]
    await send(producer, large, 3, "", Pace())
    assert [len(value) for value in producer.sent["usage.v1", 0]] == [1, 3 * BATCH_BYTES, 1]


async def test_progress_is_told_after_each_chunk() -> None:
    told: list[tuple[int, int]] = []
    count = CHUNK_RECORDS + 1
    await send(FakeProducer(), records(count), count, "", Pace(), lambda sent, total: told.append((sent, total)))
    assert told == [(CHUNK_RECORDS, count), (count, count)]


async def test_a_refused_batch_stops_the_import_before_the_next_chunk() -> None:
    producer = FakeProducer(failing={"usage.v1": KafkaConnectionError("gone")})
    with pytest.raises(KafkaConnectionError):
        await send(producer, records(3 * CHUNK_RECORDS), 0, "", Pace())
    assert sum(map(len, producer.sent.values())) == CHUNK_RECORDS


async def test_a_rate_holds_the_import_back_to_its_clock() -> None:
    now = [0.0]

    async def sleep(seconds: float) -> None:
        now[0] += seconds

    await send(FakeProducer(), records(1_000), 1_000, "", Pace(100, lambda: now[0], sleep))
    assert now[0] == pytest.approx(10.0)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan")])
def test_an_impossible_rate_is_refused(rate: float) -> None:
    with pytest.raises(ConfigurationError, match="expected a rate over 0"):
        Pace(rate)


def test_missing_topics_are_named_with_the_command_that_makes_them() -> None:
    found = {f"zelo.{topic.name}": 4 for topic in INPUT_TOPICS if topic.name != "spend.v1"}
    with pytest.raises(ConfigurationError, match=r"zelo\.spend\.v1.*zelo topics --create"):
        check_topics(found, "zelo.")


def test_topics_of_unlike_partitions_are_refused() -> None:
    found = {f"zelo.{topic.name}": 4 for topic in INPUT_TOPICS} | {"zelo.spend.v1": 1}
    with pytest.raises(ConfigurationError, match=r"same number of partitions.*spend\.v1 1"):
        check_topics(found, "zelo.")


def test_the_common_number_of_partitions_is_found_among_other_topics() -> None:
    found = {f"zelo.{topic.name}": 8 for topic in INPUT_TOPICS} | {"other": 1}
    assert check_topics(found, "zelo.") == 8


@pytest.mark.parametrize(
    "error, family, words",
    [
        (KafkaConnectionError("x"), TransientError, "started again continues safely"),
        (NodeNotReadyError("x"), TransientError, "expected Kafka at kafka:9092"),
        (TimeoutError(), TransientError, "expected Kafka at kafka:9092"),
        (MessageSizeTooLargeError("x"), ConfigurationError, "refused for good"),
        (produce.UnknownTopicOrPartitionError(), ConfigurationError, "zelo topics --create"),
    ],
)
def test_errors_of_kafka_land_in_our_families(error: Exception, family: type[Exception], words: str) -> None:
    with pytest.raises(family, match=words), produce._kafka_errors(Target("kafka:9092")):
        raise error
