"""The health score (METRICS.md section 7): weighted factors, 0-100, with everything needed to explain it.

Theory of operation. Every factor gives a reading. A factor without one, or with data too old, gives its
weight to the others; ageing data give it gradually. `coverage` is the share of the weight that stayed where
it belongs. The band follows the score with hysteresis against the band of the last aligned day, so noise
smaller than it flips nothing.

Points and weights are counted in whole micro-points (all weights make 100 points), so Σ earned = score,
Σ missed = 100 − score and Σ change = score − previous score hold exactly; as published floats to 1e-9.
"""

from functools import lru_cache
from math import ceil

from msgspec import Struct

from schemas.metrics import CustomerValues
from schemas.scores import Band, Factor, FactorName, Lift
from streams.metrics.health_factors import FACTORS, Read, Reading, started_at
from streams.metrics.health_policy import HealthPolicy
from streams.metrics.health_variants import choices, stage_of
from streams.metrics.points import MICRO, WHOLE, decimal, whole

__all__ = ["CustomerValues", "Health", "HealthMemory", "HealthScorer", "band_of"]

_LIFT_STEPS = 10_000  # a lift is said to four places, rounded up
_RANK: dict[Band, int] = {"red": 0, "yellow": 1, "green": 2}


class HealthMemory(Struct, frozen=True, kw_only=True, array_like=True):
    """What the score of an aligned day leaves for the next: hysteresis and change by factor.

    Cards store it without the names of fields, so they are only ever appended.
    """

    day: int
    score: float | None
    band: Band
    earned: dict[FactorName, float]


class Health(Struct, frozen=True, kw_only=True):
    """A health score in parts (see `schemas.scores.HealthScore`, which publishes them).

    Attributes:
        score: 0-100; None when no factor has data.
        factors: every factor with a weight in the policy, those without data too, with weight 0.
        memory: to be kept when this is the score of an aligned day.
        profile: name of the profile and of the variant that holds for the customer.
    """

    score: float | None
    band: Band
    coverage: float
    factors: list[Factor]
    lift: Lift | None
    memory: HealthMemory
    profile: str


class HealthScorer:
    """Scores customers by one policy and its variants.

    Args:
        policy: weights, bands, factors.
        name: of the profile, published beside every score, with the name of the variant behind it.
        always: factors that are told of even with no weight here, because they have one in another variant: a
            customer may come from there, and its change must be whole.
    """

    def __init__(self, policy: HealthPolicy, name: str, always: frozenset[FactorName] = frozenset()) -> None:
        self.name = name
        self._policy = policy
        varied = [(variant, policy.varied(variant)) for variant in policy.variants]
        if varied:
            always = frozenset[FactorName]().union(*map(_weighed, [policy, *(one for _, one in varied)]))
        self._variants = {variant.key: HealthScorer(one, f"{name}/{variant.name}", always) for variant, one in varied}
        weights: dict[FactorName, float] = {name: getattr(policy.weights, name) for name in FACTORS}
        self._factors: list[tuple[FactorName, float, Read]] = [
            (name, weights[name], read) for name, read in FACTORS.items() if weights[name] > 0 or name in always
        ]
        self._total = sum(weight for _, weight, _ in self._factors)

    def score(self, values: CustomerValues, as_of: int, day: int, previous: HealthMemory | None) -> Health:
        """Health at `as_of`, which ends or lies in `day`; `previous` is of the last aligned day before."""
        if self._variants and (variant := self._variant(values, as_of)) is not None:
            return variant.score(values, as_of, day, previous)
        policy = self._policy
        readings = [read(policy, values, as_of) for _, _, read in self._factors]
        kept = [self._weight(weight, reading) for (_, weight, _), reading in zip(self._factors, readings, strict=True)]
        scored, coverage, weights = _shares(self._total, tuple(kept))
        before = previous.earned if scored and previous is not None and previous.score is not None else None
        factors = [
            _factor(factor, reading, weight, before)
            for (factor, _, _), reading, weight in zip(self._factors, readings, weights, strict=True)
        ]
        earned: dict[FactorName, float] = {factor.factor: factor.earned for factor in factors}
        score = decimal(sum(earned.values())) if scored else None
        band: Band = "unknown"
        if score is not None and coverage >= policy.min_coverage:
            band = band_of(policy, score, previous.band if previous is not None else None)
        return Health(
            score=score,
            band=band,
            coverage=coverage,
            factors=factors,
            lift=None if score is None else _lift(policy, score, band, factors),
            memory=HealthMemory(day=day, score=score, band=band, earned=earned),
            profile=self.name,
        )

    def _variant(self, values: CustomerValues, as_of: int) -> "HealthScorer | None":
        segment = None if values.account is None else values.account.segment
        stage = stage_of(self._policy.journey, values, started_at(values), as_of)
        return next((self._variants[key] for key in choices(segment, stage) if key in self._variants), None)

    def _weight(self, weight: float, reading: Reading) -> float:
        """What a reading keeps of its weight."""
        if reading.value is None or reading.freshness < self._policy.min_freshness:
            return 0.0
        return weight * reading.freshness


