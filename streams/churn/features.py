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
from streams.churn.linear import Prior
from streams.churn.readings import (
    TYPICAL_MRR_PER_USER,
    TYPICAL_USAGE,
    TYPICAL_USAGE_PER_USER,
    Number,
    Reading,
    field,
)
from streams.churn.scale import Constants, Transform, number

Family = Literal["usage", "lifecycle", "billing", "support", "feedback"]
FAMILIES: tuple[Family, ...] = ("usage", "lifecycle", "billing", "support", "feedback")

Bounds = tuple[float | None, float | None]
ANY: Bounds = (None, None)
FROM_0: Bounds = (0, None)
SHARE: Bounds = (0, 1)


class Feature(Struct, frozen=True):
    """One feature.

    Attributes:
        name: as in snapshots and models.
        unit: of the natural value.
        bounds: of the natural value, both included; None for none.
        family: reasons are summed and shown by family.
        transform: `log` is the signed log, for heavy tails.
        typical: natural value of a typical customer; there the feature contributes nothing.
        scale: one spread, in transformed units, > 0.
        weight: the expert's log-odds per spread; its sign is the direction the expert expects, never 0.
        raises: reason code when it raises the risk as the expert expects.
        protects: reason code when it lowers the risk as the expert expects.
        read: its reading from metric values.
        evidence: metric values the reason's text needs besides, as `domain.field`; where two domains have the field,
            the later one's unless that is unknown or 0.
        counted: says how much was used in 28 days, so absent of a customer that is not settled (`readings.is_settled`).
    """

    name: str
    unit: str
    bounds: Bounds
    family: Family
    transform: Transform
    typical: float
    scale: float
    weight: float
    raises: str
    protects: str
    read: Reading
    evidence: tuple[str, ...] = ()
    counted: bool = False


