"""What `zelo reconcile` tells SQL of how a profile makes scores."""

from collections.abc import Iterator

from msgspec import Struct

from streams.metrics.health_factors import FACTORS
from streams.metrics.health_policy import HealthPolicy
from streams.metrics.profile import Profile
from streams.metrics.upsell import COMPONENTS
from streams.reconcile.scores import Scores, Variant


def scores_of(profile: Profile) -> Scores:
    """How the profile makes health and upsell readiness."""
    health, upsell, churn = profile.health, profile.upsell, profile.churn
    return Scores(
        variants=tuple(_variants(health, f"{profile.name}@{profile.version}")),
        health={
            "onboarding_days": health.journey.onboarding_days,
            "journey_renewal_days": health.journey.renewal_days,
            "min_freshness": health.min_freshness,
            **_numbers(health.engagement),
            **_numbers(health.adoption),
            **_numbers(health.activation),
            **_numbers(health.support),
            **_numbers(health.support.freshness, "support_"),
            **_numbers(health.relationship),
            **_numbers(health.relationship.freshness, "relationship_"),
            **_numbers(health.billing),
            **_numbers(health.value),
            **_numbers(health.trend),
        },
        upsell=_numbers(upsell),
        churn={
            "base_rate": churn.base_rate,
            "probability_floor": churn.probability_floor,
            "medium_at": churn.medium_at,
            "high_at": churn.high_at,
            "churn_horizon_days": churn.horizon_days,
            "least_odds_ratio": churn.least_odds_ratio,
            "max_raising": churn.max_raising,
            "max_protecting": churn.max_protecting,
        },
        plans={
            plan: len(set(offered)) if isinstance(offered, tuple) else offered
            for plan, offered in profile.engagement.features_by_plan.items()
        },
        components=tuple([getattr(upsell.weights, name) or -1.0 for name in COMPONENTS]),
    )


def _variants(policy: HealthPolicy, name: str) -> Iterator[Variant]:
    varied = [(one.segment or "", one.stage or "", one.name, policy.varied(one)) for one in policy.variants]
    everyone = [("", "", "", policy), *varied]
    told = {factor for factor in FACTORS if any(getattr(one.weights, factor) > 0 for *_, one in everyone)}
    for segment, stage, variant, one in everyone:
        yield Variant(
            profile=f"{name}/{variant}" if variant else name,
            segment=segment,
            stage=stage,
            weights=tuple([getattr(one.weights, factor) if factor in told else -1.0 for factor in FACTORS]),
            bounds=(one.yellow_from, one.green_from, one.hysteresis_points, one.min_coverage),
        )


def _numbers(section: Struct, prefix: str = "") -> dict[str, float]:
    """The settings of a section that are numbers, by name."""
    found = {prefix + name: getattr(section, name) for name in section.__struct_fields__}
    return {name: float(value) for name, value in found.items() if isinstance(value, int | float)}
