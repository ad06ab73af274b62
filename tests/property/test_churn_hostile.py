"""Nothing handed in gets a NaN out of the model, an exception, or a ruined weight; JSON keeps every bit."""

import math
import random
from decimal import Decimal

import msgspec
import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.churn.features import FEATURES
from streams.churn.linear import LARGEST_WEIGHT, are_sound
from streams.churn.model import ChurnModel
from streams.churn.policy import ChurnPolicy
from streams.churn.rls import RLSLogit

POLICY = ChurnPolicy()
NAMES = [feature.name for feature in FEATURES]
hostile = st.one_of(
    st.none(),
    st.text(max_size=3),
    st.floats(),
    st.integers(-(10**400), 10**400),
    st.booleans(),
    st.decimals(),
    st.sampled_from([1e308, -1e308, 5e-324, math.inf, math.nan, Decimal("NaN"), np.float32(3), np.int64(4), [1]]),
)
names = st.one_of(st.sampled_from(NAMES), st.text(max_size=4))
rows = st.dictionaries(names, hostile, max_size=12)
clean = st.dictionaries(st.sampled_from(NAMES), st.floats(-1e6, 1e6), max_size=12)


def trained(seed: int, n: int) -> ChurnModel:
    source = random.Random(seed)
    model = ChurnModel.prior(POLICY)
    for _ in range(n):
        row = {name: source.gauss(5, 20) for name in source.sample(NAMES, 8)}
        model.learn_staying(row, model.probability(row))
        if source.random() < 0.2:
            model.learn_leaving(row)
    return model


def sound(model: ChurnModel) -> bool:
    classifier = model.classifier
    return bool(
        all(map(math.isfinite, classifier.weights))
        and np.isfinite(classifier.covariance).all()
        and (classifier.covariance == classifier.covariance.T).all()
        and classifier.covariance.diagonal().min() > 0.0
        and classifier.covariance.diagonal().max() <= POLICY.variance_cap * (1 + 1e-12)
    )


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(rows, st.booleans()), max_size=8))
def test_hostile_features_never_poison_the_model(examples: list[tuple[dict[str, object], bool]]) -> None:
    model = ChurnModel.prior(POLICY)
    for row, churned in examples:
        probability = model.probability(row)
        assert POLICY.probability_floor <= probability <= 1 - POLICY.probability_floor
        if churned:
            model.learn_leaving(row)
        else:
            model.learn_staying(row, probability)
        assert sound(model)
        assert not math.isnan(model.score_many([row])[0])


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(rows, st.booleans(), st.floats()), max_size=8))
def test_the_bare_classifier_survives_without_a_scaler_and_with_any_weight(
    examples: list[tuple[dict[str, object], bool, float]],
) -> None:
    classifier = RLSLogit()
    for row, churned, weight in examples:
        classifier.learn_one(row, churned, w=weight)
        assert all(map(math.isfinite, classifier.weights))
        assert np.isfinite(classifier.covariance).all()
        assert 0.0 < classifier.predict_proba_one(row)[True] < 1.0


@pytest.mark.parametrize("variance", [1e302, 1e306])
def test_an_update_that_would_overflow_is_refused_and_counted(variance: float) -> None:
    classifier = RLSLogit(variance=variance, variance_cap=1e308)
    for row in ({"a": 1e3, "b": -1e3}, {"a": -1e3, "b": 1e3}):
        classifier.learn_one(row, True)
        classifier.learn_one(row, False)
    assert (classifier.learned, classifier.refused) == (0, 4)
    assert classifier.weights == [classifier.intercept, 0.0, 0.0]


@pytest.mark.parametrize("importance", [-1.0, -1e-225])
def test_an_example_of_negative_importance_is_refused(importance: float) -> None:
    classifier = RLSLogit()
    classifier.learn_one({"a": 1.0}, True, w=importance)
    assert (classifier.learned, classifier.refused) == (0, 1)


def test_a_weight_that_no_company_could_have_taught_is_refused() -> None:
    classifier = RLSLogit(prior=(("a", 49.9),), intercept=-49.0, variance=100.0, variance_cap=100.0)
    classifier.learn_one({"a": 0.9}, True)
    assert (classifier.refused, classifier.weights) == (1, [-49.0, 49.9])
    assert max(classifier.weights) < LARGEST_WEIGHT


@pytest.mark.parametrize("weights", [[math.nan, 0.0], [0.0, math.nan, 0.0], [0.0, 50.0], [-50.0, 0.0], [math.inf]])
def test_weights_out_of_range_are_not_sound(weights: list[float]) -> None:
    assert not are_sound(weights)
    assert are_sound([49.9, -49.9, 0.0])


def test_a_stream_of_poison_leaves_a_model_that_still_learns() -> None:
    model = ChurnModel.prior(POLICY)
    for _ in range(2_000):
        model.learn_leaving({"nps": 1e308, "csat": math.nan, "mrr": -math.inf})
    assert sound(model)
    before = model.probability({"nps": 1e308})
    for _ in range(500):
        model.learn_staying({"nps": 1e308}, model.probability({"nps": 1e308}))
    assert model.probability({"nps": 1e308}) < before


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 60))
def test_parameters_survive_json_and_msgpack_bit_for_bit(seed: int, n: int) -> None:
    model = trained(seed, n)
    plain = model.to_parameters()
    assert orjson.loads(orjson.dumps(plain)) == plain
    for wire in (
        msgspec.json.decode(msgspec.json.encode(plain)),
        msgspec.msgpack.decode(msgspec.msgpack.encode(plain)),
    ):
        again = ChurnModel.from_parameters(wire, POLICY)
        assert again.to_parameters() == plain
        assert [w.hex() for w in again.classifier.weights] == [w.hex() for w in model.classifier.weights]
        assert again.classifier.covariance.tobytes() == model.classifier.covariance.tobytes()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), clean, st.booleans())
def test_a_restored_model_goes_on_learning_as_if_nothing_had_happened(
    seed: int, row: dict[str, float], churned: bool
) -> None:
    kept = trained(seed, 10)
    restored = ChurnModel.resumed(kept.parameters(), POLICY)
    for model in (kept, restored):
        if churned:
            model.learn_leaving(row)
        else:
            model.learn_staying(row, model.probability(row))
    assert kept.to_parameters() == restored.to_parameters()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.one_of(clean, rows), max_size=10))
def test_bulk_scores_equal_single_scores(seed: int, table: list[dict[str, float]]) -> None:
    model = trained(seed, 40)
    one_by_one = [model.probability(row) for row in table]
    assert model.score_many(table).tolist() == pytest.approx(one_by_one, abs=1e-12)


@given(clean, st.randoms())
def test_the_order_of_features_does_not_move_a_bit(row: dict[str, float], source: random.Random) -> None:
    shuffled = list(row.items())
    source.shuffle(shuffled)
    model = ChurnModel.prior(POLICY)
    assert model.probability(dict(shuffled)) == model.probability(row)