# fmt: off
FEATURES: tuple[Feature, ...] = (
    Feature("active_days_28d", "days of 28", (0, 28), "usage", "linear", 12.0, 8.0, -0.20,
            "usage_rare", "usage_frequent", field("usage", "active_days_28d"), counted=True),
    Feature("days_since_last_use", "days", FROM_0, "usage", "log", 2.0, 1.0, 0.30,
            "usage_silent", "usage_recent", field("usage", "days_since_last_use")),
    Feature("usage_trend", "ratio", FROM_0, "usage", "linear", 1.0, 0.35, -0.20,
            "usage_days_falling", "usage_days_growing", field("usage", "usage_trend"),
            ("usage.active_days_14d", "usage.active_days_prev_14d")),
    Feature("usage_change", "log ratio", ANY, "usage", "linear", 0.0, 0.5, -0.20,
            "usage_falling", "usage_growing", readings.usage_change,
            ("usage.events_14d", "usage.events_prev_14d")),
    Feature("quantity_28d", "units", FROM_0, "usage", "log", TYPICAL_USAGE, 1.5, -0.10,
            "usage_low", "usage_high", field("usage", "quantity_28d"), counted=True),
    Feature("features_used_28d", "features", FROM_0, "usage", "log", 5.0, 0.7, -0.15,
            "usage_narrow", "usage_broad", field("usage", "features_used_28d"), counted=True),
    Feature("active_users_28d", "users", FROM_0, "usage", "log", 8.0, 1.0, -0.10,
            "users_few", "users_many", field("usage", "active_users_28d"), counted=True),
    Feature("seats_used", "ratio", FROM_0, "usage", "linear", 0.6, 0.3, -0.15,
            "seats_unused", "seats_used", readings.seats_used,
            ("usage.active_users_28d", "account.seats", "revenue.seats"), counted=True),
    Feature("usage_per_user", "units per user", FROM_0, "usage", "log", TYPICAL_USAGE_PER_USER, 1.0, -0.20,
            "users_quiet", "users_busy", readings.usage_per_user,
            ("usage.quantity_28d", "usage.active_users_28d"), counted=True),
    Feature("error_share", "ratio", FROM_0, "usage", "linear", 0.02, 0.05, 0.05,
            "usage_errors", "usage_smooth", readings.error_share, ("usage.errors_28d", "usage.events_28d")),
    Feature("tenure_days", "days", FROM_0, "lifecycle", "log", 365.0, 1.0, -0.20,
            "customer_new", "customer_long_standing", field("revenue", "tenure_days")),
    Feature("not_activated", "0 or 1", SHARE, "lifecycle", "linear", 0.0, 1.0, 0.20,
            "not_activated", "activated", readings.not_activated, ("revenue.tenure_days",)),
    Feature("onboarding_progress", "ratio", SHARE, "lifecycle", "linear", 0.5, 0.35, -0.15,
            "onboarding_little", "onboarding_far", readings.onboarding_progress,
            ("usage.onboarding_steps_done", "usage.onboarding_steps_total")),
    Feature("onboarding_overdue", "0 or 1", SHARE, "lifecycle", "linear", 0.0, 1.0, 0.25,
            "onboarding_overdue", "onboarding_in_time", readings.onboarding_overdue,
            ("usage.onboarding_steps_done", "usage.onboarding_steps_total")),
    Feature("mrr", "minor units", FROM_0, "billing", "log", 50_000.0, 1.5, -0.10,
            "mrr_low", "mrr_high", field("revenue", "mrr_minor")),
    Feature("mrr_per_user", "minor units", FROM_0, "billing", "log", TYPICAL_MRR_PER_USER, 1.0, 0.20,
            "users_dear", "users_cheap", readings.mrr_per_user,
            ("revenue.mrr_minor", "usage.active_users_28d"), counted=True),
    Feature("mrr_change", "log ratio", ANY, "billing", "linear", 0.0, 0.3, -0.20,
            "mrr_falling", "mrr_growing", readings.mrr_change,
            ("revenue.mrr_minor", "revenue.mrr_28d_ago_minor")),
    Feature("days_overdue", "days", FROM_0, "billing", "log", 0.0, 1.5, 0.25,
            "invoice_overdue", "payments_current", readings.days_overdue),
    Feature("renewal_due", "0 or 1", SHARE, "billing", "linear", 0.0, 1.0, 0.60,
            "renewal_due", "renewal_far", readings.renewal_due, ("revenue.days_to_renewal",)),
    Feature("renewal_due_term", "log ratio", ANY, "billing", "linear", 0.0, 1.0, 0.50,
            "renewal_due_long", "renewal_due_short", readings.renewal_due_term,
            ("revenue.days_to_renewal", "revenue.renewal_period_days")),
    Feature("renewal_due_level", "log ratio", ANY, "billing", "linear", 0.0, 1.5, -0.10,
            "renewal_due_little", "renewal_due_much", readings.renewal_due_level,
            ("revenue.days_to_renewal", "usage.quantity_28d"), counted=True),
    Feature("renewal_due_use", "log ratio", ANY, "billing", "linear", 0.0, 1.0, -0.20,
            "renewal_due_quiet", "renewal_due_busy", readings.renewal_due_use,
            ("revenue.days_to_renewal", "usage.quantity_28d", "usage.active_users_28d"), counted=True),
    Feature("renewal_due_price", "log ratio", ANY, "billing", "linear", 0.0, 1.0, 0.20,
            "renewal_due_dear", "renewal_due_cheap", readings.renewal_due_price,
            ("revenue.days_to_renewal", "revenue.mrr_minor", "usage.active_users_28d"), counted=True),
    Feature("renewal_by_hand", "0 or 1", SHARE, "billing", "linear", 0.0, 1.0, 0.30,
            "renewal_by_hand", "renewal_automatic", readings.renewal_by_hand, ("revenue.days_to_renewal",)),
    Feature("ending_share", "ratio", SHARE, "billing", "linear", 0.0, 1.0, 3.00,
            "end_announced", "end_none_announced", readings.ending_share,
            ("revenue.days_to_end", "revenue.subscriptions_ending")),
    Feature("cancellation_reported", "0 or 1", SHARE, "billing", "linear", 0.0, 1.0, 2.00,
            "cancellation_reported", "cancellation_none", readings.cancellation_reported,
            ("revenue.cancellations_reported_90d",)),
    Feature("subscriptions_active", "subscriptions", FROM_0, "billing", "log", 1.0, 0.5, -0.15,
            "subscriptions_few", "subscriptions_many", field("revenue", "subscriptions_active")),
    Feature("tickets_open", "tickets", FROM_0, "support", "log", 0.0, 0.7, 0.15,
            "tickets_open", "tickets_none_open", field("support", "tickets_open"),
            ("support.oldest_open_hours",)),
    Feature("tickets_open_urgent", "tickets", FROM_0, "support", "log", 0.0, 0.7, 0.15,
            "tickets_urgent", "tickets_none_urgent", field("support", "tickets_open_urgent")),
    Feature("tickets_opened_28d", "tickets", FROM_0, "support", "log", 1.0, 0.7, 0.10,
            "tickets_many", "tickets_few", field("support", "tickets_opened_28d")),
    Feature("escalations_28d", "tickets", FROM_0, "support", "log", 0.0, 0.7, 0.20,
            "tickets_escalated", "tickets_calm", field("support", "escalations_28d")),
    Feature("reopenings_28d", "tickets", FROM_0, "support", "log", 0.0, 0.7, 0.10,
            "tickets_reopened", "tickets_stay_solved", field("support", "reopenings_28d")),
    Feature("sla_breaches_28d", "tickets", FROM_0, "support", "log", 0.0, 0.7, 0.15,
            "sla_breached", "sla_kept", field("support", "sla_breaches_28d")),
    Feature("first_response_hours", "hours", FROM_0, "support", "log", 4.0, 1.2, 0.10,
            "support_slow", "support_fast", readings.first_response_hours, ("support.tickets_open",)),
    Feature("first_resolution_hours_90d", "hours", FROM_0, "support", "log", 24.0, 1.2, 0.10,
            "resolution_slow", "resolution_fast", field("support", "first_resolution_hours_90d")),
    Feature("oldest_open_hours", "hours", FROM_0, "support", "log", 48.0, 1.2, 0.10,
            "ticket_waiting", "ticket_fresh", field("support", "oldest_open_hours"),
            ("support.tickets_open",)),
    Feature("questions_28d", "tickets", FROM_0, "support", "log", 0.0, 0.7, -0.05,
            "questions_none", "questions_asked", field("support", "questions_28d")),
    Feature("nps", "points", (-100, 100), "feedback", "linear", 30.0, 50.0, -0.25,
            "nps_low", "nps_high", field("feedback", "nps"),
            ("feedback.detractors_90d", "feedback.promoters_90d")),
    Feature("csat", "ratio", SHARE, "feedback", "linear", 0.8, 0.25, -0.20,
            "csat_low", "csat_high", field("feedback", "csat"),
            ("feedback.csat_positive_90d", "feedback.csat_ratings_90d")),
    Feature("ces", "ratio", SHARE, "feedback", "linear", 0.7, 0.25, -0.15,
            "effort_high", "effort_low", field("feedback", "ces_top2"), ("feedback.ces_mean",)),
    Feature("follow_ups_open", "follow-ups", FROM_0, "feedback", "log", 0.0, 0.7, 0.10,
            "follow_up_missing", "follow_ups_done", field("feedback", "follow_ups_open")),
)
# fmt: on
RENEWAL: frozenset[str] = frozenset(feature.name for feature in FEATURES if feature.read in readings.OF_RENEWAL)
BY_NAME: Mapping[str, Feature] = {feature.name: feature for feature in FEATURES}
CONSTANTS: Constants = tuple((f.name, f.transform, f.typical, f.scale) for f in FEATURES)
PRIOR: Prior = tuple((f.name, f.weight) for f in FEATURES)
# What a family's reason is called when its weight points against the expert: shown, but without a direction.
UNDIRECTED: Mapping[str, str] = {family: f"{family}_pattern" for family in FAMILIES}
REASON_CODES: frozenset[str] = frozenset(
    {*(f.raises for f in FEATURES), *(f.protects for f in FEATURES), *UNDIRECTED.values()}
)

