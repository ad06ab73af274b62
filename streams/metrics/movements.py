"""A customer's MRR as a step function of event time, and its steps by name (METRICS.md section 5).

A step holds the whole MRR after its instant, by currency, so all changes of one instant are one step.
Movements are named by what the customer as a whole did: leaving one of two subscriptions, or one of two
currencies, is a contraction, never churn. Per currency, and so in total, the sum of the movements between
two instants is the difference of MRR, because every movement is exactly a difference of neighbouring
steps.

A customer that goes from one currency to another at one instant changes its currency: nothing tells how much of that
is more or less, so what it leaves and what it takes up are movements of that name, neither expansion nor contraction.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from operator import attrgetter, itemgetter
from typing import Literal, NamedTuple, TypeVar

from msgspec import Struct

from schemas.metrics import Movement

MovementName = Literal["new", "expansion", "contraction", "churn", "reactivation", "currency_change"]
_AT = attrgetter("at")
_TIME = itemgetter(0)


class Step(Struct, frozen=True, array_like=True):
    """MRR from `at` (epoch ms) on.

    Attributes:
        event_id: the greatest id among the events of that instant that changed MRR.
        mrr: minor units by currency, in the order of the currencies; zeros left out, so empty means not
            paying.
        past_due: it fell to 0 because invoices were long past due.
    """

    at: int
    event_id: str
    mrr: dict[str, int]
    past_due: bool = False


class Why(Struct, frozen=True):
    """Reasons of ends and announcements, and whether they were the customer's wish: time, event id, what was said."""

    reasons: Sequence[tuple[int, str, str]] = ()
    voluntary: Sequence[tuple[int, str, bool]] = ()

    def of_end(self, step: Step, run_start: int) -> tuple[str | None, bool | None]:
        """What is known of a step to 0: the newest that was said in the run of paying that it ends."""
        if step.past_due:
            return "past_due", False
        return _newest(self.reasons, run_start, step.at), _newest(self.voluntary, run_start, step.at)


NO_REASON = Why()
T = TypeVar("T")


def _newest(said: Sequence[tuple[int, str, T]], since: int, until: int) -> T | None:
    end = bisect_right(said, until, key=_TIME)
    return said[end - 1][2] if end and said[end - 1][0] >= since else None


def steps_before(steps: Sequence[Step], as_of: int) -> Sequence[Step]:
    """The steps taken before the instant `as_of`."""
    if not steps or steps[-1].at < as_of:
        return steps
    return steps[: bisect_left(steps, as_of, key=_AT)]


def count_before(steps: Sequence[Step], as_of: int) -> int:
    """How many steps were taken before the instant `as_of`."""
    return bisect_left(steps, as_of, key=_AT)


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


def first_difference(one: Sequence[Step], other: Sequence[Step]) -> int | None:
    """The instant from which on MRR differs, epoch ms; None where it never does.

    Example:
        >>> first_difference([Step(5, "e1", {"EUR": 9})], [Step(5, "e1", {"EUR": 9}), Step(7, "e2", {})])
        7
    """
    for mine, theirs in zip_longest(one, other):
        if mine is None or theirs is None or (mine.at, mine.mrr) != (theirs.at, theirs.mrr):
            return min(step.at for step in (mine, theirs) if step is not None)
    return None


def name_movements(
    customer_id: str, steps: Sequence[Step], why: Why = NO_REASON, since: int = 0, until: int | None = None
) -> list[Movement]:
    """Every step as movements, one per currency that changed, in the order of time and currency.

    Args:
        customer_id: whose steps they are.
        steps: in the order of time, neighbours different.
        why: reasons that were given; a churn has the newest of its run of paying.
        since: those before it are left out, epoch ms.
        until: those from it on are left out, too.
    """
    movements: list[Movement] = []
    first = bisect_left(steps, since, key=_AT) if since > 0 else 0
    before = steps[first - 1].mrr if first else {}
    end = len(steps) if until is None else count_before(steps, until)
    for index in range(first, end):
        step = steps[index]
        reason, voluntary = (None, None) if step.mrr else why.of_end(step, _run_start(steps, index))
        exchanged = exchanged_by(before, step.mrr)
        for currency, old, new in _changes(before, step.mrr):
            movements.append(
                Movement(
                    customer_id=customer_id,
                    effective_at=step.at,
                    currency=currency,
                    movement="currency_change"
                    if currency in exchanged
                    else movement_name(new > old, bool(before), bool(step.mrr), index > 0),
                    amount_minor=new - old,
                    mrr_before_minor=old,
                    mrr_after_minor=new,
                    event_id=step.event_id,
                    churn_reason=reason,
                    churn_voluntary=voluntary,
                )
            )
        before = step.mrr
    return movements


