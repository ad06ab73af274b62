"""Reads a compacted topic of one partition in every worker, without a consumer group.

First the newest value of each key that can be used, from the beginning to where the topic ended at the start; then
`ready` is set and every further value follows as it comes. Until then nothing that is marked is rendered: it would be
with what is known no more, and a worker may have all its customers marked when it starts (partition.py).
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterable
from typing import Any, cast

import faust
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth
from mode import Service

from streams.engine.offsets import raise_to_high_watermarks
from streams.errors import TransientError

_POLL_MS = 500
_MOST_TRIED = 8  # values of a key, newest first, until one can be used; compaction seldom leaves more


class Broadcast(Service):
    """A follower of one topic; starts and stops with the app once its tables are recovered.

    Args:
        app: made by `engine_app`.
        topic: compacted, one partition.
        on_value: called with key, value (empty when the key was deleted) and offset, in this order of
            offsets. False says that the value cannot be used: at the start the one before it is given, as a worker
            that was there all the time would still have it. What it raises ends the worker.
        on_read: called behind every run of values that were read at once. The same.

    Attributes:
        ready: set when every value that existed at the start has been given.
        end: offset behind the last that was given.
    """

    def __init__(
        self,
        app: faust.App,
        topic: str,
        on_value: Callable[[bytes, bytes, int], bool | None],
        on_read: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(beacon=app.beacon)
        self.app = app
        self.topic = topic
        self.on_value = on_value
        self.on_read = on_read
        self.ready = asyncio.Event()
        self.end = 0
        cast(Any, app)._extra_services.append(self)
        self._engine = cast(Any, app).engine
        self._engine.broadcasts.append(self)

    @Service.task
    async def _follow(self) -> None:
        consumer = self._consumer()
        await consumer.start()
        try:
            here = TopicPartition(self.topic, 0)
            consumer.assign([here])
            limit = self._engine.settings.recovery_timeout_seconds
            try:
                async with asyncio.timeout(limit):
                    await self._catch_up(consumer, here)
            except TimeoutError as error:
                raise TransientError(f"{self.topic} not read to its end after {limit:.0f} s") from error
            self.ready.set()
            self._engine.checkpoint.wanted.set()  # what was marked has waited for it
            while not self.should_stop:
                self._give([[record] for record in await self._next(consumer)])
        finally:
            await consumer.stop()

    async def _catch_up(self, consumer: Any, here: TopicPartition) -> None:
        ends = await raise_to_high_watermarks(consumer._client, await consumer.end_offsets([here]))
        await consumer.seek_to_beginning(here)
        newest: dict[bytes, deque[Any]] = {}
        # to its end, or cancelled: what renders would take a part of it for all there is
        while await consumer.position(here) < ends[here]:
            for record in await self._next(consumer):
                key = record.key or b""
                known = newest.pop(key, None) or deque(maxlen=_MOST_TRIED)  # so that the order is that of offsets
                known.append(record)
                newest[key] = known
        self._give([reversed(known) for known in newest.values()])

    def _give(self, found: Collection[Iterable[Any]]) -> None:
        """Of each the first that can be used."""
        for records in found:
            for record in records:
                self.end = max(self.end, record.offset + 1)
                used = self.on_value(record.key or b"", record.value or b"", record.offset)
                if used is not False or not record.value:  # before a deletion there is nothing any more
                    break
        if found:
            self.on_read()

    async def _next(self, consumer: Any) -> list[Any]:
        found = await consumer.getmany(timeout_ms=_POLL_MS)
        return [record for records in found.values() for record in records]

    def _consumer(self) -> AIOKafkaConsumer:
        settings, conf = self._engine.settings, self.app.conf
        return AIOKafkaConsumer(
            bootstrap_servers=settings.brokers,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=settings.fetch_partition_bytes,
            request_timeout_ms=int(settings.request_timeout_seconds * 1000),
            **credentials_to_aiokafka_auth(conf.broker_credentials, conf.ssl_context),
        )
