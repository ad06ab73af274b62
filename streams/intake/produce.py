"""Sends prepared records to Kafka: in order per partition, in large batches, with bounded memory.

Theory. Records are cut into chunks; a chunk's records go into one batch per topic-partition, all are sent,
all are acknowledged, then comes the next chunk. So at most one chunk is under way, topics never run apart by
more than a chunk, and an error leaves a whole number of chunks sent. Running the import again is safe: the
same events carry the same ids, and the stream counts them as duplicates.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError, UnknownTopicOrPartitionError

from schemas.registry import INPUT_TOPICS
from streams.errors import ConfigurationError, TransientError
from streams.intake.importer import Importer, ImportReport
from streams.intake.ordering import PreparedImport, Record, prepare
from streams.metrics.days import Days

CHUNK_RECORDS = 4096
_BATCH_BYTES = 512 * 1024
_REQUEST_TIMEOUT_MS = 15_000
_CHUNKS_PER_SECOND = 10  # when paced: short enough to look like a stream
_RETRY_SECONDS = 5.0

Progress = Callable[[int, int], None]
Batch = Any  # aiokafka's BatchBuilder, which has no types


class BatchProducer(Protocol):
    """AIOKafkaProducer, as far as we use it."""

    def create_batch(self) -> Batch: ...

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> Awaitable[object]: ...


@dataclass(frozen=True)
class Target:
    """A Kafka to import into.

    Attributes:
        bootstrap_servers: `host:port`, several separated by commas.
        prefix: put before the registry's topic names.
        client_options: further options of aiokafka's clients (security).
    """

    bootstrap_servers: str
    prefix: str = "zelo."
    client_options: Mapping[str, Any] = field(default_factory=dict)


class Pace:
    """Holds an import to a number of records per second.

    Args:
        rate: records per second; None is as fast as it goes.
        monotonic: seconds of a clock that never goes back.
        sleep: waits for seconds.
    """

    def __init__(
        self,
        rate: float | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if rate is not None and not rate > 0:
            raise ConfigurationError(f"expected a rate over 0 events per second, got {rate}")
        self._rate = rate
        self._monotonic = monotonic
        self._sleep = sleep
        self._start = monotonic()

    @property
    def chunk_records(self) -> int:
        """Records to send at once."""
        if self._rate is None:
            return CHUNK_RECORDS
        return max(1, min(CHUNK_RECORDS, int(self._rate / _CHUNKS_PER_SECOND)))

    async def wait(self, sent: int) -> None:
        """Waits until `sent` records are due."""
        if self._rate is None:
            return
        early = self._start + sent / self._rate - self._monotonic()
        if early > 0:
            await self._sleep(early)


async def import_into(
    target: Target,
    importer: Importer,
    path: Path,
    days: Days | None = None,
    rate: float | None = None,
    progress: Progress | None = None,
    as_arrived: bool = False,
) -> ImportReport:
    """Reads files and sends their events: `common_partitions`, `prepare` and `produce` in one.

    Raises:
        ConfigurationError: files, columns or topics are missing, or the broker refuses for good.
        TransientError: the broker is away.
    """
    partitions = await common_partitions(target)
    # Off the loop: reading and sorting a large import takes seconds.
    prepared = await asyncio.to_thread(prepare, importer, path, partitions, days, as_arrived=as_arrived)
    await produce(target, prepared, rate, progress)
    return prepared.report


async def common_partitions(target: Target) -> int:
    """How many partitions each input topic has.

    Raises:
        ConfigurationError: topics are missing, or their numbers differ.
        TransientError: the broker is away.
    """
    admin = AIOKafkaAdminClient(
        bootstrap_servers=target.bootstrap_servers,
        request_timeout_ms=_REQUEST_TIMEOUT_MS,
        **target.client_options,
    )
    with _kafka_errors(target):
        try:
            await admin.start()
            # All topics: asking for one by name may make the broker create it.
            found = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}
        finally:
            await admin.close()
    return check_topics(found, target.prefix)


def check_topics(found: Mapping[str, int], prefix: str) -> int:
    """The common number of partitions of the input topics.

    Args:
        found: partitions by full topic name.
        prefix: of our topics.

    Raises:
        ConfigurationError: topics are missing, or their numbers differ.
    """
    names = [prefix + topic.name for topic in INPUT_TOPICS]
    missing = [name for name in names if name not in found]
    if missing:
        listed = ", ".join(missing)
        raise ConfigurationError(f"expected the topics {listed}: create them with `zelo topics --create`")
    counts = {name: found[name] for name in names}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise ConfigurationError(f"expected the same number of partitions for all input topics, got {listed}")
    return counts[names[0]]


async def produce(
    target: Target, prepared: PreparedImport, rate: float | None = None, progress: Progress | None = None
) -> int:
    """Sends all records of a prepared import; returns how many.

    Args:
        target: a Kafka whose input topics have the partitions the import was prepared for.
        prepared: the records.
        rate: records per second, heartbeats included; None is as fast as it goes.
        progress: called with (sent, total) after each chunk.

    Raises:
        ConfigurationError: topics are missing, or the broker refuses for good.
        TransientError: the broker is away.
    """
    pace = Pace(rate)
    async with _connected(target) as producer:
        return await send(producer, prepared, len(prepared), target.prefix, pace, progress)


async def send(
    producer: BatchProducer,
    records: Iterable[Record],
    total: int,
    prefix: str,
    pace: Pace,
    progress: Progress | None = None,
) -> int:
    """Sends records chunk by chunk over an open producer; returns how many.

    Raises:
        KafkaError: a batch was not acknowledged; the chunks before it were.
    """
    sent = 0
    rest = iter(records)
    while chunk := list(islice(rest, pace.chunk_records)):
        await _send_chunk(producer, chunk, prefix)
        sent += len(chunk)
        if progress is not None:
            progress(sent, total)
        await pace.wait(sent)
    return sent


async def _send_chunk(producer: BatchProducer, chunk: Sequence[Record], prefix: str) -> None:
    acknowledged: list[Awaitable[object]] = []
    try:
        for topic, partition, batch in _batches(producer, chunk):
            acknowledged.append(await producer.send_batch(batch, prefix + topic, partition=partition))
    finally:
        # Also after an error: what is under way is awaited, so that no failure goes unseen.
        results = await asyncio.gather(*acknowledged, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


def _batches(producer: BatchProducer, chunk: Sequence[Record]) -> Iterator[tuple[str, int, Batch]]:
    """One batch per topic-partition, more where one is full; each partition's in order."""
    is_open: dict[tuple[str, int], Batch] = {}
    for record in chunk:
        place = (record.topic, record.partition)
        batch = is_open.get(place)
        if batch is None or not _append(batch, record):
            if batch is not None:
                yield (*place, batch)
            batch = is_open[place] = producer.create_batch()
            # An empty batch takes a record of any size.
            _append(batch, record)
    for (topic, partition), batch in is_open.items():
        yield topic, partition, batch


