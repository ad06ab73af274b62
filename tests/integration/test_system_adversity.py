"""ClickHouse away, and whatever can stand in a message: nothing is lost, nothing stops, all is counted."""

import asyncio
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from faust.types import TP
from hostile_events import Hostile, good, hostile
from system_oracle import sample
from system_rig import System, running, until

from schemas.registry import ALERTS, HEALTH, INPUT_TOPICS, Topic
from streams.cli.flow import standings
from streams.config import child_environment
from streams.embedded import EmbeddedStack
from streams.embedded.clickhouse.child import clickhouse_child
from streams.engine.offsets import end_offsets
from streams.intake.dead_letters import Letter, read_dead_letters
from streams.topics import topic_name

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="module"),
]
Position = tuple[str, int, int]


def most() -> int:
    """How many records of the sample are sent before ClickHouse goes away."""
    return len(sample()) * 9 // 10


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system() -> AsyncIterator[System]:
    async with EmbeddedStack() as stack, running(stack, "adverse") as system:
        await system.send(sample()[: most()])
        await system.drained()
        yield system


async def ends(system: System, topic: Topic) -> int:
    tps = [TP(topic_name(system.settings, topic), number) for number in range(system.settings.partitions)]
    return sum((await end_offsets(system.settings.kafka_bootstrap, tps)).values())


async def streamed(system: System) -> None:
    """Waits until the stream worker has done all there is, whatever the archive does."""
    last, quiet = None, 0
    async with asyncio.timeout(90):
        while quiet < 3:
            now = (await standings(system.settings))["stream"]
            quiet = quiet + 1 if now == last and now.done == now.total else 0
            last = now
            await asyncio.sleep(0.4)


async def test_without_clickhouse_scores_and_alerts_go_on_and_the_archive_catches_up(system: System) -> None:
    stack, before = system.stack, [await ends(system, topic) for topic in (HEALTH, ALERTS)]
    await stack.supervisor.stop("clickhouse")
    await system.send(sample()[most() :])
    await streamed(system)
    scores, alerts = [await ends(system, topic) for topic in (HEALTH, ALERTS)]
    assert scores > before[0]
    assert alerts > before[1]
    archive = (await standings(system.settings))["archive"]
    assert archive.done < archive.total
    log = stack.data_dir / "logs" / "clickhouse.log"
    await stack.supervisor.start(clickhouse_child(stack.data_dir / "clickhouse", stack.clickhouse_port, log))
    await system.drained()
    assert await system.differences(sample()) == []


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sent(system: System) -> dict[Position, Hostile]:
    """Sends everything hostile to every topic, each between good events; gives where each stands."""
    found: dict[Position, Hostile] = {}
    producer = AIOKafkaProducer(bootstrap_servers=system.settings.kafka_bootstrap, max_request_size=16 * 1024 * 1024)
    async with producer:
        for topic in INPUT_TOPICS:
            name = topic_name(system.settings, topic)
            for number, bad in enumerate(hostile(topic)):
                place = number % system.settings.partitions
                await producer.send_and_wait(name, good(topic, 2 * number), key=b"good", partition=place)
                await send_bad(system, producer, topic, place, bad, found)
                await producer.send_and_wait(name, good(topic, 2 * number + 1), key=b"good", partition=place)
        huge = Hostile("10 MB", b"good", good(INPUT_TOPICS[0], 10_000, padding=10_000_000))
        await send_bad(system, producer, INPUT_TOPICS[0], 0, huge, found)
    await system.drained()
    return found


async def send_bad(
    system: System, producer: AIOKafkaProducer, topic: Topic, place: int, bad: Hostile, found: dict[Position, Hostile]
) -> None:
    """Notes where it stands. Apache Kafka takes neither 10 MB nor, in a compacted topic, a record without key."""
    try:
        written = await producer.send_and_wait(topic_name(system.settings, topic), bad.value, bad.key, partition=place)
    except KafkaError:
        if bad.name != "10 MB" and (bad.key is not None or topic.cleanup != "compact"):
            raise
    else:
        found[topic.name, place, written.offset] = bad


