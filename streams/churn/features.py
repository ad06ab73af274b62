"""THE list of churn features: what each is, how it is scaled, what an expert expects, what its reason is.

Scaled, a feature is 0 for the typical customer and about 1 one spread away, so weights are log-odds per
spread. Typical values, scales and expert weights are configured, never learned: chosen after the recipe that
was measured (signed log on heavy tails, fixed constants, small expert weights), one by one not measured.
Changing a constant resets the feature's weight to its prior when a model of before is taken up
(`parameters.taken_up`).
"""

from collections.abc import Mapping
from functools import cache
from typing import Literal

from msgspec import Struct

from schemas.metrics import CustomerValues
from streams.churn import readings
from streams.churn.readings import (
    TYPICAL_MRR_PER_USER,
    TYPICAL_USAGE_PER_USER,
    Number,
    Reading,
    field,
)
from streams.churn.rls import Prior
from streams.churn.scale import Constants, Transform, number

Family = Literal["usage", "lifecycle", "billing", "support", "feedback"]
FAMILIES: tuple[Family, ...] = ("usage", "lifecycle", "billing", "support", "feedback")


class Feature(Struct, frozen=True):
    """One feature.

    Attributes:
        name: as in snapshots and models.
        unit: of the natural value.
        family: reasons are summed and shown by family.
        transform: `log` is the signed log, for heavy tails.
        typical: natural value of a typical customer; there the feature contributes nothing.
        scale: one spread, in transformed units, > 0.
        weight: the expert's log-odds per spread; its sign is the direction the expert expects, never 0.
        raises: reason code when it raises the risk as the expert expects.
        protects: reason code when it lowers the risk as the expert expects.
        read: its reading from metric values.
        evidence: metric values the reason's text needs besides, as `domain.field`.
    """

    name: str
    unit: str
    family: Family
    transform: Transform
    typical: float
    scale: float
    weight: float
    raises: str
    protects: str
    read: Reading
    evidence: tuple[str, ...] = ()


