"""Reading the dead-letter topic, and sending its letters to their source topics again.

A replay remembers how far it came in a consumer group of its own, so every letter is sent again once; one that still
cannot be read comes back as a new letter, with its count of replays raised.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.types import TP

from schemas.registry import DEAD_LETTERS
from streams.config import Settings
from streams.engine.guard import RETRY_COUNT_HEADER, TRUNCATED_HEADER
from streams.engine.offsets import end_offsets
from streams.kafka import client_options
from streams.topics import partitions, topic_name

_PREFIX = "__connect.errors."
_POLL_MS = 500
#: Letters are whole up to the engine's largest request; aiokafka's own limits are a quarter of that.
_LARGEST_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Letter:
    """A record that could not be read, as it came, and why.

    Attributes:
        retries: how often it has been replayed.
        whole: False when its value had to be cut.
        headers: those it came with.
    """

    topic: str
    partition: int
    offset: int
    reason: str
    key: bytes | None
    value: bytes | None
    retries: int
    whole: bool
    headers: Sequence[tuple[str, bytes]]
    timestamp_ms: int


async def read_dead_letters(settings: Settings) -> list[Letter]:
    """All letters there are, oldest first within a partition."""
    consumer = _consumer(settings, None)
    try:
        await consumer.start()
        return [letter for letter, _ in await _read(settings, consumer, from_start=True)]
    finally:
        await consumer.stop()


async def replay_dead_letters(settings: Settings, topic: str | None = None) -> int:
    """Sends the letters not yet replayed to their topics again; gives how many.

    Args:
        settings: where the broker is.
        topic: only letters of this source topic; the others are passed over for good.
    """
    consumer = _consumer(settings, f"{settings.app_id}-replay")
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap,
        acks="all",
        max_request_size=_LARGEST_BYTES,
        **client_options(settings),
    )
    try:
        await consumer.start()
        await producer.start()
        found = await _read(settings, consumer, from_start=False)
        chosen = [letter for letter, _ in found if letter.whole and topic in (None, letter.topic)]
        for letter in chosen:
            await _send(producer, letter)
        ends = {tp: offset + 1 for _, (tp, offset) in found}
        if ends:
            await consumer.commit({tp: OffsetAndMetadata(end, "") for tp, end in ends.items()})
        return len(chosen)
    finally:
        await producer.stop()
        await consumer.stop()


def _consumer(settings: Settings, group: str | None) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=_LARGEST_BYTES,
        **client_options(settings),
    )


async def _read(
    settings: Settings, consumer: AIOKafkaConsumer, from_start: bool
) -> list[tuple[Letter, tuple[TopicPartition, int]]]:
    name = topic_name(settings, DEAD_LETTERS)
    tps = [TopicPartition(name, number) for number in range(partitions(settings, DEAD_LETTERS))]
    ends = await end_offsets(settings.kafka_bootstrap, [TP(*tp) for tp in tps], **client_options(settings))
    consumer.assign(tps)
    for tp in tps:
        start = None if from_start else await consumer.committed(tp)
        consumer.seek(tp, start or 0)
    found: list[tuple[Letter, tuple[TopicPartition, int]]] = []
    while any([await consumer.position(tp) < ends[TP(*tp)] for tp in tps]):
        for tp, records in (await consumer.getmany(timeout_ms=_POLL_MS)).items():
            found += [(_letter(record), (tp, record.offset)) for record in records]
    return found


def _letter(record: object) -> Letter:
    headers = {name: value or b"" for name, value in record.headers}  # type: ignore[attr-defined]

    def said(name: str) -> str:
        return headers.get(_PREFIX + name, b"").decode("utf-8", "replace")

    return Letter(
        topic=said("topic"),
        partition=int(said("partition") or -1),
        offset=int(said("offset") or -1),
        reason=said("exception.message"),
        key=record.key,  # type: ignore[attr-defined]
        value=record.value,  # type: ignore[attr-defined]
        retries=int(headers.get(RETRY_COUNT_HEADER, b"0")),
        whole=TRUNCATED_HEADER not in headers,
        headers=[(n, v or b"") for n, v in record.headers if not n.startswith(_PREFIX)],  # type: ignore[attr-defined]
        timestamp_ms=record.timestamp,  # type: ignore[attr-defined]
    )


async def _send(producer: AIOKafkaProducer, letter: Letter) -> None:
    headers = [(name, value) for name, value in letter.headers if name != RETRY_COUNT_HEADER]
    headers.append((RETRY_COUNT_HEADER, str(letter.retries + 1).encode()))
    await producer.send_and_wait(
        letter.topic,
        letter.value,
        key=letter.key,
        partition=letter.partition,
        headers=headers,
        timestamp_ms=letter.timestamp_ms,
    )
