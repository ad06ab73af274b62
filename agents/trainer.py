"""Observations of all partitions to a churn model, day by day."""

from collections.abc import Sequence

import structlog

from schemas.codec import MessageDecoder
from schemas.models import ModelSnapshot
from schemas.registry import ALERTS, MODELS, OBSERVATIONS
from schemas.scores import Observation
from streams.alerts.model_machine import ModelAlerts
from streams.app import Zelo
from streams.churn.labels import CustomerRecords
from streams.churn.news import News
from streams.churn.trainer import TrainerLedger, TrainerMachine, TrainerPartition
from streams.messages import serve
from streams.telemetry import MODEL, ModelVitals

_log = structlog.get_logger(__name__)


def register(zelo: Zelo) -> None:
    """Declares the agent of the observations topic."""
    alerts = ModelAlerts(zelo.name(ALERTS), zelo.settings.locale, zelo.profile.alerts.model)
    names = (zelo.name(OBSERVATIONS), zelo.name(MODELS))
    machine = TrainerMachine(zelo.profile.churn, zelo.settings.partitions, *names, alerts)
    watch = Watch(machine, zelo.model)
    table = zelo.table("trainer", OBSERVATIONS, CustomerRecords, TrainerLedger, watch.render)
    zelo.model.asks(lambda page: watch.show(page, [part for part in table.partitions_here() if part.live]))
    read = MessageDecoder[Observation](Observation)
    serve(zelo, OBSERVATIONS, table, lambda record: read(record.value), watch.step, machine.dead)


class Watch:
    """Says in the log, and on the worker's page, what the machine makes of the model.

    Args:
        machine: whose models are watched.
        page: the worker's.
    """

    def __init__(self, machine: TrainerMachine, page: ModelVitals) -> None:
        self._machine = machine
        self._page = page
        self._news = News()
        self._of: TrainerLedger | None = None

    def step(self, part: TrainerPartition, offset: int, observation: Observation) -> None:
        """The machine's; what a table recovered from elsewhere had told before is no news."""
        if part.meta is not self._of:
            self._of, self._news = part.meta, News()
            self._news.of(self._machine.snapshot(part))
        self._machine.step(part, offset, observation)

    def render(self, part: TrainerPartition, key: str) -> None:
        """The machine's; people are told what is new."""
        self._machine.render(part, key)
        for event, fields in self._news.of(self._machine.snapshot(part)):
            _log.warning(event, **fields)
            self._page.changes += event == "churn_model_changed"

    def show(self, page: ModelVitals, parts: Sequence[TrainerPartition]) -> None:
        """Puts the model on the page as it is, recovered or learned here; none when another worker trains."""
        for figure in MODEL:
            if figure.kind == "gauge":
                setattr(page, figure.field, None)
        for part in parts:
            _show(self._machine.snapshot(part), page)


def _show(snapshot: ModelSnapshot, page: ModelVitals) -> None:
    page.trained_through = None if snapshot.trained_through < 0 else snapshot.trained_through
    page.is_prior = snapshot.is_prior
    page.drift_alarms, page.examples_refused = snapshot.drift.count, snapshot.counts["refused"]
    page.drift_day = snapshot.drift.alarms[-1].day if snapshot.drift.alarms else None
    page.changed_day = snapshot.changes[-1].day if snapshot.changes else None
    if snapshot.weeks:
        page.log_loss_ratio = snapshot.weeks[-1].log_loss / snapshot.weeks[-1].log_loss_constant
