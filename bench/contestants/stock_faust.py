"""The job on faust-streaming as its documentation shows it: records, `app.Table`, one event at a time.

Timeouts and commit interval are those of all contestants (Faust's own commit interval is 2.8 s: more would be
repeated after a crash). One correction: the embedded broker's ListOffsets falls one batch short, which would
make a recovery end early; that is the broker's fault, so the true end is put in its place.
"""

from collections.abc import Mapping
from typing import Any

import faust
import orjson  # noqa: F401 - Faust takes it for its JSON where it is installed: the comparison needs it
from faust.app.base import BootStrategy
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP

from bench import contestants as terms
from bench.contestants import Task
from bench.job import PARTITIONS, WINDOW_DAYS, Customer, fold, score
from bench.progress import Progress
from streams.engine.offsets import raise_to_high_watermarks


class UsageEvent(faust.Record, serializer="json"):
    event_id: str
    customer_id: str
    user_id: str
    feature: str
    occurred_at: int


class CustomerRecord(faust.Record, serializer="json"):
    events: int
    newest_day: int
    days: list[int]
    features: list[str]
    users: dict[str, int]
    last_seen: int


class ScoreRecord(faust.Record, serializer="json"):
    customer_id: str
    score: int
    events: int
    last_seen: int


class _WithoutWeb(BootStrategy):
    enable_web = False  # the setting web_enabled alone leaves port 6066 open on all interfaces


class _App(faust.App):
    BootStrategy = _WithoutWeb


def run(task: Task, progress: Progress) -> None:
    _mend_broker_ends()
    app = build(task, progress)
    faust.Worker(app, loglevel="WARNING", redirect_stdouts=False).execute_from_commandline()


def build(task: Task, progress: Progress) -> faust.App:
    app = _App(
        task.group,
        broker=f"kafka://{task.bootstrap}",
        store="memory://",
        datadir=task.folder,
        web_enabled=False,
        topic_partitions=PARTITIONS,
        topic_replication_factor=1,
        topic_allow_declare=False,  # the harness has made them
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        broker_session_timeout=terms.SESSION_SECONDS,
        broker_heartbeat_interval=terms.HEARTBEAT_SECONDS,
        broker_rebalance_timeout=terms.REBALANCE_SECONDS,
        broker_request_timeout=terms.REQUEST_SECONDS,
        broker_commit_interval=terms.COMMIT_SECONDS,
        table_standby_replicas=0,
    )
    source = app.topic(task.source, partitions=PARTITIONS, key_type=str, value_type=UsageEvent)
    scores = app.topic(task.scores, partitions=PARTITIONS, key_type=str, value_type=ScoreRecord)
    table = app.Table("csj", default=nobody, value_type=CustomerRecord, partitions=PARTITIONS)

    async def agent(stream: Any) -> None:
        async for event in stream:
            customer = table[event.customer_id]
            fold(customer, event)
            table[event.customer_id] = customer
            published = ScoreRecord(event.customer_id, score(customer), customer.events, customer.last_seen)
            await scores.send(key=event.customer_id, value=published)
            progress.applied(1)

    app.agent(source, name="csj")(agent)
    app.task(lambda: progress.answer(lambda: states(table)))
    return app


def nobody() -> CustomerRecord:
    return CustomerRecord(0, -1, [0] * WINDOW_DAYS, [], {}, 0)


def states(table: Any) -> dict[str, Customer]:
    fields = Customer.__struct_fields__
    return {name: Customer(*(getattr(kept, field) for field in fields)) for name, kept in table.items()}


def _mend_broker_ends() -> None:
    stock = AIOKafkaConsumerThread._highwaters

    async def ends(self: Any, partitions: Any) -> Mapping[TP, int]:
        found = await stock(self, partitions)
        exact = await raise_to_high_watermarks(self._ensure_consumer()._client, found)
        return {TP(tp.topic, tp.partition): end for tp, end in exact.items()}

    AIOKafkaConsumerThread._highwaters = ends  # type: ignore[method-assign]
