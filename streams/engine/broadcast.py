"""Reads a compacted topic of one partition in every worker, without a consumer group.

First the newest value of each key, from the beginning to where the topic ended at the start; then
`ready` is set and every further value follows as it comes.
"""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import faust
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth
from mode import Service

from streams.engine.offsets import raise_to_high_watermarks

_POLL_MS = 500


class Broadcast(Service):
    """A follower of one topic; starts and stops with the app once its tables are recovered.

    Args:
        app: made by `engine_app`.
        topic: compacted, one partition.
        on_value: called with key, value (empty when the key was deleted) and offset, in this order of
            offsets. What it raises ends the worker.

    Attributes:
        ready: set when every value that existed at the start has been given.
    """

    def __init__(self, app: faust.App, topic: str, on_value: Callable[[bytes, bytes, int], None]) -> None:
        super().__init__(beacon=app.beacon)
        self.app = app
        self.topic = topic
        self.on_value = on_value
        self.ready = asyncio.Event()
        cast(Any, app)._extra_services.append(self)

    @Service.task
    async def _follow(self) -> None:
        consumer = self._consumer()
        await consumer.start()
        try:
            here = TopicPartition(self.topic, 0)
            consumer.assign([here])
            await self._catch_up(consumer, here)
            self.ready.set()
            while not self.should_stop:
                for record in await self._next(consumer):
                    self.on_value(record.key or b"", record.value or b"", record.offset)
        finally:
            await consumer.stop()

    async def _catch_up(self, consumer: Any, here: TopicPartition) -> None:
        ends = await raise_to_high_watermarks(consumer._client, await consumer.end_offsets([here]))
        await consumer.seek_to_beginning(here)
        newest: dict[bytes, Any] = {}
        while not self.should_stop and await consumer.position(here) < ends[here]:
            for record in await self._next(consumer):
                newest.pop(record.key or b"", None)  # so that the order is that of offsets
                newest[record.key or b""] = record
        for key, record in newest.items():
            self.on_value(key, record.value or b"", record.offset)

    async def _next(self, consumer: Any) -> list[Any]:
        found = await consumer.getmany(timeout_ms=_POLL_MS)
        return [record for records in found.values() for record in records]

    def _consumer(self) -> AIOKafkaConsumer:
        settings, conf = cast(Any, self.app).engine.settings, self.app.conf
        return AIOKafkaConsumer(
            bootstrap_servers=settings.brokers,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=settings.fetch_partition_bytes,
            request_timeout_ms=int(settings.request_timeout_seconds * 1000),
            **credentials_to_aiokafka_auth(conf.broker_credentials, conf.ssl_context),
        )
