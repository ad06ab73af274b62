"""Invariants of the health score (METRICS.md section 9, item 5), under any values and any sensible policy."""

from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from schemas.metrics import (
    AccountValues,
    CustomerValues,
    FeedbackValues,
    NpsAnswer,
    RevenueValues,
    SupportValues,
    UsageValues,
)
from schemas.scores import Band
from streams.metrics.days import DAY_MS
from streams.metrics.health import HealthMemory, HealthScorer, band_of
from streams.metrics.health_policy import HealthPolicy, HealthWeights
from streams.metrics.health_variants import HealthVariant

DAY = 1000
NOW = DAY * DAY_MS
EXACT = 1e-9

points = st.floats(0, 100)
count = st.integers(0, 20)
past = st.integers(0, 900).map(lambda days: NOW - days * DAY_MS)

usage = st.builds(
    UsageValues,
    engagement_score=st.none() | points,
    adoption=st.none() | st.floats(0, 1),
    active_users_28d=st.none() | count,
    usage_trend=st.none() | st.floats(0, 50),
    milestones=count,
    first_used_at=st.none() | past,
    activated_at=st.none() | past,
)
support = st.builds(
    SupportValues,
    tickets_open=count,
    tickets_open_urgent=count,
    tickets_opened_28d=count,
    questions_28d=count,
    escalations_28d=count,
    first_response_minutes_28d=st.none() | st.floats(0, 1e6),
    last_ticket_at=st.none() | past,
)
revenue = st.builds(
    RevenueValues,
    paying=st.booleans(),
    mrr_minor=count,
    mrr_28d_ago_minor=count,
    days_overdue=st.none() | count,
    days_to_renewal=st.none() | st.integers(0, 90),
    churned_at=st.none() | past,
    seats=st.none() | count,
)
feedback = st.builds(
    FeedbackValues,
    nps=st.none() | st.floats(-100, 100),
    csat_positive_90d=st.just(1),
    csat_ratings_90d=st.integers(1, 9),
    last_answer_at=st.none() | past,
    last_nps=st.none()
    | st.builds(
        NpsAnswer,
        response_id=st.just("r"),
        event_id=st.just("e"),
        score=st.integers(0, 10),
        nps_class=st.sampled_from(("promoter", "passive", "detractor")),
        answered_at=past,
    ),
)
account = st.builds(
    AccountValues,
    name=st.just("Acme"),
    segment=st.sampled_from((None, "small", "large")),
    signed_up_at=st.none() | past,
)
domains = st.builds(
    CustomerValues,
    usage=st.none() | usage,
    support=st.none() | support,
    revenue=st.none() | revenue,
    feedback=st.none() | feedback,
    account=st.none() | account,
)
weight = st.floats(0, 100)
weights = st.builds(
    HealthWeights,
    engagement=st.floats(0.1, 100),
    adoption=weight,
    activation=weight,
    support=weight,
    relationship=weight,
    billing=weight,
    value=weight,
    trend=weight,
)
partial = st.dictionaries(st.sampled_from(("adoption", "support", "relationship", "billing", "trend")), weight)
variants = st.lists(
    st.builds(
        HealthVariant,
        segment=st.sampled_from((None, "small", "large")),
        stage=st.sampled_from(("onboarding", "adoption", "renewal")),
        weights=partial,
    ),
    max_size=3,
    unique_by=lambda variant: variant.key,
).map(tuple)
scorers = weights.map(lambda drawn: HealthScorer(HealthPolicy(weights=drawn, min_coverage=0.2), "drawn"))
varied_scorers = st.builds(
    lambda drawn, varied: HealthScorer(HealthPolicy(weights=drawn, min_coverage=0.2, variants=varied), "drawn"),
    weights,
    variants,
)


@given(scorer=scorers | varied_scorers, values=domains)
def test_contributions_sum_to_the_score_and_to_what_it_lacks(scorer: HealthScorer, values: CustomerValues) -> None:
    health = scorer.score(values, NOW, DAY, None)
    if health.score is None:
        assert all(f.earned == f.missed == f.weight == 0 for f in health.factors)
        return
    assert abs(sum(f.weight for f in health.factors) - 1) < EXACT
    assert abs(sum(f.earned for f in health.factors) - health.score) < EXACT
    assert abs(sum(f.missed for f in health.factors) - (100 - health.score)) < EXACT
    assert 0 <= health.score <= 100
    for factor in health.factors:
        assert factor.earned >= 0
        assert factor.missed >= 0
        if factor.value is not None:
            assert abs(factor.earned - factor.weight * factor.value) < 1e-6


