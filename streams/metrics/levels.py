"""What subscriptions add to the customer's MRR over time, under a policy (METRICS.md section 5).

Theory. A subscription is replayed in the order of time: its changes, its marks and the times in which it was long past
due. After each of them it has a standing, and a standing has an amount under a policy. Nothing else is remembered of a
policy, so the same facts give the steps of any. At one instant changes come before marks, which speak of what runs
then, whatever their ids are.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import NamedTuple

from streams.metrics.invoices import Arrears
from streams.metrics.movements import Step
from streams.metrics.revenue_policy import RevenuePolicy
from streams.metrics.subscriptions import Mark, Subscription, Terms

_AT = attrgetter("at")
_ORDER = itemgetter(0, 1, 2)
NOTHING = ("", 0)

#: A subscription gets long past due (True), or is so no more: time, 1 (behind changes), event id of the bill.
Turn = tuple[int, int, str, bool]


class Standing(NamedTuple):
    """How a subscription stands.

    Attributes:
        terms: those in force; None while it does not run.
        paused: it rests.
        requested: its cancellation was asked for, or done in billing.
        cancelled: the billing system cancelled it.
        ends_at: the announced end, epoch ms.
        overdue: invoices long past due.
    """

    terms: Terms | None = None
    paused: bool = False
    requested: bool = False
    cancelled: bool = False
    ends_at: int | None = None
    overdue: int = 0

    def serving(self) -> Terms | None:
        """The terms of a subscription that runs and does not rest."""
        return None if self.paused else self.terms

    def amount(self, policy: RevenuePolicy) -> tuple[str, int]:
        """Currency and MRR in minor units; no currency without MRR."""
        if self.paused or self.overdue:
            return NOTHING
        leaves = self.requested if policy.churn_date == "cancellation_request" else self.cancelled
        if leaves and policy.churn_date != "end_of_service":
            return NOTHING
        return _amount(self.terms, policy)


_AT_FIRST = Standing()


def _amount(terms: Terms | None, policy: RevenuePolicy) -> tuple[str, int]:
    """What terms amount to; discounts and metered use are the policy's to decide."""
    if terms is None or (terms.metered and policy.metered == "excluded"):
        return NOTHING
    listed = terms.list_mrr_minor
    minor = terms.mrr_minor if listed is None or policy.discounts == "net" else listed
    return (terms.currency, minor) if minor else NOTHING


def turns_of(arrears: Iterable[Arrears]) -> list[Turn]:
    """Where times of being long past due begin and end, in order."""
    turns: list[Turn] = []
    for late in arrears:
        turns.append((late.since, 1, late.event_id, True))
        if late.until is not None:
            turns.append((late.until, 1, late.event_id, False))
    turns.sort()
    return turns


def replay(subscription: Subscription, arrears: Sequence[Arrears] = ()) -> Iterator[tuple[int, str, Standing]]:
    """Time, event id and standing after everything that happened to a subscription, in the order of time."""
    return read_on(subscription, turns_of(arrears))


def read_on(
    subscription: Subscription, turns: Iterable[Turn], since: int = 0, standing: Standing = _AT_FIRST
) -> Iterator[tuple[int, str, Standing]]:
    """The same of what happened from an instant on.

    Args:
        subscription: it holds everything since.
        turns: those since.
        since: epoch ms; 0 for all.
        standing: how the subscription stood before.
    """
    changes, marks = subscription.changes, subscription.marks
    first, marked = (bisect_left(changes, since, key=_AT), bisect_left(marks, since, key=_AT)) if since else (0, 0)
    happened: list[tuple[int, int, str, int | Mark | bool]] = [
        (changes[index].at, 0, changes[index].event_id, index) for index in range(first, len(changes))
    ]
    happened += [(mark.at, 1, mark.event_id, mark) for mark in marks[marked:]]
    happened += turns
    happened.sort(key=_ORDER)
    runs = (subscription.runs_since if first == 0 else subscription.terms_after(first - 1)) is not None
    for at, _, event_id, what in happened:
        if isinstance(what, bool):
            standing = standing._replace(overdue=standing.overdue + (1 if what else -1))
        elif isinstance(what, Mark):
            standing = _marked(standing, what) if runs else standing
        else:
            terms = subscription.terms_after(what)
            standing = standing._replace(terms=terms) if runs and terms else Standing(terms, overdue=standing.overdue)
            runs = terms is not None
        yield at, event_id, standing


