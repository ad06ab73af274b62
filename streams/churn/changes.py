"""What changed since a customer's last snapshot: the customer or the model, exactly, in log-odds.

log-odds now - log-odds then = by customer + by model
by customer   what the same model, today's, makes of the features of now and of then; it splits by family
by model      what today's model and the one of then make of the features of then
"""

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from msgspec import Struct

from schemas.models import Served
from streams.churn.exact import logistic
from streams.churn.explain import by_family
from streams.churn.linear import LARGEST_WEIGHT
from streams.churn.model import ChurnModel


class Weights(NamedTuple):
    """A linear model of then: its intercept and its weights by feature, log-odds per spread."""

    intercept: float
    by_feature: Mapping[str, float]


def weights_by_day(tested: Iterable[Served]) -> dict[int, Weights]:
    """What served on the days of the newest snapshots, as a published model tells it; unsound numbers are left out."""
    return {one.day: Weights(one.intercept, one.weights) for one in tested if _is_sound(one)}


def _is_sound(served: Served) -> bool:
    return all(abs(weight) < LARGEST_WEIGHT for weight in (served.intercept, *served.weights.values()))  # NaN is not


class Change(Struct, frozen=True, kw_only=True):
    """Since a snapshot.

    Attributes:
        probability: given to it by the model of then.
        by_customer, by_model: log-odds; they sum to the change of the log-odds.
        families: `by_customer` by family of features.
    """

    probability: float
    by_customer: float
    by_model: float
    families: dict[str, float]


def compared(
    model: ChurnModel, now: Mapping[str, float], then: Mapping[str, float], weights: Weights | None = None
) -> Change:
    """The change between two instants of a customer.

    Args:
        model: today's.
        now: contributions by family, of today's model.
        then: features of then, natural units.
        weights: of the model that served then; None when it was today's.
    """
    scaled = model.scale.scaled(then)
    before = by_family(model.classifier.contributions(scaled))
    families = {name: now.get(name, 0.0) - before.get(name, 0.0) for name in {**before, **now}}
    under_ours = math.fsum((model.classifier.weights[0], *before.values()))
    under_theirs = under_ours
    if weights is not None:
        known = weights.by_feature
        under_theirs = math.fsum((weights.intercept, *(known[name] * z for name, z in scaled.items() if name in known)))
    return Change(
        probability=model.policy.bounded(logistic(under_theirs)),
        by_customer=math.fsum(families.values()),
        by_model=under_ours - under_theirs,
        families=families,
    )
