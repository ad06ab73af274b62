"""Every topic to ClickHouse; a batch is acknowledged when all its rows are stored."""

import asyncio
from typing import Any

from schemas.registry import DEAD_LETTERS, TOPICS, Topic
from streams.app import Zelo
from streams.engine.guard import Poison
from streams.sinks.archive import Archive, writer_policy
from streams.sinks.clickhouse import ClickHouse
from streams.sinks.record import Record
from streams.sinks.rows import RowMapper
from streams.sinks.writer import Writer


def register(zelo: Zelo) -> None:
    """Declares one agent per topic around one writer."""
    app, settings = zelo.app, zelo.settings
    outbox = app.engine.outbox()
    letters, largest = zelo.name(DEAD_LETTERS), app.engine.settings.producer_request_bytes
    crashes: set[asyncio.Task[None]] = set()

    def dead_letter(record: Record, stage: str, error: Exception) -> None:
        app.engine.counters.dead_letters += 1
        outbox.emit(Poison(record, stage, __name__, error).dead_letter(letters, record.partition, largest))

    def failed(error: BaseException) -> None:
        crashes.add(asyncio.get_running_loop().create_task(app.crash(error)))

    mapper = RowMapper(settings.topic_prefix, zelo.days, round(settings.max_future_seconds * 1000))
    archive = Archive(mapper, zelo.clock, dead_letter)
    writer = Writer(ClickHouse(settings), archive.reject, failed, writer_policy(settings), waiting=app.engine.waiting)

    def serve(topic: Topic) -> None:
        async def take(stream: Any) -> None:
            async for event in stream.noack().events():
                await archive.take(writer, event.value, event.ack)

        app.agent(zelo.source(topic), name=f"zelo.archive.{topic.name}")(take)

    async def stop(*_: Any, **__: Any) -> None:
        # The consumer is gone: what is not stored yet is read again at the next start.
        await writer.close(grace_seconds=0.0)

    for topic in TOPICS:
        serve(topic)
    app.on_before_shutdown.connect(stop, weak=False)
