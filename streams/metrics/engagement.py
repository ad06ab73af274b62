"""The engagement score (METRICS.md `engagement_score`): how much a customer uses the product, 0-100.

Five components in [0, 1], each monotone in what it measures, and their weighted mean. A component that is not
defined yet (trend of a new customer) is left out and its weight spread over the others.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

WINDOW_DAYS = 28
HALF_WINDOW_DAYS = 14

Weight = Annotated[float, Meta(ge=0, le=1000)]
Positive = Annotated[float, Meta(gt=0, le=1e9)]
Points = Annotated[float, Meta(ge=0, le=100)]
FeatureCount = Annotated[int, Meta(ge=1, le=100_000)]
FeatureNames = Annotated[tuple[str, ...], Meta(min_length=1, max_length=10_000)]


class EngagementWeights(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much each component counts; only their proportions matter. Chosen, not measured."""

    recency: Weight = 25.0
    frequency: Weight = 30.0
    breadth: Weight = 20.0
    depth: Weight = 15.0
    trend: Weight = 10.0

    def __post_init__(self) -> None:
        if self.recency + self.frequency + self.breadth + self.depth <= 0:
            raise ValueError("expected a weight above 0 beside that of the trend, which may be undefined")


class EngagementPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What counts as full use. The numbers are chosen for a B2B product used on working days, not measured.

    Attributes:
        features_available: what the product offers, by name or how many; None leaves `adoption` undefined.
        features_by_plan: what a plan offers of it: `plan_adoption` and what is made of it are against that. Names must
            be among those of `features_available`, or use of what nobody offers would count.
        recency_half_life_days: days without use that halve the recency.
        active_days_full: active days in 28 that count as full frequency.
        features_full: distinct features in 28 days that count as full breadth.
        uses_full_per_user: uses (event quantities) per active user in 28 days that count as full depth.
        uses_full_per_day: the same per active day, for events that name no user.
        min_tenure_days: a younger customer's counts are scaled to 28 days as if it were that old.
        good_from, excellent_from: lower bounds of the bands, inclusive.
    """

    weights: EngagementWeights = EngagementWeights()
    features_available: FeatureCount | FeatureNames | None = None
    features_by_plan: dict[str, FeatureCount | FeatureNames] = {}
    recency_half_life_days: Positive = 7.0
    active_days_full: Annotated[float, Meta(gt=0, le=28)] = 16.0
    features_full: Positive = 8.0
    uses_full_per_user: Positive = 60.0
    uses_full_per_day: Positive = 20.0
    min_tenure_days: Annotated[int, Meta(ge=1, le=28)] = 7
    good_from: Points = 40.0
    excellent_from: Points = 70.0

    def __post_init__(self) -> None:
        if not self.good_from < self.excellent_from:
            raise ValueError(f"expected good_from < excellent_from, got {self.good_from:g} and {self.excellent_from:g}")
        listed = self.features_available if isinstance(self.features_available, tuple) else ()
        for plan, offered in self.features_by_plan.items():
            other = set(offered).difference(listed) if isinstance(offered, tuple) else set[str]()
            if other:
                wanted = "names in features_available" if listed else "a number, or features_available by name"
                raise ValueError(f"features_by_plan: expected {wanted}, got {min(other)!r} of plan {plan!r}")


class Components(Struct, frozen=True):
    """The parts of an engagement score, each in [0, 1]; `trend` is None while it is undefined."""

    recency: float
    frequency: float
    breadth: float
    depth: float
    trend: float | None


def recency(policy: EngagementPolicy, days_since_last_use: float) -> float:
    """1 at the moment of use, halved by every half-life of silence.

    Example:
        >>> recency(EngagementPolicy(recency_half_life_days=7.0), 14.0)
        0.25
    """
    return float(0.5 ** (days_since_last_use / policy.recency_half_life_days))


def tenure_scale(policy: EngagementPolicy, tenure_days: int) -> float:
    """What to multiply a 28-day count of a customer by that has not been there for 28 days, >= 1.

    Example:
        >>> tenure_scale(EngagementPolicy(), 14)
        2.0
    """
    if tenure_days >= WINDOW_DAYS:
        return 1.0
    return WINDOW_DAYS / max(tenure_days, policy.min_tenure_days)


def frequency(policy: EngagementPolicy, active_days: int, scale: float) -> float:
    """Active days of the last 28 (scaled by tenure) against the policy's full number."""
    return min(1.0, active_days * scale / policy.active_days_full)


def breadth(policy: EngagementPolicy, features: int) -> float:
    """Distinct features of the last 28 days against the policy's full number."""
    return min(1.0, features / policy.features_full)


def depth(policy: EngagementPolicy, uses: int, users: int | None, active_days: int, scale: float) -> float:
    """Uses per active user, or per active day where no user is named, against the policy's full number.

    Args:
        policy: what counts as full.
        uses: quantity used in 28 days.
        users: distinct users in 28 days; None or 0 when events name none.
        active_days: active days in 28.
        scale: `tenure_scale`; a mean per active day needs none.
    """
    if users:
        return min(1.0, uses * scale / users / policy.uses_full_per_user)
    if active_days:
        return min(1.0, uses / active_days / policy.uses_full_per_day)
    return 0.0


def trend(recent: int, before: int, tenure_days: int) -> float | None:
    """Share of the last 28 days' active days that fall into the last 14, 1 from an even split upwards.

    Unlike the plain ratio `usage_trend` it is defined without earlier use, and softer on small counts.

    Returns:
        [0, 1]; 0 without any use in 28 days; None under 28 days of tenure.

    Example:
        >>> trend(recent=3, before=3, tenure_days=28), trend(1, 3, 28), trend(1, 0, 27)
        (1.0, 0.5, None)
    """
    if tenure_days < WINDOW_DAYS:
        return None
    return min(1.0, 2 * recent / (recent + before)) if recent else 0.0


def engagement_score(weights: EngagementWeights, parts: Components) -> float:
    """Weighted mean of the components that are defined, 0-100, monotone in each.

    Example:
        >>> engagement_score(EngagementWeights(), Components(1.0, 1.0, 1.0, 1.0, None))
        100.0
    """
    total = weights.recency + weights.frequency + weights.breadth + weights.depth
    points = (
        weights.recency * parts.recency
        + weights.frequency * parts.frequency
        + weights.breadth * parts.breadth
        + weights.depth * parts.depth
    )
    if parts.trend is not None:
        total += weights.trend
        points += weights.trend * parts.trend
    return min(100.0, 100.0 * points / total)


def engagement_band(policy: EngagementPolicy, score: float) -> Literal["bad", "good", "excellent"]:
    """Bad, good or excellent by the policy's limits, lower bound inclusive."""
    if score >= policy.excellent_from:
        return "excellent"
    return "good" if score >= policy.good_from else "bad"
