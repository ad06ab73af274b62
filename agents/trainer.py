"""Observations of all partitions to a churn model, day by day."""

from schemas.codec import MessageDecoder
from schemas.registry import MODELS, OBSERVATIONS
from schemas.scores import Observation
from streams.app import Zelo
from streams.churn.labels import CustomerRecords
from streams.churn.trainer import TrainerLedger, TrainerMachine
from streams.messages import serve


def register(zelo: Zelo) -> None:
    """Declares the agent of the observations topic."""
    machine = TrainerMachine(zelo.profile.churn, zelo.settings.partitions, zelo.name(OBSERVATIONS), zelo.name(MODELS))
    table = zelo.table("trainer", OBSERVATIONS, CustomerRecords, TrainerLedger, machine.render)
    read = MessageDecoder[Observation](Observation)
    serve(zelo, OBSERVATIONS, table, lambda record: read(record.value), machine.step, machine.dead)
