"""How the domains' tables were stored by older releases, and the way from there (shape.py).

Version 2 (after 0.1.0) stores a customer of the usage table in three fifths of the bytes: no names of fields, columns
of as many bytes a figure as it needs, fingerprints of 48 bits.

Version 3 of the revenue table: a quantity of 1 names no seats. Which 1 was named as seats is not stored, so none is.
"""

from typing import Any, Generic, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from streams.metrics.columns import Column, Masks
from streams.metrics.customer import MARK_BYTES, Customer, Seen
from streams.metrics.first_times import Progress
from streams.metrics.fold import Fold
from streams.metrics.revenue_state import RevenueState
from streams.metrics.subscriptions import Change
from streams.metrics.usage_state import UsageState, last_ms_from
from streams.shape import Lift, Shape

S = TypeVar("S")


class CustomerOf1(Struct, Generic[S]):
    """A customer in version 1: fingerprints of 64 bits, in sets by day."""

    facts: S
    first_at: int
    seen: dict[int, set[int]] = {}
    revisions: dict[int, int] = {}
    newest_at: int = 0
    event_id: str | None = None
    version: int = -1


class UsageStateOf1(Struct, kw_only=True, array_like=True):
    """Facts of the usage domain in version 1: whole quantities, epoch ms, masks as bytes, little end first."""

    days: list[int] = []
    events: list[int] = []
    quantity: list[int] = []
    duration_ms: list[int] = []
    errors: list[int] = []
    last_at: list[int] = []
    features: list[bytes] = []
    users: list[bytes] = []
    feature_bits: dict[str, int] = {}
    user_bits: dict[str, int] = {}
    first_used_at: int | None = None
    first_named_user_at: int | None = None
    forgotten_last_at: int | None = None
    milestones: dict[str, int] = {}
    progress: Progress = {}


def usage_of_1(old: UsageStateOf1) -> UsageState:
    """The same facts in this release's columns."""
    first_day = old.days[0] if old.days else 0
    return UsageState(
        first_day=first_day,
        days=[day - first_day for day in old.days],
        events=old.events,
        more=Column(quantity - events for quantity, events in zip(old.quantity, old.events, strict=True)),
        duration_ms=Column(old.duration_ms),
        errors=Column(old.errors),
        last_ms=Column(at - last_ms_from(day) for at, day in zip(old.last_at, old.days, strict=True)),
        features=Masks(int.from_bytes(mask, "little") for mask in old.features),
        users=Masks(int.from_bytes(mask, "little") for mask in old.users),
        feature_bits=old.feature_bits,
        user_bits=old.user_bits,
        first_used_at=old.first_used_at,
        first_named_user_at=old.first_named_user_at,
        forgotten_last_at=old.forgotten_last_at,
        milestones=old.milestones,
        progress=old.progress,
    )


#: Facts that were stored otherwise in version 1; those of the other domains were as they are.
_FACTS_OF_1: dict[Any, Lift] = {UsageState: Lift(UsageStateOf1, usage_of_1)}


def customer_shape(fold: Fold[Any, Any]) -> Shape[Customer[Any]]:
    """The shape of the table of a fold."""
    facts = fold.state_type
    older = _FACTS_OF_1.get(facts, Lift(facts, _as_it_was))

    def lift(old: CustomerOf1[Any]) -> Customer[Any]:
        return Customer(
            older.to_next(old.facts),
            old.first_at,
            _seen_of_1(old.seen),
            old.revisions,
            old.newest_at,
            old.event_id,
            old.version,
        )

    stored: type[Customer[Any]] = Customer[facts]  # type: ignore[valid-type]
    lifts = {1: Lift(CustomerOf1[older.type], lift)}  # type: ignore[name-defined]
    if facts is RevenueState:
        lifts[2] = Lift(stored, _revenue_of_2)
    return Shape(stored, len(lifts) + 1, lifts)


def _revenue_of_2(old: Customer[RevenueState]) -> Customer[RevenueState]:
    for subscription in old.facts.subscriptions.values():
        subscription.changes = [_without_one_seat(change) for change in subscription.changes]
    return old


def _without_one_seat(change: Change) -> Change:
    if change.terms is None or change.terms.seats != 1:
        return change
    return replace(change, terms=replace(change.terms, seats=None))


def _as_it_was(old: Any) -> Any:
    return old


def _seen_of_1(days: dict[int, set[int]]) -> Seen:
    seen = Seen()
    for day in sorted(days):
        for mark in sorted(days[day]):
            seen.add(day, mark.to_bytes(8)[:MARK_BYTES])
    return seen
