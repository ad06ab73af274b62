"""The churn policy refuses what the model cannot work with."""

import pytest

from streams.churn.policy import ChurnPolicy
from streams.errors import ConfigurationError


@pytest.mark.parametrize(
    "field,value",
    [
        ("horizon_days", 0),
        ("medium_at", 0.2),
        ("high_at", 1.0),
        ("probability_floor", 0.0),
        ("base_rate", 0.6),
        ("min_customers_churned", 0),
        ("forgetting", 0.5),
        ("variance", 0.6),
        ("variance_cap", 101.0),
        ("clip", 0.0),
        ("least_odds_ratio", 0.9),
        ("max_raising", -1),
        ("max_protecting", -1),
        ("base_rate", float("nan")),
    ],
)
def test_an_impossible_setting_is_refused_by_name(field: str, value: float) -> None:
    with pytest.raises(ConfigurationError, match=f"{field} must be .*, got {value!r}"):
        ChurnPolicy(**{field: value})


@pytest.mark.parametrize("probability,band", [(0.0599, "low"), (0.06, "medium"), (0.1499, "medium"), (0.15, "high")])
def test_lower_bounds_of_bands_are_inclusive(probability: float, band: str) -> None:
    assert ChurnPolicy().band(probability) == band


def test_probabilities_are_never_certain() -> None:
    assert [ChurnPolicy().bounded(p) for p in (0.0, 0.5, 1.0)] == [0.001, 0.5, 0.999]
