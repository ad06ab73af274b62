"""Other horizons than the learned one: windows survived one after the other, with the renewal where it will be."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.metrics import CustomerValues, RevenueValues, UsageValues
from streams.churn.features import RENEWAL, features
from streams.churn.horizons import at_horizon, windows
from streams.churn.policy import ChurnPolicy
from streams.churn.readings import RENEWAL_DUE_DAYS, renewal_due_after
from streams.churn.scoring import ChurnScorer, Risk

probabilities = st.floats(0.001, 0.999)
days = st.integers(1, 365)
SCORER = ChurnScorer(ChurnPolicy())


def test_two_windows_are_survived_one_after_the_other() -> None:
    assert at_horizon([0.1, 0.1], 30, 60) == pytest.approx(1 - 0.9 * 0.9)
    assert at_horizon([0.1, 0.2, 0.5], 30, 90) == pytest.approx(1 - 0.9 * 0.8 * 0.5)
    assert at_horizon([0.19], 60, 30) == pytest.approx(0.1)
    assert at_horizon([0.1, 0.19], 30, 45) == pytest.approx(1 - 0.9 * 0.9)


def test_as_many_windows_as_the_days_need() -> None:
    assert [windows(30, days) for days in (1, 30, 31, 60, 90, 91)] == [1, 1, 2, 2, 3, 4]


@given(probabilities, days)
def test_the_learned_horizon_is_the_learned_probability_itself(probability: float, horizon: int) -> None:
    assert at_horizon([probability], horizon, horizon) == probability


@given(st.lists(probabilities, min_size=365, max_size=365), days, days, days)
def test_probabilities_rise_with_the_days(chances: list[float], learned: int, a: int, b: int) -> None:
    shorter, longer = sorted((a, b))
    near, far = at_horizon(chances, learned, shorter), at_horizon(chances, learned, longer)
    assert 0.0 <= near <= far + 1e-15
    assert far <= 1.0


def test_a_renewal_is_due_before_it_and_again_a_contract_later() -> None:
    def due(left: int | None, period: int | None, after: int) -> bool | None:
        return renewal_due_after(values(left, period), after)

    assert [due(45, 365, after) for after in (0, 14, 15, 30, 44, 45, 60)] == [
        False,
        False,
        True,
        True,
        True,
        False,
        False,
    ]
    assert due(45, 365, 45 + 365 - 30) is True
    assert due(10, 30, 30) is True  # monthly: always
    assert due(10, None, 30) is False
    assert due(None, 365, 30) is None
    assert renewal_due_after(CustomerValues(), 30) is None


@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 400))
def test_a_renewal_due_later_is_one_on_the_calendar(left: int, period: int, after: int) -> None:
    renewals = range(left, 2_000, period)
    expected = any(after < renewal <= after + RENEWAL_DUE_DAYS for renewal in renewals)
    assert renewal_due_after(values(left, period), after) is expected


def values(left: int | None, period: int | None = 365, automatic: bool = True) -> CustomerValues:
    revenue = RevenueValues(
        paying=True, mrr_minor=90_000, days_to_renewal=left, renewal_period_days=period, renewal_automatic=automatic
    )
    return CustomerValues(revenue=revenue, usage=UsageValues(quantity_28d=40, active_users_28d=4))


def score(now: CustomerValues) -> Risk:
    return SCORER.score(features(now), now)


def moved(now: CustomerValues, left: int) -> float:
    """What the model says of the customer with its renewal so far away."""
    assert now.revenue is not None
    revenue = msgspec.structs.replace(now.revenue, days_to_renewal=left)
    return SCORER.probability(features(msgspec.structs.replace(now, revenue=revenue)))


def test_a_renewal_that_is_over_endangers_no_later_window() -> None:
    risk = score(values(10))
    rest = moved(values(10), 300)
    assert rest < risk.probability / 2
    assert risk.horizons["60"] == pytest.approx(1 - (1 - risk.probability) * (1 - rest), rel=1e-12)
    assert risk.horizons["90"] == pytest.approx(1 - (1 - risk.probability) * (1 - rest) ** 2, rel=1e-12)


@pytest.mark.parametrize("automatic", [True, False])
def test_a_renewal_to_come_endangers_its_own_window_alone(automatic: bool) -> None:
    now = values(50, automatic=automatic)
    risk, due = score(now), moved(now, 0)
    assert due > 2 * risk.probability
    assert risk.horizons["60"] == pytest.approx(1 - (1 - risk.probability) * (1 - due), rel=1e-12)
    assert risk.horizons["90"] == pytest.approx(1 - (1 - risk.probability) ** 2 * (1 - due), rel=1e-12)


@pytest.mark.parametrize("now", [values(10, 30), values(None), values(200)])
def test_where_no_renewal_comes_or_goes_the_hazard_is_constant(now: CustomerValues) -> None:
    risk = score(now)
    assert risk.horizons["60"] == pytest.approx(1 - (1 - risk.probability) ** 2, rel=1e-12)
    assert risk.horizons["90"] == pytest.approx(1 - (1 - risk.probability) ** 3, rel=1e-12)


def test_without_the_values_behind_the_features_the_hazard_is_constant() -> None:
    risk = SCORER.score(features(values(10)))
    assert risk.horizons["60"] == pytest.approx(1 - (1 - risk.probability) ** 2, rel=1e-12)


def test_the_features_of_a_renewal_are_all_of_them() -> None:
    """What is 0 when nothing is due, and only then."""
    due, far = features(values(0, automatic=False)), features(values(200, automatic=False))
    assert {name for name in due if name.startswith("renewal_")} == RENEWAL == {n for n in due if due[n] != far[n]}
    assert all(far[name] == 0.0 for name in RENEWAL)
