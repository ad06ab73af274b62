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
from streams.churn.calibration import LARGEST_INTERCEPT, LARGEST_SLOPE
from streams.churn.exact import logistic
from streams.churn.linear import LARGEST_WEIGHT
from streams.churn.policy import ChurnPolicy
from streams.churn.terms import Terms

# A calibration stretches what serves.
_LARGEST_SERVED = LARGEST_WEIGHT * LARGEST_SLOPE + LARGEST_INTERCEPT


class Weights(NamedTuple):
    """A linear model of then: its intercept and its weights by feature, log-odds per spread."""

    intercept: float
    by_feature: Mapping[str, float]


def weights_by_day(tested: Iterable[Served]) -> dict[int, Weights]:
    """What served on the days of the newest snapshots, as a published model tells it; unsound numbers are left out."""
    return {one.day: Weights(one.intercept, one.weights) for one in tested if _is_sound(one)}


def _is_sound(served: Served) -> bool:
    return all(abs(weight) < _LARGEST_SERVED for weight in (served.intercept, *served.weights.values()))  # NaN is not


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


class Before(NamedTuple):
    """A snapshot as models see it: log-odds by family and in all of today's model, in all of the one that served."""

    families: Mapping[str, float]
    ours: float
    theirs: float


def seen(terms: Terms, then: Mapping[str, float], weights: Weights | None = None) -> Before:
    """What a change is told from, the same until another model is in force.

    Args:
        terms: of today's model.
        then: features of the snapshot, natural units.
        weights: of the model that served then; None when it was today's.
    """
    scaled = terms.scaled(then)
    families = terms.by_family(scaled)
    ours = theirs = math.fsum((terms.intercept, *families.values()))
    if weights is not None:
        known = weights.by_feature
        theirs = math.fsum([weights.intercept, *[known[name] * z for name, z in scaled.items() if name in known]])
    return Before(families, ours, theirs)


def changed(policy: ChurnPolicy, now: Mapping[str, float], before: Before) -> Change:
    """The change since a snapshot; `now` are contributions by family, of today's model."""
    then = before.families
    families = {name: now.get(name, 0.0) - then.get(name, 0.0) for name in {**then, **now}}
    return Change(
        probability=policy.bounded(logistic(before.theirs)),
        by_customer=math.fsum(families.values()),
        by_model=before.ours - before.theirs,
        families=families,
    )
