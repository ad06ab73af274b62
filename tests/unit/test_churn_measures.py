"""Figures of quality against scikit-learn's and by hand; intervals over customers; opponents; targets."""

import math
import random

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (  # type: ignore[import-untyped]
    average_precision_score,
    brier_score_loss,
    log_loss,
    roc_auc_score,
)

from schemas.scores import Labelled
from streams.backtest.churn import baselines
from streams.backtest.churn.figures import Against, Figure, Figures, Part
from streams.backtest.churn.intervals import Draws
from streams.backtest.churn.measures import Ranked
from streams.backtest.churn.sample import Collected, Sample
from streams.backtest.churn.targets import MODEL, targets
from streams.metrics.days import to_date

said = st.sampled_from([0.01, 0.02, 0.05, 0.2, 0.5, 0.9])
rows = st.lists(st.tuples(said, st.booleans(), st.integers(0, 3)), min_size=2, max_size=60).filter(
    lambda found: 0 < sum(y for _, y, w in found if w) < sum(1 for _, _, w in found if w)
)


@given(rows)
def test_figures_are_those_of_scikit_learn_under_any_weights(found: list[tuple[float, bool, int]]) -> None:
    p, y, w = (np.array(column) for column in zip(*found, strict=True))
    measured = Ranked(p, y).measure(w.astype(float))
    assert measured.roc_auc == pytest.approx(roc_auc_score(y, p, sample_weight=w))
    assert measured.pr_auc == pytest.approx(average_precision_score(y, p, sample_weight=w))
    assert measured.log_loss == pytest.approx(log_loss(y, p, sample_weight=w))
    assert measured.brier == pytest.approx(brier_score_loss(y, p, sample_weight=w))
    assert measured.mean_observed == pytest.approx(np.average(y, weights=w))
    assert measured.ratio == pytest.approx(np.average(p, weights=w) / np.average(y, weights=w))
    assert 0.0 <= measured.top_decile <= 1.0
    assert 0.0 <= measured.ece <= 1.0


@given(rows)
def test_a_weight_is_a_row_that_comes_so_often(found: list[tuple[float, bool, int]]) -> None:
    p, y, w = (np.array(column) for column in zip(*found, strict=True))
    weighted = Ranked(p, y).measure(w.astype(float))
    repeated = Ranked(np.repeat(p, w), np.repeat(y, w)).measure(np.ones(w.sum()))
    for field in ("roc_auc", "pr_auc", "log_loss", "brier", "ece", "ratio", "top_decile", "top_ratio", "mean_observed"):
        assert getattr(weighted, field) == pytest.approx(getattr(repeated, field)), field


def test_the_calibration_error_is_the_mean_gap_of_fifteen_bins_of_equal_mass() -> None:
    p = np.repeat([0.1, 0.3], 15)
    y = np.zeros(30, dtype=bool)
    y[:3] = y[15:21] = True
    # Rows of one probability are in one bin: said 0.1 and 0.3, churned 3 and 6 of 15.
    by_hand = abs(15 * 0.1 - 3) / 30 + abs(15 * 0.3 - 6) / 30
    assert Ranked(p, y).measure(np.ones(30)).ece == pytest.approx(by_hand)
    p = np.linspace(0.01, 0.9, 30)
    by_hand = sum(abs(p[n : n + 2].sum() - y[n : n + 2].sum()) / 30 for n in range(0, 30, 2))
    assert Ranked(p, y).measure(np.ones(30)).ece == pytest.approx(by_hand)


@given(rows, st.randoms())
def test_no_figure_and_no_curve_depends_on_the_order_of_the_rows(
    found: list[tuple[float, bool, int]], source: random.Random
) -> None:
    orders = [list(found), source.sample(found, len(found))]
    (p, y, w), (q, z, v) = (tuple(np.array(column) for column in zip(*order, strict=True)) for order in orders)
    one, other = Ranked(p, y), Ranked(q, z)
    assert one.measure(w.astype(float)) == pytest.approx(other.measure(v.astype(float)))
    assert np.array(one.reliability()) == pytest.approx(np.array(other.reliability()))
    assert [one.found(n / 20) for n in range(21)] == pytest.approx([other.found(n / 20) for n in range(21)])


