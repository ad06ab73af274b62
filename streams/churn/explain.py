"""Why a probability is high or low: exact contributions in log-odds, by family, with their numbers.

A linear model's log-odds are the intercept plus one term per feature, so contributions are exact and
additive; 0 is the typical customer. Correlated features share their weight with arbitrary signs: they are
summed by family first, then the family's strongest member in that direction names the reason. Reasons say
"associated with", never "because". A weight that points against the expert's expectation is shown without a
direction, and reported.
"""

import math
from collections.abc import Callable, Mapping
from functools import lru_cache

from msgspec import Struct

from schemas.metrics import CustomerValues
from schemas.scores import Reason
from streams.churn.exact import log, odds_ratio
from streams.churn.features import BY_NAME, FAMILIES, FEATURES, UNDIRECTED, evidence
from streams.churn.policy import ChurnPolicy
from streams.churn.readings import Number
from streams.churn.terms import GONE, Contributions

Numbers = Mapping[str, Number]
#: Puts a reason into words, by its code and numbers.
Say = Callable[[str, Numbers], str]
Furthest = Callable[..., str]  # named here: a generic type in an inner function is made anew with each call
_NOTHING = CustomerValues()
_threshold = lru_cache(maxsize=16)(log)


def unsaid(_code: str, _numbers: Numbers) -> str:
    """No words: for those who want the numbers alone."""
    return ""


class Explanation(Struct, frozen=True, kw_only=True):
    """The reasons of one probability.

    Attributes:
        raising: families that raise the risk, strongest first; protecting: that lower it.
        no_data: families of which nothing is known; they contribute nothing, which does not mean all is well.
        conflicts: features behind a reason whose weight points against the expert's expectation.
        families: log-odds that each family of which something is known adds.
    """

    raising: list[Reason]
    protecting: list[Reason]
    no_data: list[str]
    conflicts: list[str]
    families: dict[str, float]


def explain(
    contributions: Contributions,
    weights: Mapping[str, float],
    features: Mapping[str, float],
    policy: ChurnPolicy,
    values: CustomerValues = _NOTHING,
    say: Say = unsaid,
) -> Explanation:
    """The reasons behind contributions.

    Args:
        contributions: log-odds by family and feature, as `Terms` gives them.
        weights: of the features, log-odds per spread.
        features: natural values of the features.
        policy: how many reasons, and how strong they must be.
        values: metric values, for the numbers in the reasons' texts.
        say: puts a reason into words, by its code and numbers.
    """
    totals = {family: math.fsum(parts.values()) for family, parts in contributions.items() if family != GONE}
    ranked = sorted(totals, key=totals.__getitem__, reverse=True)
    least = _threshold(policy.least_odds_ratio)
    raising = [f for f in ranked if totals[f] >= least][: policy.max_raising]
    protecting = [f for f in reversed(ranked) if totals[f] <= -least][: policy.max_protecting]
    conflicts: list[str] = []

    def reason(family: str, furthest: Furthest) -> Reason:
        # The member that moves the family furthest in the direction it moves as a whole names the reason.
        parts = contributions[family]
        feature = BY_NAME[furthest(parts, key=parts.__getitem__)]
        agrees = weights[feature.name] * feature.weight > 0.0
        if not agrees:
            conflicts.append(feature.name)
        directed = feature.raises if totals[family] > 0.0 else feature.protects
        code = directed if agrees else UNDIRECTED[family]
        numbers = {
            feature.name: features[feature.name],
            "typical": feature.typical,
            **evidence(feature, values),
        }
        return Reason(
            code=code,
            family=family,
            contribution=totals[family],
            odds_ratio=odds_ratio(totals[family]),
            values=numbers,
            text=say(code, numbers),
        )

    return Explanation(
        raising=[reason(family, max) for family in raising],
        protecting=[reason(family, min) for family in protecting],
        no_data=[family for family in FAMILIES if family not in totals] if len(totals) < len(FAMILIES) else [],
        conflicts=conflicts,
        families=totals,
    )


def unexpected(weights: Mapping[str, float]) -> list[str]:
    """Features whose weight points against the expert's expectation, in the registry's order."""
    return [feature.name for feature in FEATURES if weights.get(feature.name, 0.0) * feature.weight < 0.0]
