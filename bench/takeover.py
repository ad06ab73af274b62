"""How fast tables are recovered through a broker, and how soon another worker takes over, with and without standbys.

    python -m bench.takeover                       # 100,000 customers, about 3 minutes

The usage changelog of typical customers (bench/growth.py) is written to an embedded broker, two stream workers of the
product start on it, one is killed with SIGKILL or stopped with SIGTERM. The clock runs from the signal until an event
of a customer it had is answered with values by the other. Of that, the session timeout (6 s; a stopped worker says
good-bye) and the rebalance (3 s, what this broker takes for any) have nothing to do with the tables.
"""

import argparse
import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from time import monotonic
from typing import Any

import aiohttp
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition

from bench.growth import CODEC, FIRST_DAY, PARTITIONS, event, name, templates
from schemas.registry import METRICS, USAGE
from streams.app import changelog_specs, group
from streams.cli.processes import pages_of, worker_children
from streams.cli.stack import EMBEDDED_TIMEOUTS
from streams.config import Settings
from streams.embedded import EmbeddedStack
from streams.embedded.supervise import Child
from streams.engine.outbox import Output, publish
from streams.engine.partition import META_KEY
from streams.engine.staging import PREFIX
from streams.engine.table import changelog_name
from streams.engine.topics import create_topics
from streams.logs import configure_logging
from streams.metrics.days import DAY_MS
from streams.topics import topic_name, topic_specs

_REQUEST_BYTES = 4 * 1024 * 1024
_NOW = (FIRST_DAY + 118) * DAY_MS
_EVERY_SECONDS = 0.05


@asynccontextmanager
async def two_workers(
    customers: int, standby_replicas: int
) -> AsyncIterator[tuple[EmbeddedStack, Settings, list[Child]]]:
    """A broker with a full changelog, and two workers that are ready."""
    async with EmbeddedStack() as stack:
        chosen: dict[str, Any] = {
            **EMBEDDED_TIMEOUTS,
            "kafka_bootstrap": stack.bootstrap,
            "data_dir": stack.data_dir,
            "clock": "log",
            "partitions": PARTITIONS,
            "standby_replicas": standby_replicas,
        }
        settings = Settings(**chosen)
        await create_topics(stack.bootstrap, [*topic_specs(settings), *changelog_specs(settings)])
        await _fill(settings, customers)
        children = worker_children(settings, stack.data_dir / "logs", counts={"stream": 2})
        await asyncio.gather(*(stack.supervisor.start(child) for child in children))
        yield stack, settings, children


async def _fill(settings: Settings, customers: int) -> None:
    """Writes the changelog a partition at a time, so that it is never in memory as a whole."""
    states, ledger = templates(60, 100)
    topic, prefix = changelog_name(group(settings, "stream"), "usage"), PREFIX.pack(-1, 1)
    async with AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap,
        max_batch_size=512 * 1024,
        max_request_size=_REQUEST_BYTES,
        compression_type="snappy",
    ) as producer:
        for number in range(PARTITIONS):
            owned = range(number, customers, PARTITIONS)
            for start in range(0, len(owned), 10_000):
                some = [
                    Output(topic, number, name(one).encode(), prefix + states[one % len(states)])
                    for one in owned[start : start + 10_000]
                ]
                await publish(producer, some, _REQUEST_BYTES)
            meta = Output(topic, number, META_KEY, CODEC.meta.encode(ledger, prefix))
            await publish(producer, [meta], _REQUEST_BYTES)


async def figures(page: str) -> dict[str, float]:
    """The figures of a worker's page."""
    async with aiohttp.ClientSession() as session, session.get(f"{page}/metrics") as answer:
        text = await answer.text()
    return {label: float(value) for label, value in re.findall(r"^(\S+) (\S+)$", text, flags=re.MULTILINE)}


async def caught_up(pages: list[str]) -> None:
    """Waits until standby copies have read all there was."""
    async with asyncio.timeout(120):
        while sum([(await figures(page))["zelo_standby_remaining"] for page in pages]):  # noqa: ASYNC110 - others' figures
            await asyncio.sleep(_EVERY_SECONDS)


async def _a_partition_of(page: str, topic: str) -> int:
    lags = re.compile(rf'zelo_consumer_lag{{partition="(\d+)",topic="{re.escape(topic)}"}}')
    async with asyncio.timeout(30):
        while True:  # it looks once a second
            for label in await figures(page):
                if found := lags.fullmatch(label):
                    return int(found[1])
            await asyncio.sleep(_EVERY_SECONDS)


async def takeover(stack: EmbeddedStack, settings: Settings, children: list[Child], kill: bool) -> float:
    """Seconds from the end of the first worker to values from the second."""
    pages = list(pages_of(children).values())
    number = await _a_partition_of(pages[0], topic_name(settings, USAGE))
    customer = name(number)  # numbers of customers go round the partitions
    async with (
        AIOKafkaProducer(bootstrap_servers=stack.bootstrap) as producer,
        AIOKafkaConsumer(bootstrap_servers=stack.bootstrap) as consumer,
    ):
        answers = TopicPartition(topic_name(settings, METRICS), number)
        consumer.assign([answers])
        await consumer.seek_to_end()
        await consumer.position(answers)
        ended = monotonic()
        if kill:
            await stack.supervisor.kill(children[0].name)
        else:
            await stack.supervisor.stop(children[0].name)
        value = event(Random(), customer, _NOW)
        await producer.send_and_wait(topic_name(settings, USAGE), value, key=customer.encode(), partition=number)
        async with asyncio.timeout(120):
            async for record in consumer:
                if record.key == customer.encode():
                    return monotonic() - ended
    raise AssertionError("a consumer does not end")


async def measured(customers: int, standby_replicas: int) -> dict[str, Any]:
    """Recovery, and both kinds of takeover, each on workers of its own."""
    found: dict[str, Any] = {}
    for way in ("killed", "stopped"):
        async with two_workers(customers, standby_replicas) as (stack, settings, children):
            pages = list(pages_of(children).values())
            await caught_up(pages)
            for place, page in enumerate(pages):
                told = await figures(page)
                keys, seconds = told["zelo_recovered_records_total"], told["zelo_recovery_seconds_total"]
                found[f"{way}: worker {place + 1}"] = {
                    "changelog records": keys,
                    "recovery seconds": round(seconds, 2),
                    "states": told['zelo_states{table="usage"}'],
                    "rss bytes": told["process_resident_memory_bytes"],
                }
            found[f"{way}: seconds to the first values of the other"] = round(
                await takeover(stack, settings, children, kill=way == "killed"), 2
            )
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--customers", type=int, default=100_000)
    chosen = options.parse_args()
    configure_logging("ERROR")
    found = {
        f"standby_replicas {standby_replicas}": asyncio.run(measured(chosen.customers, standby_replicas))
        for standby_replicas in (0, 1)
    }
    print(json.dumps({"customers": chosen.customers, **found}, indent=2))


if __name__ == "__main__":
    main()
