"""ClickHouse failing in every way, the archive killed between insert and commit, poison everywhere: the same rows."""

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

sys.path.append(str(Path(__file__).parents[1] / "integration"))
from fault_rig import restarted, with_fault_file
from faults import Fault
from http_faults import FaultyClickHouse, Trouble
from system_oracle import sample
from system_rig import System, running, until

from schemas.registry import DEAD_LETTERS, TOPICS, Topic
from streams.embedded import EmbeddedStack
from streams.embedded.clickhouse.child import clickhouse_child
from streams.intake.dead_letters import read_dead_letters
from streams.intake.ordering import Record
from streams.topics import partitions, topic_name

pytestmark = [
    pytest.mark.integration,
    pytest.mark.chaos,
    pytest.mark.timeout(400),
    pytest.mark.asyncio(loop_scope="module"),
]

SEED = 20261124
#: Every class of answers (streams/sinks/clickhouse.py): transient with and without a code, a block too large, a poison
#: row that is none, a wrong password for a moment; and what the network does.
TROUBLES = (
    Trouble("status", 500),
    Trouble("status", 502),
    Trouble("status", 503),
    Trouble("status", 429),
    Trouble("status", 500, code=202),  # TOO_MANY_SIMULTANEOUS_QUERIES
    Trouble("status", 500, code=243),  # NOT_ENOUGH_SPACE
    Trouble("status", 500, code=319),  # UNKNOWN_STATUS_OF_INSERT
    Trouble("status", 500, code=241),  # MEMORY_LIMIT_EXCEEDED
    Trouble("status", 500, code=27),  # CANNOT_PARSE_INPUT_ASSERTION_FAILED
    Trouble("status", 403, code=516),  # AUTHENTICATION_FAILED
    Trouble("reset"),
    Trouble("lost"),
    Trouble("half"),
    Trouble("slow", seconds=2.0),
)
SHARES = 4


def share(number: int) -> tuple[Record, ...]:
    records = sample()
    cuts = [len(records) * cut // SHARES for cut in range(SHARES + 1)]
    return records[cuts[number] : cuts[number + 1]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clickhouse() -> AsyncIterator[FaultyClickHouse]:
    async with FaultyClickHouse("") as clickhouse:
        yield clickhouse


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(clickhouse: FaultyClickHouse, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    async with EmbeddedStack() as stack:
        clickhouse.target = stack.clickhouse_url
        chosen: dict[str, Any] = {
            "session_timeout_seconds": 2.0,
            "rebalance_timeout_seconds": 2.0,
        }  # each kill costs both
        async with running(stack, "faulty", clickhouse_url=clickhouse.url, archive_seconds=0.2, **chosen) as system:
            await stack.supervisor.stop(system.children["archive"].name)
            system.children["archive"] = with_fault_file(system.children["archive"], "archive", fault_file(system))
            await stack.supervisor.start(system.children["archive"])
            yield system


def fault_file(system: System) -> Path:
    return system.stack.data_dir / "fault.json"


async def test_every_trouble_of_clickhouse_only_delays(system: System, clickhouse: FaultyClickHouse) -> None:
    chance = random.Random(SEED)
    clickhouse.troubles.extend(chance.sample(TROUBLES, len(TROUBLES)))
    await system.send(share(0))
    await until(lambda: not clickhouse.troubles, "every trouble met")


async def test_clickhouse_killed_while_it_stores_only_delays(system: System, clickhouse: FaultyClickHouse) -> None:
    stack, before = system.stack, clickhouse.inserts
    sending = asyncio.create_task(system.send(share(1)))
    await until(lambda: clickhouse.inserts > before + 2, "in the middle of it")
    await stack.supervisor.kill("clickhouse")
    await sending
    # Requests of any kind: a worker that ends just now (for a wrong password) asks for the version before it inserts.
    await until(lambda: clickhouse.in_vain > 6, "tried in vain")
    log = stack.data_dir / "logs" / "clickhouse.log"
    await stack.supervisor.start(clickhouse_child(stack.data_dir / "clickhouse", stack.clickhouse_port, log))


async def test_kills_between_insert_and_commit_store_nothing_twice(
    system: System, request: pytest.FixtureRequest
) -> None:
    chance = random.Random(SEED)
    kills = max(2, request.config.getoption("--kill-points") // 5)
    records = share(2)
    for number in range(kills):
        piece = records[len(records) * number // kills : len(records) * (number + 1) // kills]
        fault = Fault("between insert and commit", hit=chance.randint(1, 4))
        fault_file(system).write_text(json.dumps(asdict(fault)))
        print(f"seed {SEED}: {fault}")  # noqa: T201 - to run it again
        tidy = system.pid("archive")
        os.kill(tidy, signal.SIGKILL)  # so that the next one takes the fault
        await until(lambda tidy=tidy: system.pid("archive") != tidy and not fault_file(system).exists(), "laid")
        victim = system.pid("archive")
        await system.send(piece)
        await restarted(system, "archive", victim)


def poison(topic: Topic) -> list[tuple[bytes | None, bytes | None]]:
    """Keys and values that no reader of an output topic can read."""
    values: list[bytes | None] = [
        b"",
        b"null",
        b"\xff\x00{",
        b"[1, 2]",
        b'{"customer_id": 5}',
        b'{"kind": "nonsense", "type": "nonsense", "version": -1}',
        orjson.dumps({"customer_id": "x", "as_of": 1e300, "score": "NaN"}),
        b"[" * 100_000,
        b'{"customer_id": "x", "values": {"domain": "usage", "events_28d": "many"}}',
        b"x" * 1_000_000,
    ]
    keys: list[bytes | None] = [b"x", None, b"\xff\xfe", b"", b"_clock"]
    return [(keys[number % len(keys)], value) for number, value in enumerate(values)]


async def test_poison_in_the_topics_between_the_agents_stops_nobody(system: System) -> None:
    sent: set[tuple[str, int, int]] = set()
    async with AIOKafkaProducer(
        bootstrap_servers=system.settings.kafka_bootstrap, max_request_size=4 * 1024 * 1024
    ) as producer:
        for topic in TOPICS:
            if topic.input or topic is DEAD_LETTERS:
                continue
            name = topic_name(system.settings, topic)
            for number, (key, value) in enumerate(poison(topic)):
                place = number % partitions(system.settings, topic)
                try:
                    written = await producer.send_and_wait(name, value, key=key, partition=place)
                except KafkaError:  # Apache Kafka takes no record without key in a compacted topic
                    if key is not None or topic.cleanup != "compact":
                        raise
                    continue
                sent.add((name, place, written.offset))
    pids = {role: system.pid(role) for role in system.children}
    await system.send(share(3))
    await system.drained()
    assert {role: system.pid(role) for role in system.children} == pids
    assert await system.differences(sample()) == []
    letters = {(one.topic, one.partition, one.offset): one for one in await read_dead_letters(system.settings)}
    assert letters.keys() == sent
    assert all(letter.reason for letter in letters.values())