def _append(batch: Batch, record: Record) -> bool:
    return batch.append(timestamp=record.timestamp_ms, key=record.key, value=record.value) is not None


@asynccontextmanager
async def _connected(target: Target) -> AsyncIterator[BatchProducer]:
    producer = AIOKafkaProducer(
        bootstrap_servers=target.bootstrap_servers,
        acks="all",
        max_batch_size=_BATCH_BYTES,
        request_timeout_ms=_REQUEST_TIMEOUT_MS,
        **target.client_options,
    )
    with _kafka_errors(target):
        try:
            await producer.start()
            yield producer
        finally:
            await producer.stop()


@contextmanager
def _kafka_errors(target: Target) -> Iterator[None]:
    """Puts Kafka's errors into our tree: what may pass again is transient, the rest needs a hand."""
    try:
        yield
    except UnknownTopicOrPartitionError as error:
        raise ConfigurationError(
            f"expected the input topics at {target.bootstrap_servers}, one is gone: "
            "create them with `zelo topics --create`"
        ) from error
    except (KafkaConnectionError, KafkaTimeoutError, TimeoutError) as error:
        raise _away(target, error) from error
    except KafkaError as error:
        if error.retriable:
            raise _away(target, error) from error
        raise ConfigurationError(f"Kafka at {target.bootstrap_servers} refused for good: {error}") from error


def _away(target: Target, error: Exception) -> TransientError:
    return TransientError(
        f"expected Kafka at {target.bootstrap_servers}, got no answer ({type(error).__name__}: {error}); "
        "an import started again continues safely",
        retry_after_seconds=_RETRY_SECONDS,
    )
