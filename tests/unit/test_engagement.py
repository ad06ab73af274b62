import pytest

from streams.metrics import engagement
from streams.metrics.engagement import (
    Components,
    EngagementPolicy,
    EngagementWeights,
    engagement_band,
    engagement_score,
)

POLICY = EngagementPolicy()


@pytest.mark.parametrize("days, expected", [(0.0, 1.0), (7.0, 0.5), (21.0, 0.125)])
def test_recency_halves_with_every_half_life(days: float, expected: float) -> None:
    assert engagement.recency(POLICY, days) == expected


@pytest.mark.parametrize("tenure, scale", [(1, 4.0), (7, 4.0), (14, 2.0), (28, 1.0), (900, 1.0)])
def test_counts_of_a_new_customer_are_scaled_to_28_days(tenure: int, scale: float) -> None:
    assert engagement.tenure_scale(POLICY, tenure) == scale


def test_frequency_and_breadth_are_full_at_the_policys_numbers() -> None:
    assert engagement.frequency(POLICY, 8, 1.0) == 0.5
    assert engagement.frequency(POLICY, 8, 4.0) == 1.0
    assert engagement.breadth(POLICY, 2) == 0.25
    assert engagement.breadth(POLICY, 80) == 1.0


@pytest.mark.parametrize(
    "uses, users, active_days, expected",
    [
        (30, 2, 9, 0.25),
        (30, None, 3, 0.5),
        (30, 0, 3, 0.5),
        (900, 1, 3, 1.0),
        (900, None, 3, 1.0),
        (0, None, 0, 0.0),
    ],
)
def test_depth_is_per_user_where_users_are_named_and_per_day_elsewhere(
    uses: int, users: int | None, active_days: int, expected: float
) -> None:
    assert engagement.depth(POLICY, uses, users, active_days, 1.0) == expected


@pytest.mark.parametrize(
    "recent, before, tenure, expected",
    [(4, 4, 28, 1.0), (9, 1, 28, 1.0), (1, 3, 28, 0.5), (0, 3, 28, 0.0), (0, 0, 90, 0.0), (9, 1, 27, None)],
)
def test_trend_is_full_from_an_even_split_upwards(
    recent: int, before: int, tenure: int, expected: float | None
) -> None:
    assert engagement.trend(recent, before, tenure) == expected


def test_an_undefined_trend_gives_its_weight_to_the_others() -> None:
    weights = EngagementWeights(recency=1, frequency=1, breadth=1, depth=1, trend=4)
    assert engagement_score(weights, Components(0.5, 0.5, 0.5, 0.5, None)) == 50.0
    assert engagement_score(weights, Components(0.5, 0.5, 0.5, 0.5, 1.0)) == 75.0


def test_bands_have_inclusive_lower_bounds() -> None:
    bands = [engagement_band(POLICY, score) for score in (0.0, 39.999, 40.0, 69.999, 70.0, 100.0)]
    assert bands == ["bad", "bad", "good", "good", "excellent", "excellent"]


def test_a_policy_that_could_never_score_is_refused() -> None:
    with pytest.raises(ValueError, match="weight above 0"):
        EngagementWeights(recency=0, frequency=0, breadth=0, depth=0, trend=10)
    with pytest.raises(ValueError, match="good_from < excellent_from, got 70 and 70"):
        EngagementPolicy(good_from=70, excellent_from=70)
