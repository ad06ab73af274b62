"""Probabilities of longer windows than the one learned, held against who left within them.

Each snapshot's are those of the model published before its day was opened, so before anything of it was learned. Beside
them stands the simplest thing to say: that the hazard of the learned window goes on.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from schemas.metrics import CustomerValues
from schemas.models import ModelSnapshot
from schemas.scores import Censored, Outcome, Snapshot
from streams.backtest.churn.sample import Booleans, Floats, Integers
from streams.churn.horizons import at_horizon, windows
from streams.churn.policy import ChurnPolicy
from streams.churn.scoring import ChurnScorer

CONSTANT_HAZARD = "constant hazard"


@dataclass(frozen=True, slots=True)
class Longer:
    """Mature snapshots of one window: as in `Sample`, with both probabilities."""

    day: Integers
    customer: Integers
    churned: Booleans
    probability: Floats
    constant_hazard: Floats


class LongerWindows:
    """Observations as they come, with the probabilities of the horizons beyond the learned one.

    Args:
        policy: of the model; its `horizons` are asked for.
        model: the model as it is by now.

    Attributes:
        horizons: those beyond the learned one, days.
    """

    def __init__(self, policy: ChurnPolicy, model: Callable[[], ModelSnapshot]) -> None:
        self.horizons = tuple(sorted({days for days in policy.horizons if days > policy.horizon_days}))
        self._policy = policy
        self._model = model
        self._scorer = ChurnScorer(policy)
        self._day: int | None = None
        self._numbers: dict[str, int] = {}
        self._said: list[tuple[int, int, Mapping[str, float]]] = []
        self._left: defaultdict[int, list[int]] = defaultdict(list)
        self._censored: dict[int, int] = {}

    def take(self, observation: Snapshot | Outcome | Censored, values: CustomerValues) -> None:
        """Takes an observation in, with the values it was made of; days come in order."""
        number = self._numbers.setdefault(observation.customer_id, len(self._numbers))
        if isinstance(observation, Outcome):
            self._left[number].append(observation.day)
        elif isinstance(observation, Censored):
            self._censored[number] = observation.day
        elif self.horizons:
            if observation.day != self._day:
                self._day = observation.day
                self._scorer.load(self._model())
            risk = self._scorer.risk_by_horizon(observation.features, values)
            self._said.append((observation.day, number, risk))

    def mature(self, days: int, through: int) -> Longer:
        """The snapshots whose window of `days` has passed, with the labels of those that were not censored in it.

        Args:
            days: one of `horizons`.
            through: last day whose outcomes are known.
        """
        rows = [row for row in self._said if row[0] + days <= through and self._is_known(row[1], row[0], days)]
        learned = self._policy.horizon_days
        chances = [[risk[str(learned)]] * windows(learned, days) for *_, risk in rows]
        return Longer(
            day=np.array([day for day, *_ in rows], dtype=np.int64),
            customer=np.array([number for _, number, _ in rows], dtype=np.int64),
            churned=np.array([self._leaves(number, day, days) for day, number, _ in rows], dtype=np.bool_),
            probability=np.array([risk[str(days)] for *_, risk in rows], dtype=np.float64),
            constant_hazard=np.array([at_horizon(same, learned, days) for same in chances], dtype=np.float64),
        )

    def _leaves(self, number: int, day: int, days: int) -> bool:
        return any(day < left <= day + days for left in self._left.get(number, ()))

    def _is_known(self, number: int, day: int, days: int) -> bool:
        """Not censored within the window."""
        censored = self._censored.get(number)
        return censored is None or not day < censored <= day + days
