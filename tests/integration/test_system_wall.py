"""Live: an event of now gives a score within seconds, silent topics get heartbeats, a bad answer alerts at once."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import orjson
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition
from system_rig import System, running

from schemas.registry import ACCOUNTS, ALERTS, BILLING, HEALTH, SURVEYS, TICKETS, USAGE, Topic
from streams.clock import SystemClock
from streams.config import child_environment
from streams.embedded import EmbeddedStack
from streams.intake.ordering import Placement
from streams.metrics.days import DAY_MS
from streams.topics import topic_name

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]

CUSTOMER = "live-1"
#: From an event to what comes of it; it is some 0.5 s on an idle machine, and nobody knows how busy this one is.
SOON_SECONDS = 60.0


class Reader:
    """A plain Kafka client that reads a topic as anybody would."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        self.seen: list[dict[str, Any]] = []

    async def find(self, **wanted: Any) -> dict[str, Any]:
        """The first message, old or new, with these fields."""
        end = monotonic() + SOON_SECONDS
        while True:
            for message in self.seen:
                if wanted.items() <= message.items():
                    return message
            assert monotonic() < end, f"no message with {wanted} within {SOON_SECONDS:g} s"
            for records in (await self._consumer.getmany(timeout_ms=200)).values():
                self.seen += [orjson.loads(record.value) for record in records if record.value]


@asynccontextmanager
async def reading(system: System, topic: Topic) -> AsyncIterator[Reader]:
    consumer = AIOKafkaConsumer(bootstrap_servers=system.settings.kafka_bootstrap, auto_offset_reset="earliest")
    async with consumer:
        name = topic_name(system.settings, topic)
        consumer.assign([TopicPartition(name, number) for number in range(system.settings.partitions)])
        yield Reader(consumer)


async def say(system: System, topic: Topic, **fields: Any) -> int:
    """Sends an event of now; gives its time."""
    at = SystemClock().now_ms()
    event = {"customer_id": CUSTOMER, "occurred_at": at, **fields}
    place = Placement(system.settings.partitions)(CUSTOMER.encode())
    async with AIOKafkaProducer(bootstrap_servers=system.settings.kafka_bootstrap) as producer:
        name = topic_name(system.settings, topic)
        await producer.send_and_wait(name, orjson.dumps(event), key=CUSTOMER.encode(), partition=place)
    return at


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system() -> AsyncIterator[System]:
    chosen: dict[str, Any] = {"clock": "wall", "idle_seconds": 1.0, "publish_interval_seconds": 0.1}
    async with EmbeddedStack() as stack, running(stack, "wall", **chosen) as system:
        yield system


async def test_what_happens_now_is_scored_alerted_and_followed_by_the_silent_topics(system: System) -> None:
    async with reading(system, HEALTH) as scores, reading(system, ALERTS) as alerts:
        at = await say(system, USAGE, type="feature_used", event_id="u1", feature="export")
        score = await scores.find(customer_id=CUSTOMER, kind="live", trigger_event_id="u1")
        assert score["as_of"] == at + 1

        answer = {"survey": "nps", "response_id": "r1", "score": 2, "reason": "slow"}
        at = await say(system, SURVEYS, type="survey_answered", event_id="s1", **answer)
        alert = await alerts.find(customer_id=CUSTOMER, rule="detractor", status="opened")
        assert alert["trigger_event_id"] == "s1"
        assert alert["at"] == at + 1

        # Silent topics follow the clock, an hour behind, and close yesterday: it can be scored as a day.
        for topic in (TICKETS, BILLING, ACCOUNTS):
            async with reading(system, topic) as beats:
                beat = await beats.find(type="heartbeat", source="zelo")
            lateness_ms = system.settings.lateness_seconds * 1000
            assert at - DAY_MS < beat["occurred_at"] <= SystemClock().now_ms() - lateness_ms


async def test_a_worker_whose_port_is_taken_ends_with_the_setting(system: System) -> None:
    with socket.create_server(("127.0.0.1", 0)) as somebody_else:
        port = somebody_else.getsockname()[1]
        settings = system.settings.model_copy(update={"http_port": port})
        command = [sys.executable, "-m", "streams.cli", "worker", "--role", "notify"]
        ended = await asyncio.to_thread(
            subprocess.run, command, env=child_environment(settings), capture_output=True, text=True, timeout=60
        )
    assert ended.returncode not in (0, -9)
    assert f"ZELO_HTTP_HOST and ZELO_HTTP_PORT: cannot listen on 127.0.0.1:{port}" in ended.stderr
