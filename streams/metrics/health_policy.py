"""What a health score is made of, as data: weights, bands, freshness and each factor's own numbers.

Every default is chosen for a B2B subscription product, not measured; a company's profile overrides it.
"""

from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from streams.metrics.health_variants import HealthVariant, Journey

Weight = Annotated[float, Meta(ge=0, le=1000)]
Points = Annotated[float, Meta(ge=0, le=100)]
Share = Annotated[float, Meta(gt=0, le=1)]
Days = Annotated[float, Meta(ge=0, le=3650)]
Positive = Annotated[float, Meta(gt=0, le=1e9)]


class HealthWeights(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much each factor counts; only the proportions matter. Weight 0 leaves a factor out of the score.

    `value` is out until a company sends milestones: a factor that can have no data would only lower the
    coverage.
    """

    engagement: Weight = 25.0
    adoption: Weight = 15.0
    activation: Weight = 10.0
    support: Weight = 15.0
    relationship: Weight = 15.0
    billing: Weight = 10.0
    value: Weight = 0.0
    trend: Weight = 10.0

    def __post_init__(self) -> None:
        if not any(getattr(self, name) > 0 for name in self.__struct_fields__):
            raise ValueError("expected at least one weight above 0")


class Freshness(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How data age: full weight for `fresh_days`, halved by every `half_life_days` after them."""

    fresh_days: Days = 30.0
    half_life_days: Positive = 60.0


class EngagementFactor(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The engagement score; questions asked are interest and add to it (METRICS.md section 3)."""

    points_per_question: Points = 2.0
    points_of_questions_max: Points = 6.0


class AdoptionFactor(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Shares that count as full: features used of those available, active users of the seats bought."""

    adoption_full: Share = 0.5
    seats_full: Share = 0.8


class ActivationFactor(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Not activated: no verdict for `grace_days` from the start, then falling to 0 at `limit_days`."""

    grace_days: Days = 7.0
    limit_days: Days = 45.0

    def __post_init__(self) -> None:
        if not self.grace_days < self.limit_days:
            raise ValueError(f"expected grace_days < limit_days, got {self.grace_days:g} and {self.limit_days:g}")


class SupportFactor(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Points lost from 100; questions cost nothing.

    Attributes:
        points_per_ticket: for each ticket of 28 days that is no question.
        points_per_urgent_open: for each urgent ticket still open.
        points_per_escalation, points_per_reopening: for each of 28 days.
        response_minutes, resolution_hours: medians up to which nothing is lost; twice that loses
            `points_slow`.
        open_hours: age of the oldest open ticket up to which nothing is lost; twice that loses `points_slow`.
    """

    points_per_ticket: Points = 6.0
    points_per_urgent_open: Points = 20.0
    points_per_escalation: Points = 20.0
    points_per_reopening: Points = 10.0
    response_minutes: Positive = 240.0
    resolution_hours: Positive = 48.0
    open_hours: Positive = 72.0
    points_slow: Points = 15.0
    freshness: Freshness = Freshness(fresh_days=28.0, half_life_days=30.0)


class RelationshipFactor(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the customer says: NPS, CSAT and CES, averaged by weight where there are answers.

    `csat_prior_ratings` imagined ratings at `csat_prior` keep a single bad rating from meaning 0.
    """

    nps_weight: Weight = 2.0
    csat_weight: Weight = 1.0
    ces_weight: Weight = 1.0
    csat_prior: Annotated[float, Meta(ge=0, le=1)] = 0.8
    csat_prior_ratings: Annotated[float, Meta(ge=0, le=1000)] = 2.0
    freshness: Freshness = Freshness(fresh_days=30.0, half_life_days=60.0)

    def __post_init__(self) -> None:
        if self.nps_weight + self.csat_weight + self.ces_weight <= 0:
            raise ValueError("expected nps_weight, csat_weight or ces_weight above 0")


class BillingFactor(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Points lost from 100 by a paying customer; one that paid once and no more has 0.

    Attributes:
        points_per_day_overdue: of the oldest unpaid invoice.
        points_cancellation: while a cancellation is announced and the customer still pays.
        points_contraction: for losing all MRR within 28 days, in proportion for a part of it.
        renewal_days, points_renewal: a contract that ends by itself within so many days costs so much.
    """

    points_per_day_overdue: Points = 3.0
    points_cancellation: Points = 60.0
    points_contraction: Points = 60.0
    renewal_days: Days = 60.0
    points_renewal: Points = 20.0


class ValueFactor(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Milestones reached against those expected of a customer that gets what it bought the product for."""

    milestones_expected: Annotated[int, Meta(ge=1, le=1000)] = 3


class TrendFactor(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What unchanged use is worth; twice the use is worth up to 4/3 of it, no use nothing."""

    steady: Points = 75.0


class HealthPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a health score is made (METRICS.md section 7).

    Attributes:
        yellow_from, green_from: lower bounds of the bands, inclusive.
        hysteresis_points: how far a score must pass a bound, seen from the band of the last day, to change
            band.
        min_coverage: share of the weight with fresh data under which the band is `unknown`.
        min_freshness: share of its weight under which ageing data count as none.
        variants: what differs by segment and stage of the journey.
    """

    weights: HealthWeights = HealthWeights()
    yellow_from: Points = 50.0
    green_from: Points = 75.0
    hysteresis_points: Annotated[float, Meta(ge=0, le=20)] = 3.0
    min_coverage: Annotated[float, Meta(ge=0, le=1)] = 0.5
    min_freshness: Share = 0.05
    engagement: EngagementFactor = EngagementFactor()
    adoption: AdoptionFactor = AdoptionFactor()
    activation: ActivationFactor = ActivationFactor()
    support: SupportFactor = SupportFactor()
    relationship: RelationshipFactor = RelationshipFactor()
    billing: BillingFactor = BillingFactor()
    value: ValueFactor = ValueFactor()
    trend: TrendFactor = TrendFactor()
    journey: Journey = Journey()
    variants: tuple[HealthVariant, ...] = ()

    def __post_init__(self) -> None:
        width, yellow, green = self.hysteresis_points, self.yellow_from, self.green_from
        # Otherwise a band could not be reached, or noise could jump over a whole band.
        if not (width < yellow and yellow + width < green - width and green + width <= 100):
            raise ValueError(
                "expected hysteresis_points < yellow_from, yellow_from + 2 x hysteresis_points < green_from "
                "and green_from + hysteresis_points <= 100, "
                f"got {width:g}, {yellow:g} and {green:g}"
            )
        if len({variant.key for variant in self.variants}) < len(self.variants):
            raise ValueError("expected one variant for each segment and stage, got two for the same")
        for variant in self.variants:
            self.varied(variant)

    def varied(self, variant: HealthVariant) -> "HealthPolicy":
        """The policy that holds where a variant does.

        Raises:
            ValueError: its bounds do not fit together, or no weight is left.
        """
        try:
            return replace(self, weights=replace(self.weights, **variant.weights), variants=(), **variant.bounds)
        except ValueError as error:
            raise ValueError(f"variant {variant.name}: {error}") from error
