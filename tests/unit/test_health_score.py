from typing import Any

import pytest

from schemas.metrics import CustomerValues, FeedbackValues, NpsAnswer, RevenueValues, UsageValues
from schemas.scores import Band
from streams.metrics.days import DAY_MS
from streams.metrics.health import Health, HealthMemory, HealthScorer, band_of
from streams.metrics.health_policy import ActivationFactor, HealthPolicy, HealthWeights, RelationshipFactor

DAY = 1000
NOW = DAY * DAY_MS
POLICY = HealthPolicy(
    weights=HealthWeights(
        engagement=60, adoption=0, activation=0, support=0, relationship=20, billing=20, value=0, trend=0
    ),
    min_coverage=0.5,
)
SCORER = HealthScorer(POLICY, "test")


def used(score: float) -> UsageValues:
    return UsageValues(engagement_score=score)


def answered(age_days: int, nps_class: Any = "promoter") -> FeedbackValues:
    at = NOW - age_days * DAY_MS
    answer = NpsAnswer(response_id="r", event_id="e", score=10, nps_class=nps_class, answered_at=at)
    return FeedbackValues(last_answer_at=at, last_nps=answer)


def score(previous: HealthMemory | None = None, **values: Any) -> Health:
    return SCORER.score(CustomerValues(**values), NOW, DAY - 1, previous)


def memory(band: Band, points: float | None = 50.0) -> HealthMemory:
    return HealthMemory(day=DAY - 2, score=points, band=band, earned={"engagement": points or 0.0})


def test_the_score_is_the_weighted_mean_of_the_factors() -> None:
    health = score(usage=used(50), revenue=RevenueValues(paying=True), feedback=answered(0))
    assert (health.score, health.band, health.coverage) == (70.0, "yellow", 1.0)
    assert [(f.factor, f.weight, f.earned, f.missed) for f in health.factors] == [
        ("engagement", 0.6, 30.0, 30.0),
        ("relationship", 0.2, 20.0, 0.0),
        ("billing", 0.2, 20.0, 0.0),
    ]


def test_a_factor_without_data_gives_its_weight_to_the_others() -> None:
    health = score(usage=used(50), revenue=RevenueValues(paying=True))
    assert (health.score, health.coverage) == (62.5, 0.8)
    missing = health.factors[1]
    assert (missing.value, missing.weight, missing.earned, missing.missed) == (None, 0.0, 0.0, 0.0)


def test_ageing_data_weigh_less_and_lower_the_coverage() -> None:
    fresh, aged = score(usage=used(0), feedback=answered(30)), score(usage=used(0), feedback=answered(90))
    assert (fresh.score, fresh.coverage) == (25.0, 0.8)
    assert (aged.score, aged.coverage) == (pytest.approx(100 / 7, abs=1e-6), 0.7)
    gone = score(usage=used(0), feedback=answered(30 + 60 * 5))
    assert (gone.score, gone.coverage) == (0.0, 0.6)
    assert gone.factors[1].value is None


def test_the_band_is_unknown_under_the_least_coverage_while_the_score_stands() -> None:
    health = score(revenue=RevenueValues(paying=True), feedback=answered(0, "detractor"))
    assert (health.score, health.band, health.coverage, health.lift) == (50.0, "unknown", 0.4, None)


def test_without_any_data_there_is_no_score() -> None:
    health = score(previous=memory("green", 90.0))
    assert (health.score, health.band, health.coverage, health.lift) == (None, "unknown", 0.0, None)
    assert [(f.value, f.earned, f.change) for f in health.factors] == [(None, 0.0, None)] * 3
    assert health.memory == HealthMemory(
        day=DAY - 1,
        score=None,
        band="unknown",
        earned={"engagement": 0.0, "relationship": 0.0, "billing": 0.0},
    )


def test_the_change_is_told_by_factor_and_counts_what_went_missing() -> None:
    before = score(usage=used(50), revenue=RevenueValues(paying=True), feedback=answered(0))
    after = score(previous=before.memory, usage=used(50), feedback=answered(0))
    assert {f.factor: f.change for f in after.factors} == {
        "engagement": 7.5,
        "relationship": 5.0,
        "billing": -20.0,
    }
    assert score(usage=used(50)).factors[0].change is None
    assert score(previous=memory("unknown", None), usage=used(50)).factors[0].change is None


