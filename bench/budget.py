"""Where the time of an event and of a customer's update goes: each step of the way by itself, in one process.

    python -m bench.budget                 # some 10 seconds
    python -m bench.budget --customers 5000 --json

No broker and no database: records are those of the whole-product entry (bench/product_stream.py), the steps are the
product's own functions. The least of the repeats counts, in CPU microseconds for each record, row or customer.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from time import process_time
from typing import Any

from clickhouse_connect.datatypes.registry import get_from_name
from clickhouse_connect.driver.insert import InsertContext
from clickhouse_connect.driver.transform import NativeTransform

from bench.product_stream import product_stream
from schemas import registry
from schemas.codec import EventDecoder, MessageDecoder
from schemas.metrics import MetricsMessage
from schemas.scores import HealthScore
from streams.churn.scoring import ChurnScorer
from streams.engine.collector import calm_collector
from streams.engine.partition import Partition
from streams.engine.states import StateCodec
from streams.engine.unpacking import Record
from streams.metrics.days import Days
from streams.metrics.domain import DomainMachine, TimePolicy
from streams.metrics.health import HealthScorer
from streams.metrics.ledger import Ledger
from streams.metrics.lifts import customer_shape
from streams.metrics.profile import load_profile
from streams.metrics.upsell import UpsellScorer
from streams.offline import folds
from streams.scoring.alignment import Alignment
from streams.scoring.lifts import CARD
from streams.scoring.machine import Outputs, ScoringMachine
from streams.sinks.delivery import token
from streams.sinks.rows import RowMapper
from streams.sinks.run import Run, joined

_RUN = 500
_BATCH = 10_000
_FUTURE_MS = 10**12
_SCORES = (registry.HEALTH.name, registry.CHURN.name, registry.UPSELL.name, registry.OBSERVATIONS.name)
_PROFILE, _DAYS = load_profile("default"), Days()

#: Name of a step, of what it is the cost, microseconds.
Cost = tuple[str, str, float]


def best(work: Callable[[Any], object], count: int, repeats: int, prepare: Callable[[], Any] = lambda: None) -> float:
    """CPU microseconds for each of `count` things, the least of the repeats; what prepares is not counted."""
    least = float("inf")
    for _ in range(repeats):
        ready = prepare()
        began = process_time()
        work(ready)
        least = min(least, process_time() - began)
    return least / max(1, count) * 1e6


def costs(events: int, customers: int, repeats: int) -> Iterator[Cost]:
    """Every step, those of each input topic first, then those of scores, then those of rows."""
    by_topic: dict[str, list[Record]] = {}
    for sent in product_stream(events, customers, 1, 1):
        run = by_topic.setdefault(sent.topic, [])
        run.append(Record(sent.topic, 0, len(run), sent.timestamp_ms, 0, sent.key, sent.value, ()))
    now = max(run[-1].timestamp for run in by_topic.values()) + _FUTURE_MS
    told: list[Any] = []
    for topic, fold in folds(_PROFILE, _DAYS):
        records = by_topic.get(topic.name, [])
        if len(records) > customers // 10:
            yield from _of_domain(topic, fold, records, now, repeats, told)
    scored: list[Any] = []
    yield from _of_scores(told, repeats, scored)
    for run in (*by_topic.values(), _as_records(told), _as_records(scored)):
        if len(run) > customers // 10:
            yield from _of_rows(run, now, repeats)


def _of_domain(
    topic: registry.Topic, fold: Any, records: list[Record], now: int, repeats: int, told: list[Any]
) -> Iterator[Cost]:
    decoder: EventDecoder[Any] = EventDecoder(topic.message)
    runs = [records[at : at + _RUN] for at in range(0, len(records), _RUN)]
    yield topic.name, "decode", best(lambda _: [decoder.many(run, now) for run in runs], len(records), repeats)
    decoded = decoder.many(records, now)[:-1]  # the last is a heartbeat that closes the day
    machine: DomainMachine[Any] = DomainMachine(fold, _DAYS, TimePolicy(), topic.name, registry.METRICS.name)

    def empty() -> Partition[Any, Any]:
        return Partition(0, StateCodec(customer_shape(fold), Ledger), machine.render, len(records))

    def step(part: Partition[Any, Any]) -> None:
        for offset, event in enumerate(decoded):
            machine.step(part, offset, event)

    def steps(part: Partition[Any, Any]) -> None:
        for at in range(0, len(decoded), _BATCH):
            run = decoded[at : at + _BATCH]
            machine.steps(part, range(at, at + len(run)), run)

    yield topic.name, "step, one by one", best(step, len(decoded), repeats, empty)
    yield topic.name, "step, in runs", best(steps, len(decoded), repeats, empty)
    part = empty()
    step(part)
    yield from _of_customers(topic.name, part, repeats)
    told += part.take_outputs()


def _of_customers(name: str, part: Partition[Any, Any], repeats: int) -> Iterator[Cost]:
    keys = part.keys()
    part.take_outputs()

    def mark() -> None:
        for key in keys:
            part.publish(key)

    def touch() -> None:
        part.advance(part.applied + 1)
        for key in keys:
            part.put(key, part.get(key))

    yield name, "live, a customer", best(lambda _: part.take_outputs(), len(keys), repeats, mark)
    yield name, "save, a customer", best(lambda _: part.take_state(), len(keys), repeats, touch)
    mark()


def _of_scores(told: list[Any], repeats: int, scored: list[Any]) -> Iterator[Cost]:
    read = MessageDecoder[MetricsMessage](MetricsMessage)
    name, values = registry.METRICS.name, [output.value for output in told]
    yield name, "decode", best(lambda _: [read(value) for value in values], len(values), repeats)
    messages = [read(value) for value in values]
    health = HealthScorer(_PROFILE.health, "default@1")
    churn, upsell = ChurnScorer(_PROFILE.churn), UpsellScorer(_PROFILE.upsell)
    machine = ScoringMachine(health, churn, upsell, _DAYS, Outputs(*_SCORES))

    def empty() -> Partition[Any, Any]:
        return Partition(0, StateCodec(CARD, Alignment), machine.render, len(values))

    def step(part: Partition[Any, Any]) -> None:
        for offset, message in enumerate(messages):
            machine.step(part, offset, message)

    yield name, "step", best(step, len(messages), repeats, empty)
    part = empty()
    step(part)
    yield from _of_customers("scores", part, repeats)
    scored += [output for output in part.take_outputs() if output.topic == registry.HEALTH.name]
    alert = MessageDecoder[HealthScore](HealthScore)
    yield registry.HEALTH.name, "decode", best(lambda _: [alert(one.value) for one in scored], len(scored), repeats)


def _as_records(outputs: Sequence[Any]) -> list[Record]:
    return [Record(one.topic, 0, at, 0, 0, one.key, one.value, ()) for at, one in enumerate(outputs)]


def _of_rows(records: list[Record], now: int, repeats: int) -> Iterator[Cost]:
    mapper, name = RowMapper("", _DAYS), records[0].topic
    runs = [records[at : at + _RUN] for at in range(0, len(records), _RUN)]
    yield name, "rows", best(lambda _: [mapper.rows(run, now) for run in runs], len(records), repeats)
    made = [one for run in runs for one in mapper.rows(run, now).runs]
    same = [one for one in made if one.table is made[0].table]
    if same:
        block = joined(same)
        yield name, "name of a block, a row", best(lambda _: token(block), len(block), repeats)
        yield name, "native columns, a row", best(lambda _: _native(block), len(block), repeats)


def _native(block: Run) -> int:
    table = block.table
    types = [get_from_name(one) for one in table.column_types]
    context = InsertContext(table.name, table.column_names, types, block.columns, column_oriented=True)
    return sum(map(len, NativeTransform.build_insert(context)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--events", type=int, default=40_000, help="besides profiles and subscriptions (default %(default)s)")
    add("--customers", type=int, default=1_250, help="in one partition (default %(default)s)")
    add("--repeats", type=int, default=5, help="of each step (default %(default)s)")
    add("--json", action="store_true", help="the same as JSON")
    options = parser.parse_args()
    calm_collector()  # as a worker does
    found = list(costs(options.events, options.customers, options.repeats))
    if options.json:
        print(json.dumps([{"of": name, "step": step, "us": us} for name, step, us in found]))
        return
    for name, step, us in found:
        print(f"{name:18} {step:24} {us:8.2f}")


if __name__ == "__main__":
    main()
