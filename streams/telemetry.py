"""Our own telemetry: names, kinds and meanings in one list. It is about the worker, never about customers: no ids."""

from collections.abc import Iterator
from time import monotonic
from typing import Any, Literal, NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily


class Telemetry(NamedTuple):
    """One figure about a worker; `field` is its name in the engine's counters."""

    name: str
    kind: Literal["counter", "gauge"]
    field: str
    help: str


TELEMETRY: tuple[Telemetry, ...] = (
    Telemetry("zelo_batches", "counter", "batches", "Batches handed to agents."),
    Telemetry("zelo_records", "counter", "records", "Records handed to agents."),
    Telemetry("zelo_reseeks", "counter", "reseeks", "Drops inside the process that were found and read again."),
    Telemetry("zelo_stale_batches", "counter", "stale", "Batches thrown away after a rebalance or seek."),
    Telemetry("zelo_lost_records", "counter", "lost", "Offsets the broker had deleted before they were read."),
    Telemetry("zelo_outputs", "counter", "outputs", "Records written to output topics."),
    Telemetry("zelo_flushes", "counter", "flushes", "Flushes of state to changelogs."),
    Telemetry("zelo_flush_seconds", "counter", "flush_seconds", "Seconds spent in flushes."),
    Telemetry("zelo_flushed_keys", "counter", "keys", "States written to changelogs."),
    Telemetry("zelo_commits", "counter", "commits", "Commits of source offsets."),
    Telemetry("zelo_failed_commits", "counter", "failed_commits", "Commits that the broker refused."),
)
LAG = Telemetry("zelo_consumer_lag", "gauge", "lag", "Records on the broker not yet committed, by topic and partition.")
COMMIT_AGE = Telemetry("zelo_commit_age_seconds", "gauge", "last_commit_at_monotonic", "Seconds since the last commit.")


class WorkerCollector:
    """Reads the engine's counters when asked."""

    def __init__(self, counters: Any) -> None:
        self._counters = counters

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Every figure of `TELEMETRY`, the lag, the age of the last commit."""
        for figure in TELEMETRY:
            yield CounterMetricFamily(figure.name, figure.help, value=getattr(self._counters, figure.field))
        lag = GaugeMetricFamily(LAG.name, LAG.help, labels=["topic", "partition"])
        for tp, records in sorted(self._counters.lag.items()):
            lag.add_metric([tp.topic, str(tp.partition)], records)
        yield lag
        last = self._counters.last_commit_at_monotonic
        if last is not None:
            yield GaugeMetricFamily(COMMIT_AGE.name, COMMIT_AGE.help, value=monotonic() - last)
