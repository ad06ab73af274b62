"""What `zelo reconcile` tells SQL of a profile and the settings."""

from collections.abc import Iterator, Sequence
from typing import get_args

from schemas.events import Priority
from streams.app import profile_of
from streams.cli.recount_scores import scores_of
from streams.config import Settings
from streams.metrics.activation import (
    ActiveDays,
    AllOf,
    AnyCriterion,
    AnyOf,
    DistinctFeatures,
    FeatureUse,
    Leaf,
    Milestone,
    UsersDid,
)
from streams.metrics.calendar_policy import DaysOff
from streams.metrics.days import DAY_MS, HOUR_MS
from streams.metrics.engagement import EngagementPolicy
from streams.metrics.support_policy import SupportPolicy
from streams.reconcile.policy import Engagement, Policy, Support


def policy_of(settings: Settings) -> Policy:
    """What SQL must know of the settings and their profile."""
    profile = profile_of(settings)
    available, revenue, feedback = profile.engagement.features_available, profile.revenue, profile.feedback
    leaves, programs = spelled_out(
        (profile.activation.criterion, *(step.criterion for step in profile.onboarding.steps))
    )
    return Policy(
        zone=settings.timezone,
        lateness_ms=round(settings.lateness_seconds * 1000),
        horizon_ms=settings.horizon_days * DAY_MS,
        features=available if isinstance(available, tuple) else None,
        features_available=len(set(available)) if isinstance(available, tuple) else available,
        leaves=leaves,
        programs=programs,
        onboarding_days=profile.onboarding.limit_days,
        list_prices=revenue.discounts == "gross",
        metered_counts=revenue.metered == "included",
        churn_date=revenue.churn_date,
        refunds_count=revenue.refunds == "negative",
        past_due_days=revenue.past_due_days,
        allowed_gap_days=revenue.allowed_gap_days,
        gross_margin=revenue.gross_margin,
        churn_target=revenue.churn_target,
        urgent=profile.support.urgent_priorities,
        csat_from=feedback.csat_positive_from,
        smiley_from=feedback.smiley_positive_from,
        thumbs_from=feedback.thumbs_positive_from,
        ces_from=feedback.ces_top_from,
        follow_up_ms=round(feedback.follow_up_hours * HOUR_MS),
        session_gap_seconds=profile.sessions.gap_minutes * 60 if profile.sessions.counted else 0,
        engagement=_engagement(profile.engagement),
        support=_support(profile.support, settings.timezone),
        scores=scores_of(profile),
    )


def _engagement(policy: EngagementPolicy) -> Engagement:
    weights = policy.weights
    return Engagement(
        recency_weight=weights.recency,
        frequency_weight=weights.frequency,
        breadth_weight=weights.breadth,
        depth_weight=weights.depth,
        trend_weight=weights.trend,
        recency_half_life_days=policy.recency_half_life_days,
        active_days_full=policy.active_days_full,
        features_full=policy.features_full,
        uses_full_per_user=policy.uses_full_per_user,
        uses_full_per_day=policy.uses_full_per_day,
        min_tenure_days=policy.min_tenure_days,
        good_from=policy.good_from,
        excellent_from=policy.excellent_from,
    )


def _support(policy: SupportPolicy, zone: str) -> Support:
    limits: list[tuple[str, float]] = []
    for priority in (*get_args(Priority), None):
        allowed = policy.sla.of(priority)
        for what, minutes in (("response", allowed.response_minutes), ("resolution", allowed.resolution_minutes)):
            if minutes is not None:
                limits.append((f"{what} {priority or ''}", minutes))
    spans = enumerate(policy.calendar.hours.spans(), start=1)
    return Support(
        zone=policy.calendar.time_zone or zone,
        hours=tuple([(weekday, *span) for weekday, of_day in spans for span in of_day]),
        is_day_off=DaysOff(policy.calendar).__contains__,
        limits=tuple(limits),
        limits_work=policy.sla.time == "business",
        review_days=policy.fcr_review_days,
    )


def spelled_out(
    criteria: Sequence[AnyCriterion],
) -> tuple[tuple[tuple[str, int, str, int], ...], tuple[tuple[tuple[str, int], ...], ...]]:
    """Criteria as `Policy` has them: leaves and programs."""
    leaves: list[tuple[str, int, str, int]] = []

    def program(criterion: AnyCriterion) -> Iterator[tuple[str, int]]:
        if isinstance(criterion, AllOf | AnyOf):
            for inner in criterion.of:
                yield from program(inner)
            yield "all" if isinstance(criterion, AllOf) else "any", len(criterion.of)
        else:
            leaves.append(_leaf(criterion))
            yield "leaf", len(leaves)

    programs = tuple([tuple(program(criterion)) for criterion in criteria])
    return tuple(leaves), programs


def _leaf(criterion: Leaf) -> tuple[str, int, str, int]:
    match criterion:
        case FeatureUse():
            return "feature_used", 1, criterion.feature, 0
        case Milestone():
            return "milestone", 1, criterion.milestone, 0
        case UsersDid():
            within = 0 if criterion.within_days is None else criterion.within_days * DAY_MS
            rule = "users_did" if criterion.feature is None else "users_did_it"
            return rule, criterion.n, criterion.feature or "", within
        case DistinctFeatures():
            return "distinct_features", criterion.n, "", 0
        case ActiveDays():
            return "active_days", criterion.n, "", 0
