"""Scores and their reasons: additive, with numbers, without false directions; models taken up once."""

import math

import msgspec
import pytest

from schemas.metrics import CustomerValues, RevenueValues, UsageValues
from schemas.models import ModelSnapshot, Quality
from streams.churn.explain import explain
from streams.churn.features import BY_NAME, FAMILIES, PRIOR, REASON_CODES, UNDIRECTED, features
from streams.churn.linear import are_sound
from streams.churn.model import MODEL_NAME, RIVER_VERSION, ChurnModel
from streams.churn.parameters import ForeignModelError
from streams.churn.policy import ChurnPolicy
from streams.churn.rls import RLSLogit
from streams.churn.scoring import ChurnScorer
from streams.churn.terms import GONE

POLICY = ChurnPolicy()
VALUES = CustomerValues(
    usage=UsageValues(
        events_14d=180,
        events_prev_14d=310,
        active_days_14d=7,
        active_days_prev_14d=12,
        active_days_28d=19,
        quantity_28d=490,
        features_used_28d=5,
        usage_trend=0.58,
        days_since_last_use=1,
    ),
    revenue=RevenueValues(
        mrr_minor=50_000,
        mrr_28d_ago_minor=50_000,
        tenure_days=800,
        days_to_renewal=12,
        subscriptions_active=1,
    ),
)
WORST = {
    "days_since_last_use": 90.0,
    "active_days_28d": 0.0,
    "tenure_days": 20.0,
    "cancellation_reported": 1.0,
    "tickets_open": 9.0,
    "nps": -100.0,
}
BEST = {"active_days_28d": 28.0, "tenure_days": 2_000.0, "nps": 100.0, "csat": 1.0, "mrr": 1e7}


def published(version: int, policy: ChurnPolicy = POLICY, **changes: object) -> ModelSnapshot:
    snapshot = ModelSnapshot(
        model=MODEL_NAME,
        model_version=version,
        trained_through=100,
        horizon_days=30,
        is_prior=False,
        quality=Quality(observations=10),
        parameters=ChurnModel.prior(policy).to_parameters(),
        river_version=RIVER_VERSION,
    )
    return msgspec.structs.replace(snapshot, **changes)


def test_without_a_model_the_expert_prior_scores_and_says_so() -> None:
    scorer = ChurnScorer(POLICY)
    risk = scorer.score({})
    assert risk.probability == pytest.approx(POLICY.base_rate)
    assert (scorer.is_prior, scorer.model_version, scorer.trained_through) == (True, 0, None)
    assert scorer.quality == Quality()
    assert risk.no_data == list(FAMILIES)
    assert risk.raising == risk.protecting == risk.conflicts == []


def test_the_expert_ranks_the_worst_customer_over_the_best() -> None:
    scorer = ChurnScorer(POLICY)
    worst, best = scorer.score(WORST), scorer.score(BEST)
    assert (worst.band, best.band) == ("high", "low")
    assert worst.probability == scorer.probability(WORST)
    assert scorer.score_many([WORST, BEST]).tolist() == pytest.approx([worst.probability, best.probability], abs=1e-12)
    assert scorer.score_many([]).tolist() == []


def test_reasons_are_at_most_three_strongest_first_and_protection_at_most_one() -> None:
    worst, best = ChurnScorer(POLICY).score(WORST), ChurnScorer(POLICY).score(BEST)
    assert [r.family for r in worst.raising] == ["billing", "usage", "feedback"]
    assert [r.contribution for r in worst.raising] == sorted((r.contribution for r in worst.raising), reverse=True)
    assert worst.protecting == []
    assert [r.family for r in best.protecting] == ["feedback"]
    assert best.raising == []
    assert worst.no_data == []
    assert best.no_data == ["support"]


def test_contributions_of_families_add_up_to_the_log_odds_exactly() -> None:
    everything = ChurnPolicy(least_odds_ratio=1.0, max_raising=9, max_protecting=9)
    risk = ChurnScorer(everything).score(features(VALUES), VALUES)
    total = math.fsum(r.contribution for r in (*risk.raising, *risk.protecting))
    log_odds = math.log(risk.probability / (1 - risk.probability))
    assert log_odds == pytest.approx(math.log(0.03 / 0.97) + total, abs=1e-12)
    assert all(r.odds_ratio == pytest.approx(math.exp(r.contribution)) for r in risk.raising)


