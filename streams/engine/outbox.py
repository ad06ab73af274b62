"""Outputs waiting to be published, and the way they reach the broker.

Records go to aiokafka's producer in whole batches that we fill ourselves (about 1 us a record; Faust's
send path costs about 200 us, ENGINE.md 1.3). Order is kept per topic and partition; different
partitions are sent at the same time.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, NamedTuple

from streams.errors import ConfigurationError

#: What a record costs in a batch besides key, value and headers (varints, attributes), at most.
_RECORD_OVERHEAD = 64


class Output(NamedTuple):
    """One record to publish."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp_ms: int | None = None

    @property
    def size(self) -> int:
        """Bytes in a record batch, at most."""
        size = len(self.key or b"") + len(self.value or b"") + _RECORD_OVERHEAD
        if self.headers:  # as few have
            size += sum(len(name) + len(value) + 10 for name, value in self.headers)
        return size


class RecordTooLargeError(ConfigurationError):
    """A record that no produce request can carry."""


#: Offset of the last record written, per (topic, partition).
Written = dict[tuple[str, int], int]


def _ignore(records: int) -> None:
    pass


async def publish_steps(
    producer: Any,
    steps: Iterable[Iterable[Output]],
    max_request_bytes: int,
    acknowledged: Callable[[int], None] = _ignore,
) -> list[Written]:
    """Sends each step when the broker has the one before (see `publish`)."""
    return [await publish(producer, step, max_request_bytes, acknowledged) for step in steps]


async def publish(
    producer: Any,
    outputs: Iterable[Output],
    max_request_bytes: int,
    acknowledged: Callable[[int], None] = _ignore,
) -> Written:
    """Sends the outputs and waits until the broker has them all.

    Args:
        producer: a started `AIOKafkaProducer`.
        outputs: in the order in which each partition must see them.
        max_request_bytes: a larger record is refused.
        acknowledged: told the number of records of each batch that the broker has taken.

    Returns:
        Offset of the last record written, per (topic, partition).

    Raises:
        RecordTooLargeError: nothing was sent of its partition.
        aiokafka.errors.KafkaError: the broker did not take a batch; others may have been written.
    """
    runs: dict[tuple[str, int], list[Output]] = defaultdict(list)
    for output in outputs:
        runs[output.topic, output.partition].append(output)
    for run in runs.values():
        _check_sizes(run, max_request_bytes)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = {
                where: group.create_task(_publish_run(producer, *where, run, acknowledged))
                for where, run in runs.items()
            }
    except ExceptionGroup as errors:  # not `except*`, out of which early Python 3.11 raises no error as it is
        raise errors.exceptions[0] from None  # the first is the cause, the rest follows from it
    return {where: task.result() for where, task in tasks.items()}


def _check_sizes(run: Iterable[Output], max_request_bytes: int) -> None:
    for output in run:
        if len(output.value or b"") > max_request_bytes // 2 and output.size > max_request_bytes:
            raise RecordTooLargeError(
                f"a record for {output.topic}[{output.partition}] with key {output.key!r} has {output.size} "
                f"bytes, the largest request {max_request_bytes}: raise producer_request_bytes and the "
                "topic's max.message.bytes"
            )


async def _publish_run(
    producer: Any, topic: str, partition: int, run: Sequence[Output], acknowledged: Callable[[int], None]
) -> int:
    pending = []
    batch = producer.create_batch()
    for output in run:
        if not _append(batch, output):
            pending.append(await _send(producer, batch, topic, partition))
            batch = producer.create_batch()
            _append(batch, output)  # a fresh batch takes any one record, however large
    pending.append(await _send(producer, batch, topic, partition))
    last = -1
    for future, count in pending:
        written = await future
        acknowledged(count)
        last = max(last, written.offset + count - 1)
    return last


def _append(batch: Any, output: Output) -> bool:
    return (
        batch.append(key=output.key, value=output.value, timestamp=output.timestamp_ms, headers=list(output.headers))
        is not None
    )


async def _send(producer: Any, batch: Any, topic: str, partition: int) -> tuple[Any, int]:
    count = batch.record_count()
    batch.close()
    return await producer.send_batch(batch, topic, partition=partition), count


class Outbox:
    """Ordered outputs of a writer without a table; taken all at once by the checkpoint.

    Args:
        limit: records beyond which `room()` publishes before it returns.
        publish_now: publishes what is waiting.
        wanted: set when something waits.
        turn: gives agents their turns.
    """

    def __init__(
        self,
        limit: int,
        publish_now: Callable[[], Awaitable[None]],
        wanted: asyncio.Event,
        turn: Callable[[], Awaitable[None]],
    ) -> None:
        self.limit = limit
        self._publish_now = publish_now
        self._wanted = wanted
        self._turn = turn
        self._waiting: list[Output] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def emit(self, output: Output) -> None:
        """Adds a record; it is published before the next commit of source offsets."""
        self._waiting.append(output)
        self._wanted.set()

    def take(self) -> list[Output]:
        """Empties the outbox; what is taken must be published."""
        taken, self._waiting = self._waiting, []
        return taken

    async def room(self) -> None:
        """Returns when there are fewer records than the limit, and it is this agent's turn."""
        while len(self._waiting) >= self.limit:
            await self._publish_now()
        await self._turn()
