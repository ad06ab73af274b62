"""The whole product on a backlog: what a million input events cost in the three roles together.

All folds, scores, the churn model, changelogs, alerts, and the rows of every topic in the embedded ClickHouse.
The workers run as `zelo up` runs them, with the settings a user gets; only the session lasts longer, because the
workers are frozen while the topics are filled. Their CPU seconds count until everything has flowed through: every
role has committed all there is, and nothing new comes.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, cast

import psutil
from faust.types import TP

from bench.product_stream import product_stream
from bench.rig import BenchError
from schemas.registry import ALERTS, CHURN, HEALTH, METRICS
from streams.app import ROLES, Role, changelog_specs
from streams.cli.flow import Standing, drained
from streams.cli.processes import worker_children
from streams.config import Settings, load_settings
from streams.embedded import EmbeddedStack
from streams.embedded.stack import BrokerKind
from streams.engine.offsets import end_offsets
from streams.engine.topics import create_topics
from streams.errors import ZeloError
from streams.intake.ordering import PreparedImport
from streams.intake.produce import Target, produce
from streams.sinks.clickhouse import connect
from streams.sinks.migrate import migrate
from streams.sinks.tables import TABLES
from streams.topics import partitions, topic_name, topic_specs

PARTITIONS = 4
_SESSION_SECONDS = 45.0
_QUIET_SECONDS = 4.0
_LONGEST_SECONDS = 600.0


@dataclass(frozen=True)
class Flow:
    """What is sent through.

    Attributes:
        events: besides a profile and a subscription per customer.
        days: the events are spread over.
        workers: processes of the stream role.
    """

    events: int = 500_000
    customers: int = 5_000
    days: int = 1
    workers: int = 1


@dataclass(frozen=True)
class Pipeline:
    """One run.

    Attributes:
        events: input records, heartbeats included.
        per_customer_and_day: mean number of events.
        seconds: from the release of the workers until all was saved.
        cpu_seconds_per_million: of the three roles together, per million input records.
        by_role: the same of each role, of all its processes together.
        records: in all topics at the end, per input record.
        rows: in ClickHouse, per input record.
        workers: processes of the stream role.
        sent: records per customer in topics the product writes itself: how often values and scores were rendered, and
            the days' values and scores.
    """

    events: int
    customers: int
    days: int
    per_customer_and_day: float
    seconds: float
    cpu_seconds_per_million: float
    by_role: dict[str, float]
    records: float
    rows: float
    sent: dict[str, float] = field(default_factory=dict)
    workers: int = 1


async def run(flow: Flow, broker: BrokerKind) -> Pipeline:
    """Starts everything, fills the topics while the workers stand still, lets them go and waits.

    Raises:
        BenchError: it did not come to rest.
    """
    records = product_stream(flow.events, flow.customers, flow.days, PARTITIONS)
    async with EmbeddedStack(broker=broker) as stack:
        settings = _settings(stack)
        await asyncio.to_thread(migrate, settings)
        await create_topics(settings.kafka_bootstrap, [*topic_specs(settings), *changelog_specs(settings)])
        counts: dict[Role, int] = {**dict.fromkeys(ROLES, 1), "stream": flow.workers}
        children = worker_children(settings, stack.data_dir / "logs", counts=counts)
        await asyncio.gather(*(stack.supervisor.start(child) for child in children))
        meter = _Meter({child.name: psutil.Process(stack.supervisor.pid(child.name)) for child in children})
        with meter.frozen():
            target = Target(settings.kafka_bootstrap, settings.topic_prefix)
            await produce(target, cast(PreparedImport, records))
        meter.begin()
        try:
            await drained(settings, _QUIET_SECONDS, meter.show, _LONGEST_SECONDS)
        except (TimeoutError, ZeloError) as error:
            raise BenchError(f"the pipeline did not come to rest: {error}") from error
        rows, sent = await asyncio.to_thread(_rows, settings), await _sent(settings, flow.customers)
        return _result(flow, len(records), meter, rows, sent)


def _settings(stack: EmbeddedStack) -> Settings:
    return load_settings(
        kafka_bootstrap=stack.bootstrap,
        clickhouse_url=stack.clickhouse_url,
        data_dir=stack.data_dir,
        partitions=PARTITIONS,
        clock="log",
        rebalance_timeout_seconds=3.0,
        session_timeout_seconds=_SESSION_SECONDS,
        log_level="WARNING",
    )


class _Meter:
    """CPU seconds of the workers up to the last moment at which anything had moved."""

    def __init__(self, processes: dict[str, psutil.Process]) -> None:
        self._processes = processes
        self._standings: dict[Role, Standing] = {}
        self._began: dict[str, float] = {}
        self._began_at = self._moved_at = monotonic()
        self._used: dict[str, float] = {}

    @contextmanager
    def frozen(self) -> Iterator[None]:
        for process in self._processes.values():
            process.suspend()
        try:
            yield
        finally:
            for process in self._processes.values():
                process.resume()

    def begin(self) -> None:
        self._began, self._began_at = self._cpu(), monotonic()

    def show(self, standings: dict[Role, Standing]) -> None:
        """Told every second how far the roles are."""
        if standings != self._standings:
            self._standings, self._used, self._moved_at = standings, self._cpu(), monotonic()

    @property
    def seconds(self) -> float:
        return self._moved_at - self._began_at

    @property
    def records(self) -> int:
        """In all topics; the archive reads every one."""
        return self._standings["archive"].total

    def used(self) -> dict[str, float]:
        return {name: self._used[name] - self._began[name] for name in self._began}

    def _cpu(self) -> dict[str, float]:
        times = {name: process.cpu_times() for name, process in self._processes.items()}
        return {name: one.user + one.system for name, one in times.items()}


def _result(flow: Flow, inputs: int, meter: _Meter, rows: int, sent: dict[str, float]) -> Pipeline:
    by_role: defaultdict[str, float] = defaultdict(float)
    for name, used in meter.used().items():
        by_role[name.partition("-")[0]] += used / inputs * 1e6
    return Pipeline(
        events=inputs,
        customers=flow.customers,
        days=flow.days,
        per_customer_and_day=flow.events / flow.customers / flow.days,
        seconds=meter.seconds,
        cpu_seconds_per_million=sum(by_role.values()),
        by_role=dict(by_role),
        records=meter.records / inputs,
        rows=rows / inputs,
        sent=sent,
        workers=flow.workers,
    )


async def _sent(settings: Settings, customers: int) -> dict[str, float]:
    """Records per customer in each topic; no log of the run is old enough to have been compacted."""
    found: dict[str, float] = {}
    for topic in (METRICS, HEALTH, CHURN, ALERTS):
        tps = [TP(topic_name(settings, topic), number) for number in range(partitions(settings, topic))]
        found[topic.name] = sum((await end_offsets(settings.kafka_bootstrap, tps)).values()) / customers
    return found


def _rows(settings: Settings) -> int:
    with connect(settings) as client:
        counts: list[Any] = [client.command(f"SELECT count() FROM {table.name}") for table in TABLES]
    return sum(map(int, counts))
