"""Health scores to alerts."""

from typing import Any

from schemas.codec import MessageDecoder
from schemas.registry import ALERTS, HEALTH
from schemas.scores import HealthScore
from streams.alerts.machine import AlertMachine, Watch, Watched
from streams.app import Zelo
from streams.messages import serve


def register(zelo: Zelo) -> None:
    """Declares the agent of the health scores."""
    machine = AlertMachine(zelo.name(ALERTS), zelo.settings.locale, zelo.profile.alerts)
    table = zelo.table("alerts", HEALTH, Watched, Watch, machine.render)
    read = MessageDecoder[HealthScore](HealthScore)

    def step(part: Any, offset: int, score: HealthScore) -> None:
        machine.step(part, offset, score, zelo.clock.now_ms())

    serve(zelo, HEALTH, table, lambda record: read(record.value), step)
