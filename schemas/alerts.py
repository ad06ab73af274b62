"""Alerts as published on `alerts.v1`, ready to be delivered."""

from typing import Any, Literal

from msgspec import Struct

Severity = Literal["info", "warning", "critical"]
#: Rules about the churn model.
ModelRuleId = Literal[
    "model_drift",
    "model_rolled_back",
    "model_promoted",
    "model_calibrated",
    "model_refused_examples",
    "model_booster_better",
    "model_horizon_changed",
]
#: In place of a customer, in alerts about the churn model.
MODEL_CUSTOMER = "_model"


class Alert(Struct, frozen=True, kw_only=True):
    """One step in the life of an alert's episode.

    Attributes:
        alert_id: unique per step; `episode_id` is the same from opened to resolved.
        rule: `health_red`, `detractor`, or the name of a rule of the profile's own.
        facts: numbers and names the message is written from.
        text: the message in plain words, in the customer owner's language.
        blocks: the same as Slack Block Kit.
        next_step: what the reader should do, code of the catalogue.
        version: offset in the rule's source topic.
    """

    alert_id: str
    episode_id: str
    customer_id: str
    rule: str
    severity: Severity
    status: Literal["opened", "updated", "resolved"]
    opened_at: int
    at: int
    trigger_event_id: str | None
    facts: dict[str, str | int | float | None]
    next_step: str
    locale: str
    text: str
    blocks: list[dict[str, Any]]
    channel: str | None = None
    version: int = 0


class DeadLetter(Struct, frozen=True, kw_only=True):
    """What the headers of a dead letter say; the value stays the original bytes."""

    topic: str
    partition: int
    offset: int
    stage: str
    error: str
    reason: str
    retries: int = 0
