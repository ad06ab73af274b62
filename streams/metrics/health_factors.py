"""The eight factors of a health score: domain values in, a reading of 0-100 out, or none without data.

Each is a pure function of the values, the instant and its part of the policy. A reading says how fresh it is
and which figures it rests on; it never invents a value for what is unknown.
"""

from collections.abc import Callable

from msgspec import Struct

from schemas.metrics import (
    CustomerValues,
    FeedbackValues,
    RevenueValues,
    SupportValues,
)
from schemas.scores import FactorName
from streams.metrics.days import DAY_MS
from streams.metrics.derived import license_utilization, time_to_activate_days
from streams.metrics.health_policy import (
    BillingFactor,
    Freshness,
    HealthPolicy,
    RelationshipFactor,
    SupportFactor,
)

Evidence = dict[str, float | int | str | None]


class Reading(Struct, frozen=True):
    """What a factor says: 0-100 or nothing, the share of its weight age has left, the figures behind it."""

    value: float | None
    freshness: float
    evidence: Evidence


NOTHING = Reading(None, 0.0, {})
_NPS_OF_CLASS = {"promoter": 100.0, "passive": 0.0, "detractor": -100.0}


def engagement(policy: HealthPolicy, values: CustomerValues, as_of: int) -> Reading:
    """The engagement score, raised by questions asked."""
    usage = values.usage
    if usage is None:
        return NOTHING
    evidence: Evidence = {
        "engagement_score": usage.engagement_score,
        "active_days_28d": usage.active_days_28d,
        "days_since_last_use": usage.days_since_last_use,
    }
    value = usage.engagement_score
    if value is not None and values.support is not None and values.support.questions_28d:
        questions = values.support.questions_28d
        evidence["questions_28d"] = questions
        parameters = policy.engagement
        value += min(questions * parameters.points_per_question, parameters.points_of_questions_max)
        value = min(100.0, value)
    return Reading(value, 1.0, evidence)


def adoption(policy: HealthPolicy, values: CustomerValues, as_of: int) -> Reading:
    """Features used of those available and users of the seats bought: the mean of what is known."""
    usage = values.usage
    if usage is None:
        return NOTHING
    utilization = license_utilization(usage.active_users_28d, seats(values))
    evidence: Evidence = {
        "adoption": usage.adoption,
        "features_used_28d": usage.features_used_28d,
        "license_utilization": utilization,
    }
    parts: list[float] = []
    if usage.adoption is not None:
        parts.append(min(1.0, usage.adoption / policy.adoption.adoption_full))
    if utilization is not None:
        parts.append(min(1.0, utilization / policy.adoption.seats_full))
    return Reading(100 * sum(parts) / len(parts) if parts else None, 1.0, evidence)


def activation(policy: HealthPolicy, values: CustomerValues, as_of: int) -> Reading:
    """100 once activated; without it nothing for a while, then less by the day."""
    usage = values.usage
    if usage is None:
        return NOTHING
    started = started_at(values)
    evidence: Evidence = {
        "activated_at": usage.activated_at,
        "time_to_activate_days": time_to_activate_days(started, usage.activated_at),
    }
    if usage.activated_at is not None:
        return Reading(100.0, 1.0, evidence)
    if started is None:
        return Reading(None, 1.0, evidence)
    age = (as_of - started) / DAY_MS
    evidence["days_since_start"] = int(age)
    parameters = policy.activation
    if age < parameters.grace_days:
        return Reading(None, 1.0, evidence)
    left = (parameters.limit_days - age) / (parameters.limit_days - parameters.grace_days)
    return Reading(max(0.0, 100 * left), 1.0, evidence)


def support(policy: HealthPolicy, values: CustomerValues, as_of: int) -> Reading:
    """100 less the points that tickets, escalations and waiting cost; nothing without tickets."""
    tickets = values.support
    if tickets is None or tickets.last_ticket_at is None:
        return NOTHING
    evidence: Evidence = {
        "tickets_opened_28d": tickets.tickets_opened_28d,
        "tickets_open": tickets.tickets_open,
        "tickets_open_urgent": tickets.tickets_open_urgent,
        "escalations_28d": tickets.escalations_28d,
        "first_response_minutes_28d": tickets.first_response_minutes_28d,
        "first_resolution_hours_28d": tickets.first_resolution_hours_28d,
        "oldest_open_hours": tickets.oldest_open_hours,
    }
    parameters = policy.support
    # What is open is of today, however long ago the last ticket came.
    age_ms = 0 if tickets.tickets_open else as_of - tickets.last_ticket_at
    lost = _support_lost(parameters, tickets)
    return Reading(max(0.0, 100 - lost), freshness(parameters.freshness, age_ms), evidence)


def _support_lost(parameters: SupportFactor, tickets: SupportValues) -> float:
    troubles = max(0, tickets.tickets_opened_28d - tickets.questions_28d)
    slow = (
        _overrun(tickets.first_response_minutes_28d, parameters.response_minutes)
        + _overrun(tickets.first_resolution_hours_28d, parameters.resolution_hours)
        + _overrun(tickets.oldest_open_hours, parameters.open_hours)
    )
    return (
        troubles * parameters.points_per_ticket
        + tickets.tickets_open_urgent * parameters.points_per_urgent_open
        + tickets.escalations_28d * parameters.points_per_escalation
        + tickets.reopenings_28d * parameters.points_per_reopening
        + slow * parameters.points_slow
    )


def _overrun(duration: float | None, limit: float) -> float:
    """0 up to the limit, 1 from twice the limit."""
    return 0.0 if duration is None else min(1.0, max(0.0, duration / limit - 1))