_COUNTABLE = 2**53
Readings = tuple[tuple[str, Reading], ...]
# By whether the customer is settled.
_READINGS: Mapping[bool, Readings] = {
    settled: tuple((feature.name, feature.read) for feature in FEATURES if settled or not feature.counted)
    for settled in (False, True)
}
_RENEWAL_READINGS: Mapping[bool, Readings] = {
    settled: tuple((name, reading) for name, reading in wanted if name in RENEWAL)
    for settled, wanted in _READINGS.items()
}


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
    return _read(values, _READINGS[readings.is_settled(values)])


def if_renewal_due(values: CustomerValues) -> dict[str, float]:
    """The features that a renewal has a part in, as they would be were it due today."""
    return _read(readings.with_renewal_due(values), _RENEWAL_READINGS[readings.is_settled(values)])


def _read(values: CustomerValues, wanted: Readings) -> dict[str, float]:
    known: dict[str, float] = {}
    for name, reading in wanted:
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
    told: dict[str, Number] = {}
    for domain, name in _paths(feature.evidence):
        value = getattr(getattr(values, domain), name, None)
        if value or name not in told:
            told[name] = value
    return told


@cache
def _paths(evidence: tuple[str, ...]) -> list[tuple[str, str]]:
    """Domains and fields."""
    return [(domain, name) for domain, _, name in (path.partition(".") for path in evidence)]
