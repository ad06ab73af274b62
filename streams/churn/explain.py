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
from streams.churn.features import BY_NAME, FAMILIES, FEATURES, UNDIRECTED, Feature, evidence
from streams.churn.policy import ChurnPolicy

_NOTHING = CustomerValues()
_threshold = lru_cache(maxsize=16)(log)
_FAMILY_OF: Mapping[str, str] = {feature.name: feature.family for feature in FEATURES}


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
    contributions: Mapping[str, float],
    weights: Mapping[str, float],
    features: Mapping[str, float],
    policy: ChurnPolicy,
    values: CustomerValues = _NOTHING,
) -> Explanation:
    """The reasons behind contributions.

    Args:
        contributions: log-odds by feature, as the model gives them.
        weights: of the features, log-odds per spread.
        features: natural values of the features.
        policy: how many reasons, and how strong they must be.
        values: metric values, for the numbers in the reasons' texts.
    """
    families = _members(contributions)
    totals = {family: math.fsum(parts) for family, (parts, _) in families.items()}
    ranked = sorted(totals, key=totals.__getitem__, reverse=True)
    least = _threshold(policy.least_odds_ratio)
    raising = [f for f in ranked if totals[f] >= least][: policy.max_raising]
    protecting = [f for f in reversed(ranked) if totals[f] <= -least][: policy.max_protecting]
    conflicts: list[str] = []

    def reason(family: str, furthest: Callable[[list[float]], float]) -> Reason:
        # The member that moves the family furthest in the direction it moves as a whole names the reason.
        parts, names = families[family]
        feature = BY_NAME[names[parts.index(furthest(parts))]]
        agrees = weights[feature.name] * feature.weight > 0.0
        if not agrees:
            conflicts.append(feature.name)
        return _reason(totals[family], feature, agrees, features, values)

    return Explanation(
        raising=[reason(family, max) for family in raising],
        protecting=[reason(family, min) for family in protecting],
        no_data=[family for family in FAMILIES if family not in families] if len(families) < len(FAMILIES) else [],
        conflicts=conflicts,
        families=totals,
    )


def by_family(contributions: Mapping[str, float]) -> dict[str, float]:
    """Contributions summed by family; families of which nothing is known are absent."""
    return {family: math.fsum(parts) for family, (parts, _) in _members(contributions).items()}


def unexpected(weights: Mapping[str, float]) -> list[str]:
    """Features whose weight points against the expert's expectation, in the registry's order."""
    return [feature.name for feature in FEATURES if weights.get(feature.name, 0.0) * feature.weight < 0.0]


def _members(contributions: Mapping[str, float]) -> dict[str, tuple[list[float], list[str]]]:
    """The contributions of each family of which something is known, and their features."""
    families: dict[str, tuple[list[float], list[str]]] = {family: ([], []) for family in FAMILIES}
    family_of = _FAMILY_OF.get
    for name, contribution in contributions.items():
        family = family_of(name)
        if family is None:  # a model of another release may know features that are gone
            continue
        parts, names = families[family]
        parts.append(contribution)
        names.append(name)
    return {family: members for family, members in families.items() if members[0]}


def _reason(
    total: float, feature: Feature, agrees: bool, features: Mapping[str, float], values: CustomerValues
) -> Reason:
    directed = feature.raises if total > 0.0 else feature.protects
    return Reason(
        code=directed if agrees else UNDIRECTED[feature.family],
        family=feature.family,
        contribution=total,
        odds_ratio=odds_ratio(total),
        values={
            feature.name: features[feature.name],
            "typical": feature.typical,
            **evidence(feature, values),
        },
    )
