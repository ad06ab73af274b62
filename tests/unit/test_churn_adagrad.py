"""Gradient steps: worked by hand, hostile input, state through JSON."""

import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.churn.adagrad import AdaGradLogit
from streams.churn.features import CONSTANTS
from streams.churn.model import ChurnModel
from streams.churn.parameters import ADAGRAD_SCHEMA, AdaGradParameters, ForeignModelError
from streams.churn.policy import ChurnPolicy

POLICY = ChurnPolicy()


def test_the_first_step_of_a_weight_is_the_rate_whatever_the_gradient() -> None:
    model = AdaGradLogit(prior=(("a", 0.0), ("b", 0.0)), intercept=0.0, rate=0.05)
    model.learn_one({"a": 2.0, "b": -1.0}, True)
    assert model.weights[0] == pytest.approx(0.01 * 0.5)
    assert model.weights[1:] == pytest.approx([0.05, -0.05])
    assert model.squares == pytest.approx([0.0, 1.0, 0.25])


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(st.dictionaries(st.sampled_from("abc"), st.floats(), max_size=3), st.booleans(), st.floats()),
        max_size=8,
    )
)
def test_whatever_is_learned_leaves_finite_weights(examples: list[tuple[dict[Any, Any], bool, float]]) -> None:
    model = AdaGradLogit()
    for row, churned, importance in examples:
        model.learn_one(row, churned, w=importance)
        assert all(map(math.isfinite, (*model.weights, *model.squares)))
        assert 0.0 < model.predict_proba_one(row)[True] < 1.0
    assert model.learned + model.refused == len(examples)


@pytest.mark.parametrize("importance", [-1.0, math.nan, math.inf, 1e300])
def test_an_impossible_importance_is_refused_and_counted(importance: float) -> None:
    model = AdaGradLogit()
    model.learn_one({"a": 1.0}, True, w=importance)
    assert (model.learned, model.refused) == (0, 1)


def test_a_weight_beyond_all_reason_is_refused() -> None:
    model = AdaGradLogit(prior=(("a", 0.0),), rate=1e12)
    model.learn_one({"a": 1.0}, True)
    assert (model.learned, model.refused, model.weights[1]) == (0, 1, 0.0)


def trained(n: int) -> ChurnModel:
    source, model = random.Random(1), ChurnModel.prior(POLICY, "adagrad")
    for _ in range(n):
        row = {name: source.gauss(5, 20) for name, *_ in source.sample(CONSTANTS, 8)}
        model.learn_staying(row, model.probability(row))
        if source.random() < 0.2:
            model.learn_leaving(row)
    return model


def test_its_state_survives_json_bit_for_bit_and_goes_on_learning() -> None:
    kept = trained(200)
    again = ChurnModel.from_parameters(kept.to_parameters(), POLICY)
    assert kept.to_parameters()["schema"] == ADAGRAD_SCHEMA
    assert again.to_parameters() == kept.to_parameters()
    resumed = ChurnModel.resumed(kept.parameters(), POLICY, "adagrad")
    for model in (kept, resumed):
        model.learn_leaving({"tickets_open": 3.0})
    assert kept.to_parameters() == resumed.to_parameters()


def test_another_kind_of_model_takes_its_weights_alone() -> None:
    kept = trained(50)
    other = ChurnModel.resumed(kept.parameters(), POLICY, "rls")
    assert other.classifier.weights == kept.classifier.weights
    back = ChurnModel.resumed(other.parameters(), POLICY, "adagrad")
    assert back.classifier.weights == kept.classifier.weights


@pytest.mark.parametrize("change", [{"squares": [-1.0]}, {"rate": 0.0}, {"squares": [1.0, 1.0]}, {"rate": math.inf}])
def test_an_unsound_state_is_foreign(change: dict[str, object]) -> None:
    sound: dict[str, object] = {
        "schema": ADAGRAD_SCHEMA,
        "river": "0.26.1",
        "constants": [],
        "clip": 4.0,
        "weights": [-3.0],
        "squares": [0.0],
        "rate": 0.05,
        "learned": 0,
        "refused": 0,
    }
    assert isinstance(ChurnModel.from_parameters(sound, POLICY).parameters(), AdaGradParameters)
    with pytest.raises(ForeignModelError, match="expected sound churn model parameters"):
        ChurnModel.from_parameters({**sound, **change}, POLICY)
