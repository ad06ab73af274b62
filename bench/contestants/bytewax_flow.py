"""The job on Bytewax: Kafka source, `stateful_batch` per customer, Kafka sink, recovery in SQLite.

As its guide advises ("Performance": a larger `batch_size` for throughput, decoding by `flat_map_batch`, one worker per
process because of the interpreter lock; "Recovery": `RecoveryConfig` with partitions made beforehand). The epoch
interval is the commit interval of all contestants. A timer per customer gives the publication rule of our engine:
at most one score per customer and publication interval.

Bytewax reads without a consumer group; how far its work is safe is in its recovery store (bench/saved.py).
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from bytewax import operators as op
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulBatchLogic
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main

from bench.contestants import COMMIT_SECONDS, PUBLISH_SECONDS, Task
from bench.contestants.librdkafka import fetch_settings, producer_settings
from bench.job import Customer, UsageEvent, fold, score_of
from bench.progress import Progress

_BATCH = 5000
_PUBLISH = timedelta(seconds=PUBLISH_SECONDS)
_NOTHING: tuple[list[Any], bool] = ([], StatefulBatchLogic.RETAIN)


def run(task: Task, progress: Progress) -> None:
    folder = Path(task.folder)
    if not folder.exists():
        folder.mkdir()
        init_db_dir(folder, 1)
    customers: list[CustomerLogic] = []
    progress.answer_in_thread(lambda: {one.customer_id: one.customer for one in customers})
    cli_main(
        build(task, progress, customers),
        epoch_interval=timedelta(seconds=COMMIT_SECONDS),
        recovery_config=RecoveryConfig(folder),
    )


class Kept(msgspec.Struct):
    """What a snapshot holds."""

    customer_id: str
    customer: Customer


_encode = msgspec.json.Encoder().encode
_decode_kept = msgspec.json.Decoder(Kept).decode
_decode_event = msgspec.json.Decoder(UsageEvent).decode


class CustomerLogic(StatefulBatchLogic[UsageEvent, bytes, bytes]):
    """One customer: folds at once, publishes when its timer rings."""

    def __init__(self, snapshot: bytes | None, progress: Progress) -> None:
        kept = _decode_kept(snapshot) if snapshot else Kept("", Customer())
        self.customer_id = kept.customer_id
        self.customer = kept.customer
        # after a crash nobody knows whether the last score went out
        self._due = datetime.now(UTC) if snapshot else None
        self._progress = progress

    def on_batch(self, values: list[UsageEvent]) -> tuple[Iterable[bytes], bool]:
        self.customer_id = values[0].customer_id
        for event in values:
            fold(self.customer, event)
        if self._due is None:
            self._due = datetime.now(UTC) + _PUBLISH
        self._progress.applied(len(values))
        return _NOTHING

    def on_notify(self) -> tuple[Iterable[bytes], bool]:
        self._due = None
        return [_encode(score_of(self.customer_id, self.customer))], StatefulBatchLogic.RETAIN

    def notify_at(self) -> datetime | None:
        return self._due

    def snapshot(self) -> bytes:
        return _encode(Kept(self.customer_id, self.customer))


def build(task: Task, progress: Progress, customers: list[CustomerLogic]) -> Dataflow:
    def logic(snapshot: bytes | None) -> CustomerLogic:
        made = CustomerLogic(snapshot, progress)
        customers.append(made)
        return made

    flow = Dataflow("csj")
    brokers = [task.bootstrap]
    source = KafkaSource(brokers, [task.source], batch_size=_BATCH, add_config=fetch_settings())
    events = op.flat_map_batch("decode", op.input("events", flow, source), _decoded)
    scores = op.stateful_batch("score", events, logic)
    messages = op.map("encode", scores, lambda scored: KafkaSinkMessage(scored[0].encode(), scored[1]))
    op.output("scores", messages, KafkaSink(brokers, task.scores, add_config=producer_settings(task)))
    return flow


def _decoded(messages: list[Any]) -> Iterable[tuple[str, UsageEvent]]:
    events = [_decode_event(message.value) for message in messages]
    return [(event.customer_id, event) for event in events]
