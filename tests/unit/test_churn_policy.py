"""The churn policy refuses what the model cannot work with."""

import re
from typing import Any

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
        ("horizons", (30, 0)),
        ("horizons", (30,) * 21),
        ("learning_rate", 0.0),
        ("twin_forgetting", 1.1),
        ("calibration_labels", 99),
        ("calibration_ratio", 1.0),
        ("calibration_back", 1.3),
        ("drift_delta", 1.0),
        ("drift_muted_days", -1),
        ("week_labels", 0),
        ("week_positives", 0),
        ("promotion_margin", 1.0),
        ("promotion_weeks", 0),
        ("rollback_ratio", 1.0),
        ("least_standard_errors", -0.1),
    ],
)
def test_an_impossible_setting_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"{field} must be .*, got {re.escape(repr(value))}"):
        ChurnPolicy(**{field: value})


@pytest.mark.parametrize("probability,band", [(0.0599, "low"), (0.06, "medium"), (0.1499, "medium"), (0.15, "high")])
def test_lower_bounds_of_bands_are_inclusive(probability: float, band: str) -> None:
    assert ChurnPolicy().band(probability) == band


def test_probabilities_are_never_certain() -> None:
    assert [ChurnPolicy().bounded(p) for p in (0.0, 0.5, 1.0)] == [0.001, 0.5, 0.999]
