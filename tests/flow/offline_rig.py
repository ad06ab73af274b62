"""A piece of the sample data, folded offline in any interleaving of its topic-partitions."""

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from operator import attrgetter
from pathlib import Path

from schemas.envelope import COMPANY_CUSTOMER
from schemas.events import SpendRecorded
from schemas.registry import SPEND
from streams.intake.importer import Produced
from streams.intake.ordering import Record, in_event_time
from streams.intake.ravenstack import ravenstack_events
from streams.metrics.days import DAY_MS, Days
from streams.metrics.domain import TimePolicy
from streams.metrics.profile import load_profile
from streams.offline import Input, Offline

DATA = Path(__file__).resolve().parents[2] / "demo" / "ravenstack"
PARTITIONS = 2
NOW = 1_795_328_660_000
_CLOCK = b"_clock"


@cache
def all_records() -> tuple[Record, ...]:
    """Every record of the import."""
    return tuple(ravenstack_events(DATA, PARTITIONS))


@cache
def some_records(customers: int, days: int) -> tuple[Record, ...]:
    """All records of a few customers, the heartbeats of the last days, and what the company spent in them.

    Every fourth customer by id is taken: of the few who leave for good, two are among the first eight.
    """
    start = all_records()[-1].timestamp_ms - days * DAY_MS
    keys = set(sorted({record.key for record in all_records()} - {_CLOCK})[::4][:customers])
    kept = [
        record
        for record in all_records()
        if record.key in keys or (record.key == _CLOCK and record.timestamp_ms >= start)
    ]
    return tuple(sorted([*kept, *_spend(start, days)], key=attrgetter("timestamp_ms")))


def _spend(start: int, days: int) -> list[Record]:
    """Twice a week a sum, in two currencies; the sample data know no spend."""
    events = [
        SpendRecorded(
            event_id=f"spend-{number}",
            customer_id=COMPANY_CUSTOMER,
            occurred_at=start + number * DAY_MS + DAY_MS // 2,
            amount_minor=1_000 + number,
            currency="BRL" if number % 3 else "USD",
            source="generated",
        )
        for number in range(3, days - 1, 4)
    ]
    return in_event_time([Produced(SPEND.name, event) for event in events], PARTITIONS)


@cache
def last_records(customers: int, days: int) -> tuple[Record, ...]:
    """The records of a few customers over the last days; what they bought and who they are, from the beginning."""
    start = all_records()[-1].timestamp_ms - days * DAY_MS
    kept = {"billing.v1", "accounts.v1"}
    return tuple(
        record for record in some_records(customers, days) if record.timestamp_ms >= start or record.topic in kept
    )


def interleaved(records: Sequence[Record], seed: int) -> list[Record]:
    """The same records with every topic-partition in its own order, taken in another turn."""
    turns = random.Random(seed)
    queues: dict[tuple[str, int], list[Record]] = defaultdict(list)
    for record in reversed(records):
        queues[record.topic, record.partition].append(record)
    out: list[Record] = []
    while queues:
        chosen = turns.choice(sorted(queues))
        count = min(turns.randrange(1, 200), len(queues[chosen]))
        out += [queues[chosen].pop() for _ in range(count)]
        if not queues[chosen]:
            del queues[chosen]
    return out


def one_topic_after_the_other(records: Sequence[Record], seed: int) -> list[Record]:
    """The worst of all turns: a topic-partition comes whole, then the next."""
    places = sorted({(record.topic, record.partition) for record in records})
    random.Random(seed).shuffle(places)
    return sorted(records, key=lambda record: places.index((record.topic, record.partition)))


def folded(records: Iterable[Record], flush_every: int | None = None) -> Offline:
    """Everything that comes out.

    Args:
        records: in order.
        flush_every: records between two publications of live values; None publishes at the end only.
    """
    offline = Offline(load_profile("demo"), PARTITIONS, TimePolicy(dedup_days=1100), Days(), NOW)
    inputs = [Input(*record[:4]) for record in records]
    step = flush_every or len(inputs) or 1
    for start in range(0, len(inputs), step):
        offline.feed(inputs[start : start + step])
        offline.flush()
    return offline
