"""Online Platt scaling: learned all the time, served only when the raw probabilities are off.

On event data the model is calibrated by its own training, and Platt scaling on top only costs rank and log loss
(measured). So it is dormant, and watched: over the newest mature labels the ratio of mean predicted to mean observed
must leave a range, and the scaled probabilities must have been better there, in log loss and before their labels
were learned. It goes off again when the ratio is back in a narrower range.

The two numbers are a `RLSLogit` of one feature, the raw log-odds: a logistic regression (Platt 1999) learned one
mature label at a time, starting at "as they are".
"""

from collections.abc import Hashable
from math import inf, sqrt
from typing import Any

import numpy as np
from msgspec import Struct

from schemas.models import Calibration
from streams.churn.exact import log, logistic, logit
from streams.churn.policy import ChurnPolicy
from streams.churn.rls import RLSLogit

_FEATURE = "log_odds"
# Raw log-odds are learned relative to these, about 5 %: slope and intercept are then nearly independent.
_CENTRE = -3.0
# Of both numbers, to begin with: about as sure as a few hundred labels at a base rate of 3 % would make it.
_VARIANCE = 0.1
# Slopes outside turn the ranking over, or flatten it: such a calibration is not served.
_SLOPES = (0.2, 5.0)
#: What a published calibration may say at most: between two looks at the rule it may leave it a little.
LARGEST_SLOPE, LARGEST_INTERCEPT = 10.0, 50.0


class Day(Struct, array_like=True):
    """The mature labels of a day: how many, churned among them, sum of raw probabilities, both log losses."""

    day: int
    labelled: int = 0
    positives: int = 0
    predicted: float = 0.0
    raw_loss: float = 0.0
    scaled_loss: float = 0.0


class Platt(Struct):
    """State of the calibration.

    Attributes:
        on: whether it is served; since: day of the last switch.
        weights: of the regression: log-odds at the centre, slope.
        covariance: of both, upper triangle.
        days: the newest days of mature labels, together at least `calibration_labels` once there are so many.
    """

    on: bool = False
    since: int | None = None
    weights: tuple[float, float] = (_CENTRE, 1.0)
    covariance: tuple[float, float, float] = (_VARIANCE, 0.0, _VARIANCE)
    days: list[Day] = []

    def slope_and_intercept(self) -> tuple[float, float]:
        """Served log-odds are slope * raw log-odds + intercept."""
        at_centre, slope = self.weights
        return slope, at_centre - slope * _CENTRE

    def learn(self, day: int, labels: list[tuple[float, bool]], policy: ChurnPolicy) -> None:
        """Takes the mature labels of a day in: raw probabilities in (0, 1), and whether the customer left."""
        if not labels:
            return
        regression = self._regression(policy.forgetting)
        today = Day(day)
        for raw, churned in labels:
            example: dict[Hashable, Any] = {_FEATURE: logit(raw) - _CENTRE}
            scaled = policy.bounded(logistic(regression.logit(example)))
            today.labelled += 1
            today.positives += churned
            today.predicted += raw
            today.raw_loss -= log(raw if churned else 1.0 - raw)
            today.scaled_loss -= log(scaled if churned else 1.0 - scaled)
            regression.learn_one(example, churned)
        (a, b), (_, c) = regression.covariance.tolist()
        self.weights, self.covariance = (regression.weights[0], regression.weights[1]), (a, b, c)
        self.days.append(today)
        spare = sum(one.labelled for one in self.days) - policy.calibration_labels
        while self.days[0].labelled <= spare:
            spare -= self.days.pop(0).labelled

    def ratio(self) -> float | None:
        """Mean raw predicted / observed over the window; None while nobody left in it."""
        positives = sum(one.positives for one in self.days)
        return sum(one.predicted for one in self.days) / positives if positives else None

    def errors_off(self, horizon_days: int) -> float:
        """By how many standard errors of its expectation the number of leavers is off.

        A leaver is counted once for each weekly snapshot within the horizon: so many labels are one event.
        """
        expected, positives = sum(one.predicted for one in self.days), sum(one.positives for one in self.days)
        repeats = min(len(self.days), horizon_days // 7 + 1)
        return abs(positives - expected) / sqrt(expected * repeats) if self.days else 0.0

    def should_be_on(self, policy: ChurnPolicy) -> bool:
        """The rule of the module; as it is until the window is full."""
        ratio, slope = self.ratio(), self.slope_and_intercept()[0]
        if sum(one.labelled for one in self.days) < policy.calibration_labels:
            return self.on
        # Nobody left where some were expected, and every probability is above 0: no ratio could be further off.
        off = inf if ratio is None else max(ratio, 1.0 / ratio)
        helped = sum(day.scaled_loss for day in self.days) < sum(day.raw_loss for day in self.days)
        if not (helped and _SLOPES[0] <= slope <= _SLOPES[1]):
            return False
        if self.on:
            return off >= policy.calibration_back
        return off >= policy.calibration_ratio and self.errors_off(policy.horizon_days) > policy.least_standard_errors

    def told(self) -> Calibration:
        """As published."""
        slope, intercept = self.slope_and_intercept()
        return Calibration(
            on=self.on,
            since_day=self.since,
            slope=slope,
            intercept=intercept,
            labels=sum(one.labelled for one in self.days),
            ratio=self.ratio(),
        )

    def _regression(self, forgetting: float) -> RLSLogit:
        regression = RLSLogit(((_FEATURE, 1.0),), _CENTRE, forgetting, _VARIANCE, _VARIANCE)
        a, b, c = self.covariance
        regression.weights, regression.covariance = list(self.weights), np.array([[a, b], [b, c]])
        return regression
