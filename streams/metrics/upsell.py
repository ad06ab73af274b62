"""Upsell readiness (METRICS.md section 6): how ready a customer is to buy more, 0-100, with its reasons.

Theory of operation. A gate stands in front: who pays late or does not pay at all is not ready, whatever else holds.
Behind it stands the weighted mean of what is known of four components, each 0-100. A component without data leaves its
weight to the others; `coverage` is the share of the weight that has data, and under the policy's minimum nothing is
said. Points are exact like those of the health score: they sum to the readiness, and behind a closed gate all are 0.
"""

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

from msgspec import Struct

from schemas.metrics import CustomerValues
from schemas.scores import ComponentName, UpsellComponent, UpsellGate
from streams.metrics.derived import license_utilization
from streams.metrics.health_factors import Evidence, seats
from streams.metrics.points import MICRO, WHOLE, decimal, whole
from streams.metrics.upsell_policy import UpsellPolicy


class Component(Struct, frozen=True):
    """What a component says, 0-100 or nothing, and the figures behind it."""

    value: float | None
    evidence: Evidence


class Upsell(NamedTuple):
    """Readiness in parts (see `schemas.scores.UpsellScore`, which publishes them)."""

    ready: float | None
    gate: UpsellGate | None
    coverage: float
    components: list[UpsellComponent]


class UpsellScorer:
    """Scores customers by one policy."""

    def __init__(self, policy: UpsellPolicy) -> None:
        self._policy = policy
        weights: dict[ComponentName, float] = {name: getattr(policy.weights, name) for name in COMPONENTS}
        self._components: list[tuple[ComponentName, float, Read]] = [
            (name, weights[name], read) for name, read in COMPONENTS.items() if weights[name] > 0
        ]
        each = [weight for _, weight, _ in self._components]
        total = sum(each)
        #: By which components have data: the coverage, and the weights in micro-points.
        self._shares: dict[tuple[bool, ...], tuple[float, list[int]]] = {}
        for known in product((False, True), repeat=len(each)):
            raw = [weight if has else 0.0 for weight, has in zip(each, known, strict=True)]
            self._shares[known] = decimal(sum(raw) / total), whole(raw)

    def score(self, values: CustomerValues) -> Upsell:
        """Readiness of a customer with these values; None in it while nothing is known of its payments."""
        gate = gate_of(values)
        readings = [read(self._policy, values) for _, _, read in self._components]
        coverage, weights = self._shares[tuple([reading.value is not None for reading in readings])]
        told = values.revenue is not None and coverage > 0 and coverage >= self._policy.min_coverage
        components = [
            _component(name, reading, weight, told and gate is None)
            for (name, _, _), reading, weight in zip(self._components, readings, weights, strict=True)
        ]
        ready = decimal(sum([component.earned for component in components])) if told or gate is not None else None
        return Upsell(ready, gate, coverage, components)


def gate_of(values: CustomerValues) -> UpsellGate | None:
    """Why a customer is not to be asked to buy more; None when nothing stands against it."""
    revenue = values.revenue
    if revenue is None:
        return None
    if revenue.payment_state == "late":
        return "payment_late"
    return None if revenue.paying else "not_paying"


def features(policy: UpsellPolicy, values: CustomerValues) -> Component:
    """Features used: of those available, else against the policy's number; unknown where use names none."""
    usage = values.usage
    if usage is None:
        return NOTHING
    evidence: Evidence = {"adoption": usage.adoption, "features_used_28d": usage.features_used_28d}
    if usage.adoption is not None:
        return Component(_percent(usage.adoption / policy.adoption_full), evidence)
    if usage.events_28d and not usage.features_used_28d:
        return Component(None, evidence)
    return Component(_percent(usage.features_used_28d / policy.features_full), evidence)


def engagement(policy: UpsellPolicy, values: CustomerValues) -> Component:
    """The engagement score."""
    usage = values.usage
    return NOTHING if usage is None else Component(usage.engagement_score, {"engagement_score": usage.engagement_score})


def tenure(policy: UpsellPolicy, values: CustomerValues) -> Component:
    """Days since the first payment."""
    if values.revenue is None or values.revenue.tenure_days is None:
        return NOTHING
    days = values.revenue.tenure_days
    return Component(_percent(days / policy.tenure_full_days), {"tenure_days": days})


def seats_near_limit(policy: UpsellPolicy, values: CustomerValues) -> Component:
    """Active users per seat, from the first that matters to the full share."""
    bought, users = seats(values), None if values.usage is None else values.usage.active_users_28d
    used = license_utilization(users, bought)
    evidence: Evidence = {"license_utilization": used, "seats": bought, "active_users_28d": users}
    if used is None:
        return Component(None, evidence)
    return Component(_percent((used - policy.seats_from) / (policy.seats_full - policy.seats_from)), evidence)


Read = Callable[[UpsellPolicy, CustomerValues], Component]
NOTHING = Component(None, {})
COMPONENTS: dict[ComponentName, Read] = {
    "features": features,
    "engagement": engagement,
    "tenure": tenure,
    "seats": seats_near_limit,
}


def _percent(share: float) -> float:
    return 100 * min(1.0, max(0.0, share))


def _component(name: ComponentName, reading: Component, weight: int, counts: bool) -> UpsellComponent:
    value = None if reading.value is None else decimal(reading.value)
    earned = 0 if value is None or not counts else round(weight * value / 100)
    return UpsellComponent(
        component=name, value=value, weight=weight / WHOLE, earned=earned / MICRO, evidence=reading.evidence
    )