def _marked(standing: Standing, mark: Mark) -> Standing:
    if mark.kind in ("paused", "resumed"):
        return standing._replace(paused=mark.kind == "paused")
    if mark.kind == "withdrawn":
        return standing._replace(requested=False, cancelled=False, ends_at=None)
    cancelled = standing.cancelled or mark.kind == "cancelled"
    return standing._replace(requested=True, cancelled=cancelled, ends_at=mark.ends_at or standing.ends_at)


def standing_at(subscription: Subscription, as_of: int) -> Standing:
    """How a subscription stands just before `as_of`, its invoices apart."""
    newest = Standing()
    for at, _, standing in replay(subscription):
        if at >= as_of:
            break
        newest = standing
    return newest


def mrr_steps(
    subscriptions: Iterable[tuple[Subscription, Sequence[Arrears]]],
    policy: RevenuePolicy,
    settled: Sequence[Step] = (),
    since: int = 0,
) -> list[Step]:
    """The customer's MRR steps: those settled before `since`, then those its facts from `since` on make.

    Subscriptions must still hold everything from `since` on, and what held at it.
    """
    changes = [c for one, arrears in subscriptions for c in _changes(one, arrears, policy, since) if c[0] >= since]
    changes.sort()
    steps = list(settled)
    mrr = steps[-1].mrr if steps else {}
    for at, same_instant in groupby(changes, itemgetter(0)):
        after = dict(mrr)
        rows = list(same_instant)
        for _, _, currency, amount, _ in rows:
            after[currency] = after.get(currency, 0) + amount
        after = {currency: after[currency] for currency in sorted(after) if after[currency]}
        if after != mrr:
            mrr = after
            past_due = not mrr and all(late for *_, amount, late in rows if amount < 0)
            steps.append(Step(at, rows[-1][1], mrr, past_due))
    return steps


def mrr_standing(
    subscriptions: Iterable[tuple[Subscription, Sequence[Arrears]]], policy: RevenuePolicy, as_of: int
) -> dict[str, int]:
    """MRR by currency just before `as_of` by the facts alone; subscriptions must still hold what held then."""
    mrr: dict[str, int] = {}
    for subscription, arrears in subscriptions:
        currency, minor = NOTHING
        for at, _, amount, _ in _amounts(subscription, arrears, policy, 0):
            if at >= as_of:
                break
            currency, minor = amount
        if minor:
            mrr[currency] = mrr.get(currency, 0) + minor
    return dict(sorted(mrr.items()))


def _changes(
    subscription: Subscription, arrears: Sequence[Arrears], policy: RevenuePolicy, since: int
) -> Iterator[tuple[int, str, str, int, bool]]:
    """Time, event id, currency and signed amount of every change of MRR, and whether being past due is behind it.

    What is older than `since` may be left out or put together.
    """
    old = NOTHING
    for at, event_id, new, late in _amounts(subscription, arrears, policy, since):
        if new != old:
            yield at, event_id, old[0], -old[1], late
            yield at, event_id, new[0], new[1], late
        old = new


def _amounts(
    subscription: Subscription, arrears: Sequence[Arrears], policy: RevenuePolicy, since: int
) -> Iterator[tuple[int, str, tuple[str, int], bool]]:
    """The amounts from `since` on, and the one before; what was paused or is overdue is replayed from its beginning."""
    if subscription.marks or arrears:
        for at, event_id, standing in replay(subscription, arrears):
            yield at, event_id, standing.amount(policy), standing.overdue > 0
    else:  # nearly always
        changes = subscription.changes
        for index in range(max(0, bisect_left(changes, since, key=_AT) - 1), len(changes)):
            yield changes[index].at, changes[index].event_id, _amount(subscription.terms_after(index), policy), False
