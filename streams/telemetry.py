"""Our own telemetry: names, kinds and meanings in one list. It is about the worker, never about customers: no ids."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
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
    Telemetry("zelo_dead_letters", "counter", "dead_letters", "Records that could not be processed, by this worker."),
    Telemetry("zelo_recoveries", "counter", "recoveries", "Recoveries of tables from their changelogs."),
    Telemetry("zelo_recovery_seconds", "counter", "recovery_seconds", "Seconds spent in recoveries."),
    Telemetry("zelo_recovered_records", "counter", "recovered", "Changelog records read, for standby copies too."),
)
LAG = Telemetry("zelo_consumer_lag", "gauge", "lag", "Records on the broker not yet committed, by topic and partition.")
LATE = Telemetry(
    "zelo_consumer_lag_seconds",
    "gauge",
    "lag_seconds",
    "How long the oldest of them has been there since this worker looks, by topic and partition.",
)
COMMIT_AGE = Telemetry(
    "zelo_commit_age_seconds",
    "gauge",
    "last_commit_at_monotonic",
    "Seconds since the last commit, or the last save of work that takes longer than a commit.",
)

#: What a worker is asked for, not counted; `field` is an attribute of `Vitals`.
ASKED: tuple[Telemetry, ...] = (
    Telemetry("zelo_alive", "gauge", "alive", "1 as `/livez` says."),
    Telemetry("zelo_ready", "gauge", "ready", "1 as `/readyz` says."),
    Telemetry(
        "zelo_recovery_remaining", "gauge", "recovery_remaining", "Changelog records a recovery still has to read."
    ),
    Telemetry("zelo_standby_remaining", "gauge", "standby_remaining", "Changelog records standby copies are behind."),
)
#: By table; `field` is an attribute of the engine's `Holding`.
HELD: tuple[Telemetry, ...] = (
    Telemetry("zelo_states", "gauge", "states", "Keys held, standby copies included, by table."),
    Telemetry("zelo_dirty_keys", "gauge", "dirty", "Keys changed since the last commit, by table."),
    Telemetry("zelo_decoded_states", "gauge", "decoded", "Keys kept as objects beside their bytes, by table."),
)


#: Of the churn model; `field` is an attribute of `ModelVitals`. The gauges are told by the trainer's worker only.
MODEL: tuple[Telemetry, ...] = (
    Telemetry("zelo_churn_models_refused", "counter", "refused", "Published churn models this worker refused."),
    Telemetry("zelo_churn_changes", "counter", "changes", "Changes of what serves, made by this worker."),
    Telemetry("zelo_churn_trained_through_days", "gauge", "trained_through", "Last day learned, days since 1970."),
    Telemetry("zelo_churn_drift_alarms", "gauge", "drift_alarms", "Drift alarms there ever were."),
    Telemetry("zelo_churn_drift_day", "gauge", "drift_day", "Day of the newest drift alarm, days since 1970."),
    Telemetry("zelo_churn_changed_day", "gauge", "changed_day", "Day of the newest change of what serves, likewise."),
    Telemetry("zelo_churn_examples_refused", "gauge", "examples_refused", "Examples that the model turned away."),
    Telemetry("zelo_churn_is_prior", "gauge", "is_prior", "1 while the model rests on the expert's guess."),
    Telemetry("zelo_churn_log_loss_ratio", "gauge", "log_loss_ratio", "Log loss of the last week over the constant's."),
)


@dataclass
class ModelVitals:
    """What a worker knows of the churn model; None is not known here, or not yet."""

    refused: int = 0
    changes: int = 0
    trained_through: int | None = None
    drift_alarms: int | None = None
    drift_day: int | None = None
    changed_day: int | None = None
    examples_refused: int | None = None
    is_prior: bool | None = None
    log_loss_ratio: float | None = None

    def __post_init__(self) -> None:
        self._look: Callable[[ModelVitals], None] = _as_it_is

    def asks(self, look: Callable[["ModelVitals"], None]) -> None:
        """From now on `look` brings this up to date whenever a worker is asked."""
        self._look = look

    def now(self) -> "ModelVitals":
        """This, up to date."""
        self._look(self)
        return self


def _as_it_is(_: ModelVitals) -> None:
    """Nobody trains here."""


class Vitals(NamedTuple):
    """What a worker says when it is asked; `tables` are the engine's `Holding`s by table."""

    alive: bool
    ready: bool
    recovery_remaining: int
    standby_remaining: int
    tables: Mapping[str, Any]
    model: ModelVitals = ModelVitals()


class WorkerCollector:
    """Reads the engine's counters, and asks, when asked.

    Args:
        counters: of the engine.
        vitals: asks the worker.
    """

    def __init__(self, counters: Any, vitals: Callable[[], Vitals]) -> None:
        self._counters = counters
        self._vitals = vitals

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Every figure of the lists above."""
        for figure in TELEMETRY:
            yield CounterMetricFamily(figure.name, figure.help, value=getattr(self._counters, figure.field))
        for figure in (LAG, LATE):
            family = GaugeMetricFamily(figure.name, figure.help, labels=["topic", "partition"])
            for tp, value in sorted(getattr(self._counters, figure.field).items()):
                family.add_metric([tp.topic, str(tp.partition)], value)
            yield family
        last = self._counters.last_commit_at_monotonic
        if last is not None:
            yield GaugeMetricFamily(COMMIT_AGE.name, COMMIT_AGE.help, value=monotonic() - last)
        yield from self._asked()

    def _asked(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        vitals = self._vitals()
        for figure in ASKED:
            yield GaugeMetricFamily(figure.name, figure.help, value=float(getattr(vitals, figure.field)))
        for figure in HELD:
            family = GaugeMetricFamily(figure.name, figure.help, labels=["table"])
            for table, holding in sorted(vitals.tables.items()):
                family.add_metric([table], getattr(holding, figure.field))
            yield family
        model = vitals.model.now()
        for figure in MODEL:
            value = getattr(model, figure.field)
            if value is not None:
                family_of = CounterMetricFamily if figure.kind == "counter" else GaugeMetricFamily
                yield family_of(figure.name, figure.help, value=float(value))
