"""A small piece of the sample data, folded offline in any interleaving of its topic-partitions."""

import random
from collections import defaultdict
from functools import cache
from pathlib import Path

from schemas import registry
from streams.intake.ravenstack import ravenstack_events
from streams.metrics.days import Days
from streams.metrics.domain import TimePolicy
from streams.metrics.profile import load_profile
from streams.offline import Input, Offline

DATA = Path(__file__).resolve().parents[2] / "demo" / "ravenstack"
PARTITIONS = 2
NOW = 1_795_328_660_000


@cache
def all_records() -> tuple[Input, ...]:
    """Every record of the import."""
    return tuple(Input(*record[:4]) for record in ravenstack_events(DATA, PARTITIONS))


@cache
def some_records(customers: int, days: int) -> tuple[Input, ...]:
    """The records of a few customers over the last days of the data, with all heartbeats of that time."""
    records = [(record, record_time(record)) for record in all_records()]
    start = max(at for _, at in records) - days * 86_400_000
    keys = sorted({r.key for r, _ in records if r.key != b"_clock"})[:customers]
    return tuple(r for r, at in records if r.key == b"_clock" and at >= start or r.key in keys)


def record_time(record: Input) -> int:
    """When the event in a record happened."""
    import orjson
    from datetime import datetime

    at = orjson.loads(record.value or b"{}")["occurred_at"]
    return at if isinstance(at, int) else int(datetime.fromisoformat(at).timestamp() * 1000)


def interleaved(records: tuple[Input, ...], seed: int) -> list[Input]:
    """The same records with every topic-partition in its own order, taken in another turn."""
    turns = random.Random(seed)
    queues: dict[tuple[str, int], list[Input]] = defaultdict(list)
    for record in reversed(records):
        queues[record.topic, record.partition].append(record)
    out: list[Input] = []
    while queues:
        chosen = turns.choice(sorted(queues))
        for _ in range(min(turns.randrange(1, 200), len(queues[chosen]))):
            out.append(queues[chosen].pop())
        if not queues[chosen]:
            del queues[chosen]
    return out


def folded(records: list[Input] | tuple[Input, ...]) -> Offline:
    """Everything that comes out."""
    offline = Offline(load_profile("demo"), PARTITIONS, TimePolicy(dedup_days=1100), Days(), NOW)
    offline.feed(records)
    offline.flush()
    return offline


__all__ = ["DATA", "PARTITIONS", "all_records", "folded", "interleaved", "registry", "some_records"]