# fmt: off
FEATURES: tuple[Feature, ...] = (
    Feature("active_days_28d", "days of 28", "usage", "linear", 12.0, 8.0, -0.20,
            "usage_rare", "usage_frequent", field("usage", "active_days_28d")),
    Feature("days_since_last_use", "days", "usage", "log", 2.0, 1.0, 0.30,
            "usage_silent", "usage_recent", field("usage", "days_since_last_use")),
    Feature("usage_trend", "ratio", "usage", "linear", 1.0, 0.35, -0.20,
            "usage_days_falling", "usage_days_growing", field("usage", "usage_trend"),
            ("usage.active_days_14d", "usage.active_days_prev_14d")),
    Feature("usage_change", "log ratio", "usage", "linear", 0.0, 0.5, -0.20,
            "usage_falling", "usage_growing", readings.usage_change,
            ("usage.events_14d", "usage.events_prev_14d")),
    Feature("quantity_28d", "units", "usage", "log", 200.0, 1.5, -0.10,
            "usage_low", "usage_high", field("usage", "quantity_28d")),
    Feature("features_used_28d", "features", "usage", "log", 5.0, 0.7, -0.15,
            "usage_narrow", "usage_broad", field("usage", "features_used_28d")),
    Feature("active_users_28d", "users", "usage", "log", 8.0, 1.0, -0.10,
            "users_few", "users_many", field("usage", "active_users_28d")),
    Feature("seats_used", "ratio", "usage", "linear", 0.6, 0.3, -0.15,
            "seats_unused", "seats_used", readings.seats_used, ("usage.active_users_28d", "revenue.seats")),
    Feature("usage_per_user", "units per user", "usage", "log", TYPICAL_USAGE_PER_USER, 1.0, -0.20,
            "users_quiet", "users_busy", readings.usage_per_user,
            ("usage.quantity_28d", "usage.active_users_28d")),
    Feature("error_share", "ratio", "usage", "linear", 0.02, 0.05, 0.05,
            "usage_errors", "usage_smooth", readings.error_share, ("usage.errors_28d", "usage.events_28d")),
    Feature("tenure_days", "days", "lifecycle", "log", 365.0, 1.0, -0.20,
            "customer_new", "customer_long_standing", field("revenue", "tenure_days")),
    Feature("not_activated", "0 or 1", "lifecycle", "linear", 0.0, 1.0, 0.20,
            "not_activated", "activated", readings.not_activated, ("revenue.tenure_days",)),
    Feature("mrr", "minor units", "billing", "log", 50_000.0, 1.5, -0.10,
            "mrr_low", "mrr_high", field("revenue", "mrr_minor")),
    Feature("mrr_per_user", "minor units", "billing", "log", TYPICAL_MRR_PER_USER, 1.0, 0.20,
            "users_dear", "users_cheap", readings.mrr_per_user,
            ("revenue.mrr_minor", "usage.active_users_28d")),
    Feature("mrr_change", "log ratio", "billing", "linear", 0.0, 0.3, -0.20,
            "mrr_falling", "mrr_growing", readings.mrr_change,
            ("revenue.mrr_minor", "revenue.mrr_28d_ago_minor")),
    Feature("days_overdue", "days", "billing", "log", 0.0, 1.5, 0.25,
            "invoice_overdue", "payments_current", readings.days_overdue),
    Feature("renewal_due", "0 or 1", "billing", "linear", 0.0, 1.0, 0.60,
            "renewal_due", "renewal_far", readings.renewal_due, ("revenue.days_to_renewal",)),
    Feature("renewal_due_use", "log ratio", "billing", "linear", 0.0, 1.0, -0.20,
            "renewal_due_quiet", "renewal_due_busy", readings.renewal_due_use,
            ("revenue.days_to_renewal", "usage.quantity_28d", "usage.active_users_28d")),
    Feature("renewal_due_price", "log ratio", "billing", "linear", 0.0, 1.0, 0.20,
            "renewal_due_dear", "renewal_due_cheap", readings.renewal_due_price,
            ("revenue.days_to_renewal", "revenue.mrr_minor", "usage.active_users_28d")),
    Feature("renewal_by_hand", "0 or 1", "billing", "linear", 0.0, 1.0, 0.30,
            "renewal_by_hand", "renewal_automatic", readings.renewal_by_hand, ("revenue.days_to_renewal",)),
    Feature("cancellation_reported", "0 or 1", "billing", "linear", 0.0, 1.0, 1.00,
            "cancellation_reported", "cancellation_none", readings.cancellation_reported,
            ("revenue.cancellations_reported_90d",)),
    Feature("subscriptions_active", "subscriptions", "billing", "log", 1.0, 0.5, -0.15,
            "subscriptions_few", "subscriptions_many", field("revenue", "subscriptions_active")),
    Feature("tickets_open", "tickets", "support", "log", 0.0, 0.7, 0.15,
            "tickets_open", "tickets_none_open", field("support", "tickets_open"),
            ("support.oldest_open_hours",)),
    Feature("tickets_open_urgent", "tickets", "support", "log", 0.0, 0.7, 0.15,
            "tickets_urgent", "tickets_none_urgent", field("support", "tickets_open_urgent")),
    Feature("tickets_opened_28d", "tickets", "support", "log", 1.0, 0.7, 0.10,
            "tickets_many", "tickets_few", field("support", "tickets_opened_28d")),
    Feature("escalations_28d", "tickets", "support", "log", 0.0, 0.7, 0.20,
            "tickets_escalated", "tickets_calm", field("support", "escalations_28d")),
    Feature("first_response_hours", "hours", "support", "log", 4.0, 1.2, 0.10,
            "support_slow", "support_fast", readings.first_response_hours, ("support.tickets_open",)),
    Feature("first_resolution_hours_90d", "hours", "support", "log", 24.0, 1.2, 0.10,
            "resolution_slow", "resolution_fast", field("support", "first_resolution_hours_90d")),
    Feature("oldest_open_hours", "hours", "support", "log", 48.0, 1.2, 0.10,
            "ticket_waiting", "ticket_fresh", field("support", "oldest_open_hours"),
            ("support.tickets_open",)),
    Feature("questions_28d", "tickets", "support", "log", 0.0, 0.7, -0.05,
            "questions_none", "questions_asked", field("support", "questions_28d")),
    Feature("nps", "points", "feedback", "linear", 30.0, 50.0, -0.25,
            "nps_low", "nps_high", field("feedback", "nps"),
            ("feedback.detractors_90d", "feedback.promoters_90d")),
    Feature("csat", "ratio", "feedback", "linear", 0.8, 0.25, -0.20,
            "csat_low", "csat_high", field("feedback", "csat"),
            ("feedback.csat_positive_90d", "feedback.csat_ratings_90d")),
    Feature("follow_ups_open", "follow-ups", "feedback", "log", 0.0, 0.7, 0.10,
            "follow_up_missing", "follow_ups_done", field("feedback", "follow_ups_open")),
)
# fmt: on
BY_NAME: Mapping[str, Feature] = {feature.name: feature for feature in FEATURES}
CONSTANTS: Constants = tuple((f.name, f.transform, f.typical, f.scale) for f in FEATURES)
PRIOR: Prior = tuple((f.name, f.weight) for f in FEATURES)
# What a family's reason is called when its weight points against the expert: shown, but without a direction.
UNDIRECTED: Mapping[str, str] = {family: f"{family}_pattern" for family in FAMILIES}
REASON_CODES: frozenset[str] = frozenset(
    {*(f.raises for f in FEATURES), *(f.protects for f in FEATURES), *UNDIRECTED.values()}
)

_COUNTABLE = 2**53
_READINGS = tuple((feature.name, feature.read) for feature in FEATURES)


def features(values: CustomerValues) -> dict[str, float]:
    """The features of a customer, in natural units; those the values do not tell are absent.

    Args:
        values: metric values of one instant, for a snapshot those at the end of its day.

    Returns:
        Finite numbers by feature name, in the registry's order.

    Example:
        >>> from schemas.metrics import SupportValues
        >>> features(CustomerValues(support=SupportValues(tickets_open=2)))["tickets_open"]
        2.0
    """
    known: dict[str, float] = {}
    for name, reading in _READINGS:
        value = reading(values)
        if value is None:
            continue
        kind = type(value)
        if kind is float and value - value == 0.0:  # `number` would find the same, at twice the cost of all this
            known[name] = value
        elif kind is int and -_COUNTABLE < value < _COUNTABLE:
            known[name] = float(value)
        elif (finite := number(value)) is not None:
            known[name] = finite
    return known


def known(raw: Mapping[str, object]) -> dict[str, float]:
    """The finite numbers among `raw` that are features, in the registry's order; all else is dropped."""
    kept = {name: number(raw[name]) for name in BY_NAME if name in raw}
    return {name: value for name, value in kept.items() if value is not None}


def evidence(feature: Feature, values: CustomerValues) -> dict[str, Number]:
    """The metric values a reason's text needs, by METRICS.md id; None where not known."""
    return {name: getattr(getattr(values, domain), name, None) for domain, name in _paths(feature.evidence)}


@cache
def _paths(evidence: tuple[str, ...]) -> list[tuple[str, str]]:
    """Domains and fields."""
    return [(domain, name) for domain, _, name in (path.partition(".") for path in evidence)]