def test_a_weak_family_is_not_a_reason() -> None:
    risk = ChurnScorer(POLICY).score({"tickets_opened_28d": 2.0})
    assert risk.raising == []
    assert "support" not in risk.no_data


def test_a_reason_carries_the_numbers_of_its_text() -> None:
    falling = msgspec.structs.replace(
        VALUES,
        usage=UsageValues(events_14d=18, events_prev_14d=310, usage_trend=1.0, active_days_28d=12, quantity_28d=200),
        revenue=None,
    )
    reason = ChurnScorer(POLICY).score(features(falling), falling).raising[0]
    assert reason.code == "usage_falling"
    assert reason.values == {
        "usage_change": pytest.approx(math.log(19 / 311)),
        "typical": 0.0,
        "events_14d": 18,
        "events_prev_14d": 310,
    }
    assert reason.code in REASON_CODES


def test_a_reason_without_values_still_names_its_feature() -> None:
    reason = ChurnScorer(POLICY).score({"renewal_due": 1.0}).raising[0]
    assert reason.code == "renewal_due"
    assert reason.values == {"renewal_due": 1.0, "typical": 0.0, "days_to_renewal": None}


def test_a_weight_against_the_expert_is_told_without_a_direction_and_reported() -> None:
    weight = -BY_NAME["csat"].weight
    told = explain({"feedback": {"csat": 0.5}}, {"csat": weight}, {"csat": 0.95}, POLICY)
    assert told.raising[0].code == UNDIRECTED["feedback"]
    assert told.conflicts == ["csat"]
    expected = explain({"feedback": {"csat": 0.5}}, {"csat": -weight}, {"csat": 0.1}, POLICY)
    assert expected.raising[0].code == "csat_low"
    assert expected.conflicts == []


def test_a_feature_that_is_gone_from_the_registry_is_no_reason() -> None:
    told = explain({GONE: {"of_old": 2.0}}, {"of_old": 1.0}, {"of_old": 1.0}, POLICY)
    assert (told.raising, told.no_data) == ([], list(FAMILIES))


def test_the_familys_member_in_its_direction_names_the_reason() -> None:
    weights = {"tickets_open": 1.0, "first_response_hours": 1.0}
    parts = {"support": {"tickets_open": -0.2, "first_response_hours": 0.6}}
    told = explain(parts, weights, dict.fromkeys(weights, 9.0), POLICY)
    assert told.raising[0].code == "support_slow"
    assert told.raising[0].contribution == pytest.approx(0.4)


def test_a_newer_model_is_taken_up_once_and_an_older_one_never() -> None:
    scorer = ChurnScorer(POLICY, published(5, ChurnPolicy(base_rate=0.2)))
    assert scorer.score({}).probability == pytest.approx(0.2)
    assert (scorer.model_version, scorer.trained_through, scorer.is_prior) == (5, 100, False)
    assert scorer.quality.observations == 10
    assert not scorer.load(published(5))
    assert not scorer.load(published(4))
    assert scorer.score({}).probability == pytest.approx(0.2)
    assert scorer.load(published(6))
    assert scorer.score({}).probability == pytest.approx(0.03)


def test_another_models_snapshot_is_refused() -> None:
    with pytest.raises(ForeignModelError, match="expected a model churn-rls, got 'challenger'"):
        ChurnScorer(POLICY).load(published(9, model="challenger"))


def spoiled(**changes: object) -> dict[str, object]:
    return {**ChurnModel.prior(POLICY).to_parameters(), **changes}


PLAIN = ChurnModel.prior(POLICY).to_parameters()


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        spoiled(schema="somebody.else/1"),
        spoiled(weights=[0.0]),
        spoiled(covariance=[1.0]),
        spoiled(weights="many"),
        spoiled(weights=[math.nan, *PLAIN["weights"][1:]]),
        spoiled(weights=[50.0, *PLAIN["weights"][1:]]),
        spoiled(weights=[*PLAIN["weights"][:-1], -50.0]),
        spoiled(covariance=[0.0, *PLAIN["covariance"][1:]]),
        spoiled(constants=[PLAIN["constants"][0]] * len(PLAIN["constants"])),
        spoiled(constants=[["nps", "cubic", 1.0, 1.0], *PLAIN["constants"][1:]]),
        spoiled(constants=[["nps_", "log", 1.0, 0.0], *PLAIN["constants"][1:]]),
        spoiled(forgetting=1.5),
        spoiled(constants=[[*PLAIN["constants"][0][:3], 1e-310], *PLAIN["constants"][1:]]),
        spoiled(clip=-1.0),
        spoiled(clip=1.0001e3),
        spoiled(clip=math.nan),
        spoiled(variance_cap=math.inf),
    ],
)
def test_a_foreign_or_corrupt_model_is_refused_and_the_present_one_stays(
    parameters: dict[str, object],
) -> None:
    scorer = ChurnScorer(POLICY)
    with pytest.raises(ForeignModelError, match="expected"):
        scorer.load(published(3, parameters=parameters))
    assert scorer.model_version == 0
    assert scorer.score({}).probability == pytest.approx(0.03)


