"""Values of closed days that change: those they had, and those they have."""

from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from msgspec.structs import replace

from schemas.metrics import MetricValues, Values
from streams.metrics.customer import Customer
from streams.metrics.days import Days
from streams.metrics.fold import Fold, MovesWithTime
from streams.metrics.told import values_of

S = TypeVar("S")


class Restating(Generic[S]):
    """What went out of closed days, and what goes out again.

    Args:
        fold: the domain's logic.
        days: calendar of the company.
        horizon_days: how far back days are restated.
    """

    def __init__(self, fold: Fold[S, Any], days: Days, horizon_days: int) -> None:
        self._fold = fold
        self._timed = fold if isinstance(fold, MovesWithTime) else None
        self._days = days
        self._horizon_days = horizon_days

    def follow(self, customer: Customer[S], closed: int | None) -> tuple[S, range]:
        """Has a customer's facts follow the policy.

        Args:
            customer: its facts change.
            closed: the last day closed.

        Returns:
            The facts as they were told, good until the next event, and the closed days whose values may be others.
        """
        followed = None if self._timed is None else self._timed.follow(customer.facts)
        if followed is None or closed is None:
            return customer.facts, range(0)
        told, since = followed
        first = self._days.of(max(since, customer.first_at))
        return told, range(max(first, closed - self._horizon_days), closed + 1)

    def published(self, facts: S, first_at: int, days: Iterable[int]) -> dict[int, Values]:
        """The values that went out at the end of these days.

        None did before the customer's first event: such days go out whether or not a new event shows there.
        """
        return {day: self._at_end(facts, day) for day in days if self._days.start(day + 1) > first_at}

    def restated(
        self, key: str, customer: Customer[S], day: int, before: Values | None, by: str, version: int
    ) -> MetricValues | None:
        """A day's values again, as the facts have them now; None where they are what they were.

        Args:
            key: the customer's id.
            customer: the restatement is counted there.
            day: a closed one.
            before: its values until now, None where there were none.
            by: the event that changed them, or `POLICY_CHANGED`.
            version: offset of the record that brought it about.
        """
        values = self._at_end(customer.facts, day)
        if values == before:
            return None
        revision = customer.revisions[day] = customer.revisions.get(day, 0) + 1
        as_of = self._days.start(day + 1)
        message = values_of(customer, key, "day", as_of, day, values, revision, version)
        return replace(message, before=before, restated_by=by)

    def _at_end(self, facts: S, day: int) -> Values:
        return self._fold.values(facts, day, self._days.start(day + 1))
