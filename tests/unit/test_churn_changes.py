"""What changed since the last snapshot: exactly, and told apart into the customer and the model."""

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.models import ModelSnapshot, Quality, Served
from streams.churn.changes import Change, Weights, changed, seen
from streams.churn.explain import explain, unexpected
from streams.churn.features import BY_NAME, PRIOR
from streams.churn.model import MODEL_NAME, RIVER_VERSION, ChurnModel
from streams.churn.policy import ChurnPolicy
from streams.churn.scoring import ChurnScorer
from streams.churn.terms import GONE, Terms

POLICY = ChurnPolicy(base_rate=0.1)
MODEL = ChurnModel.prior(POLICY)
BASE = math.log(0.1 / 0.9)
# nps: typical 30, spread 50, weight -0.25; renewal_due: typical 0, spread 1, weight 0.6
THEN = {"nps": 30.0, "renewal_due": 0.0}
NOW = {"nps": -20.0, "renewal_due": 1.0}


def families(features: dict[str, float]) -> dict[str, float]:
    terms = Terms(MODEL)
    return terms.by_family(terms.scaled(features))


def compared(
    model: ChurnModel, now: dict[str, float], then: dict[str, float], weights: Weights | None = None
) -> Change:
    return changed(model.policy, now, seen(Terms(model), then, weights))


def change_since(scorer: ChurnScorer, now: dict[str, float], day: int, then: dict[str, float]) -> Change | None:
    before = scorer.before(day, then)
    return None if before is None else scorer.changed(now, before)


def log_odds(probability: float) -> float:
    return math.log(probability / (1.0 - probability))


def test_a_change_of_the_customer_is_split_by_family() -> None:
    change = compared(MODEL, families(NOW), THEN)
    assert change.families == {"feedback": pytest.approx(0.25), "billing": pytest.approx(0.6)}
    assert change.by_customer == pytest.approx(0.85)
    assert change.by_model == 0.0
    assert change.probability == pytest.approx(0.1)


def test_a_change_of_the_model_is_told_apart_from_that_of_the_customer() -> None:
    weights = Weights(BASE - 1.0, {"nps": -0.5, "of_old": 9.0})
    same = {"nps": -20.0, "renewal_due": 1.0}
    change = compared(MODEL, families(same), same, weights)
    # then: BASE - 1 + 0.5, the renewal counted nothing; now: BASE + 0.25 + 0.6
    assert change.families == {"feedback": 0.0, "billing": 0.0}
    assert change.by_customer == 0.0
    assert change.by_model == pytest.approx(1.35)
    assert log_odds(change.probability) == pytest.approx(BASE - 0.5)


def test_a_family_that_became_known_or_unknown_is_a_change() -> None:
    change = compared(MODEL, families({"nps": -20.0}), {"renewal_due": 1.0})
    assert change.families == {"billing": pytest.approx(-0.6), "feedback": pytest.approx(0.25)}


KNOWN = st.dictionaries(st.sampled_from(sorted(BY_NAME)), st.floats(-1e3, 1e3))
NUMBERS = st.floats(-2.0, 2.0)


@given(KNOWN, KNOWN, NUMBERS, st.lists(NUMBERS, min_size=len(PRIOR), max_size=len(PRIOR)))
def test_the_parts_add_up_to_the_whole(
    now: dict[str, float], then: dict[str, float], intercept: float, numbers: list[float]
) -> None:
    old = dict(zip(BY_NAME, numbers, strict=True))
    change = compared(MODEL, families(now), then, Weights(intercept, old))
    before = math.fsum((intercept, *(old[name] * z for name, z in MODEL.scale.scaled(then).items())))
    after = math.fsum((BASE, *MODEL.contributions(now).values()))
    assert change.by_customer + change.by_model == pytest.approx(after - before, abs=1e-9)
    assert math.fsum(change.families.values()) == pytest.approx(change.by_customer, abs=1e-12)
    assert POLICY.probability_floor <= change.probability <= 1.0 - POLICY.probability_floor


def published(**changes: Any) -> ModelSnapshot:
    snapshot = ModelSnapshot(
        model=MODEL_NAME,
        model_version=4,
        trained_through=20,
        horizon_days=30,
        is_prior=False,
        quality=Quality(),
        parameters=MODEL.to_parameters(),
        river_version=RIVER_VERSION,
        tested=[Served(day=20, intercept=BASE + 0.5, weights=dict(PRIOR))],
    )
    return msgspec.structs.replace(snapshot, **changes)


def test_a_snapshot_is_compared_under_the_model_that_tested_it() -> None:
    scorer = ChurnScorer(POLICY, published())
    risk = scorer.score(NOW)
    change = change_since(scorer, risk.families, 20, THEN)
    assert change is not None
    assert log_odds(change.probability) == pytest.approx(BASE + 0.5)
    assert change.by_customer == pytest.approx(0.85)
    assert change.by_model == pytest.approx(-0.5)


def test_a_snapshot_the_model_has_not_learned_from_yet_is_compared_under_the_model_in_force() -> None:
    newest = change_since(ChurnScorer(POLICY, published()), families(NOW), 21, THEN)
    prior = change_since(ChurnScorer(POLICY), families(NOW), 21, THEN)
    assert newest == prior
    assert newest is not None
    assert newest.by_model == 0.0


def test_what_served_long_ago_is_not_guessed() -> None:
    assert change_since(ChurnScorer(POLICY, published()), families(NOW), 13, THEN) is None


@pytest.mark.parametrize("number", [math.nan, math.inf, -1e300])
def test_numbers_no_model_has_are_not_compared_with(number: float) -> None:
    unsound = [Served(day=20, intercept=number, weights={}), Served(day=13, intercept=0.0, weights={"nps": number})]
    scorer = ChurnScorer(POLICY, published(tested=unsound))
    assert (change_since(scorer, {}, 20, THEN), change_since(scorer, {}, 13, THEN)) == (None, None)


def test_a_risk_is_its_baseline_and_its_families() -> None:
    risk = ChurnScorer(POLICY).score(NOW)
    assert risk.baseline == pytest.approx(BASE)
    assert risk.families == {"feedback": pytest.approx(0.25), "billing": pytest.approx(0.6)}
    assert log_odds(risk.probability) == pytest.approx(risk.baseline + sum(risk.families.values()))


def test_features_learned_against_expectation_are_named() -> None:
    assert ChurnScorer(POLICY).unexpected() == []
    assert unexpected({"csat": 0.1, "nps": 0.3, "mrr": -0.1, "of_old": 1.0}) == ["nps", "csat"]


def test_a_feature_that_is_gone_from_the_registry_is_in_no_family() -> None:
    assert explain({GONE: {"of_old": 2.0}}, {"of_old": 1.0}, {"of_old": 1.0}, POLICY).families == {}
