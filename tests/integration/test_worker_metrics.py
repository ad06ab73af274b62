"""What a worker's metrics say is so: counted against what was sent, before and after a restart, and while it waits."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import orjson
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer
from prometheus_client.parser import text_string_to_metric_families
from system_rig import prepare, system_settings

from schemas.registry import USAGE
from streams.app import Role
from streams.cli.processes import pages_of, worker_children
from streams.config import Settings
from streams.embedded import EmbeddedStack
from streams.topics import topic_name

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]
CUSTOMERS, EVENTS, POISON = 20, 60, 3
RECORDS = EVENTS + POISON
AT = 1_738_411_200_000

Figures = Mapping[tuple[str, ...], float]
"""Values by name and labels, these in the order of their names."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack() -> AsyncIterator[EmbeddedStack]:
    async with EmbeddedStack() as stack:
        yield stack


@asynccontextmanager
async def worker(stack: EmbeddedStack, settings: Settings, role: Role) -> AsyncIterator[str]:
    """A worker of one role, ready; gives its page."""
    (child,) = worker_children(settings, stack.data_dir / "logs", counts={role: 1})
    child = replace(child, name=f"{settings.app_id}-{role}")
    await stack.supervisor.start(child)
    try:
        yield pages_of([child])[child.name]
    finally:
        await stack.supervisor.stop(child.name)


async def get(page: str, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"{page}{path}") as answer:
        return answer.status, await answer.text()


async def figures(page: str) -> Figures:
    _, text = await get(page, "/metrics")
    families = text_string_to_metric_families(text)
    return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


def summed(found: Figures, name: str) -> float:
    return sum(value for (one, *_), value in found.items() if one == name)


async def send(settings: Settings) -> None:
    """Events of customers by turns, and records nobody can read, to one partition."""
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap) as producer:
        for number in range(EVENTS):
            customer = f"customer {number % CUSTOMERS}"
            event: dict[str, Any] = {
                "type": "feature_used",
                "event_id": f"e{number}",
                "customer_id": customer,
                "occurred_at": AT + number * 1000,
                "feature": "export",
            }
            await producer.send(topic_name(settings, USAGE), orjson.dumps(event), key=customer.encode(), partition=0)
        for _ in range(POISON):
            await producer.send(topic_name(settings, USAGE), b"no event", key=b"x", partition=0)
        await producer.flush()


async def test_a_stream_worker_counts_what_it_does_and_what_it_holds(stack: EmbeddedStack) -> None:
    settings = system_settings(stack, "counted", partitions=2)
    await prepare(settings)
    async with worker(stack, settings, "stream") as page:
        await send(settings)
        here = topic_name(settings, USAGE)
        async with asyncio.timeout(60):
            while True:
                found = await figures(page)
                busy = summed(found, "zelo_consumer_lag") or summed(found, "zelo_dirty_keys")
                # lag is looked at once a second: a new worker tells of no partition yet
                seen = ("zelo_consumer_lag", "0", here) in found and found["zelo_dead_letters_total",] == POISON
                # a commit before the churn model is known leaves what is to be told to a publication behind it
                told = found["zelo_commits_total",] and found["zelo_outputs_total",] >= CUSTOMERS + POISON
                if seen and told and not busy and found["zelo_states", "usage"] == CUSTOMERS:
                    break
                await asyncio.sleep(0.1)
        assert found["zelo_states", "support"] == 0
        assert found["zelo_flushed_keys_total",] >= CUSTOMERS
        assert 0 < found["zelo_flushes_total",] <= found["zelo_commits_total",] + 1
        assert 0 < found["zelo_flush_seconds_total",] < 30
        assert 0 <= found["zelo_commit_age_seconds",] < 60
        assert 0 < found["zelo_batches_total",] <= found["zelo_records_total",]
        assert summed(found, "zelo_consumer_lag_seconds") == 0
        assert found["zelo_records_total",] >= RECORDS  # and those that it publishes to itself, to score
        assert (found["zelo_alive",], found["zelo_ready",]) == (1, 1)
        assert 30e6 < found.get(("process_resident_memory_bytes",), 100e6) < 2e9
        assert found["zelo_failed_commits_total",] == found["zelo_lost_records_total",] == 0
    async with worker(stack, settings, "stream") as page:
        again = await figures(page)
        assert again["zelo_recoveries_total",] >= 1
        assert again["zelo_recovery_seconds_total",] > 0
        assert again["zelo_recovered_records_total",] >= CUSTOMERS
        assert again["zelo_recovery_remaining",] == 0
        assert again["zelo_states", "usage"] == CUSTOMERS
        assert again["zelo_dead_letters_total",] == 0  # of this process
        assert again["zelo_dirty_keys", "usage"] == 0


async def test_a_worker_that_waits_says_how_many_records_and_for_how_long_and_lives(stack: EmbeddedStack) -> None:
    settings = system_settings(stack, "waits", partitions=2)
    await prepare(settings)
    here = ("zelo_consumer_lag", "0", topic_name(settings, USAGE))
    async with worker(stack, settings.model_copy(update={"clickhouse_url": "http://127.0.0.1:9"}), "archive") as page:
        await send(settings)
        seen: list[float] = []
        async with asyncio.timeout(60):
            while len(seen) < 2 or seen[-1] < seen[0] + 1:
                found = await figures(page)
                if found.get(here) == RECORDS and (late := found["zelo_consumer_lag_seconds", *here[1:]]) > 0:
                    seen.append(late)
                await asyncio.sleep(0.2)
        assert sorted(seen) == seen
        assert (await get(page, "/livez"))[0] == 200
        assert (found["zelo_alive",], found["zelo_ready",]) == (1, 1)
    async with worker(stack, settings, "archive") as page:  # ClickHouse is back
        async with asyncio.timeout(60):
            while (found := await figures(page)).get(here) != 0 or found["zelo_commits_total",] == 0:
                await asyncio.sleep(0.1)
        assert found["zelo_consumer_lag_seconds", *here[1:]] == 0
