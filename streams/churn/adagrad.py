"""AdaGradLogit: logistic regression by gradient steps that shrink weight by weight, as a River classifier.

The same model as River's `LogisticRegression(AdaGrad(.05))` (Duchi et al. 2011), which it is tested against; but
its state is plain numbers that survive JSON and releases of River, nothing handed in can ruin it, and the same
examples give the same bits on every machine.
"""

import math
from collections.abc import Hashable
from operator import mul
from typing import Any

from streams.churn.exact import logistic
from streams.churn.linear import LinearLogit, Prior, are_sound

_EPSILON = 1e-8
# Step of the intercept, which every example moves; River's default.
_INTERCEPT_RATE = 0.01
# So that no square of a gradient overflows.
_LARGEST_SLOPE = 1e9


class AdaGradLogit(LinearLogit):
    """Binary logistic regression learned one example at a time, one step size per weight.

    Args:
        prior: feature names with their initial weights; None for none.
        intercept: initial log-odds of an example whose features are all 0.
        rate: first step size of a weight, > 0.

    Attributes:
        squares: of each weight's gradients, summed; the intercept's stays 0.

    Example:
        >>> model = AdaGradLogit(prior=(("silent", 0.3),))
        >>> model.learn_one({"silent": 1.0}, True)
        >>> model.weights[1] > 0.3
        True
    """

    def __init__(self, prior: Prior | None = None, intercept: float = -3.0, rate: float = 0.05) -> None:
        self.prior = prior
        self.intercept = intercept
        self.rate = rate
        self._begin(prior, intercept)
        self.squares: list[float] = [0.0] * len(self.weights)

    def learn_one(self, x: dict[Hashable, Any], y: Any, w: float = 1.0) -> None:
        """Takes an example in.

        Args:
            x: features, a few units around 0.
            y: the class; anything that is true or false.
            w: importance of the example, >= 0.
        """
        self.take(self.vector(x), y, w)

    def take(self, values: list[float], y: Any, w: float = 1.0) -> None:
        """Takes an example in by position (`vector`); else as `learn_one`."""
        slope = (logistic(math.fsum(map(mul, self.weights, values))) - (1.0 if y else 0.0)) * w
        if not (w >= 0.0 and abs(slope) < _LARGEST_SLOPE):  # NaN fails both
            self.refused += 1
            return
        weights, squares = list(self.weights), list(self.squares)
        weights[0] -= _INTERCEPT_RATE * slope
        rate, root = self.rate, math.sqrt
        for i in [i for i, value in enumerate(values) if value][1:]:  # the first is the intercept's
            gradient = slope * values[i]
            squares[i] += gradient * gradient
            weights[i] -= rate / root(squares[i] + _EPSILON) * gradient
        if not are_sound(weights):
            self.refused += 1
            return
        self.weights, self.squares = weights, squares
        self.learned += 1

    def _grown(self, by: int) -> None:
        self.squares = self.squares + [0.0] * by