def by_position(system: System, letters: list[Letter]) -> dict[Position, Letter]:
    prefix = system.settings.topic_prefix
    return {(one.topic.removeprefix(prefix), one.partition, one.offset): one for one in letters}


async def test_every_hostile_record_is_a_dead_letter_with_its_reason_and_position(
    system: System, sent: dict[Position, Hostile]
) -> None:
    letters = by_position(system, await read_dead_letters(system.settings))
    assert {position: sent[position].name for position in sent.keys() - letters.keys()} == {}
    assert letters.keys() == sent.keys()
    for position, letter in letters.items():
        bad = sent[position]
        assert letter.reason, bad.name
        assert letter.key == bad.key
        assert letter.value == bad.value if letter.whole else (bad.value or b"").startswith(letter.value or b"?")
        assert letter.retries == 0
    assert [sent[position].name for position, one in letters.items() if not one.whole] in ([], ["10 MB"])


async def test_dead_letters_are_in_clickhouse_with_their_bytes(system: System, sent: dict[Position, Hostile]) -> None:
    rows = (await system.tables())["dead_letters"]
    found = {(key[0].decode(), key[1], key[2]): row for key, row in rows.items()}
    assert found.keys() == sent.keys()
    assert all(row["reason"] and row["stage"] == b"decode" for row in found.values())
    whole = [p for p, bad in sent.items() if bad.name != "10 MB"]
    assert {p for p in whole if found[p]["value"] != sent[p].value} == set()


async def test_dead_letters_are_counted_and_the_good_events_between_them_applied(
    system: System, sent: dict[Position, Hostile]
) -> None:
    dead = Counter(topic for topic, _, _ in sent)
    rows = system.query(
        "SELECT topic, sum(read) AS read, sum(dead) AS dead, sum(late) AS late, "
        "sum(applied) + sum(duplicate) AS taken FROM accounting FINAL GROUP BY topic"
    )
    imported = Counter(record.topic for record in sample())
    assert len(rows) == len(INPUT_TOPICS)
    for row in rows:
        goods = 2 * len(hostile(topic_of(row["topic"])))
        assert row["dead"] == dead[row["topic"]]
        assert (row["late"], row["taken"]) == (0, imported[row["topic"]] + goods)
        assert row["read"] == row["taken"] + row["dead"]
    stored = system.query("SELECT topic, count() AS n FROM events FINAL WHERE customer_id = 'good' GROUP BY topic")
    assert {row["topic"]: row["n"] for row in stored} == {t.name: 2 * len(hostile(t)) for t in INPUT_TOPICS}


def topic_of(name: str) -> Topic:
    return next(topic for topic in INPUT_TOPICS if topic.name == name)


async def zelo(system: System, *arguments: str) -> str:
    """Output of a command run with the system's settings."""
    command = [sys.executable, "-m", "streams.cli", *arguments]
    env = child_environment(system.settings)
    done = await asyncio.to_thread(subprocess.run, command, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


async def test_the_command_lists_dead_letters_and_replays_them(system: System, sent: dict[Position, Hostile]) -> None:
    listed = await zelo(system, "dead-letters", "--limit", "1000")
    assert f"{len(sent)} dead letters" in listed
    assert all(f"{system.settings.topic_prefix}{t}[{p}]@{offset}" in listed for t, p, offset in sent)
    whole = sum(one.whole for one in await read_dead_letters(system.settings))
    dead_before = await until(lambda: dead(system), "accounting")
    assert f"{whole} dead letters sent again" in await zelo(system, "replay", "dead-letters")
    await system.drained()
    letters = await read_dead_letters(system.settings)
    assert Counter(letter.retries for letter in letters) == {0: len(sent), 1: whole}
    again: dict[tuple[str, str], int] = defaultdict(int)
    for letter in letters:
        again[letter.topic, letter.reason] += 1
    assert dead(system) == dead_before + whole
    rows = system.query("SELECT retries, count() AS n FROM dead_letters FINAL GROUP BY retries")
    assert {row["retries"]: row["n"] for row in rows} == {0: len(sent), 1: whole}


def dead(system: System) -> int:
    return int(system.query("SELECT toInt64(sum(dead)) AS n FROM accounting FINAL")[0]["n"])
