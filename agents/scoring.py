"""Metric values of all domains to health and churn scores, upsell readiness, observations and closed days."""

from typing import Any

import structlog

from schemas.codec import MessageDecoder
from schemas.metrics import MetricsMessage
from schemas.registry import CHURN, HEALTH, METRICS, MODELS, OBSERVATIONS, PORTFOLIO, UPSELL
from streams.app import Zelo
from streams.churn.scoring import ChurnScorer
from streams.engine.broadcast import Broadcast
from streams.messages import serve
from streams.metrics.health import HealthScorer
from streams.metrics.plan_features import PlanFeatures
from streams.metrics.upsell import UpsellScorer
from streams.scoring.alignment import Alignment
from streams.scoring.figures import Figures
from streams.scoring.lifts import CARD
from streams.scoring.machine import Outputs, ScoringMachine
from streams.scoring.rescoring import Rescoring

_log = structlog.get_logger(__name__)


def register(zelo: Zelo) -> None:
    """Declares the agent of the metrics topic and the reader of models."""
    profile = zelo.profile
    outputs = Outputs(*map(zelo.name, (HEALTH, CHURN, UPSELL, OBSERVATIONS, PORTFOLIO)))
    health = HealthScorer(profile.health, f"{profile.name}@{profile.version}")
    churn, upsell = ChurnScorer(profile.churn), UpsellScorer(profile.upsell)
    settings, pieces = zelo.settings, zelo.settings.piece_customers
    machine = ScoringMachine(health, churn, upsell, zelo.days, outputs, pieces, settings.horizon_days, settings.locale)
    machine.figures = Figures(profile.alerts.rule, profile.health.journey)
    machine.plans = PlanFeatures(profile.engagement.features_by_plan)
    engine = zelo.app.engine
    machine.conflates = lambda: engine.settling.lasts
    table = zelo.table("scoring", METRICS, CARD, Alignment, machine.render, last=True)
    read = MessageDecoder[MetricsMessage](MetricsMessage)
    serve(zelo, METRICS, table, lambda record: read(record.value), machine.step)

    rescoring = Rescoring(machine, settings.rescore_seconds)

    def on_model(key: bytes, value: bytes, offset: int) -> bool:
        before = churn.model_version
        refused = rescoring.offer(value)
        if refused is not None:
            zelo.model.refused += 1
            _log.error("model_refused", offset=offset, reason=refused)
        elif churn.model_version != before and (features := churn.unexpected()):
            version = churn.model_version
            _log.info("churn_weights_unexpected", model_version=version, count=len(features), features=features)
        return refused is None

    def rescore() -> None:
        if rescoring.run([p for p in table.partitions_here() if p.live], zelo.clock.now_ms()):
            engine.checkpoint.wanted.set()  # no batch ends here that would ask for publication

    # at once: at the end of a backlog nobody would wait for the timer; and once for all that were read together
    Broadcast(zelo.app, zelo.name(MODELS), on_model, on_read=rescore)

    async def look(*_: Any) -> None:
        rescore()

    zelo.app.timer(0.5, name="zelo.rescoring")(look)
