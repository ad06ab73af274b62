"""The figures of quality of probabilities against labels, with a weight for each row.

Weights are how often a row counts: a bootstrap draws customers, and a customer drawn twice counts twice, all its
snapshots together. `Ranked` sorts once for all draws.

Sources: ROC AUC as the share of pairs ranked rightly, ties half (Hanley & McNeil 1982); PR AUC as average precision;
expected calibration error over bins of equal mass (Nguyen & O'Connor 2015), here 15.
"""

from typing import NamedTuple

import numpy as np

from streams.backtest.churn.sample import Booleans, Floats, Integers

ECE_BINS = 15
TOP = 0.1


class Ranked:
    """Probabilities and labels from the lowest probability to the highest.

    Args:
        probability: in (0, 1).
        churned: the labels.

    Attributes:
        order: rows by probability; of equal ones the first comes first.
    """

    def __init__(self, probability: Floats, churned: Booleans) -> None:
        self.order: Integers = np.argsort(probability, kind="stable")
        self.probability = probability[self.order]
        self.churned = churned[self.order].astype(np.float64)
        begins = np.diff(self.probability, prepend=-1.0) > 0
        #: Where rows of one probability begin; of each row, which of these groups it is in.
        self._ties = np.flatnonzero(begins)
        self._group = np.cumsum(begins) - 1
        surprise = np.where(self.churned > 0, np.log(self.probability), np.log1p(-self.probability))
        self._losses = np.stack([-surprise, (self.probability - self.churned) ** 2, self.probability, self.churned])

    def measure(self, weights: Floats) -> "Measured":
        """All figures under weights, given in the order of the rows as they came; NaN where undefined."""
        w = weights[self.order]
        total = w.sum()
        with np.errstate(divide="ignore", invalid="ignore"):
            log_loss, brier, predicted, observed = (self._losses @ w) / total
            return Measured(
                roc_auc=self._roc_auc(w),
                pr_auc=self._pr_auc(w),
                log_loss=float(log_loss),
                brier=float(brier),
                ece=self._ece(w, total),
                ratio=float(np.divide(predicted, observed)),
                top_decile=self._found(w, total, TOP),
                top_ratio=self._top_ratio(w, total, float(observed)),
                mean_observed=float(observed),
            )

    def _groups(self, w: Floats) -> tuple[Floats, Floats]:
        """Weight of who churned and of who stayed, by distinct probability."""
        positive = w * self.churned
        return np.add.reduceat(positive, self._ties), np.add.reduceat(w - positive, self._ties)

    def _roc_auc(self, w: Floats) -> float:
        positive, negative = self._groups(w)
        below = np.cumsum(negative) - negative
        return float(np.divide((positive * (below + negative / 2)).sum(), positive.sum() * negative.sum()))

    def _pr_auc(self, w: Floats) -> float:
        positive, negative = (part[::-1] for part in self._groups(w))
        found = np.cumsum(positive)
        precision = found / (found + np.cumsum(negative))
        return float(np.divide(np.nansum(positive * precision), found[-1]))

    def _bins(self, w: Floats, total: float, number: int) -> Integers:
        """Of each row its bin of equal mass; rows of one probability stand where the middle of their weight does."""
        rows = np.add.reduceat(w, self._ties)
        middle = (np.cumsum(rows) - rows / 2) / total
        bins: Integers = np.minimum((middle * number).astype(np.int64), number - 1)[self._group]
        return bins

    def _ece(self, w: Floats, total: float) -> float:
        bins = self._bins(w, total, ECE_BINS)
        gap = np.bincount(bins, w * (self.probability - self.churned), ECE_BINS)
        return float(np.abs(gap).sum() / total)

    def found(self, share: float) -> float:
        """Share of those who churned among such a share of all rows, highest probability first."""
        ones = np.ones(len(self.probability))
        return self._found(ones, float(len(ones)), share)

    def _found(self, w: Floats, total: float, share: float) -> float:
        """The same under weights; rows of one probability are within in part when the border runs through them."""
        positive, negative = (part[::-1] for part in self._groups(w))
        rows = positive + negative
        inside = np.clip(total * share - (np.cumsum(rows) - rows), 0.0, rows)
        with np.errstate(invalid="ignore"):
            part = np.where(rows > 0, inside / rows, 0.0)
        return float(np.divide((part * positive).sum(), positive.sum()))

    def _top_ratio(self, w: Floats, total: float, observed: float) -> float:
        """Predicted over observed in the riskiest tenth, cut as `_found` cuts it."""
        rows = np.add.reduceat(w, self._ties)[::-1]
        inside = np.clip(total * TOP - (np.cumsum(rows) - rows), 0.0, rows)
        predicted = float((inside * self.probability[self._ties][::-1]).sum())
        return float(np.divide(predicted, self._found(w, total, TOP) * observed * total))

    def reliability(self, number: int = ECE_BINS) -> list["Bin"]:
        """Bins of equal mass, lowest first: rows, mean probability, share that churned."""
        ones = np.ones(len(self.probability))
        bins = self._bins(ones, float(len(ones)), number)
        counts = np.bincount(bins, minlength=number)
        sums = [np.bincount(bins, of, number) for of in (self.probability, self.churned)]
        return [Bin(int(n), float(p / n), float(y / n)) for n, p, y in zip(counts, *sums, strict=True) if n]


class Measured(NamedTuple):
    """Figures of quality.

    `ratio`: predicted over observed; `top_ratio`: that of the riskiest tenth; `top_decile`: the churners' part there.
    """

    roc_auc: float
    pr_auc: float
    log_loss: float
    brier: float
    ece: float
    ratio: float
    top_decile: float
    top_ratio: float
    mean_observed: float


class Bin(NamedTuple):
    """A bin of the reliability curve."""

    rows: int
    predicted: float
    observed: float
