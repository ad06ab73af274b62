"""The revenue fold: what a customer pays, when that ends, and whether it pays in time (METRICS.md 5).

State is the subscriptions' changes, the MRR steps they make (derived, rebuilt whenever a subscription
changes), invoices and what the customer said about leaving. Revenue follows subscriptions alone: a
reported cancellation ends nothing, it only raises `cancellation_reported_while_paying` while the customer
pays on.

- Currency: that of the earliest subscription. The largest subscription is the one with the highest MRR in
  it (paid before trial; of equals the lowest id); it gives plan and renewal. Seats are the sum of the
  paid ones, of the trials when none is paid.
- Renewal: `term_ends_at` of the largest. Passed without an end, the term is taken as renewed by billing
  periods, or with `auto_renews` False as due now (0). Without a term, the billing period counted from the
  start of the run of service when `auto_renews` is True, else unknown.
- Days (tenure, to renewal, overdue) are differences of calendar days of the company.

Forgetting drops superseded terms, ended subscriptions and settled invoices that were so 90 days before
the oldest day anybody may ask for; a later fact on such an id begins a new subscription or invoice. MRR
steps are few and stay for ever, as the published movements are compared with them. Afterwards events must
not be older than that.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence
from operator import itemgetter
from typing import Annotated, Literal

from msgspec import Meta, Struct

from schemas.envelope import epoch_ms
from schemas.events import (
    BillingEvent,
    CancellationReported,
    InvoiceIssued,
    InvoiceSettled,
    SubscriptionEnded,
    SubscriptionSet,
)
from schemas.metrics import Domain, Movement, RevenueValues
from streams.metrics.days import DAY_MS, Days
from streams.metrics.invoices import Invoice
from streams.metrics.movements import Step, merge_gaps, mrr_at, name_movements, steps_before
from streams.metrics.subscriptions import Change, Subscription, Terms, mrr_steps, next_renewal, terms_of

LONGEST_WINDOW_DAYS = 90
_ORDER = itemgetter(0, 1)


class RevenuePolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a company may decide about revenue figures.

    Attributes:
        allowed_gap_days: a pause in paying of at most so many days (of 24 hours) is no churn and no
            reactivation, once the customer is back; 0 allows none.
    """

    allowed_gap_days: Annotated[int, Meta(ge=0, le=365)] = 0


class RevenueState(Struct, array_like=True):
    """Facts of billing, and the MRR steps they make.

    Attributes:
        first_set: time, event id and currency of the earliest terms.
        settled_before: steps older than this are final, as the changes behind them may be forgotten,
            epoch ms.
        invoices_since: the earliest fact about any invoice, epoch ms.
        cancellations: when cancellations were reported, sorted.
        reasons: time, event id and reason of every end and report that gave one, sorted.
    """

    subscriptions: dict[str, Subscription] = {}
    steps: list[Step] = []
    settled_before: int = 0
    first_set: tuple[int, str, str] | None = None
    invoices: dict[str, Invoice] = {}
    invoices_since: int | None = None
    cancellations: list[int] = []
    reasons: list[tuple[int, str, str]] = []


class Running(Struct, frozen=True):
    """A subscription that runs at an instant: the change at `index` set the `terms` that hold."""

    terms: Terms
    subscription_id: str
    subscription: Subscription
    index: int


