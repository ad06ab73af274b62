"""The revenue fold: what a customer pays, when that ends, and whether it pays in time (METRICS.md 5).

State is the subscriptions' changes, the MRR steps they make under the policy (derived, rebuilt whenever a subscription
changes), invoices and what the customer said about leaving. MRR follows subscriptions: a reported cancellation ends
nothing, it only raises `cancellation_reported_while_paying` while the customer pays on.

- Currency: that of the earliest subscription, until the customer goes over to another (movements.py). The largest
  subscription is the one with the highest MRR in it (paid before trial; of equals the lowest id); it gives plan and
  renewal. Seats are the sum of the paid ones, of the trials when none is paid.
- Renewal: of the largest (renewals.py).
- Days (tenure, to renewal, overdue) are differences of calendar days of the company.

Forgetting drops superseded terms, ended subscriptions and settled invoices that were so 90 days before
the oldest day anybody may ask for; a later fact on such an id begins a new run of service, or a new invoice. MRR
steps are few and stay for ever, as the published movements are compared with them. Afterwards events must
not be older than that.
"""

from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence
from copy import copy

from schemas.events import (
    BillingEvent,
    CancellationReported,
    CancellationScheduled,
    CancellationWithdrawn,
    InvoiceIssued,
    InvoiceSettled,
    PaymentRefunded,
    SubscriptionCancelled,
    SubscriptionEnded,
    SubscriptionPaused,
    SubscriptionResumed,
    SubscriptionSet,
)
from schemas.metrics import Domain, Movement, RevenueValues
from streams.metrics.days import DAY_MS, Days
from streams.metrics.movements import (
    NO_FLOWS,
    Flows,
    Step,
    count_before,
    currency_at,
    first_difference,
    flows,
    merge_gaps,
    mrr_at,
    name_movements,
)
from streams.metrics.receivables import payments, receipts
from streams.metrics.renewals import days_to_renewal, renewal_period_days
from streams.metrics.revenue_policy import RevenuePolicy, steps_mark
from streams.metrics.revenue_state import RevenueState, take_mark, take_payment
from streams.metrics.roll import call_roll
from streams.metrics.subscriptions import Change, terms_of

LONGEST_WINDOW_DAYS = 90
_PAYMENTS = frozenset({InvoiceIssued, InvoiceSettled, PaymentRefunded})


