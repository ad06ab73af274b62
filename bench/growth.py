"""A million customers in one worker's tables: memory, recovery, throughput and day closes of the usage table.

    python -m bench.growth                          # 200,000 customers, about 3 minutes
    python -m bench.growth --customers 1000000      # 10 minutes, 4 GB

A typical customer is that of the job (bench/job.py): 100 events in 60 days by 5 users of 20 features, so about 49 days
with use. The product's own fold, machine, codec and partition do the work; there is no broker, except where
it says so. Every measurement runs in a process of its own; times are CPU times of it.
"""

import argparse
import gc
import json
import multiprocessing
import resource
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from random import Random
from time import process_time
from typing import Any

import orjson
import psutil

from schemas.codec import EventDecoder
from schemas.events import UsageEvent
from schemas.registry import METRICS, USAGE
from streams.engine.allocator import keep_freed_memory
from streams.engine.collector import calm_collector
from streams.engine.partition import META_KEY, Partition
from streams.engine.settings import EngineSettings
from streams.engine.staging import PREFIX, Logged
from streams.engine.states import StateCodec
from streams.metrics.days import DAY_MS, Days
from streams.metrics.domain import DomainMachine, TimePolicy
from streams.metrics.ledger import Ledger
from streams.metrics.lifts import customer_shape
from streams.metrics.usage import UsageFold, UsagePolicy

PARTITIONS = 4
USERS, FEATURES = 5, 20
FIRST_DAY = 20_000
TEMPLATES = 200
RUN = 500
LIMIT_BYTES = 8 << 30
_MEGABYTE = 1 << 20

SETTINGS = EngineSettings("none:9092", partitions=PARTITIONS)
FOLD = UsageFold(UsagePolicy(), Days())
CODEC: StateCodec[Any, Any] = StateCodec(customer_shape(FOLD), Ledger, "usage")
DECODE: EventDecoder[UsageEvent] = EventDecoder(UsageEvent)


def machine() -> DomainMachine[Any]:
    return DomainMachine(FOLD, Days(), TimePolicy(), USAGE.name, METRICS.name)


def partition(number: int = 0) -> Partition[Any, Any]:
    part: Partition[Any, Any] = Partition(number, CODEC, machine().render, SETTINGS.decoded_states_per_partition)
    part.live = True
    return part


def name(number: int) -> str:
    return f"customer-{number:07}"


def event(chance: Random, customer: str, at: int) -> bytes:
    return orjson.dumps(
        {
            "type": "feature_used",
            "event_id": f"{chance.getrandbits(64):016x}",
            "customer_id": customer,
            "occurred_at": at,
            "user_id": f"u{chance.randrange(USERS)}",
            "feature": f"f{chance.randrange(FEATURES)}",
            "duration_seconds": chance.randrange(1, 900),
        }
    )


def step(part: Partition[Any, Any], folding: DomainMachine[Any], customer: str, value: bytes, now: int) -> None:
    part.offset += 1
    folding.step(part, part.offset, DECODE(customer.encode(), value, (), now))
    part.applied = part.offset


def templates(days: int, events: int) -> tuple[list[bytes], Ledger]:
    """Stored states of typical customers after so many days, without prefix, and the ledger they leave."""
    chance, part, folding = Random(days), partition(), machine()
    begin, end = (FIRST_DAY + 118 - days) * DAY_MS, (FIRST_DAY + 118) * DAY_MS
    planned = [(chance.randrange(begin, end), name(number)) for number in range(TEMPLATES) for _ in range(events)]
    for at, customer in sorted(planned):
        step(part, folding, customer, event(chance, customer, at), end + DAY_MS)
    part.take_outputs()
    taken = part.take_state()
    assert taken is not None
    return [(value or b"")[PREFIX.size :] for _, value in taken[0]], part.meta


def records(states: list[bytes], customers: range) -> Iterator[tuple[bytes, bytes]]:
    """The changelog of a partition; every value has memory of its own."""
    prefix = PREFIX.pack(0, 1)
    for number in customers:
        yield name(number).encode(), prefix + states[number % len(states)]


def load(part: Partition[Any, Any], changelog: Iterable[tuple[bytes, bytes]], ledger: Ledger) -> None:
    """Recovers a partition in pieces as large as a record batch."""
    meta = (META_KEY, PREFIX.pack(0, 1) + CODEC.meta.encode(ledger))
    logged = (Logged(position, *record) for position, record in enumerate(chain(changelog, (meta,))))
    while run := list(islice(logged, RUN)):
        part.load(run)
    part.recovered()


def recovered(states: list[bytes], ledger: Ledger, customers: int) -> list[Partition[Any, Any]]:
    """Partitions with so many customers, read from a changelog."""
    parts = []
    for number in range(PARTITIONS):
        part = partition(number)
        part.live = False
        load(part, records(states, range(number, customers, PARTITIONS)), ledger)
        part.offset = part.applied
        parts.append(part)
    return parts


