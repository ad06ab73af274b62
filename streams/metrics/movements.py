"""A customer's MRR as a step function of event time, and its steps by name (METRICS.md section 5).

A step holds the whole MRR after its instant, by currency, so all changes of one instant are one step.
Movements are named by what the customer as a whole did: leaving one of two subscriptions, or one of two
currencies, is a contraction, never churn. Per currency, and so in total, the sum of the movements between
two instants is the difference of MRR, because every movement is exactly a difference of neighbouring
steps.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Literal

from msgspec import Struct

from schemas.metrics import Movement

MovementName = Literal["new", "expansion", "contraction", "churn", "reactivation"]
_AT = attrgetter("at")


class Step(Struct, frozen=True, array_like=True):
    """MRR from `at` (epoch ms) on.

    Attributes:
        event_id: the greatest id among the events of that instant that changed MRR.
        mrr: minor units by currency, in the order of the currencies; zeros left out, so empty means not
            paying.
    """

    at: int
    event_id: str
    mrr: dict[str, int]


def steps_before(steps: Sequence[Step], as_of: int) -> Sequence[Step]:
    """The steps taken before the instant `as_of`."""
    if not steps or steps[-1].at < as_of:
        return steps
    return steps[: bisect_left(steps, as_of, key=_AT)]


def mrr_at(steps: Sequence[Step], as_of: int) -> dict[str, int]:
    """MRR by currency just before `as_of`, empty when nothing was paid.

    Example:
        >>> mrr_at([Step(5, "e1", {"EUR": 900})], 5), mrr_at([Step(5, "e1", {"EUR": 900})], 6)
        ({}, {'EUR': 900})
    """
    known = steps_before(steps, as_of)
    return known[-1].mrr if known else {}


def merge_gaps(steps: Sequence[Step], allowed_gap_ms: int) -> Sequence[Step]:
    """The steps with every pause of at most `allowed_gap_ms` taken as if paying had gone on through it."""
    if not allowed_gap_ms:
        return steps
    merged: list[Step] = []
    for step in steps:
        if merged and not merged[-1].mrr and step.at - merged[-1].at <= allowed_gap_ms:
            merged.pop()
        if not merged or step.mrr != merged[-1].mrr:
            merged.append(step)
    return merged


def name_movements(customer_id: str, steps: Sequence[Step]) -> list[Movement]:
    """Every step as movements, one per currency that changed, in the order of time and currency.

    Args:
        customer_id: whose steps they are.
        steps: in the order of time, neighbours different.
    """
    movements: list[Movement] = []
    before: dict[str, int] = {}
    for index, step in enumerate(steps):
        for currency, old, new in _changes(before, step.mrr):
            movements.append(
                Movement(
                    customer_id=customer_id,
                    effective_at=step.at,
                    currency=currency,
                    movement=_name(new > old, bool(before), bool(step.mrr), index > 0),
                    amount_minor=new - old,
                    mrr_before_minor=old,
                    mrr_after_minor=new,
                    event_id=step.event_id,
                )
            )
        before = step.mrr
    return movements


def _changes(before: dict[str, int], after: dict[str, int]) -> Iterator[tuple[str, int, int]]:
    for currency in sorted(before.keys() | after.keys()):
        old, new = before.get(currency, 0), after.get(currency, 0)
        if old != new:
            yield currency, old, new


def _name(up: bool, paying_before: bool, paying_after: bool, ever_paid: bool) -> MovementName:
    if up:
        if paying_before:
            return "expansion"
        return "reactivation" if ever_paid else "new"
    return "contraction" if paying_after else "churn"