class RevenueFold:
    """Folds billing events into `RevenueValues` and movements.

    Args:
        policy: what counts as MRR, and until when.
        days: calendar of the company.
    """

    domain: Domain = "revenue"
    state_type: type[RevenueState] = RevenueState
    daily: bool = True
    moves_money: bool = True

    def __init__(self, policy: RevenuePolicy, days: Days) -> None:
        self._policy = policy
        self._mark = steps_mark(policy)
        self._receipts_by = policy.refunds, policy.gross_margin
        self._days = days

    def new(self) -> RevenueState:
        """State of a customer that never paid."""
        policy = self._policy
        return RevenueState(terms=self._mark, gap_days=policy.allowed_gap_days, receipts_by=self._receipts_by)

    def apply(self, state: RevenueState, event: BillingEvent, at: int) -> None:
        """Takes an event in; heartbeats say nothing about revenue."""
        self._take_terms(state)
        if self.note(state, event, at):
            state.take(self._policy, event, at)
            if self._policy.past_due_days:
                state.known_until = max(state.known_until, at + 1)

    def note(self, state: RevenueState, event: BillingEvent, at: int) -> bool:
        """Takes the facts of an event in and leaves the steps as they are; True where they are others now."""
        match event:
            case SubscriptionSet():
                terms = terms_of(event)
                first = (at, event.event_id, terms.currency)
                state.first_set = first if state.first_set is None else min(first, state.first_set)
                state.subscription(event.subscription_id).add(Change(at, event.event_id, terms))
            case SubscriptionEnded():
                state.subscription(event.subscription_id).add(Change(at, event.event_id, None))
                state.add_reason(at, event.event_id, event.reason, event.voluntary)
            case (
                SubscriptionPaused()
                | SubscriptionResumed()
                | CancellationScheduled()
                | CancellationWithdrawn()
                | SubscriptionCancelled()
            ):
                take_mark(state, event, at)
            case InvoiceIssued() | InvoiceSettled() | PaymentRefunded():
                take_payment(state, event, at)
                return bool(self._policy.past_due_days)
            case CancellationReported():
                insort(state.cancellations, at)
                state.add_reason(at, event.event_id, event.reason)
                return False
            case _:
                return False
        return True

    def values(self, state: RevenueState, day: int, as_of: int) -> RevenueValues:
        """What the customer paid and owed just before `as_of`."""
        steps = state.merged(self._gap_ms(state), as_of)
        mrr = steps[-1].mrr if steps else {}
        month_ago = self._days.start(day - 27)
        first = state.first_set
        currency = currency_at(steps, first[2]) if first is not None and first[0] < as_of else ""
        roll = call_roll(state, self._days.start(day), as_of)
        paid = [r for r in roll.running if not r.terms.trial]
        counted = paid or roll.running
        named = [r.terms.seats for r in counted if r.terms.seats is not None]
        largest = min(counted, key=lambda r: r.size(currency), default=None)
        days_overdue, payment_state = payments(state, self._days, day, as_of)
        reported, while_paying = self._cancellations(state, steps, day, as_of)
        then = mrr_at(steps, month_ago)
        now, before = mrr.get(currency, 0), then.get(currency, 0)
        all_moved = flows(steps, month_ago, as_of)
        moved = all_moved.get(currency, NO_FLOWS)
        refunds_are, margin = state.receipts_by or self._receipts_by
        revenue, refunds, impossible = receipts(state, currency, as_of, refunds_are == "negative")
        return RevenueValues(
            mrr_minor=now,
            currency=currency or None,
            mrr_other_minor={other: amount for other, amount in mrr.items() if other != currency},
            mrr_28d_ago_minor=before,
            paying=bool(mrr),
            subscriptions_active=len(paid),
            trials_active=len(roll.running) - len(paid),
            seats=sum(named) if named else None,
            plan=None if largest is None else largest.terms.plan,
            first_paid_at=steps[0].at if steps else None,
            churned_at=steps[-1].at if steps and not mrr else None,
            tenure_days=self._tenure_days(steps, day),
            days_to_renewal=None if largest is None else days_to_renewal(largest, self._days, day),
            renewal_automatic=None if largest is None else largest.terms.auto_renews,
            days_overdue=days_overdue,
            payment_state=payment_state,
            cancellations_reported_90d=reported,
            cancellation_reported_while_paying=while_paying,
            churn_reason=next((reason for at, _, reason in reversed(state.reasons) if at < as_of), None),
            churn_voluntary=next((wish for at, _, wish in reversed(state.voluntary) if at < as_of), None),
            arr_minor=now * 12,
            new_28d_minor=moved.new,
            expansion_28d_minor=moved.expansion,
            contraction_28d_minor=moved.contraction,
            churn_28d_minor=moved.churn,
            reactivation_28d_minor=moved.reactivation,
            nrr_28d=now / before if before else None,
            grr_28d=min(now, before) / before if before else None,
            subscriptions_paused=roll.paused,
            subscriptions_ending=roll.ending,
            days_to_end=None if roll.ends_at is None else max(0, self._days.of(roll.ends_at) - day),
            terms_ended_1d=roll.terms_ended,
            terms_renewed_1d=roll.terms_renewed,
            revenue_to_date_minor=revenue,
            refunds_to_date_minor=refunds,
            margin_to_date_minor=None if revenue is None or margin is None else round(revenue * margin),
            gross_margin=margin,
            billing_impossible=impossible,
            currency_change_28d_minor=moved.currency_change,
            renewal_period_days=None if largest is None else renewal_period_days(largest, self._days, day),
            mrr_28d_ago_other_minor={other: amount for other, amount in then.items() if other != currency},
            moved_other_28d_minor=_spelled(all_moved, currency) if len(all_moved) > (currency in all_moved) else {},
        )

    def forget(self, state: RevenueState, before: int) -> None:
        """Drops facts no day >= `before` needs; MRR steps stay."""
        cutoff = self._days.start(before - LONGEST_WINDOW_DAYS)
        state.forget(cutoff)
        state.cancellations = state.cancellations[bisect_left(state.cancellations, cutoff) :]

    def movements(self, customer_id: str, state: RevenueState, since: int = 0) -> list[Movement]:
        """The MRR steps of the customer from `since` on; of those that come with time alone the ones that came."""
        gap_ms, until = self._gap_ms(state), state.known_until or None
        if gap_ms:
            return name_movements(customer_id, state.merged(gap_ms, until), state.why(), since)
        return name_movements(customer_id, state.steps, state.why(), since, until)

    def may_move(self, state: RevenueState, event: BillingEvent) -> bool:
        """False for payments, where they end no arrears and the state is of this policy."""
        return type(event) not in _PAYMENTS or bool(self._policy.past_due_days) or not self._is_current(state)

    def first_moved(self, state: RevenueState, at: int) -> int:
        """From when on an event of `at` may change movements: a pause it ends, and what time has brought until it."""
        if not self._is_current(state):
            return 0
        since = at - self._gap_ms(state)
        return min(since, state.known_until) if self._policy.past_due_days else since

    def is_due(self, state: RevenueState, until: int) -> bool:
        """Whether steps before `until` have come with time that are not told, or the steps are another policy's."""
        if not self._is_current(state):
            return True
        if not self._policy.past_due_days or state.known_until >= until:
            return False
        return count_before(state.steps, until) > count_before(state.steps, state.known_until)

    def pass_time(self, state: RevenueState, until: int) -> None:
        """Lets the steps before `until` be told."""
        self._take_terms(state)
        if self._policy.past_due_days:
            state.known_until = max(state.known_until, until)

    def follow(self, state: RevenueState) -> tuple[RevenueState, int] | None:
        """Takes up the policy, if the state was told under another.

        Returns:
            The state as it was told, and the instant (epoch ms) from which on values differ; None where none do. What
            an older release did not note counts as this policy's.
        """
        if self._is_current(state):
            return None
        told = copy(state)
        self._take_terms(state)
        if told.receipts_by not in (None, self._receipts_by):
            return told, 0
        before = merge_gaps(told.steps, self._gap_ms(told))
        since = first_difference(before, merge_gaps(state.steps, self._gap_ms(state)))
        return None if since is None else (told, since)

    def _is_current(self, state: RevenueState) -> bool:
        return (
            state.terms == self._mark
            and state.gap_days == self._policy.allowed_gap_days
            and state.receipts_by == self._receipts_by
        )

    def _gap_ms(self, state: RevenueState) -> int:
        """The gap that is allowed: by the policy the state was told under."""
        return (self._policy.allowed_gap_days if state.gap_days is None else state.gap_days) * DAY_MS

    def _take_terms(self, state: RevenueState) -> None:
        """Makes the steps anew, if they were made under another policy."""
        if self._is_current(state):
            return
        told = state.steps[-1].at + 1 if state.steps else 0
        state.terms, state.gap_days, state.receipts_by = self._mark, self._policy.allowed_gap_days, self._receipts_by
        state.known_until = (state.known_until or told) if self._policy.past_due_days else 0
        state.rebuild(self._policy)

    def _tenure_days(self, steps: Sequence[Step], day: int) -> int | None:
        """Days since the first payment, up to the churn of a customer that left."""
        if not steps:
            return None
        until = day if steps[-1].mrr else self._days.of(steps[-1].at)
        return until - self._days.of(steps[0].at)

    def _cancellations(self, state: RevenueState, steps: Sequence[Step], day: int, as_of: int) -> tuple[int, bool]:
        """Reports in 90 days, and whether the newest came in the run of paying that still goes on."""
        if not state.cancellations:
            return 0, False
        end = bisect_left(state.cancellations, as_of)
        reported = end - bisect_left(state.cancellations, self._days.start(day - 89), hi=end)
        if not reported or not steps or not steps[-1].mrr:
            return reported, False
        return reported, state.cancellations[end - 1] >= _paying_since(steps)


def _spelled(moved: Mapping[str, Flows], own: str) -> dict[str, int]:
    """What moved in all currencies but one, by `NAME:CURRENCY`, in the order of currencies."""
    return {
        f"{name}:{currency}": amount
        for currency in sorted(moved)
        if currency != own
        for name, amount in moved[currency]._asdict().items()
        if amount
    }


def _paying_since(steps: Sequence[Step]) -> int:
    """When the run of paying began that the last step belongs to."""
    index = len(steps) - 1
    while index > 0 and steps[index - 1].mrr:
        index -= 1
    return steps[index].at
