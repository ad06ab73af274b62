"""RLSLogit: recursive, second-order logistic regression as a River classifier.

Theory of operation. The weights are a Gaussian belief: a mean (starting at the expert prior) and a
covariance. Each example moves the mean by the covariance times the gradient and shrinks the covariance along
its own direction (a Kalman update of the linearised logistic model, equally an online Newton step).
Forgetting inflates the covariance a little before each example, so that old examples fade; a cap per weight
keeps directions that are never excited from growing without bound, the classic way in which forgetting
diverges.

Invariants:
 R1 the same examples in the same order give the same bits on every machine: only IEEE basic operations, in an
    order that neither BLAS nor SIMD width decides (sums by `fsum`, which rounds once, or by rows);
 R2 nothing handed in leaves a weight or covariance that is not finite: such an update is refused and counted;
 R3 the covariance is exactly symmetric, so its upper triangle is the whole of it.
"""

import math
from collections.abc import Hashable, Mapping
from operator import mul
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import base

from streams.churn.exact import logistic
from streams.churn.scale import number

Prior = tuple[tuple[str, float], ...]
# Far outside what scaled features reach: a belt for callers without a scaler, not a part of the model.
_LARGEST = 1e3
# Beyond all reason, and small enough that no sum over features can overflow.
LARGEST_WEIGHT = 1e9
# Under this an example would say nothing: keeps certain predictions correctable.
_LEAST_CURVATURE = 1e-4


class RLSLogit(base.Classifier):
    """Binary logistic regression learned one example at a time, with the full covariance of its weights.

    Features are expected to be scaled to a few units around 0. Unknown ones join when first learned, with
    weight 0; missing ones count as 0, the typical customer.

    Args:
        prior: feature names with their initial weights, in the order of the covariance; None for none.
        intercept: initial log-odds of an example whose features are all 0.
        forgetting: factor on the weight of the past per example, (0, 1]; 1 never forgets.
        variance: initial variance of each weight.
        variance_cap: largest variance of any weight; also the intercept's first.

    Attributes:
        weights: intercept, then one per feature.
        covariance: of the weights, symmetric.
        learned: examples taken in; refused: examples that would have broken the numbers.

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
        variance: float = 0.1,
        variance_cap: float = 0.5,
    ) -> None:
        self.prior = prior
        self.intercept = intercept
        self.forgetting = forgetting
        self.variance = variance
        self.variance_cap = variance_cap
        expected = prior or ()
        self._index: dict[Hashable, int] = {name: i for i, (name, _) in enumerate(expected, start=1)}
        self.weights: list[float] = [intercept, *(weight for _, weight in expected)]
        self.covariance: NDArray[np.float64] = np.diag([variance_cap] + [variance] * len(expected))
        self.learned = 0
        self.refused = 0

    def predict_proba_one(self, x: dict[Hashable, Any], **_kwargs: Any) -> dict[bool | str | int, float]:
        """The probability of each class."""
        probability = logistic(self.logit(x))
        return {False: 1.0 - probability, True: probability}

    def logit(self, x: Mapping[Any, Any]) -> float:
        """Log-odds of the positive class; the same whatever the order of the features."""
        return math.fsum(self.contributions(x).values()) + self.weights[0]

    def contributions(self, x: Mapping[Any, Any]) -> dict[Any, float]:
        """What each known feature adds to the log-odds; with the intercept they sum to `logit`."""
        index, weights = self._index, self.weights
        parts: dict[Any, float] = {}
        for name, raw in x.items():
            position = index.get(name)
            if position is None:
                continue
            value = raw if type(raw) is float and -_LARGEST <= raw <= _LARGEST else _bounded(raw)
            if value is not None:
                parts[name] = weights[position] * value
        return parts

    def learn_one(self, x: dict[Hashable, Any], y: Any, w: float = 1.0) -> None:
        """Takes an example in.

        Args:
            x: features, a few units around 0.
            y: the class; anything that is true or false.
            w: importance of the example, > 0.
        """
        values = self._vector(x)
        probability = logistic(math.fsum(map(mul, self.weights, values)))
        curvature = max(probability * (1.0 - probability), _LEAST_CURVATURE) * w
        vector = np.array(values)
        with np.errstate(all="ignore"):  # what overflows is refused below
            inflated = self.covariance / self.forgetting
            # Row by row, never a dot product: the order of additions must not depend on the BLAS.
            direction = np.add.reduce(inflated * vector[:, None], axis=0)
            steps = direction.tolist()
            inverse_gain = 1.0 + curvature * _sum_of_products(steps, values)
            if not inverse_gain >= 1.0:  # NaN, a negative importance, a covariance that is none
                self.refused += 1
                return
            gain = 1.0 / inverse_gain
            covariance = inflated - np.multiply.outer(direction, direction) * (curvature * gain)
            covariance = self._capped(covariance)
        move = gain * w * ((1.0 if y else 0.0) - probability)
        weights = [weight + move * step for weight, step in zip(self.weights, steps, strict=True)]
        self._accept(weights, covariance)

    def _accept(self, weights: list[float], covariance: NDArray[np.float64]) -> None:
        # What is not finite off the diagonal is not finite on it either; NaN fails every comparison.
        sound = all(0.0 < variance < math.inf for variance in covariance.diagonal().tolist())
        if not sound or not sum(map(abs, weights)) < LARGEST_WEIGHT:
            self.refused += 1
            return
        self.weights, self.covariance = weights, covariance
        self.learned += 1

    def _capped(self, covariance: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shrinks rows and columns of weights less certain than the cap; stays positive definite."""
        diagonal = covariance.diagonal()
        if max(diagonal.tolist()) <= self.variance_cap:
            return covariance
        shrink = np.sqrt(np.minimum(1.0, self.variance_cap / diagonal))
        capped: NDArray[np.float64] = covariance * np.multiply.outer(shrink, shrink)
        return capped

    def _vector(self, x: Mapping[Any, Any]) -> list[float]:
        index = self._index
        if not x.keys() <= index.keys():
            self._grow([name for name, raw in x.items() if name not in index and number(raw) is not None])
        values = [0.0] * len(self.weights)
        values[0] = 1.0
        for name, raw in x.items():
            value = raw if type(raw) is float and -_LARGEST <= raw <= _LARGEST else _bounded(raw)
            if value is not None:
                values[index[name]] = value
        return values

    def _grow(self, names: list[Any]) -> None:
        size = len(self.weights)
        for position, name in enumerate(sorted(names, key=repr), start=size):
            self._index[name] = position
        self.weights = self.weights + [0.0] * len(names)
        covariance = np.diag([self.variance] * len(self.weights))
        covariance[:size, :size] = self.covariance
        self.covariance = covariance


def _bounded(raw: Any) -> float | None:
    value = number(raw)
    return None if value is None else min(max(value, -_LARGEST), _LARGEST)


def _sum_of_products(a: list[float], b: list[float]) -> float:
    """Sum of products by fsum, or NaN where fsum would raise (infinities of both signs, overflow)."""
    try:
        return math.fsum(map(mul, a, b))
    except (OverflowError, ValueError):
        return math.nan
