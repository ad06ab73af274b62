"""RLSLogit: recursive, second-order logistic regression as a River classifier.

Theory of operation. The weights are a Gaussian belief: a mean (starting at the expert prior) and a
covariance. Each example moves the mean by the covariance times the gradient and shrinks the covariance along
its own direction (a Kalman update of the linearised logistic model, equally an online Newton step).
Fading inflates the covariance a little, so that old examples count for less; a cap per weight keeps directions
that are never excited from growing without bound, the classic way in which forgetting diverges. As a River
classifier it fades by every example; a caller that knows how many come together may fade once and take them.

Invariants:
 R1 the same examples in the same order give the same bits on every machine: only IEEE basic operations, in an
    order that neither BLAS nor SIMD width decides (sums by `fsum`, which rounds once, or by rows);
 R2 nothing handed in leaves a weight or covariance that is not finite: such an update is refused and counted;
 R3 the covariance is exactly symmetric, so its upper triangle is the whole of it.
"""

import math
from collections.abc import Hashable
from operator import mul
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.churn.exact import exp, log, logistic
from streams.churn.linear import LinearLogit, Prior, are_sound

# An example teaches at least as if the risk had been 0.5 %: hundreds that stayed would else leave the weights loose,
# and the first few that leave would throw them far over the mark (measured: the first months of a new company).
_LEAST_CURVATURE = 0.005
# No past fades further at once: exp's own bound.
_FURTHEST = -700.0


class RLSLogit(LinearLogit):
    """Binary logistic regression learned one example at a time, with the full covariance of its weights.

    Args:
        prior: feature names with their initial weights, in the order of the covariance; None for none.
        intercept: initial log-odds of an example whose features are all 0.
        forgetting: factor on the weight of the past per example, (0, 1]; 1 never forgets.
        variance: initial variance of each weight, the intercept's too.
        variance_cap: largest variance of any weight.
        least_kept: share of the past's weight that `fade` leaves however many examples come together, [0, 1].

    Attributes:
        covariance: of the weights, symmetric.

    Example:
        >>> model = RLSLogit(prior=(("silent", 0.3),), intercept=-3.0)
        >>> before = model.predict_proba_one({"silent": 1.0})[True]
        >>> model.learn_one({"silent": 1.0}, True)
        >>> model.predict_proba_one({"silent": 1.0})[True] > before
        True
    """

    def __init__(
        self,
        prior: Prior | None = None,
        intercept: float = -3.0,
        forgetting: float = 0.9999,
        variance: float = 0.05,
        variance_cap: float = 0.5,
        least_kept: float = 0.0,
    ) -> None:
        self.prior = prior
        self.intercept = intercept
        self.forgetting = forgetting
        self.variance = variance
        self.variance_cap = variance_cap
        self.least_kept = least_kept
        self._begin(prior, intercept)
        self.covariance: NDArray[np.float64] = np.diag([variance] * (1 + len(prior or ())))

    def learn_one(self, x: dict[Hashable, Any], y: Any, w: float = 1.0) -> None:
        """Takes an example in, and lets those before it fade by `forgetting`.

        Args:
            x: features, a few units around 0.
            y: the class; anything that is true or false.
            w: importance of the example, > 0.
        """
        values = self.vector(x)
        self._inflate(self.forgetting)
        self.take(values, y, w)

    def fade(self, examples: int) -> None:
        """Lets the past fade as so many examples make it, but no further than to `least_kept`."""
        faded = exp(max(examples * log(self.forgetting), _FURTHEST))
        self._inflate(max(faded, self.least_kept))

    def _inflate(self, kept: float) -> None:
        if kept < 1.0:
            with np.errstate(all="ignore"):
                inflated = self._capped(self.covariance / kept)
            if max(inflated.diagonal().tolist()) < math.inf:  # what overflows does not fade; NaN fails too
                self.covariance = inflated

    def take(self, values: list[float], y: Any, w: float = 1.0) -> None:
        """Takes an example in by position (`vector`), and lets nothing fade; else as `learn_one`."""
        probability = logistic(math.fsum(map(mul, self.weights, values)))
        curvature = max(probability * (1.0 - probability), _LEAST_CURVATURE) * w
        with np.errstate(all="ignore"):  # what overflows is refused below
            # Row by row, never a dot product: the order of additions must not depend on the BLAS.
            direction = np.add.reduce(self.covariance * np.array(values)[:, None], axis=0)
            steps: list[float] = direction.tolist()
            inverse_gain = 1.0 + curvature * _sum_of_products(steps, values)
            # NaN, a negative importance (be it too small to show in the gain), a covariance that is none.
            if not (curvature >= 0.0 and 1.0 <= inverse_gain < math.inf):
                self.refused += 1
                return
            gain = 1.0 / inverse_gain
            # Both factors of the product are rounded alike, so it is symmetric (R3).
            shrink = direction * math.sqrt(curvature * gain)
            variances: list[float] = (self.covariance.diagonal() - shrink * shrink).tolist()
            move = gain * w * ((1.0 if y else 0.0) - probability)
            weights = [weight + move * step for weight, step in zip(self.weights, steps, strict=True)]
            # What is not finite off the diagonal is not finite on it either; a sum with NaN fails every comparison.
            sound = sum(variances) < math.inf and min(variances) > 0.0
            if not sound or not are_sound(weights):
                self.refused += 1
                return
            self.covariance -= np.multiply.outer(shrink, shrink)
        self.weights = weights
        self.learned += 1

    def _capped(self, covariance: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shrinks rows and columns of weights less certain than the cap; stays positive definite."""
        diagonal = covariance.diagonal()
        if max(diagonal.tolist()) <= self.variance_cap:
            return covariance
        shrink = np.sqrt(np.minimum(1.0, self.variance_cap / diagonal))
        capped: NDArray[np.float64] = covariance * np.multiply.outer(shrink, shrink)
        return capped

    def _grown(self, by: int) -> None:
        size = len(self.covariance)
        covariance = np.diag([self.variance] * (size + by))
        covariance[:size, :size] = self.covariance
        self.covariance = covariance


def _sum_of_products(a: list[float], b: list[float]) -> float:
    """Sum of products by fsum, or NaN where fsum would raise (infinities of both signs, overflow)."""
    try:
        return math.fsum(map(mul, a, b))
    except (OverflowError, ValueError):
        return math.nan
