"""The job on our engine, as the product's agents use it: guard, slices, exact table, conflated publication."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import faust
import msgspec

from bench.contestants import Task
from bench.job import PARTITIONS, Customer, UsageEvent, fold, score_of
from bench.progress import Progress
from streams.engine.app import EngineApp, engine_app
from streams.engine.guard import Poison, judged, readable
from streams.engine.settings import EngineSettings
from streams.engine.table import StateTable, state_table
from streams.engine.transport import batch_topic


class Ledger(msgspec.Struct):
    """Meta of a partition."""

    read: int = 0
    unreadable: int = 0


def run(task: Task, progress: Progress) -> None:
    app = build(task, progress)
    faust.Worker(app, loglevel="WARNING", redirect_stdouts=False).execute_from_commandline()


def build(task: Task, progress: Progress) -> EngineApp:
    # everybody conflates over the same interval here, also when late, and compresses nothing
    settings = EngineSettings.embedded(task.bootstrap, Path(task.folder), PARTITIONS)
    settings = replace(settings, catch_up_seconds=0.0, compression="")
    app = engine_app(task.group, settings)
    encode = msgspec.json.Encoder().encode

    def render(part: Any, keys: Sequence[str]) -> None:
        for key in keys:
            part.emit(task.scores, key.encode(), encode(score_of(key, part.get(key))))

    table = state_table(app, "csj", task.source, PARTITIONS, Customer, Ledger, render)
    parse = msgspec.json.Decoder(UsageEvent).decode

    def decoder(record: Any) -> UsageEvent:
        return parse(record.value)

    def many(records: Any) -> list[UsageEvent]:
        return [parse(record.value) for record in records]

    async def agent(stream: Any) -> None:  # as in streams/messages.py
        async for event in stream.noack().events():
            async for run in table.runs(event):
                with table.batch(event, run) as (part, records):
                    events = readable(records, many)
                    step(part, judged(records, decoder) if events is None else zip(records, events, strict=True))
            progress.applied(len(event.value))
            event.ack()

    app.agent(batch_topic(app, task.source, partitions=PARTITIONS), name="csj")(agent)
    app.task(lambda: progress.answer(lambda: states(table)))
    return app


def step(part: Any, decoded: Any) -> None:
    for record, event in decoded:
        part.meta.read += 1
        if isinstance(event, Poison):
            part.meta.unreadable += 1
            continue
        customer_id = event.customer_id
        if part.ahead(customer_id, record.offset):
            continue
        customer = part.get(customer_id) or Customer()
        fold(customer, event)
        part.put(customer_id, customer)
        part.publish(customer_id)


def states(table: StateTable[Customer, Ledger]) -> dict[str, Customer]:
    return {
        name: customer
        for part in table.partitions_here()
        for name in part.keys()  # noqa: SIM118 - a partition is no dict
        if (customer := part.get(name)) is not None
    }
