"""What our linear classifiers share: named weights in log-odds, exact contributions, the same bits anywhere."""

import math
from abc import abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from river import base

from streams.churn.exact import logistic
from streams.churn.scale import number

Prior = tuple[tuple[str, float], ...]
#: Far outside what scaled features reach: a belt for callers without a scaler, not a part of the model.
LARGEST_VALUE = 1e3
#: Log-odds per spread; features reach 4 spreads, and odds of e^20 are certainty: beyond it is no model of anything.
LARGEST_WEIGHT = 50.0


def are_sound(weights: Sequence[float]) -> bool:
    """Whether every weight lies within the largest; NaN does not."""
    within = min(weights) > -LARGEST_WEIGHT and max(weights) < LARGEST_WEIGHT
    return within and abs(sum(weights)) < math.inf  # what is NaN hides from min and max, not from the sum


class LinearLogit(base.Classifier):
    """Binary classifier whose log-odds are an intercept plus one weight per feature; subclasses learn.

    Features are expected to be scaled to a few units around 0. Unknown ones join when first learned, with
    weight 0; missing ones count as 0, the typical customer.

    Attributes:
        weights: intercept, then one per feature.
        learned: examples taken in; refused: examples that would have broken the numbers.
    """

    weights: list[float]
    learned: int
    refused: int
    _index: dict[Hashable, int]

    def _begin(self, prior: Prior | None, intercept: float) -> None:
        expected = prior or ()
        self._index = {name: i for i, (name, _) in enumerate(expected, start=1)}
        self.weights = [intercept, *(weight for _, weight in expected)]
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
            value = raw if type(raw) is float and -LARGEST_VALUE <= raw <= LARGEST_VALUE else _bounded(raw)
            if value is not None:
                parts[name] = weights[position] * value
        return parts

    def vector(self, x: Mapping[Any, Any]) -> list[float]:
        """The example by position, 1 for the intercept; makes room for features not met before."""
        index = self._index
        if not x.keys() <= index.keys():
            names = [name for name, raw in x.items() if name not in index and number(raw) is not None]
            for position, name in enumerate(sorted(names, key=repr), start=len(self.weights)):
                index[name] = position
            self.weights = self.weights + [0.0] * len(names)
            self._grown(len(names))
        values = [0.0] * len(self.weights)
        values[0] = 1.0
        for name, raw in x.items():
            value = raw if type(raw) is float and -LARGEST_VALUE <= raw <= LARGEST_VALUE else _bounded(raw)
            if value is not None:
                values[index[name]] = value
        return values

    @abstractmethod
    def take(self, values: list[float], y: Any, w: float = 1.0) -> None:
        """Takes an example in by position."""

    @abstractmethod
    def _grown(self, by: int) -> None:
        """Makes room for `by` new features in what the subclass keeps besides the weights."""


def _bounded(raw: Any) -> float | None:
    value = number(raw)
    return None if value is None else min(max(value, -LARGEST_VALUE), LARGEST_VALUE)
