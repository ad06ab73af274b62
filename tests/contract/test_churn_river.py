"""Our estimators keep River's own contract, and River keeps what we lean on."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from river import checks, linear_model, optim, preprocessing

from streams.churn.adagrad import AdaGradLogit
from streams.churn.features import CONSTANTS, PRIOR
from streams.churn.model import ChurnModel
from streams.churn.policy import ChurnPolicy
from streams.churn.rls import RLSLogit
from streams.churn.scale import Constants, Scale

# Features of River's checking datasets, so that the scaler has something to scale there.
SCALED: Constants = (("gallup", "linear", 40.0, 5.0), ("ordinal_date", "log", 736_000.0, 1.0))
ESTIMATORS = {
    "classifier": RLSLogit(),
    "classifier with prior": RLSLogit(prior=PRIOR, intercept=-3.5, forgetting=1.0),
    "gradient steps": AdaGradLogit(),
    "gradient steps with prior": AdaGradLogit(prior=PRIOR, intercept=-3.5, rate=0.1),
    "scaler": Scale(SCALED),
    "scaler of the registry": Scale(CONSTANTS),
}
CHECKS = [
    pytest.param(estimator, check, id=f"{name}-{i}-{check.__name__}")
    for name, estimator in ESTIMATORS.items()
    for i, check in enumerate(checks.yield_checks(estimator))
]


@pytest.mark.parametrize("estimator,check", CHECKS)
def test_rivers_estimator_check_passes(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator.clone())


def test_no_river_check_is_skipped() -> None:
    assert not any(estimator._unit_test_skips() for estimator in ESTIMATORS.values())


def test_the_pipeline_is_rivers_and_agrees_with_the_direct_path() -> None:
    model = ChurnModel.prior(ChurnPolicy())
    row = {"days_since_last_use": 20.0, "tickets_open": 3.0}
    pipeline: Any = model.scale | model.classifier
    for churned in (True, False, True):
        pipeline.learn_one(row, churned, w=0.5)
    assert type(pipeline).__name__ == "Pipeline"
    assert model.classifier.learned == 3
    assert pipeline.predict_proba_one(row)[True] == model.probability(row)


def test_one_learned_nan_ruins_rivers_stock_pipeline_for_ever_and_not_ours() -> None:
    stock: Any = preprocessing.StandardScaler() | linear_model.LogisticRegression()
    model = ChurnModel.prior(ChurnPolicy())
    ours: Any = model.scale | model.classifier
    for bad in (float("nan"), 1.0, 2.0):
        stock.learn_one({"tickets_open": bad}, True)
        ours.learn_one({"tickets_open": bad}, True)
    given = stock.predict_proba_one({"tickets_open": 1.0})[True]
    assert given != given
    assert 0.0 < model.probability({"tickets_open": 1.0}) < 1.0


def test_gradient_steps_are_those_of_rivers_own_adagrad() -> None:
    source, names = random.Random(5), [name for name, _ in PRIOR]
    ours = AdaGradLogit(prior=tuple((name, 0.0) for name in names), intercept=-3.0, rate=0.05)
    rivers: Any = linear_model.LogisticRegression(optim.AdaGrad(0.05), intercept_init=-3.0)
    for _ in range(3_000):
        row: dict[Any, Any] = {name: source.gauss(0, 1) for name in source.sample(names, 8)}
        left, importance = source.random() < 0.1 + 0.2 * (row.get("csat", 0.0) < 0), source.random() * 2
        assert ours.predict_proba_one(row)[True] == pytest.approx(rivers.predict_proba_one(row)[True], rel=1e-9)
        ours.learn_one(row, left, w=importance)
        rivers.learn_one(row, left, w=importance)
    assert ours.weights[0] == pytest.approx(rivers.intercept, rel=1e-9)
    for name, weight in zip(names, ours.weights[1:], strict=True):
        assert weight == pytest.approx(rivers.weights[name], rel=1e-9)
