"""What can be read off the ranking: AUC, precision-recall, reliability, calibration error, all from one histogram.

The histogram counts mature snapshots by bin of the log-odds given, stayers and leavers apart. Bins are so narrow
(0.004) that the probability in the middle of a bin stands for all in it: off by at most 0.2 % of itself.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from schemas.models import ReliabilityBin
from streams.churn.exact import logistic

# Bins of equal width in log-odds: within one, ranks are not told apart.
BINS_PER_LOGIT = 250
RELIABILITY_BINS = 15
_TOP = 10


class Bin(NamedTuple):
    """Snapshots of about the same probability."""

    probability: float
    stayed: int
    churned: int


def ranked(stayed: Mapping[int, int], churned: Mapping[int, int]) -> list[Bin]:
    """The bins of a histogram, low risk first."""
    return [
        Bin(logistic(at / BINS_PER_LOGIT), stayed.get(at, 0), churned.get(at, 0))
        for at in sorted(stayed.keys() | churned.keys())
    ]


def roc_auc(bins: Sequence[Bin]) -> float | None:
    """Probability that a leaver was ranked above a stayer, ties counted half; None until both were seen."""
    won, below = 0.0, 0
    for _, stayed, churned in bins:
        won += churned * (below + stayed / 2.0)
        below += stayed
    pairs = below * sum(one.churned for one in bins)
    return won / pairs if pairs else None


def pr_auc(bins: Sequence[Bin]) -> float:
    """Average precision: the mean over leavers of the precision among all ranked at least as high; one is needed."""
    leavers = sum(one.churned for one in bins)
    area, seen, found = 0.0, 0, 0
    for _, stayed, churned in reversed(bins):
        seen, found = seen + stayed + churned, found + churned
        area += churned * found / seen
    return area / leavers


def brier(bins: Sequence[Bin]) -> float:
    """Mean squared distance of probability and outcome; one snapshot is needed."""
    n = sum(one.stayed + one.churned for one in bins)
    return sum(stayed * p * p + churned * (1.0 - p) * (1.0 - p) for p, stayed, churned in bins) / n


def top_decile_recall(bins: Sequence[Bin]) -> float:
    """Share of the leavers among the tenth of the snapshots ranked highest, a bin across its edge in proportion."""
    leavers, room = sum(one.churned for one in bins), sum(one.stayed + one.churned for one in bins) / _TOP
    found = 0.0
    for _, stayed, churned in reversed(bins):
        taken = min(1.0, room / (stayed + churned))
        found += churned * taken
        room -= (stayed + churned) * taken
    return found / leavers


def reliability(bins: Sequence[Bin]) -> list[ReliabilityBin]:
    """Fifteen groups of about equal mass, low risk first; what shares a bin stays together, so there may be fewer."""
    total, seen, groups = sum(one.stayed + one.churned for one in bins), 0, list[ReliabilityBin]()
    n, predicted, churned, border = 0, 0.0, 0, 1
    for one in bins:
        here = one.stayed + one.churned
        n, predicted, churned, seen = n + here, predicted + here * one.probability, churned + one.churned, seen + here
        if seen * RELIABILITY_BINS >= total * border:
            groups.append(ReliabilityBin(n=n, predicted=predicted / n, observed=churned / n))
            n, predicted, churned = 0, 0.0, 0
            # A bin may reach past several borders: the next group ends at the first one still ahead.
            border = seen * RELIABILITY_BINS // total + 1
    return groups


def ece(groups: Sequence[ReliabilityBin]) -> float:
    """Expected calibration error: mean distance of predicted and observed, by mass; one group is needed."""
    return sum(one.n * abs(one.predicted - one.observed) for one in groups) / sum(one.n for one in groups)
