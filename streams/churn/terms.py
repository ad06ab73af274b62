"""A model laid out for scoring: one table with all that a feature needs, gone through once.

What a model that learns does in two estimators of a pipeline, scaling and weighing, is done in one step here, with the
same operations in the same order: the same bits (tested). It is made when a model is taken up and never changes.
Contributions come by family at once, as reasons need them; a sum of them is rounded once, so their order is no matter.
"""

import math
from collections.abc import Mapping
from itertools import chain
from typing import Any

from streams.churn.exact import signed_log
from streams.churn.features import BY_NAME, FAMILIES
from streams.churn.linear import LARGEST_VALUE
from streams.churn.model import ChurnModel
from streams.churn.scale import Scale, number

#: Stands for the family of features that are gone: a model of another release may know some.
GONE = ""
#: Log-odds by family and feature; families of which nothing is known are absent.
Contributions = Mapping[str, Mapping[str, float]]


class Terms:
    """The terms of a model's log-odds.

    Args:
        model: a published one, or the prior; it must not learn any more.

    Attributes:
        intercept: log-odds of the typical customer.

    Example:
        >>> from streams.churn.policy import ChurnPolicy
        >>> model = ChurnModel.prior(ChurnPolicy())
        >>> Terms(model).contributions({"nps": -20.0})["feedback"] == model.contributions({"nps": -20.0})
        True
    """

    def __init__(self, model: ChurnModel) -> None:
        weights = model.weights()
        self.intercept = model.classifier.weights[0]
        self._model = model
        self._clip = min(model.scale.clip, LARGEST_VALUE)
        self._scale = Scale(model.constants, self._clip)
        rows = [
            (name, kind == "log", signed_log(typical) if kind == "log" else typical, 1.0 / scale, weights[name])
            for name, kind, typical, scale in model.constants
        ]
        tables = [(family, [row for row in rows if family_of(row[0]) == family]) for family in (*FAMILIES, GONE)]
        self._families = [(family, table) for family, table in tables if table]
        self._weights = [(family, [(row[0], row[-1]) for row in table]) for family, table in self._families if family]

    def contributions(self, features: Mapping[str, Any]) -> dict[str, dict[str, float]]:
        """As `ChurnModel.contributions`, by family, in half the time."""
        clip, value_of = self._clip, features.get
        families: dict[str, dict[str, float]] = {}
        for family, table in self._families:
            parts: dict[str, float] = {}
            for name, is_log, centre, inverse, weight in table:
                value = value_of(name)
                if type(value) is not float or value - value != 0.0:
                    value = None if value is None else number(value)
                    if value is None:
                        continue
                z = ((signed_log(value) if is_log else value) - centre) * inverse
                parts[name] = weight * (clip if z > clip else -clip if z < -clip else z)  # noqa: FURB136 - min, max are slow
            if parts:
                families[family] = parts
        return families

    def probability_of(self, contributions: Contributions) -> float:
        """The probability that contributions amount to."""
        return self._model.probability_of(chain.from_iterable([one.values() for one in contributions.values()]))

    def scaled(self, features: Mapping[str, Any]) -> dict[str, float]:
        """The features that the model knows, in its units; all else is dropped."""
        return self._scale.scaled(features)

    def by_family(self, scaled: Mapping[str, float]) -> dict[str, float]:
        """What each family adds, of features that are `scaled`."""
        found = {
            family: [weight * scaled[name] for name, weight in table if name in scaled]
            for family, table in self._weights
        }
        return {family: math.fsum(parts) for family, parts in found.items() if parts}


def family_of(name: str) -> str:
    """The family of a feature; `GONE` when the registry does not know it."""
    feature = BY_NAME.get(name)
    return GONE if feature is None else feature.family