def memory(customers: int, days: int, events: int) -> dict[str, float]:
    """Bytes per customer: in the process after a recovery, and stored in the changelog."""
    states, ledger = templates(days, events)
    gc.collect()
    before = psutil.Process().memory_info().rss
    parts = recovered(states, ledger, customers)
    gc.collect()
    after = psutil.Process().memory_info().rss
    assert sum(map(len, parts)) == customers
    return {
        "stored_bytes": sum(map(len, states)) / len(states) + PREFIX.size,
        "bytes_per_customer": (after - before) / customers,
    }


def recovery(customers: int) -> dict[str, float]:
    """Keys a second from records in memory to live partitions; fetching is not in it."""
    keep_freed_memory()
    states, ledger = templates(60, 100)
    source = [list(records(states, range(number, customers, PARTITIONS))) for number in range(PARTITIONS)]
    calm_collector()
    began = process_time()
    for number, changelog in enumerate(source):
        part = partition(number)
        part.live = False
        load(part, changelog, ledger)
    return {"keys_per_second": customers / (process_time() - began)}


def throughput(customers: int, commits: int) -> dict[str, float]:
    """Events a second, from bytes to outputs and encoded states, one event per customer and commit, in any order.

    The first commit, in which everybody begins a new day, is not measured.
    """
    keep_freed_memory()
    states, ledger = templates(60, 100)
    parts, folding, chance = recovered(states, ledger, customers), machine(), Random(1)
    calm_collector()
    now = (FIRST_DAY + 118) * DAY_MS
    took = 0.0
    for number in range(1 + commits):
        spent = _commit(parts, folding, chance, customers, now + number)
        took += spent if number else 0.0
    return {"events_per_second": customers * commits / took, "rss_bytes": float(psutil.Process().memory_info().rss)}


def compared(few: int, many: int) -> dict[str, Any]:
    """Throughput with few customers before and after that with many: what else runs on the machine weighs on it."""
    commits = max(4, many // few)
    runs = [measured(throughput, *sizes) for sizes in ((few, commits), (many, 1), (few, commits))]
    before, much, after = (run["events_per_second"] for run in runs)
    return {
        f"events_per_second of {few}": [before, after],
        f"events_per_second of {many}": much,
        "percent_less": 100 * (1 - 2 * much / (before + after)),
        "rss_bytes": runs[1]["rss_bytes"],
    }


def _commit(
    parts: list[Partition[Any, Any]], folding: DomainMachine[Any], chance: Random, customers: int, now: int
) -> float:
    """CPU seconds of one event of everybody, published by the 500 and saved at the end."""
    took = 0.0
    order = list(range(customers))
    chance.shuffle(order)
    for start in range(0, customers, 500):
        names = [(number, name(number)) for number in order[start : start + 500]]
        batch = [(number % PARTITIONS, one, event(chance, one, now)) for number, one in names]
        began = process_time()
        for place, customer, value in batch:
            step(parts[place], folding, customer, value, now + DAY_MS)
        for part in parts:
            part.take_outputs()
        took += process_time() - began
    began = process_time()
    for part in parts:
        part.take_state()
    return took + process_time() - began


def day_close(customers: int, pruning: bool) -> dict[str, float]:
    """Microseconds per customer of closing a day: values of everybody, and weekly what is forgotten."""
    keep_freed_memory()
    states, ledger = templates(60, 100)
    parts, folding = recovered(states, ledger, customers), machine()
    calm_collector()
    closed = ledger.closed_day or 0
    while pruning != ((closed + 1) % 7 == 0):
        closed += 1
    for part in parts:
        part.meta.closed_day, part.meta.watermark = closed, (closed + 1) * DAY_MS
    beat = orjson.dumps(
        {"type": "heartbeat", "event_id": "b", "customer_id": "_clock", "occurred_at": (closed + 2) * DAY_MS}
    )
    began = process_time()
    longest = 0.0
    for part in parts:
        since = process_time()
        step(part, folding, "_clock", beat, (closed + 3) * DAY_MS)
        longest = max(longest, process_time() - since)
        part.take_outputs()
        part.take_state()
    took = process_time() - began
    return {"us_per_customer": took / customers * 1e6, "longest_step_seconds": longest}


def measured(work: Callable[..., dict[str, float]], *arguments: Any) -> dict[str, float]:
    """Runs a measurement in a fresh process with limited memory."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1, _limit) as pool:
        return pool.apply(work, arguments)


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--customers", type=int, default=200_000)
    options.add_argument("--few", type=int, default=5_000, help="customers it is compared with")
    options.add_argument("--only", nargs="*", choices=("memory", "recovery", "throughput", "close"))
    chosen = options.parse_args()
    many, few = chosen.customers, chosen.few
    wanted = set(chosen.only or ("memory", "recovery", "throughput", "close"))
    found: dict[str, Any] = {"customers": many, "few": few}
    if "memory" in wanted:
        for days, events in ((28, 47), (60, 100), (118, 197)):
            found[f"memory of {days} days, {events} events"] = measured(memory, many, days, events)
    if "recovery" in wanted:
        found["recovery"] = measured(recovery, many)
    if "throughput" in wanted:
        found["throughput"] = compared(few, many)
    if "close" in wanted:
        for pruning in (False, True):
            for customers in (few, many):
                kind = "with pruning" if pruning else "plain"
                found[f"day close {kind} of {customers}"] = measured(day_close, customers, pruning)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