@pytest.mark.parametrize("scale", [1e-307, 1e-300, 1e300, 1.7e308])
def test_a_foreign_model_of_the_widest_clip_and_any_scale_scores(scale: float) -> None:
    constants = [[*row[:3], scale] for row in PLAIN["constants"]]
    weights = [(49.0, -49.0)[at % 2] for at in range(len(PLAIN["weights"]))]
    foreign = spoiled(clip=1e3, constants=constants, weights=weights)
    scorer = ChurnScorer(POLICY, published(3, parameters=foreign))
    for value in (0.0, 1.0, -1.0, 1.7e308, -1.7e308):
        row = dict.fromkeys(BY_NAME, value)
        assert 0.0 < scorer.score(row).probability < 1.0
        assert scorer.score(row).probability == scorer.probability(row)


def test_a_weight_that_an_earlier_release_let_grow_out_of_bounds_stays_at_the_prior_with_its_certainty() -> None:
    model = ChurnModel.prior(POLICY)
    for _ in range(50):
        model.learn_leaving({"nps": -100.0, "csat": 0.1})
    for kind in ("rls", "adagrad"):
        old = ChurnModel.resumed(model.parameters(), POLICY, kind).parameters()
        at = [name for name, *_ in old.constants].index("nps") + 1
        weights = [60.0 if place == at else weight for place, weight in enumerate(old.weights)]
        resumed = ChurnModel.resumed(msgspec.structs.replace(old, weights=weights), POLICY, kind)
        assert resumed.weights() == {**dict(zip(BY_NAME, old.weights[1:], strict=True)), "nps": dict(PRIOR)["nps"]}
        prior = ChurnModel.prior(POLICY, kind).classifier
        if isinstance(resumed.classifier, RLSLogit) and isinstance(prior, RLSLogit):
            assert resumed.classifier.covariance[at].tolist() == prior.covariance[at].tolist()
        learned = resumed.classifier.learned
        resumed.learn_leaving({"nps": -100.0})
        assert (resumed.classifier.learned, resumed.classifier.refused) == (learned + 1, 0)
        assert are_sound(resumed.classifier.weights)


def test_a_model_of_another_release_keeps_what_still_means_the_same() -> None:
    model = ChurnModel.prior(POLICY)
    for _ in range(50):
        model.learn_leaving({"nps": -100.0, "csat": 0.1, "mrr": 1.0})
    old = model.parameters()
    constants = [("gone", "linear", 0.0, 1.0), *old.constants[1:]]
    constants = [(n, k, t + 1.0 if n == "csat" else t, s) for n, k, t, s in constants]
    resumed = ChurnModel.resumed(msgspec.structs.replace(old, constants=constants), POLICY)
    learned, prior, now = model.weights(), ChurnModel.prior(POLICY).weights(), resumed.weights()
    assert now["nps"] == learned["nps"] != prior["nps"]
    assert now["csat"] == prior["csat"] != learned["csat"]
    assert now["active_days_28d"] == prior["active_days_28d"]
    assert "gone" not in now
    assert resumed.classifier.learned == 50
    assert (resumed.classifier.covariance == resumed.classifier.covariance.T).all()


def test_the_parts_of_a_probability_that_is_kept_off_zero_sum_to_what_it_was_before() -> None:
    policy = ChurnPolicy(probability_floor=0.01)
    risk = ChurnScorer(policy).score(BEST)
    assert risk.probability == policy.probability_floor
    assert risk.baseline + sum(risk.families.values()) < math.log(0.01 / 0.99) - 0.1


def test_a_model_with_as_many_horizons_as_a_policy_may_name_is_taken_up() -> None:
    policy = ChurnPolicy(horizons=tuple(range(11, 31)))
    scorer = ChurnScorer(policy)
    assert scorer.load(published(1, policy, horizons=list(policy.horizons)))
    assert len(scorer.score(WORST).horizons) == 20