@pytest.mark.parametrize(
    "points, previous, band",
    [
        (49.999999, None, "red"),
        (50.0, None, "yellow"),
        (75.0, None, "green"),
        (50.0, "unknown", "yellow"),
        (52.999999, "red", "red"),
        (53.0, "red", "yellow"),
        (78.0, "red", "green"),
        (47.0, "yellow", "yellow"),
        (46.999999, "yellow", "red"),
        (77.999999, "yellow", "yellow"),
        (78.0, "yellow", "green"),
        (72.0, "green", "green"),
        (71.999999, "green", "yellow"),
        (46.999999, "green", "red"),
    ],
)
def test_a_band_is_kept_until_its_bound_is_passed_by_the_hysteresis(
    points: float, previous: Band | None, band: Band
) -> None:
    assert band_of(POLICY, points, previous) == band


def test_the_lift_is_the_smallest_change_that_reaches_and_keeps_the_next_band() -> None:
    values = {"usage": used(20), "revenue": RevenueValues(paying=True), "feedback": answered(0, "passive")}
    health = score(**values)
    assert (health.score, health.band) == (42.0, "red")
    assert health.lift is not None
    assert (health.lift.factor, health.lift.value_from, health.lift.band) == ("engagement", 20.0, "yellow")
    assert health.lift.value_to == pytest.approx(20 + 11 / 0.6, abs=1e-3)
    lifted = score(previous=health.memory, **{**values, "usage": used(health.lift.value_to)})
    assert lifted.band == "yellow"


def test_the_lift_goes_by_the_size_of_the_change_not_by_where_it_ends() -> None:
    health = score(usage=used(60), revenue=RevenueValues(paying=True), feedback=answered(0, "detractor"))
    assert (health.score, health.band) == (56.0, "yellow")
    assert health.lift is not None  # relationship would have to rise by 110
    assert health.lift.factor == "engagement"
    near = score(usage=used(85), revenue=RevenueValues(paying=True), feedback=answered(0, "detractor"))
    assert (near.score, near.lift.factor if near.lift else None) == (71.0, "engagement")  # to 97, not to 35


def test_no_lift_is_named_when_one_factor_cannot_reach_the_next_band() -> None:
    even = HealthScorer(HealthPolicy(weights=HealthWeights(engagement=34, relationship=33, billing=33)), "even")
    lost = CustomerValues(usage=used(0), revenue=RevenueValues(churned_at=5), feedback=answered(0, "detractor"))
    health = even.score(lost, NOW, DAY - 1, None)
    assert (health.score, health.band, health.lift) == (0.0, "red", None)


def test_green_needs_no_lift() -> None:
    health = score(usage=used(100), revenue=RevenueValues(paying=True), feedback=answered(0))
    assert (health.score, health.band, health.lift) == (100.0, "green", None)


def test_factors_without_weight_are_left_out() -> None:
    assert [f.factor for f in score(usage=used(1)).factors] == ["engagement", "relationship", "billing"]


def test_policies_that_could_not_work_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one weight above 0"):
        HealthWeights(engagement=0, adoption=0, activation=0, support=0, relationship=0, billing=0, value=0, trend=0)
    with pytest.raises(ValueError, match="got 3, 50 and 56"):
        HealthPolicy(green_from=56.0)
    with pytest.raises(ValueError, match="got 3, 50 and 98"):
        HealthPolicy(green_from=98.0)
    with pytest.raises(ValueError, match="got 10, 10 and 75"):
        HealthPolicy(yellow_from=10.0, hysteresis_points=10.0)
    with pytest.raises(ValueError, match="grace_days < limit_days, got 45 and 45"):
        ActivationFactor(grace_days=45.0)
    with pytest.raises(ValueError, match="nps_weight, csat_weight or ces_weight above 0"):
        RelationshipFactor(nps_weight=0, csat_weight=0, ces_weight=0)
