"""Bootstrap over customers: how far a figure moves when other customers had been drawn.

Snapshots of a customer overlap, so rows are no sample; customers are. Each draw takes as many customers as there are,
with replacement; all models are measured on the same draws, so differences between them are paired.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from streams.backtest.churn.measures import Measured, Ranked
from streams.backtest.churn.sample import Booleans, Floats, Integers

DRAWS = 200
SEED = 5
_LEVELS = (2.5, 97.5)


class Interval(NamedTuple):
    """The middle 95 % of the draws."""

    low: float
    high: float


class Draws:
    """Several models on the same draws of customers.

    Args:
        customer: of each row, a number.
        churned: the labels.
        models: probabilities by name.
        draws: how many; seed: of the draws.
    """

    def __init__(
        self,
        customer: Integers,
        churned: Booleans,
        models: Mapping[str, Floats],
        draws: int = DRAWS,
        seed: int = SEED,
    ) -> None:
        source = np.random.default_rng(seed)
        _, numbers = np.unique(customer, return_inverse=True)
        customers = int(numbers.max()) + 1
        ranked = {name: Ranked(probability, churned) for name, probability in models.items()}
        ones = np.ones(len(customer))
        self.whole = {name: one.measure(ones) for name, one in ranked.items()}
        found: dict[str, list[Measured]] = {name: [] for name in ranked}
        for _ in range(draws):
            times = np.bincount(source.integers(0, customers, customers), minlength=customers)
            weights = times[numbers].astype(np.float64)
            for name, one in ranked.items():
                found[name].append(one.measure(weights))
        self._found = {name: np.array(figures) for name, figures in found.items()}

    def interval(self, name: str, figure: str) -> Interval:
        """Of a figure of one model."""
        return _middle(self._of(name, figure))

    def difference(self, name: str, other: str, figure: str) -> Interval:
        """Of a figure of one model less that of another."""
        return _middle(self._of(name, figure) - self._of(other, figure))

    def excess(self, name: str, other: str, figure: str) -> Interval:
        """Of a figure of one model as a share of that of another, less 1."""
        return _middle(self._of(name, figure) / self._of(other, figure) - 1.0)

    def _of(self, name: str, figure: str) -> Floats:
        column: Floats = self._found[name][:, Measured._fields.index(figure)]
        return column


def _middle(values: Floats) -> Interval:
    defined = values[np.isfinite(values)]
    if not len(defined):
        return Interval(float("nan"), float("nan"))
    low, high = np.percentile(defined, _LEVELS)
    return Interval(float(low), float(high))
