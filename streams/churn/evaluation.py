"""Test-then-train quality on mature labels: what the model said before it could know, against what came.

Only snapshots whose whole window has passed are counted, leavers too: counting leavers at once and stayers
a month later would distort every figure while the share of leavers moves. Serialisable, of bounded size, and
added up in a fixed order, so that replays give the same bits.
"""

import msgspec
from msgspec import Struct

from schemas.models import Quality, ReliabilityBin, WeekQuality
from streams.churn import curves
from streams.churn.exact import log, logit


class Evaluation(Struct):
    """Running sums of the quality of a model.

    Attributes:
        observations: snapshots the model was tested on, labelled or not yet.
        labelled: mature ones; positives: of these, churned; customers_churned: distinct customers behind.
        log_loss_sum, constant_sum: of the model and of the constant guess, nats.
        predicted_sum: of the probabilities given.
        stayed, churned: mature snapshots by bin of the log-odds given.
    """

    observations: int = 0
    labelled: int = 0
    positives: int = 0
    customers_churned: int = 0
    log_loss_sum: float = 0.0
    constant_sum: float = 0.0
    predicted_sum: float = 0.0
    stayed: dict[int, int] = {}
    churned: dict[int, int] = {}

    def constant_guess(self, base_rate: float) -> float:
        """Running base rate: what one who ignores the customer would say now, probability in (0, 1).

        It starts at `base_rate` with the weight of one expected leaver. Asked when labels mature it knows a
        month more than the model did: a hard opponent on purpose.
        """
        return (self.positives + 1.0) / (self.labelled + 1.0 / base_rate)

    def add(self, probability: float, churned: bool, constant: float, new_customer: bool) -> None:
        """Counts a mature label.

        Args:
            probability: given by the model when the snapshot was taken, in (0, 1).
            churned: the label.
            constant: what the constant guess was before this day's labels, in (0, 1).
            new_customer: the first time that this customer is counted as churned.
        """
        self.labelled += 1
        self.predicted_sum += probability
        self.log_loss_sum -= log(probability if churned else 1.0 - probability)
        self.constant_sum -= log(constant if churned else 1.0 - constant)
        bins = self.churned if churned else self.stayed
        at = round(logit(probability) * curves.BINS_PER_LOGIT)
        bins[at] = bins.get(at, 0) + 1
        if churned:
            self.positives += 1
            self.customers_churned += new_customer

    def ranking(self) -> list[curves.Bin]:
        """The mature snapshots by the log-odds given, low risk first."""
        return curves.ranked(self.stayed, self.churned)

    def reliability(self) -> list[ReliabilityBin]:
        """Mean predicted and observed in groups of equal mass; empty until there are mature labels."""
        return curves.reliability(self.ranking())

    def roc_auc(self) -> float | None:
        """Probability that a leaver was ranked above a stayer, ties counted half; None until both were seen.

        From ranks of log-odds rounded to 0.004: off by at most `roc_auc_error`.
        """
        return curves.roc_auc(self.ranking())

    def roc_auc_error(self) -> float:
        """How far at most `roc_auc` is from the AUC of exact ranks: half the pairs that share a bin."""
        pairs = self.positives * (self.labelled - self.positives)
        shared = sum(count * self.stayed.get(at, 0) for at, count in self.churned.items())
        return shared / pairs / 2.0 if pairs else 0.0

    def quality(self) -> Quality:
        """The figures as published; None until both classes were seen."""
        counts = Quality(
            observations=self.observations,
            labelled=self.labelled,
            positives=self.positives,
            customers_churned=self.customers_churned,
        )
        bins = self.ranking()
        auc = curves.roc_auc(bins)
        if auc is None:
            return counts
        return msgspec.structs.replace(
            counts,
            roc_auc=auc,
            log_loss=self.log_loss_sum / self.labelled,
            log_loss_constant=self.constant_sum / self.labelled,
            mean_predicted=self.predicted_sum / self.labelled,
            mean_observed=self.positives / self.labelled,
            ece=curves.ece(curves.reliability(bins)),
            pr_auc=curves.pr_auc(bins),
            brier=curves.brier(bins),
            top_decile_recall=curves.top_decile_recall(bins),
        )

    def of_week(self, day: int) -> WeekQuality:
        """The figures of the week of `day`, when these are the labels of one; there must be some."""
        n = self.labelled
        return WeekQuality(
            day=monday_of(day),
            labelled=n,
            positives=self.positives,
            log_loss=self.log_loss_sum / n,
            log_loss_constant=self.constant_sum / n,
            mean_predicted=self.predicted_sum / n,
            mean_observed=self.positives / n,
            roc_auc=self.roc_auc(),
        )


def monday_of(day: int) -> int:
    """The Monday of the week of a day.

    Example:
        >>> monday_of(4), monday_of(10), monday_of(11)  # 1970-01-05, the first Monday, is day 4
        (4, 4, 11)
    """
    return day - (day - 4) % 7
