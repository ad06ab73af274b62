"""A steady load on a whole system for a while: memory flat, lag flat, accounting exact.

Event time runs faster than the clock, a day in `--day-seconds`, so that windows slide, days close, ids are forgotten
and scores follow all the time, as they do in months. Days of the embedded broker's own memory are another matter: it
keeps everything it is sent, and its growth is shown but not judged.

`scripts/soak --minutes 30 --rate 5000` prints a line every ten seconds and the verdict; it exits with 1 on a breach.
"""

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Any

import psutil
from aiokafka import AIOKafkaProducer
from faust.types import TP

sys.path += [str(Path(__file__).parents[1] / folder) for folder in ("", "integration")]
from system_oracle import PARTITIONS
from system_rig import System, running

from schemas.registry import ACCOUNTS, BILLING, INPUT_TOPICS, USAGE
from streams.app import group
from streams.embedded import EmbeddedStack
from streams.embedded.stack import BrokerKind
from streams.engine.offsets import committed_offsets, end_offsets
from streams.intake.ordering import Placement, heartbeats
from streams.metrics.days import DAY_MS, Days
from streams.topics import topic_name

FIRST_DAY = 20_100  # 2025-01-12
_TICK = 0.1
#: Chosen: above what allocators and garbage collection make a worker's memory go up and down by.
_GROWTH, _GROWTH_BYTES = 0.10, 24 * 1024 * 1024
_LAG_GROWTH, _LAG_SECONDS = 1.5, 2.0


@dataclass(frozen=True)
class Plan:
    """What is sent.

    Attributes:
        seconds: of load.
        rate: events a second.
        customers: among whom they are spread evenly.
        day_seconds: how long a day of event time takes.
        broker: which one.
        flat_lag: whether lag must not grow. That needs a machine of its own: one that others work on falls behind.
    """

    seconds: float
    rate: int
    customers: int
    day_seconds: float
    broker: BrokerKind = "embedded"
    flat_lag: bool = True


@dataclass
class Look:
    """One look at the system: seconds since the start, memory in bytes, lag of the inputs in records, CPU seconds."""

    at: float
    memory: dict[str, int]
    lag: int
    cpu: dict[str, float] = field(default_factory=dict)


@dataclass
class Report:
    """What came of it; `breaches` is empty when all is well."""

    sent: int = 0
    looks: list[Look] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)


