"""Observations of all partitions to a churn model, day by day."""

from typing import Any

import structlog

from schemas.codec import MessageDecoder
from schemas.registry import MODELS, OBSERVATIONS
from schemas.scores import Observation
from streams.app import Zelo
from streams.churn.labels import CustomerRecords
from streams.churn.news import News
from streams.churn.trainer import TrainerLedger, TrainerMachine
from streams.messages import serve

_log = structlog.get_logger(__name__)


def register(zelo: Zelo) -> None:
    """Declares the agent of the observations topic."""
    machine = TrainerMachine(zelo.profile.churn, zelo.settings.partitions, zelo.name(OBSERVATIONS), zelo.name(MODELS))
    news = News()

    def render(part: Any, key: str) -> None:
        machine.render(part, key)
        for event, fields in news.of(machine.snapshot(part)):
            _log.warning(event, **fields)

    table = zelo.table("trainer", OBSERVATIONS, CustomerRecords, TrainerLedger, render)
    read = MessageDecoder[Observation](Observation)
    serve(zelo, OBSERVATIONS, table, lambda record: read(record.value), machine.step, machine.dead)
