"""How the past fades: by each snapshot, but in a large company not within weeks."""

import math

import numpy as np
import pytest

from streams.churn.learner import Learner, Learning
from streams.churn.model import ChurnModel
from streams.churn.places import pack
from streams.churn.policy import ChurnPolicy
from streams.churn.rls import RLSLogit

ROW = {"tickets_open": 3.0, "nps": -20.0}


def certain(**kept: float) -> RLSLogit:
    """A classifier that has learned enough for no variance to be near its cap."""
    classifier = RLSLogit(prior=(("a", 0.1),), forgetting=1.0, variance=0.4, **kept)
    for _ in range(200):
        classifier.learn_one({"a": 1.0}, True)
        classifier.learn_one({"a": -1.0}, False)
    classifier.forgetting = 0.999
    return classifier


def inflation(classifier: RLSLogit, examples: int) -> float:
    before = classifier.covariance.copy()
    classifier.fade(examples)
    ratio = classifier.covariance / before
    assert ratio == pytest.approx(np.full((2, 2), ratio[0, 0]))
    return float(ratio[0, 0])


@pytest.mark.parametrize("examples, kept", [(0, 1.0), (1, 0.999), (10, 0.999**10), (1_000, 0.9), (10**9, 0.9)])
def test_the_past_fades_by_each_example_but_no_further_than_to_what_is_kept(examples: int, kept: float) -> None:
    assert inflation(certain(least_kept=0.9), examples) == pytest.approx(1.0 / kept)


def test_no_variance_fades_beyond_its_cap() -> None:
    classifier = certain()
    for _ in range(50):
        classifier.fade(1_000)
    assert classifier.covariance.diagonal().max() == pytest.approx(classifier.variance_cap)
    assert (classifier.covariance == classifier.covariance.T).all()


def test_what_would_overflow_does_not_fade() -> None:
    classifier = RLSLogit(variance=1e308, variance_cap=1.7e308, forgetting=0.5)
    classifier.fade(10)
    assert classifier.covariance.tolist() == [[1e308]]


def test_as_a_river_classifier_it_fades_by_every_example() -> None:
    one, other = certain(), certain()
    one.learn_one({"a": 0.5}, True)
    other._inflate(other.forgetting)
    other.take([1.0, 0.5], True)
    assert (one.weights, one.covariance.tolist()) == (other.weights, other.covariance.tolist())


def test_a_large_company_remembers_as_many_weeks_as_a_small_one() -> None:
    """What is left of a week's weight after a year of as many snapshots every week."""
    classifier = ChurnModel.prior(ChurnPolicy()).classifier
    assert isinstance(classifier, RLSLogit)

    def left(snapshots: int) -> float:
        past = certain(least_kept=classifier.least_kept)
        past.forgetting = classifier.forgetting
        return 1.0 / inflation(past, snapshots) ** 52

    assert left(2_000) == left(500) == pytest.approx(0.35, abs=0.01)
    assert left(100) == pytest.approx(0.59, abs=0.01)


def test_a_day_fades_the_models_once_for_all_its_snapshots() -> None:
    policy = ChurnPolicy(forgetting=0.999, least_kept=0.98)
    learner, expected = Learner(policy, Learning(), None), ChurnModel.prior(policy)
    learner.open(0)
    taken = [learner.test(0, pack(ROW), 0) for _ in range(30)]
    learner.learn_staying(taken)
    expected.fade(30)
    for pending in taken:
        expected.learn_staying(ROW, pending.probability)
    assert learner.champion.to_parameters() == expected.to_parameters()
    before = learner.champion.to_parameters()
    learner.learn_staying([])
    assert learner.champion.to_parameters() == before


@pytest.mark.parametrize("kind", ["rls", "adagrad"])
def test_values_by_position_teach_what_features_teach(kind: str) -> None:
    policy = ChurnPolicy()
    one, other = (ChurnModel.prior(policy, kind) for _ in range(2))  # type: ignore[arg-type]
    for n in range(20):
        row = {**ROW, "nps": float(10 * n - 100)}
        one.learn_staying(row, 0.1)
        other.take_staying(other.values(row), 0.1)
        if n % 5 == 0:
            one.learn_leaving(row)
            other.take_leaving(one.values(row))
    assert one.to_parameters() == other.to_parameters()


def test_a_twin_forgets_twice_as_fast() -> None:
    policy = ChurnPolicy()
    assert math.sqrt(policy.twin_least_kept) == pytest.approx(policy.least_kept, abs=1e-3)
    twin = ChurnModel.prior(policy, "twin").classifier
    assert isinstance(twin, RLSLogit)
    assert (twin.forgetting, twin.least_kept) == (policy.twin_forgetting, policy.twin_least_kept)
