"""Mature labels as arrays: one row a snapshot, in the order of days."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.scores import Labelled

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Sample:
    """Snapshots with their labels.

    Attributes:
        day: of each snapshot, ascending.
        customer: a number for each customer.
        features: one column a name; NaN where not known.
        probability: given by the model when the snapshot was taken.
        churned: the label.
        names: of the features.
        horizon_days: how long after its day a label is mature.
    """

    day: Integers
    customer: Integers
    features: Floats
    probability: Floats
    churned: Booleans
    names: tuple[str, ...]
    horizon_days: int

    def __len__(self) -> int:
        return len(self.day)


class Collected:
    """Labels as they come.

    Args:
        names: of the features kept.
        horizon_days: how long after its day a label is mature.
    """

    def __init__(self, names: Sequence[str], horizon_days: int) -> None:
        self._names = tuple(names)
        self._horizon_days = horizon_days
        self._numbers: dict[str, int] = {}
        self._rows: list[tuple[int, int, float, bool, Floats]] = []

    def add(self, label: Labelled) -> None:
        """Takes a label in, or back."""
        number = self._numbers.setdefault(label.customer_id, len(self._numbers))
        if label.churned is None:
            self._rows = [row for row in self._rows if row[:2] != (label.day, number)]
            return
        features = np.array([label.features.get(name, np.nan) for name in self._names], dtype=np.float64)
        self._rows.append((label.day, number, label.probability, label.churned, features))

    def sample(self, through: int) -> Sample:
        """Those that are mature, by day; of one day by customer, in the order of the customers' first labels.

        Who leaves is labelled at once, who stays when the window is over. So of snapshots whose window is still open
        there are only those of customers that left, and none of them may be measured.

        Args:
            through: last day whose outcomes are known.
        """
        mature = (row for row in self._rows if row[0] + self._horizon_days <= through)
        rows = sorted(mature, key=lambda row: row[:2])
        width = len(self._names)
        return Sample(
            day=np.array([row[0] for row in rows], dtype=np.int64),
            customer=np.array([row[1] for row in rows], dtype=np.int64),
            features=np.array([row[4] for row in rows], dtype=np.float64).reshape(len(rows), width),
            probability=np.array([row[2] for row in rows], dtype=np.float64),
            churned=np.array([row[3] for row in rows], dtype=np.bool_),
            names=self._names,
            horizon_days=self._horizon_days,
        )
