"""What upsell readiness is made of, as data. Every default is chosen, not measured."""

from typing import Annotated

from msgspec import Meta, Struct

Weight = Annotated[float, Meta(ge=0, le=1000)]
Share = Annotated[float, Meta(gt=0, le=1)]
Ratio = Annotated[float, Meta(ge=0, le=100)]
Positive = Annotated[float, Meta(gt=0, le=1e9)]


class UpsellWeights(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much each component counts; only the proportions matter. Weight 0 leaves one out."""

    features: Weight = 25.0
    engagement: Weight = 30.0
    tenure: Weight = 15.0
    seats: Weight = 30.0

    def __post_init__(self) -> None:
        if not any(getattr(self, name) > 0 for name in self.__struct_fields__):
            raise ValueError("expected at least one weight above 0")


class UpsellPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How ready a customer is to buy more (METRICS.md section 6).

    Attributes:
        adoption_full: share of the available features that counts as full.
        features_full: distinct features of 28 days that count as full, where it is not known what is available.
        tenure_full_days: days of paying that count as full.
        seats_from: active users per seat up to which nothing speaks for more seats.
        seats_full: active users per seat that count as full.
        min_coverage: share of the weight that must have data; under it there is no readiness.
    """

    weights: UpsellWeights = UpsellWeights()
    adoption_full: Share = 0.5
    features_full: Positive = 8.0
    tenure_full_days: Positive = 180.0
    seats_from: Ratio = 0.5
    seats_full: Ratio = 0.9
    min_coverage: Annotated[float, Meta(ge=0, le=1)] = 0.5

    def __post_init__(self) -> None:
        if not self.seats_from < self.seats_full:
            raise ValueError(f"expected seats_from < seats_full, got {self.seats_from:g} and {self.seats_full:g}")
