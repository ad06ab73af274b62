"""What the recounts of scores must know of a profile, as parameters of SQL."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A health profile, or what it is for a segment, a stage of the journey, or both.

    Attributes:
        profile: its published name.
        segment, stage: whom it is for; empty for any.
        weights: of the eight factors, in the order of METRICS.md; under 0 where a factor is not told of at all.
        bounds: from where a score is yellow, from where green, width of the hysteresis, least coverage.
    """

    profile: str
    segment: str
    stage: str
    weights: tuple[float, ...]
    bounds: tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class Scores:
    """How health and upsell readiness are made.

    Attributes:
        variants: the profile itself first.
        health, upsell: numbers of the profile by the names the SQL files use.
        components: weights of the four components of upsell readiness, in the order of METRICS.md; under 0 where one is
            left out.
        churn: numbers of the churn model, likewise.
        plans: how many features a plan offers, by its name, where the profile says so.
    """

    variants: tuple[Variant, ...]
    health: Mapping[str, float]
    upsell: Mapping[str, float]
    components: tuple[float, ...]
    churn: Mapping[str, float]
    plans: Mapping[str, int]

    def parameters(self) -> dict[str, Any]:
        """The same under the names the SQL files use."""
        return {
            "profiles": [one.profile for one in self.variants],
            "variants": [(one.segment, one.stage) for one in self.variants],
            "weights": [list(one.weights) for one in self.variants],
            "bounds": [list(one.bounds) for one in self.variants],
            "health": list(self.health.items()),
            "upsell": list(self.upsell.items()),
            "components": list(self.components),
            "plans": list(self.plans.items()),
            **self.churn,
        }