def test_the_lift_of_one_probability_for_all_is_the_share_itself() -> None:
    for y in (np.arange(100) < 3, np.arange(100) >= 97):
        constant = Ranked(np.full(100, 0.03), y)
        assert [constant.found(n / 20) for n in range(21)] == pytest.approx([n / 20 for n in range(21)])


def test_the_riskiest_tenth_counts_equal_probabilities_in_part() -> None:
    p, y = np.full(20, 0.2), np.arange(20) < 4
    assert Ranked(p, y).measure(np.ones(20)).top_decile == pytest.approx(0.1)
    p[:2] = 0.9
    assert Ranked(p, y).measure(np.ones(20)).top_decile == pytest.approx(0.5)


def test_the_ratio_of_the_riskiest_tenth_is_what_was_said_of_it_over_who_churned_there() -> None:
    p, y = np.full(20, 0.2), np.arange(20) < 4
    assert Ranked(p, y).measure(np.ones(20)).top_ratio == pytest.approx(0.2 * 2 / 0.4)  # a tenth of four, in part
    p[:2] = 0.9, 0.7
    assert Ranked(p, y).measure(np.ones(20)).top_ratio == pytest.approx(1.6 / 2)
    p[2] = 0.8  # one of equal weight is within; then the border runs through none
    assert Ranked(p, y).measure(np.ones(20)).top_ratio == pytest.approx(1.7 / 2)


def test_what_needs_both_outcomes_is_not_defined_without_them() -> None:
    nobody = Ranked(np.array([0.1, 0.2]), np.array([False, False])).measure(np.ones(2))
    assert math.isnan(nobody.roc_auc)
    assert math.isnan(nobody.pr_auc)
    assert math.isnan(nobody.top_decile)
    assert nobody.log_loss == pytest.approx(-(math.log(0.9) + math.log(0.8)) / 2)
    assert math.isinf(nobody.ratio)


def test_the_reliability_curve_has_bins_of_equal_mass_lowest_first() -> None:
    p = np.linspace(0.01, 0.9, 30)
    bins = Ranked(p[::-1], (p > 0.5)[::-1]).reliability()
    assert [one.rows for one in bins] == [2] * 15
    assert [one.predicted for one in bins] == sorted(one.predicted for one in bins)
    assert (bins[0].observed, bins[-1].observed) == (0.0, 1.0)
    assert len(Ranked(p[:4], p[:4] > 0.05).reliability()) == 4


def test_an_interval_is_over_customers_not_rows_and_the_same_every_time() -> None:
    source = np.random.default_rng(1)
    p = source.uniform(0.05, 0.95, 40)
    y = source.uniform(size=40) < p
    apart = Draws(np.arange(40), y, {"a": p, "b": 1.0 - p})
    copies = Draws(np.tile(np.arange(40), 25), np.tile(y, 25), {"a": np.tile(p, 25)})
    assert copies.interval("a", "roc_auc") == pytest.approx(apart.interval("a", "roc_auc"))
    low, high = apart.interval("a", "log_loss")
    assert low < apart.whole["a"].log_loss < high
    assert apart.difference("a", "b", "roc_auc").low > 0
    assert apart.excess("a", "b", "log_loss").high < 0
    assert Draws(np.arange(40), y, {"a": p}).interval("a", "roc_auc") == apart.interval("a", "roc_auc")


def test_an_interval_of_what_is_never_defined_is_not_defined() -> None:
    nobody = Draws(np.arange(3), np.zeros(3, dtype=bool), {"a": np.full(3, 0.1)}, draws=5)
    assert all(math.isnan(end) for end in nobody.interval("a", "roc_auc"))


def label(day: int, customer: str, churned: bool, **features: float) -> Labelled:
    return Labelled(
        customer_id=customer,
        day=day,
        features=features,
        probability=0.1,
        churned=churned,
        labelled_day=day + 30,
        model_version=1,
    )