def _run_start(steps: Sequence[Step], end: int) -> int:
    """When the run of paying began that the step at `end` ends, epoch ms."""
    while end > 1 and steps[end - 2].mrr:
        end -= 1
    return steps[end - 1].at if end else steps[0].at


class Flows(NamedTuple):
    """Sums of movements by their names, in minor units, none of them negative but that of changes of currency."""

    new: int = 0
    expansion: int = 0
    contraction: int = 0
    churn: int = 0
    reactivation: int = 0
    currency_change: int = 0


NO_FLOWS = Flows()
NO_CURRENCIES: frozenset[str] = frozenset()


def flows(steps: Sequence[Step], since: int, until: int) -> dict[str, Flows]:
    """What moved in [since, until), by currency; those in which nothing did are left out.

    MRR at `until` = at `since` + new + expansion + reactivation - contraction - churn + currency_change.

    Example:
        >>> flows([Step(5, "e1", {"EUR": 900}), Step(7, "e2", {"EUR": 700})], 0, 9)["EUR"]
        Flows(new=900, expansion=0, contraction=200, churn=0, reactivation=0, currency_change=0)
    """
    if not steps or steps[-1].at < since:
        return {}
    first, sums = bisect_left(steps, since, key=_AT), dict[str, dict[str, int]]()
    before = steps[first - 1].mrr if first else {}
    for index in range(first, len(steps)):
        step = steps[index]
        if step.at >= until:
            break
        exchanged = exchanged_by(before, step.mrr)
        for currency, old, new in _changes(before, step.mrr):
            moved = sums.setdefault(currency, {})
            if currency in exchanged:
                name, amount = "currency_change", new - old
            else:
                name, amount = movement_name(new > old, bool(before), bool(step.mrr), index > 0), abs(new - old)
            moved[name] = moved.get(name, 0) + amount
        before = step.mrr
    return {currency: Flows(**moved) for currency, moved in sums.items()}


def _changes(before: dict[str, int], after: dict[str, int]) -> Iterator[tuple[str, int, int]]:
    currencies = before.keys() | after.keys()
    for currency in sorted(currencies) if len(currencies) > 1 else currencies:
        old, new = before.get(currency, 0), after.get(currency, 0)
        if old != new:
            yield currency, old, new


def exchanged_by(before: dict[str, int], after: dict[str, int]) -> frozenset[str]:
    """The currencies a step left and took up, where it did both; else none.

    Example:
        >>> sorted(exchanged_by({"EUR": 900, "GBP": 5}, {"GBP": 9, "USD": 1000})), sorted(exchanged_by({}, {"USD": 5}))
        (['EUR', 'USD'], [])
    """
    if not before or not after or before.keys() == after.keys():
        return NO_CURRENCIES  # nearly always
    left, taken = before.keys() - after.keys(), after.keys() - before.keys()
    return frozenset(left | taken) if left and taken else NO_CURRENCIES


def currency_at(steps: Sequence[Step], first: str) -> str:
    """The currency a customer that began with `first` has gone over to; of several at once the first by its code.

    It goes over by a change of currency, and when it comes to pay, first or again, in others alone.

    Example:
        >>> currency_at([Step(5, "e1", {"EUR": 900}), Step(7, "e2", {"USD": 1000})], "EUR")
        'USD'
        >>> currency_at([Step(5, "e1", {"EUR": 900}), Step(7, "e2", {}), Step(9, "e3", {"USD": 1000})], "EUR")
        'USD'
    """
    currency, before = first, dict[str, int]()
    for step in steps:
        if currency not in step.mrr and step.mrr and (currency in before or not before):
            currency = min(step.mrr.keys() - before.keys(), default=currency)
        before = step.mrr
    return currency


def movement_name(up: bool, paying_before: bool, paying_after: bool, ever_paid: bool) -> MovementName:
    """What a change of MRR up or down is called, by what the customer as a whole paid before, after and ever."""
    if up:
        if paying_before:
            return "expansion"
        return "reactivation" if ever_paid else "new"
    return "contraction" if paying_after else "churn"
