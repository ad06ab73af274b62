"""Observations of all partitions to a churn model, day by day."""

from schemas.codec import MessageDecoder
from schemas.registry import ALERTS, METRICS, MODELS, OBSERVATIONS
from schemas.scores import Observation
from streams.alerts.model_machine import ModelAlerts
from streams.app import Zelo
from streams.churn.ledger import TrainerLedger
from streams.churn.lifts import RECORDS
from streams.churn.quality import QualityFigures
from streams.churn.trainer import TrainerMachine
from streams.messages import serve
from streams.model_watch import Watch, is_boosted, load_booster


def register(zelo: Zelo) -> None:
    """Declares the agent of the observations topic."""
    alerts = ModelAlerts(zelo.name(ALERTS), zelo.settings.locale, zelo.profile.alerts.model)
    names = (zelo.name(OBSERVATIONS), zelo.name(MODELS))
    figures = QualityFigures(zelo.name(METRICS), zelo.days)
    boosted = is_boosted()
    machine = TrainerMachine(zelo.profile.churn, zelo.settings.partitions, *names, alerts, figures, boosted)
    watch = Watch(machine, zelo.model, load_booster if boosted else None)
    table = zelo.table("trainer", OBSERVATIONS, RECORDS, TrainerLedger, watch.render)
    zelo.model.asks(lambda page: watch.show(page, [part for part in table.partitions_here() if part.live]))
    read = MessageDecoder[Observation](Observation)
    serve(zelo, OBSERVATIONS, table, lambda record: read(record.value), watch.step, machine.dead)