def test_labels_become_rows_by_day_with_gaps_where_nothing_is_known() -> None:
    collected = Collected(("use", "nps"), 30)
    for one in (label(14, "b", True, use=1.0), label(7, "b", False, nps=5.0), label(7, "a", False, use=2.0, other=9.0)):
        collected.add(one)
    sample = collected.sample(44)
    assert len(sample) == 3
    assert (sample.day.tolist(), sample.customer.tolist()) == ([7, 7, 14], [0, 1, 0])
    assert sample.churned.tolist() == [False, False, True]
    assert np.array_equal(sample.features, [[np.nan, 5.0], [2.0, np.nan], [1.0, np.nan]], equal_nan=True)
    assert collected.sample(43).day.tolist() == [7, 7]  # the window of day 14 is open, whoever left in it
    assert Collected(("use",), 30).sample(0).features.shape == (0, 1)


def test_a_label_that_is_taken_back_is_no_row() -> None:
    collected = Collected(("use",), 30)
    for one in (label(7, "a", True), label(14, "a", True), label(14, "b", True)):
        collected.add(one)
    collected.add(msgspec.structs.replace(label(14, "a", True), churned=None))
    sample = collected.sample(44)
    assert [(day, number) for day, number in zip(sample.day.tolist(), sample.customer.tolist(), strict=True)] == [
        (7, 0),
        (14, 1),
    ]


def panel(weeks: int, signal: float = 2.0, horizon: int = 30) -> Sample:
    """Thirty customers a week; the higher x, the likelier the loss."""
    source = np.random.default_rng(3)
    day = np.repeat(np.arange(weeks) * 7, 30)
    x = source.normal(size=len(day))
    features = np.stack([x, np.where(source.uniform(size=len(day)) < 0.3, np.nan, x)], axis=1)
    return Sample(
        day=day,
        customer=np.tile(np.arange(30), weeks),
        features=features,
        probability=np.full(len(day), 0.2),
        churned=source.uniform(size=len(day)) < 1 / (1 + np.exp(2.0 - signal * x)),
        names=("a", "b"),
        horizon_days=horizon,
    )


@pytest.mark.parametrize("name", [baselines.LOGISTIC, baselines.BOOSTER])
def test_an_opponent_learns_what_there_is_to_learn_and_says_the_same_again(name: str) -> None:
    sample, fit = panel(30), baselines.opponents()[name]
    said = baselines.refit(sample, sample.features, fit, 0.03)
    later = sample.day > 70
    assert roc_auc_score(sample.churned[later], said[later]) > 0.75
    assert np.array_equal(said, baselines.refit(sample, sample.features, fit, 0.03))


def test_an_opponent_is_fit_on_labels_that_were_mature_before_the_snapshot() -> None:
    sample, seen = panel(20), []

    def fit(features: np.ndarray, churned: np.ndarray) -> baselines.Fitted:
        seen.append(len(features))
        return lambda rows: np.full(len(rows), 0.5)

    said = baselines.refit(sample, sample.features, fit, 0.03)
    starts = range(0, 20 * 7, baselines.REFIT_DAYS)
    mature = [int((sample.day + 30 <= start).sum()) for start in starts]
    assert seen == [
        n for n, start in zip(mature, starts, strict=True) if sample.churned[sample.day + 30 <= start].sum() >= 10
    ]
    assert set(said[sample.day < 30]) == {0.03}
    assert set(said[sample.day > 90]) == {0.5}


def test_an_opponent_never_says_certain_and_has_nothing_to_say_of_nothing() -> None:
    sample = panel(20)
    sure = baselines.refit(sample, sample.features, lambda x, y: lambda rows: np.ones(len(rows)), 0.03)
    assert sure.max() < 1.0
    empty = Collected(("a",), 30).sample(0)
    assert len(baselines.refit(empty, empty.features, baselines.constant, 0.03)) == 0
    everybody = Sample(
        sample.day, sample.customer, sample.features, sample.probability, np.ones(600, bool), ("a", "b"), 30
    )
    assert set(baselines.refit(everybody, everybody.features, baselines.constant, 0.03)) == {0.03}


