"""Figures read off the ranking, against figures worked by hand and against all pairs."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.churn import curves
from streams.churn.curves import Bin
from streams.churn.evaluation import Evaluation

# Ten snapshots, three left: ranks from the top are leave, stay, leave, stay x6, leave.
TEN = [Bin(0.1, 0, 1), Bin(0.2, 6, 0), Bin(0.3, 0, 1), Bin(0.4, 1, 0), Bin(0.5, 0, 1)]


def test_auc_counts_the_pairs_won() -> None:
    # Of 3 x 7 pairs the leavers win 7 + 6 + 0.
    assert curves.roc_auc(TEN) == 13 / 21


@pytest.mark.parametrize("bins", [[], [Bin(0.1, 3, 0)], [Bin(0.1, 0, 3)]])
def test_without_both_classes_there_is_no_auc(bins: list[Bin]) -> None:
    assert curves.roc_auc(bins) is None


def test_average_precision_is_that_of_the_ranks_of_the_leavers() -> None:
    # Found at ranks 1, 3 and 10.
    assert curves.pr_auc(TEN) == pytest.approx((1 / 1 + 2 / 3 + 3 / 10) / 3)


def test_brier_is_the_mean_square() -> None:
    assert curves.brier(TEN) == pytest.approx((0.81 + 6 * 0.04 + 0.49 + 0.16 + 0.25) / 10)


def test_the_top_tenth_of_ten_is_one_snapshot() -> None:
    assert curves.top_decile_recall(TEN) == pytest.approx(1 / 3)


def test_a_bin_across_the_edge_of_the_top_tenth_counts_in_proportion() -> None:
    assert curves.top_decile_recall([Bin(0.1, 15, 0), Bin(0.2, 2, 3)]) == pytest.approx(2 / 5)


def test_groups_have_equal_mass_and_keep_a_bin_together() -> None:
    groups = curves.reliability([Bin(0.01, 14, 0), Bin(0.02, 1, 1), Bin(0.1, 10, 4)])
    assert [(group.n, group.observed) for group in groups] == [(14, 0.0), (2, 0.5), (14, 4 / 14)]
    assert [group.predicted for group in groups] == pytest.approx([0.01, 0.02, 0.1])
    assert curves.ece(groups) == pytest.approx((14 * 0.01 + 2 * 0.48 + 14 * (4 / 14 - 0.1)) / 30)


def test_a_bin_past_several_borders_leaves_no_groups_of_one_behind() -> None:
    bins = [Bin(0.01, 700, 0), *(Bin(0.02 + i / 1000, 1, 0) for i in range(10)), Bin(0.1, 790, 0)]
    # Borders lie at 100, 200 ... 1500: the first group ends at 700, the next is to reach 800.
    assert [group.n for group in curves.reliability(bins)] == [700, 800]


def test_nothing_has_no_groups() -> None:
    assert curves.reliability([]) == []


@given(st.lists(st.tuples(st.floats(0.001, 0.999), st.booleans()), min_size=1, max_size=80))
def test_groups_hold_everything_once_and_at_most_fifteen_times(labels: list[tuple[float, bool]]) -> None:
    evaluation = Evaluation()
    for probability, churned in labels:
        evaluation.add(probability, churned, 0.1, new_customer=False)
    groups = evaluation.reliability()
    assert sum(group.n for group in groups) == len(labels)
    assert len(groups) <= curves.RELIABILITY_BINS
    assert sum(group.n * group.observed for group in groups) == pytest.approx(sum(c for _, c in labels))
    predicted = sum(group.n * group.predicted for group in groups)
    assert predicted == pytest.approx(sum(p for p, _ in labels), rel=0.002)


@given(st.lists(st.tuples(st.floats(0.001, 0.999), st.booleans()), min_size=2, max_size=60))
def test_the_quality_published_is_that_of_the_plain_formulas(labels: list[tuple[float, bool]]) -> None:
    evaluation = Evaluation()
    for probability, churned in labels:
        evaluation.add(probability, churned, 0.1, new_customer=False)
    quality, leavers = evaluation.quality(), [p for p, churned in labels if churned]
    if not leavers or len(leavers) == len(labels):
        assert (quality.brier, quality.ece, quality.pr_auc, quality.top_decile_recall) == (None, None, None, None)
        return
    assert quality.brier == pytest.approx(sum((p - c) ** 2 for p, c in labels) / len(labels), rel=0.01)
    assert quality.ece is not None
    assert quality.pr_auc is not None
    assert quality.top_decile_recall is not None
    assert 0.0 <= quality.ece <= 1.0
    assert len(leavers) / len(labels) / 2 <= quality.pr_auc <= 1.0 + 1e-12
    assert 0.0 <= quality.top_decile_recall <= 1.0 + 1e-12
    assert math.isfinite(quality.ece)