class Load:
    """Makes the events and keeps the recount."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.sent = 0
        self.day = FIRST_DAY
        self.beaten = 0
        self.by_day: Counter[tuple[int, int]] = Counter()
        place = Placement(PARTITIONS)
        self.names = [b"c%05d" % number for number in range(plan.customers)]
        self.places = [place(name) for name in self.names]

    def first(self) -> Iterator[tuple[str, int, bytes, bytes, int]]:
        """Who the customers are and what they pay."""
        at = FIRST_DAY * DAY_MS
        for name, place in zip(self.names, self.places, strict=True):
            common = b'"customer_id":"%s","occurred_at":%d' % (name, at)
            account = b'{"type":"account_set","event_id":"a-%s","name":"Customer",%s}' % (name, common)
            bill = (
                b'{"type":"subscription_set","event_id":"b-%s","subscription_id":"s","amount_minor":10000,'
                b'"currency":"EUR","interval":"month",%s}' % (name, common)
            )
            yield ACCOUNTS.name, place, name, account, at
            yield BILLING.name, place, name, bill, at

    def events(self, until: float) -> Iterator[tuple[str, int, bytes, bytes, int]]:
        """The events that are due `until` seconds after the start."""
        while self.sent < int(until * self.plan.rate):
            number = self.sent % self.plan.customers
            at = FIRST_DAY * DAY_MS + int(self.sent / self.plan.rate / self.plan.day_seconds * DAY_MS)
            day = at // DAY_MS
            if day > self.day:
                yield from self.beats(day)
            name = self.names[number]
            value = b'{"type":"feature_used","event_id":"u%d","customer_id":"%s","occurred_at":%d,"feature":"f%d"}' % (
                self.sent,
                name,
                at,
                self.sent % 7,
            )
            self.by_day[number, day] += 1
            self.sent += 1
            yield USAGE.name, self.places[number], name, value, at

    def beats(self, day: int) -> Iterator[tuple[str, int, bytes, bytes, int]]:
        """The heartbeats of the start of a day."""
        self.day = day
        self.beaten += 1
        for record in heartbeats(day, PARTITIONS, Days(), "soak"):
            yield record.topic, record.partition, record.key, record.value, record.timestamp_ms

    def last_28_days(self) -> dict[str, int]:
        """Events of each customer in the 28 days that end with the last one closed."""
        found: Counter[str] = Counter()
        for (number, day), events in self.by_day.items():
            if self.day - 28 <= day < self.day:
                found[self.names[number].decode()] += events
        return dict(found)


async def soak(plan: Plan, say: Callable[[str], None]) -> Report:
    """Runs the load against a system of its own and judges what it saw."""
    report, load = Report(), Load(plan)
    chosen: dict[str, Any] = {
        "dedup_days": 2,
        "horizon_days": 2,
        "lateness_seconds": 0.0,
        "commit_interval_seconds": 1.0,
    }
    async with EmbeddedStack(broker=plan.broker) as stack, running(stack, "soak", **chosen) as system:
        async with AIOKafkaProducer(bootstrap_servers=stack.bootstrap) as producer:
            await send(system, producer, [*load.beats(FIRST_DAY), *load.first()])
            await system.drained()
            await run(system, producer, load, report, say)
            await send(system, producer, [*load.beats(load.day + 1)])
        await system.drained(deadline_seconds=2 * plan.seconds + 120)
        report.sent = load.sent
        report.breaches += await asyncio.to_thread(accounting, system, load)
    report.breaches += [*memory(report.looks), *lag(report.looks, plan)]
    return report


async def run(
    system: System, producer: AIOKafkaProducer, load: Load, report: Report, say: Callable[[str], None]
) -> None:
    """Sends at the rate, and looks every ten seconds, six times at least."""
    start = said = monotonic()
    every = min(10.0, load.plan.seconds / 12)
    while (now := monotonic() - start) < load.plan.seconds:
        await send(system, producer, load.events(now))
        if monotonic() - said >= every:
            said = monotonic()
            report.looks.append(await look(system, now))
            say(line(report.looks[-1], load.sent, report.looks[-2] if len(report.looks) > 1 else Look(0.0, {}, 0)))
        await asyncio.sleep(_TICK)
    await send(system, producer, load.events(load.plan.seconds))


async def send(system: System, producer: AIOKafkaProducer, records: Any) -> None:
    """Writes records in whole batches."""
    batches: dict[tuple[str, int], Any] = {}
    sent = []
    for topic, place, key, value, at in records:
        where = topic_name(system.settings, _TOPICS[topic]), place
        batch = batches.get(where) or batches.setdefault(where, producer.create_batch())
        if batch.append(key=key, value=value, timestamp=at) is None:
            batch.close()
            sent.append(await producer.send_batch(batch, where[0], partition=place))
            batch = batches[where] = producer.create_batch()
            batch.append(key=key, value=value, timestamp=at)
    for (name, place), batch in batches.items():
        batch.close()
        sent.append(await producer.send_batch(batch, name, partition=place))
    await asyncio.gather(*sent)


_TOPICS = {topic.name: topic for topic in INPUT_TOPICS}


async def look(system: System, at: float) -> Look:
    """Memory of the workers, and how far the stream is behind its inputs."""
    found = {role: psutil.Process(system.pid(role)) for role in system.children}
    found["clickhouse"] = psutil.Process(system.stack.supervisor.pid("clickhouse"))
    memory = {name: process.memory_info().rss for name, process in found.items()}
    cpu = {name: sum(process.cpu_times()[:2]) for name, process in found.items()}
    tps = [TP(topic_name(system.settings, topic), n) for topic in INPUT_TOPICS for n in range(PARTITIONS)]
    ends = await end_offsets(system.settings.kafka_bootstrap, tps)
    done = await committed_offsets(system.settings.kafka_bootstrap, group(system.settings, "stream"), tps)
    return Look(at, memory, sum(end - (done[tp] or 0) for tp, end in ends.items()), cpu)


def line(seen: Look, sent: int, before: Look) -> str:
    """A look in words, with the share of a core that each took since the one before."""
    seconds = seen.at - before.at
    cores = {name: (spent - before.cpu.get(name, spent)) / seconds for name, spent in seen.cpu.items()}
    sizes = "  ".join(f"{name} {size / 2**20:.0f} MiB {cores[name]:.2f}" for name, size in seen.memory.items())
    return f"{seen.at:7.0f} s  sent {sent:>9,}  behind {seen.lag:>7,}  {sizes}"


def accounting(system: System, load: Load) -> list[str]:
    """What the tables say against what was sent."""
    found: list[str] = []
    wanted = {topic.name: load.beaten * PARTITIONS for topic in INPUT_TOPICS}
    for sender, events in ((USAGE, load.sent), (ACCOUNTS, load.plan.customers), (BILLING, load.plan.customers)):
        wanted[sender.name] += events
    rows = system.query(
        "SELECT topic, sum(read) AS read, sum(applied) AS applied, sum(duplicate) + sum(late) + sum(dead) AS other "
        "FROM accounting FINAL GROUP BY topic"
    )
    got = {row["topic"]: (int(row["read"]), int(row["applied"]), int(row["other"])) for row in rows}
    for topic, read in wanted.items():
        if got.get(topic) != (read, read, 0):
            found.append(f"{topic}: read, applied and other were {got.get(topic)}, expected {(read, read, 0)}")
    stored = int(system.query("SELECT uniqExact(event_id) AS n FROM events WHERE topic = 'usage.v1'")[0]["n"])
    if stored != load.sent:
        found.append(f"events stored: {stored:,}, expected {load.sent:,}")
    counted = {
        row["customer_id"]: int(row["n"])
        for row in system.query(
            "SELECT customer_id, argMax(events_28d, day) AS n FROM usage_daily FINAL GROUP BY customer_id"
        )
    }
    expected = load.last_28_days()
    wrong = [name for name, events in expected.items() if counted.get(name) != events]
    if wrong:
        name = wrong[0]
        found.append(f"events_28d of {len(wrong)} customers, {name}: {counted.get(name)}, expected {expected[name]}")
    return found


def memory(looks: list[Look]) -> Iterator[str]:
    """The last third against the one before it."""
    third = len(looks) // 3
    for role in looks[0].memory if third else ():
        before = median(seen.memory[role] for seen in looks[third : 2 * third])
        after = median(seen.memory[role] for seen in looks[-third:])
        if role != "clickhouse" and after > before * (1 + _GROWTH) + _GROWTH_BYTES:
            yield f"memory of {role} grew from {before / 2**20:.0f} to {after / 2**20:.0f} MiB in the last third"


def lag(looks: list[Look], plan: Plan) -> Iterator[str]:
    """What was not committed yet, in seconds of the load: the last third against the one before it."""
    third = len(looks) // 3
    if not third or not plan.flat_lag:
        return
    before = median(seen.lag for seen in looks[third : 2 * third]) / plan.rate
    after = median(seen.lag for seen in looks[-third:]) / plan.rate
    if after > _LAG_GROWTH * before + _LAG_SECONDS:
        yield f"the stream was {after:.1f} s behind in the last third, {before:.1f} s in the one before it"


def tell(text: str) -> None:
    """A line for people."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Runs one soak as the command line says."""
    parser = argparse.ArgumentParser(description="A steady load on a whole system: memory, lag, accounting.")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=int, default=5_000, help="events a second")
    parser.add_argument("--customers", type=int, default=1_000)
    parser.add_argument("--day-seconds", type=float, default=10.0, help="how long a day of event time takes")
    parser.add_argument("--broker", choices=("embedded", "kafka"), default="embedded")
    chosen = parser.parse_args()
    plan = Plan(chosen.minutes * 60, chosen.rate, chosen.customers, chosen.day_seconds, chosen.broker)
    report = asyncio.run(soak(plan, tell))
    tell(f"sent {report.sent:,} events of usage in {plan.seconds:.0f} s")
    tell("\n".join(report.breaches) or "memory flat, lag flat, accounting exact")
    return 1 if report.breaches else 0


if __name__ == "__main__":
    sys.exit(main())