def test_the_constant_says_the_share_so_far() -> None:
    fitted = baselines.constant(np.zeros((4, 1)), np.array([True, False, False, False]))
    assert fitted(np.zeros((2, 1))).tolist() == [0.25, 0.25]


def test_features_with_heavy_tails_are_tamed_and_gaps_stay() -> None:
    sample = panel(1)
    scaled = baselines.scaled(sample, (("a", "log", 0.0, 1.0), ("b", "linear", 0.0, 1.0)))
    assert scaled[:, 0] == pytest.approx(np.sign(sample.features[:, 0]) * np.log1p(np.abs(sample.features[:, 0])))
    assert np.array_equal(scaled[:, 1], sample.features[:, 1], equal_nan=True)


def test_opponents_that_are_not_installed_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "find_spec", lambda name: None if name == "lightgbm" else object())
    assert baselines.missing() == [baselines.BOOSTER]
    assert list(baselines.opponents()) == [baselines.CONSTANT, baselines.LOGISTIC]


def part(**changes: float | None) -> Part:
    values: dict[str, float | None] = {**dict.fromkeys(Figures.__struct_fields__, 0.5), **changes}
    figures = Figures(**{name: Figure(value, None, None) for name, value in values.items()})
    return Part(to_date(0), to_date(1), 9, 3, 5, 2, {MODEL: figures}, {})


def against(auc: float, loss: float) -> Against:
    return Against(Figure(auc, None, None), Figure(loss, None, None))


def test_targets_are_held_against_the_better_opponent_and_never_the_constant() -> None:
    judged = part(ece=0.005, ratio=1.0, top_decile=0.31)
    others = {"constant": against(-0.5, 0.5), "one": against(0.01, -0.01), "two": against(-0.005, 0.03)}
    judged = Part(judged.since, judged.until, 9, 3, 5, 2, judged.models, others)
    found = {target.name: (target.measured.value, target.met) for target in targets(judged, part(ratio=1.5))}
    assert found == {
        "ROC AUC less the better opponent's": (-0.005, True),
        "log loss over the better opponent's": (0.03, False),
        "ECE": (0.005, True),
        "predicted / observed": (1.0, True),
        "churners in the riskiest tenth": (0.31, True),
        "predicted / observed, first 120 days": (1.5, False),
    }


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    found = {target.name: target.met for target in targets(part(ece=None, ratio=0.1, top_decile=0.1), None)}
    assert found == {"ECE": None, "predicted / observed": False, "churners in the riskiest tenth": False}
    assert targets(None, None) == []


@pytest.mark.parametrize(
    "interval,met,beyond_chance",
    [
        ((0.95, 0.91, 1.14), True, True),
        ((0.95, 0.9, 1.15), True, True),  # the bounds are promised too
        ((0.95, 0.89, 1.0), True, False),
        ((1.1, 1.0, 1.16), True, False),
        ((0.8, 0.7, 0.9), False, False),
        ((0.8, 0.7, 0.89), False, True),
        ((1.2, 1.15, 1.3), False, False),
        ((1.2, 1.16, 1.3), False, True),
        ((1.2, None, None), False, None),
        ((None, None, None), None, None),
    ],
)
def test_a_target_is_beyond_chance_where_the_whole_interval_says_the_same(
    interval: tuple[float | None, float | None, float | None], met: bool | None, beyond_chance: bool | None
) -> None:
    """Predicted / observed, promised to lie in 0.9 to 1.15."""
    model = part().models[MODEL]
    changed = msgspec.structs.replace(model, ratio=Figure(*interval))
    judged = msgspec.structs.replace(part(), models={MODEL: changed})
    ratio = next(one for one in targets(judged, None) if one.name == "predicted / observed")
    assert (ratio.met, ratio.beyond_chance) == (met, beyond_chance)


def test_an_opponent_that_is_not_defined_counts_as_equal() -> None:
    judged = part()
    others = {"one": Against(Figure(None, None, None), Figure(None, None, None))}
    judged = Part(judged.since, judged.until, 9, 3, 5, 2, judged.models, others)
    assert [target.met for target in targets(judged, None)][:2] == [None, None]
