"""What a company may decide about support figures, as data."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from schemas.events import Priority
from streams.metrics.calendar_policy import CalendarPolicy

Limit = Annotated[float, Meta(gt=0, le=100_000)]


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long a ticket may take, in minutes; None: as long as it likes.

    Attributes:
        response_minutes: until the first public reply of a person.
        resolution_minutes: from opened to first solved.
    """

    response_minutes: Limit | None = None
    resolution_minutes: Limit | None = None


class SlaPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits by the newest priority of a ticket. A company without any has promised nothing and can break nothing.

    Attributes:
        time: whether the minutes are working time or run through nights and weekends.
        no_priority: limits of tickets nobody gave a priority.
    """

    time: Literal["business", "calendar"] = "business"
    urgent: Limits = Limits()
    high: Limits = Limits()
    medium: Limits = Limits()
    low: Limits = Limits()
    no_priority: Limits = Limits()

    def of(self, priority: Priority | None) -> Limits:
        """The limits of a priority."""
        limits: Limits = getattr(self, priority or "no_priority")
        return limits

    @property
    def promises(self) -> bool:
        """Whether there is any limit."""
        return any(self.of(priority) != Limits() for priority in ("urgent", "high", "medium", "low", None))


class SupportPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a company may decide about support figures.

    Attributes:
        urgent_priorities: priorities counted in `tickets_open_urgent`.
        fcr_review_days: working days after the day of the solution, within which a customer that comes back was not
            helped at first contact.
    """

    urgent_priorities: tuple[Priority, ...] = ("urgent",)
    fcr_review_days: Annotated[int, Meta(ge=0, le=30)] = 3
    calendar: CalendarPolicy = CalendarPolicy()
    sla: SlaPolicy = SlaPolicy()

    def __post_init__(self) -> None:
        if self.sla.promises and self.sla.time == "business" and not self.calendar.works:
            raise ValueError('expected working hours in calendar.hours, or sla.time = "calendar": limits need either')