@lru_cache(maxsize=1024)  # while nothing ages there is one for every set of factors that have data
def _shares(total: float, kept: tuple[float, ...]) -> tuple[bool, float, tuple[int, ...]]:
    """Whether any weight of the total was kept, the share that was, and the weights in micro-points."""
    known = sum(kept)
    return known > 0, decimal(known / total), tuple(whole(list(kept)))


def _weighed(policy: HealthPolicy) -> list[FactorName]:
    return [name for name in FACTORS if getattr(policy.weights, name) > 0]


def band_of(policy: HealthPolicy, score: float, previous: Band | None) -> Band:
    """The band of a score, lower bound inclusive; each bound gives way to where one comes from.

    Example:
        >>> policy = HealthPolicy(yellow_from=50.0, green_from=75.0, hysteresis_points=3.0)
        >>> band_of(policy, 73.0, None), band_of(policy, 73.0, "green"), band_of(policy, 52.0, "red")
        ('yellow', 'green', 'red')
    """
    yellow, green = policy.yellow_from, policy.green_from
    rank = None if previous is None else _RANK.get(previous)
    if rank is not None:
        width = policy.hysteresis_points
        yellow += -width if rank >= _RANK["yellow"] else width
        green += -width if rank >= _RANK["green"] else width
    if score >= green:
        return "green"
    return "yellow" if score >= yellow else "red"


def _factor(name: FactorName, reading: Reading, weight: int, before: dict[FactorName, float] | None) -> Factor:
    value = None if reading.value is None or weight == 0 else decimal(reading.value)
    earned = 0 if value is None else round(weight * value / 100)
    points = earned / MICRO
    return Factor(
        factor=name,
        value=value,
        weight=weight / WHOLE,
        earned=points,
        missed=(weight - earned) / MICRO,
        change=None if before is None else decimal(points - before.get(name, 0.0)),
        evidence=reading.evidence,
    )


def _lift(policy: HealthPolicy, score: float, band: Band, factors: list[Factor]) -> Lift | None:
    """The smallest change of one factor that reaches the next band, and keeps it the day after, too."""
    match band:
        case "red":
            goal: Band = "yellow"
            target = policy.yellow_from + policy.hysteresis_points
        case "yellow":
            goal = "green"
            target = policy.green_from + policy.hysteresis_points
        case _:
            return None
    best: Lift | None = None
    for factor in factors:
        if factor.value is None:
            continue
        needed = target - (score - factor.earned)
        value_to = ceil(needed / factor.weight * _LIFT_STEPS) / _LIFT_STEPS
        if value_to <= 100 and (best is None or value_to - factor.value < best.value_to - best.value_from):
            best = Lift(factor=factor.factor, value_from=factor.value, value_to=value_to, band=goal)
    return best