class RevenueFold:
    """Folds billing events into `RevenueValues` and movements.

    Args:
        policy: which pauses are no churn.
        days: calendar of the company.
    """

    domain: Domain = "revenue"
    state_type: type[RevenueState] = RevenueState
    daily: bool = True
    moves_money: bool = True

    def __init__(self, policy: RevenuePolicy, days: Days) -> None:
        self._gap_ms = policy.allowed_gap_days * DAY_MS
        self._days = days

    def new(self) -> RevenueState:
        """State of a customer that never paid."""
        return RevenueState()

    def apply(self, state: RevenueState, event: BillingEvent, at: int) -> None:
        """Takes an event in; heartbeats say nothing about revenue."""
        match event:
            case SubscriptionSet():
                terms = terms_of(event)
                first = (at, event.event_id, terms.currency)
                state.first_set = first if state.first_set is None else min(first, state.first_set)
                _change(state, event.subscription_id, Change(at, event.event_id, terms))
            case SubscriptionEnded():
                _change(state, event.subscription_id, Change(at, event.event_id, None))
                _add_reason(state, at, event.event_id, event.reason)
            case CancellationReported():
                insort(state.cancellations, at)
                _add_reason(state, at, event.event_id, event.reason)
            case InvoiceIssued():
                due = epoch_ms(event.due_at) if event.amount_minor else None
                insort(_invoice(state, event.invoice_id, at).issued, (at, event.event_id, due), key=_ORDER)
            case InvoiceSettled():
                invoice = _invoice(state, event.invoice_id, at)
                invoice.settled_at = at if invoice.settled_at is None else min(at, invoice.settled_at)
            case _:
                pass

    def values(self, state: RevenueState, day: int, as_of: int) -> RevenueValues:
        """What the customer paid and owed just before `as_of`."""
        steps = merge_gaps(steps_before(state.steps, as_of), self._gap_ms)
        mrr = steps[-1].mrr if steps else {}
        month_ago = self._days.start(day - 27)
        first = state.first_set
        currency = first[2] if first is not None and first[0] < as_of else ""
        running = _running(state, as_of)
        paid = [r for r in running if not r.terms.trial]
        counted = paid or running
        largest = min(counted, key=lambda r: _size(r, currency), default=None)
        days_overdue, payment_state = self._payments(state, day, as_of)
        reported, while_paying = self._cancellations(state, steps, day, as_of)
        return RevenueValues(
            mrr_minor=mrr.get(currency, 0),
            currency=currency or None,
            mrr_other_minor={other: amount for other, amount in mrr.items() if other != currency},
            mrr_28d_ago_minor=mrr_at(steps, month_ago).get(currency, 0),
            paying=bool(mrr),
            subscriptions_active=len(paid),
            trials_active=len(running) - len(paid),
            seats=sum([r.terms.seats for r in counted]) if counted else None,
            plan=None if largest is None else largest.terms.plan,
            first_paid_at=steps[0].at if steps else None,
            churned_at=steps[-1].at if steps and not mrr else None,
            tenure_days=self._tenure_days(steps, day),
            days_to_renewal=None if largest is None else self._days_to_renewal(largest, day),
            renewal_automatic=None if largest is None else largest.terms.auto_renews,
            days_overdue=days_overdue,
            payment_state=payment_state,
            cancellations_reported_90d=reported,
            cancellation_reported_while_paying=while_paying,
            churn_reason=next((reason for at, _, reason in reversed(state.reasons) if at < as_of), None),
        )

    def forget(self, state: RevenueState, before: int) -> None:
        """Drops facts no day >= `before` needs; MRR steps stay."""
        cutoff = self._days.start(before - LONGEST_WINDOW_DAYS)
        state.settled_before = max(state.settled_before, cutoff)
        for subscription_id, subscription in list(state.subscriptions.items()):
            subscription.forget(cutoff)
            if not subscription.changes:
                del state.subscriptions[subscription_id]
        for invoice_id, invoice in list(state.invoices.items()):
            if invoice.is_done(cutoff):
                del state.invoices[invoice_id]
        state.cancellations = state.cancellations[bisect_left(state.cancellations, cutoff) :]
        newest_old = bisect_left(state.reasons, (cutoff,)) - 1
        state.reasons = state.reasons[max(0, newest_old) :]

    def movements(self, customer_id: str, state: RevenueState) -> list[Movement]:
        """All MRR steps of the customer, from the first."""
        return name_movements(customer_id, merge_gaps(state.steps, self._gap_ms))

    def _tenure_days(self, steps: Sequence[Step], day: int) -> int | None:
        """Days since the first payment, up to the churn of a customer that left."""
        if not steps:
            return None
        until = day if steps[-1].mrr else self._days.of(steps[-1].at)
        return until - self._days.of(steps[0].at)

    def _days_to_renewal(self, largest: Running, day: int) -> int | None:
        terms = largest.terms
        if terms.term_ends_at is not None:
            ends = self._days.of(terms.term_ends_at)
            if ends >= day:
                return ends - day
            if terms.auto_renews is False:
                return 0
            return next_renewal(ends, terms.interval, terms.interval_count, day) - day
        if not terms.auto_renews:
            return None
        start = self._days.of(largest.subscription.run_start(largest.index))
        return next_renewal(start, terms.interval, terms.interval_count, max(day, start + 1)) - day

    def _payments(
        self, state: RevenueState, day: int, as_of: int
    ) -> tuple[int | None, Literal["current", "late"] | None]:
        """Days since the oldest unpaid invoice fell due, and what that means."""
        if state.invoices_since is None or state.invoices_since >= as_of:
            return None, None
        owed = [since for i in state.invoices.values() if (since := i.owed_since(as_of)) is not None]
        if not owed:
            return 0, "current"
        return day - self._days.of(min(owed)), "late"

    def _cancellations(self, state: RevenueState, steps: Sequence[Step], day: int, as_of: int) -> tuple[int, bool]:
        """Reports in 90 days, and whether the newest came in the run of paying that still goes on."""
        if not state.cancellations:
            return 0, False
        end = bisect_left(state.cancellations, as_of)
        reported = end - bisect_left(state.cancellations, self._days.start(day - 89), hi=end)
        if not reported or not steps or not steps[-1].mrr:
            return reported, False
        return reported, state.cancellations[end - 1] >= _paying_since(steps)


def _change(state: RevenueState, subscription_id: str, change: Change) -> None:
    subscription = state.subscriptions.get(subscription_id)
    if subscription is None:
        subscription = state.subscriptions[subscription_id] = Subscription()
    subscription.add(change)
    settled = steps_before(state.steps, state.settled_before)
    state.steps = mrr_steps(state.subscriptions.values(), settled, state.settled_before)


def _invoice(state: RevenueState, invoice_id: str, at: int) -> Invoice:
    state.invoices_since = at if state.invoices_since is None else min(at, state.invoices_since)
    invoice = state.invoices.get(invoice_id)
    if invoice is None:
        invoice = state.invoices[invoice_id] = Invoice()
    return invoice


def _add_reason(state: RevenueState, at: int, event_id: str, reason: str | None) -> None:
    if reason is not None:
        insort(state.reasons, (at, event_id, reason))


def _running(state: RevenueState, as_of: int) -> list[Running]:
    running: list[Running] = []
    for subscription_id, subscription in state.subscriptions.items():
        index = subscription.index_at(as_of)
        terms = subscription.terms_after(index)
        if terms is not None:
            running.append(Running(terms, subscription_id, subscription, index))
    return running


def _size(running: Running, currency: str) -> tuple[bool, int, str]:
    """Sorts the largest first; amounts compare within the customer's currency, which comes first."""
    return running.terms.currency != currency, -running.terms.mrr_minor, running.subscription_id


def _paying_since(steps: Sequence[Step]) -> int:
    """When the run of paying began that the last step belongs to."""
    index = len(steps) - 1
    while index > 0 and steps[index - 1].mrr:
        index -= 1
    return steps[index].at
