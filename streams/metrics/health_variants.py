"""Health by segment and by stage of the journey: which weights and bounds hold for a customer (METRICS.md section 7).

A variant changes what it names and leaves the rest of the profile as it is. It is chosen anew for every score: the one
for the customer's segment and stage, else for the segment, else for the stage, else the profile itself.

Stages, in this order: `onboarding` until the checklist is done, for so many days at most; `renewal` when the largest
subscription renews or ends soon; `adoption` else, also when nothing is known.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from schemas.envelope import Name
from schemas.metrics import CustomerValues
from schemas.scores import FactorName
from streams.metrics.days import DAY_MS

Stage = Literal["onboarding", "adoption", "renewal"]
_Weight = Annotated[float, Meta(ge=0, le=1000)]
_Points = Annotated[float, Meta(ge=0, le=100)]
_Days = Annotated[int, Meta(ge=0, le=3650)]
#: Segment and stage a variant is for; None for any.
Key: TypeAlias = tuple[str | None, Stage | None]


class Journey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the stages end: at most so many days of onboarding, so many days before a renewal or an end. Chosen."""

    onboarding_days: _Days = 90
    renewal_days: _Days = 14


class HealthVariant(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What differs for customers of a segment, in a stage, or both."""

    segment: Name | None = None
    stage: Stage | None = None
    weights: dict[FactorName, _Weight] = {}
    yellow_from: _Points | None = None
    green_from: _Points | None = None
    hysteresis_points: Annotated[float, Meta(ge=0, le=20)] | None = None
    min_coverage: Annotated[float, Meta(ge=0, le=1)] | None = None

    def __post_init__(self) -> None:
        if self.segment is None and self.stage is None:
            raise ValueError("expected a segment, a stage or both")

    @property
    def key(self) -> Key:
        """Whom it is for."""
        return self.segment, self.stage

    @property
    def name(self) -> str:
        """As it is published behind the profile's name."""
        return "/".join(part for part in self.key if part is not None)

    @property
    def bounds(self) -> dict[str, float]:
        """The bounds it changes."""
        named = {
            "yellow_from": self.yellow_from,
            "green_from": self.green_from,
            "hysteresis_points": self.hysteresis_points,
            "min_coverage": self.min_coverage,
        }
        return {name: value for name, value in named.items() if value is not None}


def stage_of(journey: Journey, values: CustomerValues, started_at: int | None, as_of: int) -> Stage:
    """The stage of a customer that began at `started_at` (epoch ms, None when unknown)."""
    usage, revenue = values.usage, values.revenue
    onboarded = usage is not None and usage.onboarded_at is not None
    if not onboarded and started_at is not None and as_of - started_at < journey.onboarding_days * DAY_MS:
        return "onboarding"
    due = None if revenue is None else revenue.days_to_renewal
    return "renewal" if due is not None and due <= journey.renewal_days else "adoption"


def choices(segment: str | None, stage: Stage) -> Sequence[Key]:
    """Variants in the order in which they are looked for.

    Example:
        >>> choices("enterprise", "renewal")
        (('enterprise', 'renewal'), ('enterprise', None), (None, 'renewal'))
    """
    return ((segment, stage), (segment, None), (None, stage)) if segment is not None else ((None, stage),)
