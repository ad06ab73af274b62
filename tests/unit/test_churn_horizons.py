"""Other horizons by constant hazard."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.churn.horizons import at_horizon

probabilities = st.floats(0.001, 0.999)
days = st.integers(1, 365)


def test_two_windows_are_survived_one_after_the_other() -> None:
    assert at_horizon(0.1, 30, 60) == pytest.approx(1 - 0.9 * 0.9)
    assert at_horizon(0.1, 30, 90) == pytest.approx(1 - 0.9**3)
    assert at_horizon(0.19, 60, 30) == pytest.approx(0.1)


@given(probabilities, days)
def test_the_learned_horizon_is_the_learned_probability_itself(probability: float, horizon: int) -> None:
    assert at_horizon(probability, horizon, horizon) == probability


@given(probabilities, days, days, days)
def test_probabilities_rise_with_the_days(probability: float, learned: int, a: int, b: int) -> None:
    shorter, longer = sorted((a, b))
    near, far = at_horizon(probability, learned, shorter), at_horizon(probability, learned, longer)
    assert 0.0 <= near <= far + 1e-15
    assert far <= 1.0
