"""Alerts as published on `alerts.v1`, ready to be delivered."""

from typing import Any, Literal

from msgspec import Struct

RuleId = Literal["health_red", "detractor"]
Severity = Literal["info", "warning", "critical"]


class Alert(Struct, frozen=True, kw_only=True):
    """One step in the life of an alert's episode.

    Attributes:
        alert_id: unique per step; `episode_id` is the same from opened to resolved.
        facts: numbers and names the message is written from.
        text: the message in plain words, in the customer owner's language.
        blocks: the same as Slack Block Kit.
        next_step: what the reader should do, code of the catalogue.
        version: offset in the rule's source topic.
    """

    alert_id: str
    episode_id: str
    customer_id: str
    rule: RuleId
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
