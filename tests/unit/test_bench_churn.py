"""bench/churn: labels come when they are mature, learners off the shelf see nothing else, costs are of one customer."""

from typing import Any

import numpy as np
import pytest

from bench.churn import models, prequential
from bench.churn.costs import costs
from schemas.models import ModelSnapshot
from streams.backtest.churn.sample import Sample
from streams.churn.features import CONSTANTS
from streams.churn.model import ChurnModel
from streams.churn.policy import ChurnPolicy

POLICY = ChurnPolicy()


def sample(days: list[int], customers: list[int] | None = None, horizon: int = 30) -> Sample:
    count = len(days)
    features = np.full((count, len(CONSTANTS)), np.nan)
    features[:, 0] = np.arange(count)
    return Sample(
        day=np.array(days),
        customer=np.array(customers or range(count)),
        features=features,
        probability=np.full(count, 0.1),
        churned=np.arange(count) % 2 == 0,
        names=tuple(name for name, *_ in CONSTANTS),
        horizon_days=horizon,
    )


class Noting:
    """Says NaN, and notes what it is asked and told."""

    def __init__(self) -> None:
        self.noted: list[Any] = []

    def predict_proba_one(self, x: dict[str, float]) -> dict[bool, float]:
        self.noted.append(("asked", x[CONSTANTS[0][0]]))
        return {True: float("nan")}

    def learn_one(self, x: dict[str, float], y: bool) -> None:
        self.noted.append(("told", x[CONSTANTS[0][0]], y))


def test_a_label_is_told_when_its_window_has_passed_and_before_the_snapshots_of_that_day() -> None:
    model = Noting()
    done = prequential.tested(model, sample([0, 7, 30, 36]))
    assert model.noted == [
        ("asked", 0.0),
        ("asked", 1.0),
        ("told", 0.0, True),
        ("asked", 2.0),
        ("asked", 3.0),
        ("told", 1.0, False),
        ("told", 2.0, True),
        ("told", 3.0, False),
    ]
    assert done.probability.tolist() == [0.03] * 4  # NaN says nothing
    assert done.predict_us >= 0
    assert done.learn_us >= 0


def test_a_part_of_the_sample_has_all_of_a_customer_or_none() -> None:
    whole = sample([0] * 10 + [7] * 10, list(range(10)) * 2)
    part = prequential.some_customers(whole, 10)
    assert part.customer.tolist() == [0, 2, 4, 6, 8] * 2
    assert part.features.shape == (10, len(CONSTANTS))
    assert prequential.some_customers(whole, 20) is whole


def test_a_fresh_scaler_learns_from_features_not_from_labels() -> None:
    scaler = models.FreshScaler()
    scaler.learn_one({"a": 1e9})
    assert scaler.transform_one({"a": 1.0}) == {"a": 0.0}
    assert scaler.transform_one({"a": 3.0}) == {"a": 1.0}
    for _ in range(40):
        scaler.transform_one({"a": 2.0})
    assert scaler.transform_one({"a": 1e6}) == {"a": 4.0}


@pytest.mark.parametrize("name", list(models.online(forests=True)))
def test_every_learner_says_a_probability(name: str) -> None:
    model = models.online(forests=True)[name]()
    done = prequential.tested(model, sample([day for day in range(60) for _ in range(4)]))
    assert ((done.probability > 0) & (done.probability < 1)).all()


def test_costs_are_measured_on_the_model_as_published() -> None:
    model = ChurnModel.prior(POLICY)
    snapshot = ModelSnapshot(
        model="churn-rls",
        model_version=1,
        trained_through=1,
        horizon_days=30,
        is_prior=True,
        quality={},  # type: ignore[arg-type]
        parameters=model.to_parameters(),
        river_version="0",
    )
    found = costs(sample([0, 7]), snapshot, POLICY)
    assert min(found) > 0
    assert 1_000 < found.snapshot_bytes < 50_000
