"""Which weights and bounds hold for a customer, by segment and stage of the journey."""

from typing import Any

import pytest

from schemas.metrics import AccountValues, CustomerValues, RevenueValues, UsageValues
from streams.cli.metrics import label, made_with
from streams.errors import ConfigurationError
from streams.metrics.days import DAY_MS
from streams.metrics.health import Health, HealthScorer
from streams.metrics.health_policy import HealthPolicy
from streams.metrics.health_variants import HealthVariant, Journey, Stage, stage_of
from streams.metrics.profile import Profile, parse_profile

DAY = 1000
NOW = DAY * DAY_MS
HEAD = "name = 'acme'\nversion = 2\n"
TEXT = (
    HEAD
    + """
[health.weights]
engagement = 50
adoption = 0
activation = 0
support = 0
relationship = 0
billing = 50
trend = 0
[health.journey]
onboarding_days = 30
renewal_days = 10
[[health.variants]]
stage = "renewal"
weights = { engagement = 0 }
[[health.variants]]
segment = "enterprise"
weights = { billing = 0 }
green_from = 90
[[health.variants]]
segment = "enterprise"
stage = "renewal"
yellow_from = 30
min_coverage = 0.9
"""
)
PROFILE = parse_profile(TEXT.encode(), "acme.toml")


def score(segment: str | None = None, renewal: int | None = None, engagement: float = 40) -> Health:
    values = CustomerValues(
        usage=UsageValues(engagement_score=engagement, onboarded_at=1),
        revenue=RevenueValues(paying=True, days_to_renewal=renewal, renewal_automatic=True),
        account=AccountValues(name="A", segment=segment),
    )
    return HealthScorer(PROFILE.health, label(PROFILE)).score(values, NOW, DAY - 1, None)


@pytest.mark.parametrize(
    "segment, renewal, points, profile",
    [
        (None, None, 70.0, "acme@2"),
        ("startup", 11, 70.0, "acme@2"),
        ("startup", 10, 100.0, "acme@2/renewal"),
        ("enterprise", 11, 40.0, "acme@2/enterprise"),
        ("enterprise", 10, 70.0, "acme@2/enterprise/renewal"),
    ],
)
def test_the_most_particular_variant_holds(
    segment: str | None, renewal: int | None, points: float, profile: str
) -> None:
    health = score(segment, renewal)
    assert (health.score, health.profile) == (points, profile)


def test_a_variant_has_bounds_of_its_own() -> None:
    assert score("enterprise", engagement=89).band == "yellow"
    assert score("startup", engagement=60).band == "green"
    assert PROFILE.health.varied(PROFILE.health.variants[2]).yellow_from == 30.0
    assert PROFILE.health.varied(PROFILE.health.variants[2]).green_from == 75.0


def test_a_customer_that_changes_its_variant_sees_where_the_points_went() -> None:
    scorer = HealthScorer(PROFILE.health, "acme@2")
    paying = RevenueValues(paying=True, days_to_renewal=20, renewal_automatic=True)
    values = CustomerValues(usage=UsageValues(engagement_score=40, onboarded_at=1), revenue=paying)
    soon = RevenueValues(paying=True, days_to_renewal=5, renewal_automatic=True)
    before = scorer.score(values, NOW, DAY - 1, None)
    after = scorer.score(CustomerValues(usage=values.usage, revenue=soon), NOW + DAY_MS, DAY, before.memory)
    assert (before.score, after.score) == (70.0, 100.0)
    assert {f.factor: (f.weight, f.change) for f in after.factors} == {
        "engagement": (0.0, -20.0),
        "billing": (1.0, 50.0),
    }


@pytest.mark.parametrize(
    "usage, revenue, started_days_ago, stage",
    [
        (None, None, None, "adoption"),
        (None, None, 29, "onboarding"),
        (None, None, 30, "adoption"),
        (UsageValues(), RevenueValues(days_to_renewal=3), 1, "onboarding"),
        (UsageValues(onboarded_at=5), RevenueValues(days_to_renewal=3), 1, "renewal"),
        (UsageValues(onboarded_at=5), RevenueValues(days_to_renewal=11), 1, "adoption"),
        (UsageValues(onboarded_at=5), RevenueValues(), 1, "adoption"),
    ],
)
def test_the_stage_follows_checklist_and_renewal(
    usage: UsageValues | None, revenue: RevenueValues | None, started_days_ago: int | None, stage: Stage
) -> None:
    started = None if started_days_ago is None else NOW - started_days_ago * DAY_MS
    values = CustomerValues(usage=usage, revenue=revenue)
    assert stage_of(Journey(onboarding_days=30, renewal_days=10), values, started, NOW) == stage


@pytest.mark.parametrize(
    "variants, reason",
    [
        ("{ yellow_from = 40 }", "expected a segment, a stage or both"),
        ("{ stage = 'growth' }", "invalid enum value 'growth'"),
        ("{ stage = 'renewal' }, { stage = 'renewal' }", "expected one variant for each segment and stage"),
        ("{ segment = 'big', yellow_from = 74 }", "variant big: expected hysteresis_points < yellow_from"),
        ("{ segment = 'big', weights = { charm = 1 } }", "acme.toml:4, health.variants[0].weights"),
    ],
)
def test_a_variant_that_cannot_hold_is_refused(variants: str, reason: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_profile(f"{HEAD}[health]\nvariants = [{variants}]".encode(), "acme.toml")
    assert reason in str(refused.value)


def test_no_weight_is_left_where_a_variant_takes_the_last() -> None:
    nothing: Any = dict.fromkeys(PROFILE.health.weights.__struct_fields__, 0.0)
    with pytest.raises(ValueError, match="variant renewal: expected at least one weight above 0"):
        HealthPolicy(variants=(HealthVariant(stage="renewal", weights=nothing),))


def test_a_figure_is_explained_with_the_weights_of_its_variant() -> None:
    profile, doubt = made_with(PROFILE, "acme@2/enterprise")
    assert (profile.health.weights.billing, profile.health.green_from, doubt) == (0.0, 90.0, None)
    assert made_with(PROFILE, "acme@2/unheard-of") == (PROFILE, None)
    other = Profile(name="other", version=1)
    assert made_with(other, "acme@2/enterprise")[0] is other
