"""Why a probability is high or low: exact contributions in log-odds, by family, with their numbers.

A linear model's log-odds are the intercept plus one term per feature, so contributions are exact and
additive; 0 is the typical customer. Correlated features share their weight with arbitrary signs: they are
summed by family first, then the family's strongest member in that direction names the reason. Reasons say
"associated with", never "because". A weight that points against the expert's expectation is shown without a
direction, and reported.
"""

import math
from collections.abc import Mapping

from msgspec import Struct

from schemas.scores import Reason
from streams.churn.exact import exp, log
from streams.churn.features import BY_NAME, FAMILIES, UNDIRECTED, Family, Feature, evidence
from streams.churn.policy import ChurnPolicy
from streams.churn.readings import CustomerValues

_NOTHING = CustomerValues()


class Explanation(Struct, frozen=True, kw_only=True):
    """The reasons of one probability.

    Attributes:
        raising: families that raise the risk, strongest first; protecting: that lower it.
        no_data: families of which nothing is known; they contribute nothing, which does not mean all is well.
        conflicts: features behind a reason whose weight points against the expert's expectation.
    """

    raising: list[Reason]
    protecting: list[Reason]
    no_data: list[str]
    conflicts: list[str]


class _Part(Struct, frozen=True):
    """A feature's part of the log-odds."""

    contribution: float
    weight: float
    feature: Feature

    @property
    def expected(self) -> bool:
        return self.weight * self.feature.weight > 0.0


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
    families: dict[Family, list[_Part]] = {}
    for name, contribution in contributions.items():
        feature = BY_NAME.get(name)
        if feature is not None:  # a model of another release may know features that are gone
            families.setdefault(feature.family, []).append(_Part(contribution, weights[name], feature))
    totals = {family: math.fsum(p.contribution for p in parts) for family, parts in families.items()}
    ranked = sorted(totals, key=lambda family: (-totals[family], family))
    least = log(policy.least_odds_ratio)
    raising = [family for family in ranked if totals[family] >= least][: policy.max_raising]
    protecting = [family for family in reversed(ranked) if totals[family] <= -least][: policy.max_protecting]
    named = {family: _strongest(families[family], totals[family]) for family in raising + protecting}
    return Explanation(
        raising=[_reason(totals[family], named[family], features, values) for family in raising],
        protecting=[_reason(totals[family], named[family], features, values) for family in protecting],
        no_data=[family for family in FAMILIES if family not in families],
        conflicts=[part.feature.name for part in named.values() if not part.expected],
    )


def _strongest(parts: list[_Part], total: float) -> _Part:
    """The member that moves the family furthest in the direction it moves as a whole."""
    return max(parts, key=lambda part: part.contribution * total)


def _reason(total: float, part: _Part, features: Mapping[str, float], values: CustomerValues) -> Reason:
    feature = part.feature
    directed = feature.raises if total > 0.0 else feature.protects
    return Reason(
        code=directed if part.expected else UNDIRECTED[feature.family],
        family=feature.family,
        contribution=total,
        odds_ratio=exp(total),
        values={
            feature.name: features[feature.name],
            "typical": feature.typical,
            **evidence(feature, values),
        },
    )
