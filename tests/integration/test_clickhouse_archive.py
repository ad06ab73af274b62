"""The archive worker as a process of its own: every topic ends in its tables, also when it is killed."""

import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from clickhouse_connect.driver.client import Client
from faust.types import TP
from sink_samples import AT, PREFIX, WITH_ROW, WITHOUT_ROW, Rec, rows, used

from schemas import registry
from streams.app import group
from streams.cli.stack import EMBEDDED_TIMEOUTS, worker_children
from streams.config import Settings
from streams.embedded import EmbeddedStack
from streams.embedded.supervise import Restart
from streams.engine.offsets import committed_offsets, end_offsets
from streams.engine.topics import create_topics
from streams.sinks.clickhouse import connect
from streams.sinks.migrate import migrate
from streams.sinks.tables import DEAD_LETTERS, EVENTS, TABLES
from streams.topics import partitions, topic_name, topic_specs

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


async def produce(settings: Settings, records: Sequence[Rec]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap)
    await producer.start()
    try:
        sent = [
            await producer.send(
                one.topic, one.value, one.key, one.partition, max(0, one.timestamp), list(one.headers) or None
            )
            for one in records
        ]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def archived(settings: Settings) -> bool:
    """Whether the archive has committed all there is."""
    tps = [
        TP(topic_name(settings, topic), number)
        for topic in registry.TOPICS
        for number in range(partitions(settings, topic))
    ]
    ends = await end_offsets(settings.kafka_bootstrap, tps)
    committed = await committed_offsets(settings.kafka_bootstrap, group(settings, "archive"), tps)
    return all((committed.get(tp) or 0) >= end for tp, end in ends.items())


async def until_archived(settings: Settings) -> None:
    async with asyncio.timeout(90):
        while not await archived(settings):
            await asyncio.sleep(0.3)


def counts(client: Client) -> dict[str, int]:
    return {table.name: client.query(f"SELECT count() FROM {table.name} FINAL").first_row[0] for table in TABLES}


async def test_every_topic_ends_in_its_tables_exactly_once_although_the_worker_is_killed(
    tmp_path: Path,
) -> None:
    events = [used(f"many{number}", at=AT - number * 1000, customer=f"c{number % 50}") for number in range(6_000)]
    unreadable = Rec(PREFIX + registry.ALERTS.name, b"\xff{", b"c1")
    async with EmbeddedStack(tmp_path) as stack:
        settings = Settings(
            **EMBEDDED_TIMEOUTS,
            kafka_bootstrap=stack.bootstrap,
            clickhouse_url=stack.clickhouse_url,
            data_dir=tmp_path,
            archive_rows=700,
            archive_seconds=0.2,
        )
        await asyncio.to_thread(migrate, settings)
        await create_topics(settings.kafka_bootstrap, topic_specs(settings))
        await produce(settings, [*WITH_ROW, *WITHOUT_ROW, unreadable, *events[:3_000]])
        (child,) = [one for one in worker_children(settings, tmp_path, Restart()) if one.name == "archive"]
        await stack.supervisor.start(child)
        with connect(settings) as client:
            async with asyncio.timeout(60):
                while not counts(client)["events"]:
                    await asyncio.sleep(0.05)
            os.kill(stack.supervisor.pid("archive"), signal.SIGKILL)
            await produce(settings, events[3_000:])
            await until_archived(settings)
            # The unreadable record came back as a dead letter, in its own time.
            found = counts(client)
            letter = client.query(
                f"SELECT topic, offset, stage FROM {DEAD_LETTERS.name} FINAL ORDER BY topic"
            ).result_rows
        expected = {table.name: 0 for table in TABLES}
        for row in rows(*WITH_ROW):
            expected[row.table.name] += 1
        expected[EVENTS.name] += len(events)
        expected[DEAD_LETTERS.name] += 1
        assert found == expected
        assert ("alerts.v1", 1, "decode") in letter
