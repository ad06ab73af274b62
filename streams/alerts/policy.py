"""Which alerts are told, as data (docs/alerts.md). Every default is chosen, not measured."""

from typing import Annotated

from msgspec import Meta, Struct

from schemas.alerts import Severity
from schemas.envelope import Minor, Name
from streams.alerts.own_policy import MOST_RULES, OwnRule

_Days = Annotated[int, Meta(ge=0, le=365)]


class HealthRedPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A paying customer's health falls to red.

    Attributes:
        enabled: whether it is told at all.
        severity: how much it matters.
        min_mrr_minor: told of customers with so much MRR, in minor units of their own currency.
        segments: told of customers in these; empty for all, also those in none.
        cooldown_days: after the end of an episode none opens for so long.
        worse_points: an open one is told again when health lost as many points more.
    """

    enabled: bool = True
    severity: Severity = "critical"
    min_mrr_minor: Minor = 0
    segments: tuple[Name, ...] = ()
    cooldown_days: _Days = 7
    worse_points: Annotated[float, Meta(gt=0, le=100)] = 10.0


class DetractorPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A detractor answered; `max_score` is the best score that is told, the rest as in `HealthRedPolicy`."""

    enabled: bool = True
    severity: Severity = "warning"
    min_mrr_minor: Minor = 0
    segments: tuple[Name, ...] = ()
    max_score: Annotated[int, Meta(ge=0, le=6)] = 6


class ModelAlertPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happens to the churn model; `enabled`: whether it is told."""

    enabled: bool = True


class AlertPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rules of alerts, each with its settings; `rule` are those of one's own."""

    health_red: HealthRedPolicy = HealthRedPolicy()
    detractor: DetractorPolicy = DetractorPolicy()
    model: ModelAlertPolicy = ModelAlertPolicy()
    rule: Annotated[tuple[OwnRule, ...], Meta(max_length=MOST_RULES)] = ()

    def __post_init__(self) -> None:
        names = [rule.name for rule in self.rule]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"rule: expected each name once, got {', '.join(twice)} twice")