@given(scorer=scorers | varied_scorers, yesterday=domains, today=domains)
def test_changes_by_factor_sum_to_the_change_of_the_score(
    scorer: HealthScorer, yesterday: CustomerValues, today: CustomerValues
) -> None:
    before = scorer.score(yesterday, NOW - DAY_MS, DAY - 1, None)
    after = scorer.score(today, NOW, DAY, before.memory)
    changes = [factor.change for factor in after.factors]
    if before.score is None or after.score is None:
        assert set(changes) == {None}
    else:
        assert abs(sum(change or 0 for change in changes) - (after.score - before.score)) < EXACT


@given(scorer=scorers, values=domains, gone=st.sampled_from(("usage", "support", "revenue", "feedback")))
def test_a_domain_without_data_leaves_no_contribution(scorer: HealthScorer, values: CustomerValues, gone: str) -> None:
    health = scorer.score(msgspec.structs.replace(values, **{gone: None}), NOW, DAY, None)
    resting_on = {
        "usage": {"engagement", "adoption", "activation", "value", "trend"},
        "support": {"support"},
        "revenue": {"billing"},
        "feedback": {"relationship"},
    }
    for factor in health.factors:
        if factor.factor in resting_on[gone]:
            assert (factor.value, factor.weight, factor.earned, factor.missed) == (None, 0, 0, 0)


@given(scorer=scorers, values=domains, band=st.sampled_from((None, "red", "yellow", "green", "unknown")))
def test_coverage_decides_whether_there_is_a_band(
    scorer: HealthScorer, values: CustomerValues, band: Band | None
) -> None:
    previous = None if band is None else HealthMemory(day=DAY - 1, score=50.0, band=band, earned={})
    health = scorer.score(values, NOW, DAY, previous)
    assert 0 <= health.coverage <= 1
    assert (health.band == "unknown") == (health.score is None or health.coverage < 0.2)
    assert (health.memory.score, health.memory.band) == (health.score, health.band)


@given(
    scorer=scorers | varied_scorers,
    values=domains,
    band=st.sampled_from(("red", "yellow", "green", "unknown")),
    before=st.tuples(st.none() | points, st.none() | points),
)
def test_of_the_day_before_only_the_band_matters_to_score_and_band(
    scorer: HealthScorer, values: CustomerValues, band: Band, before: tuple[float | None, float | None]
) -> None:
    """The alert machine knows a live score that is repeated by it (A1 in streams/alerts/machine.py)."""
    memories = [
        HealthMemory(day=DAY - ago, score=score, band=band, earned={"support": 5.0 * ago})
        for ago, score in enumerate(before, 1)
    ]
    one, other = (scorer.score(values, NOW, DAY, memory) for memory in memories)
    assert (one.score, one.band, one.lift) == (other.score, other.band, other.lift)
    assert one.score == scorer.score(values, NOW, DAY, None).score


@given(scorer=scorers, values=domains)
def test_the_lift_reaches_the_next_band_and_no_other_single_change_is_smaller(
    scorer: HealthScorer, values: CustomerValues
) -> None:
    health = scorer.score(values, NOW, DAY, None)
    policy = HealthPolicy()
    target = {"red": policy.yellow_from, "yellow": policy.green_from}.get(health.band)
    if target is None or health.score is None:
        assert health.lift is None
        return
    target += policy.hysteresis_points
    missing = target - health.score
    able = [f for f in health.factors if f.value is not None and f.missed > missing + 1e-3]
    if health.lift is None:
        assert not able
        return
    lift = health.lift
    factor = next(f for f in health.factors if f.factor == lift.factor)
    assert lift.value_from == factor.value
    assert factor.value < lift.value_to <= 100
    reached = health.score - factor.earned + factor.weight * lift.value_to
    assert reached >= target - 2e-6
    assert band_of(policy, max(reached, target), health.band) == lift.band
    for other in able:
        assert lift.value_to - factor.value <= missing / other.weight + 2e-4


@given(
    start=points,
    noise=st.lists(st.floats(0, 5.999), min_size=2, max_size=30),
    first=st.sampled_from((None, "red", "yellow", "green")),
)
def test_noise_smaller_than_the_hysteresis_flips_a_band_at_most_once(
    start: float, noise: list[float], first: Band | None
) -> None:
    policy = HealthPolicy(hysteresis_points=3.0)  # bounds are 6 points wide
    bands: list[Band] = []
    previous = first
    for shift in noise:
        previous = band_of(policy, min(100.0, start + shift), previous)
        bands.append(previous)
    changes = sum(one != other for one, other in pairwise(bands))
    assert changes <= 1


@given(values=domains, low=points, high=points)
def test_a_better_factor_never_lowers_the_score(values: CustomerValues, low: float, high: float) -> None:
    low, high = sorted((low, high))
    scorer = HealthScorer(HealthPolicy(), "default")
    worse, better = (
        scorer.score(msgspec.structs.replace(values, usage=UsageValues(engagement_score=score)), NOW, DAY, None).score
        for score in (low, high)
    )
    assert worse is not None
    assert better is not None
    assert worse <= better