def relationship(policy: HealthPolicy, values: CustomerValues, as_of: int) -> Reading:
    """NPS, CSAT and CES, weighing less the longer the last answer is ago."""
    said = values.feedback
    if said is None or said.last_answer_at is None:
        return NOTHING
    parameters = policy.relationship
    evidence: Evidence = {
        "nps": said.nps,
        "nps_class": None if said.last_nps is None else said.last_nps.nps_class,
        "csat": said.csat,
        "ces_mean": said.ces_mean,
        "responses_90d": said.responses_90d,
    }
    fresh = freshness(parameters.freshness, as_of - said.last_answer_at)
    return Reading(_relationship_value(parameters, said, as_of, fresh), fresh, evidence)


def _relationship_value(parameters: RelationshipFactor, said: FeedbackValues, as_of: int, fresh: float) -> float | None:
    weight = points = 0.0
    nps, last = said.nps, said.last_nps
    if last is not None:
        nps = _NPS_OF_CLASS[last.nps_class] if nps is None else nps
        # An old NPS answer must not borrow the freshness of a new rating of something else.
        weight = parameters.nps_weight * freshness(parameters.freshness, as_of - last.answered_at)
        points = weight * (nps + 100) / 2
    if said.csat_ratings_90d:
        prior = parameters.csat_prior_ratings
        positive = said.csat_positive_90d + prior * parameters.csat_prior
        weight += parameters.csat_weight * fresh
        points += parameters.csat_weight * fresh * 100 * positive / (said.csat_ratings_90d + prior)
    if said.ces_mean is not None:
        weight += parameters.ces_weight * fresh
        points += parameters.ces_weight * fresh * 100 * said.ces_mean
    return points / weight if weight else None


def billing(policy: HealthPolicy, values: CustomerValues, as_of: int) -> Reading:
    """100 less what overdue invoices, contraction and a coming end cost; 0 after the last end."""
    revenue = values.revenue
    if revenue is None:
        return NOTHING
    evidence: Evidence = {
        "payment_state": revenue.payment_state,
        "days_overdue": revenue.days_overdue,
        "mrr_minor": revenue.mrr_minor,
        "mrr_28d_ago_minor": revenue.mrr_28d_ago_minor,
        "cancellations_reported_90d": revenue.cancellations_reported_90d,
        "days_to_renewal": revenue.days_to_renewal,
    }
    if revenue.paying:
        return Reading(max(0.0, 100 - _billing_lost(policy.billing, revenue)), 1.0, evidence)
    return Reading(None if revenue.churned_at is None else 0.0, 1.0, evidence)


def _billing_lost(parameters: BillingFactor, revenue: RevenueValues) -> float:
    lost = (revenue.days_overdue or 0) * parameters.points_per_day_overdue
    if revenue.cancellation_reported_while_paying or 0 < revenue.subscriptions_active <= revenue.subscriptions_ending:
        lost += parameters.points_cancellation
    if revenue.mrr_minor < revenue.mrr_28d_ago_minor:
        lost += parameters.points_contraction * (1 - revenue.mrr_minor / revenue.mrr_28d_ago_minor)
    days = revenue.days_to_renewal
    if revenue.renewal_automatic is False and days is not None and days <= parameters.renewal_days:
        lost += parameters.points_renewal
    return lost


def value(policy: HealthPolicy, values: CustomerValues, as_of: int) -> Reading:
    """Milestones reached of those expected."""
    if values.usage is None:
        return NOTHING
    reached = values.usage.milestones
    return Reading(min(100.0, 100 * reached / policy.value.milestones_expected), 1.0, {"milestones": reached})


def trend(policy: HealthPolicy, values: CustomerValues, as_of: int) -> Reading:
    """Use of the last 14 days against the 14 before: none is 0, the same `steady`, twice 4/3 of it."""
    usage = values.usage
    if usage is None:
        return NOTHING
    evidence: Evidence = {
        "usage_trend": usage.usage_trend,
        "active_days_14d": usage.active_days_14d,
        "active_days_prev_14d": usage.active_days_prev_14d,
    }
    ratio = usage.usage_trend
    if ratio is None:
        return Reading(None, 1.0, evidence)
    return Reading(min(100.0, policy.trend.steady * 2 * ratio / (1 + ratio)), 1.0, evidence)


Read = Callable[[HealthPolicy, CustomerValues, int], Reading]
FACTORS: dict[FactorName, Read] = {
    "engagement": engagement,
    "adoption": adoption,
    "activation": activation,
    "support": support,
    "relationship": relationship,
    "billing": billing,
    "value": value,
    "trend": trend,
}


def freshness(policy: Freshness, age_ms: int) -> float:
    """Share of its weight that data of this age keep, (0, 1].

    Example:
        >>> freshness(Freshness(fresh_days=30.0, half_life_days=60.0), 90 * DAY_MS)
        0.5
    """
    overdue_days = age_ms / DAY_MS - policy.fresh_days
    return 1.0 if overdue_days <= 0 else float(0.5 ** (overdue_days / policy.half_life_days))


def seats(values: CustomerValues) -> int | None:
    """Seats bought: what billing says, else what the account says; None when neither knows."""
    if values.revenue is not None and values.revenue.seats is not None:
        return values.revenue.seats
    return None if values.account is None else values.account.seats


def started_at(values: CustomerValues) -> int | None:
    """When the customer began: sign-up, else first payment, else first use; epoch ms, None when unknown."""
    signed_up = None if values.account is None else values.account.signed_up_at
    first_paid = None if values.revenue is None else values.revenue.first_paid_at
    first_used = None if values.usage is None else values.usage.first_used_at
    return next((at for at in (signed_up, first_paid, first_used) if at is not None), None)
