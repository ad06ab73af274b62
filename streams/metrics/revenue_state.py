"""Facts of billing of one customer, and what is derived from them: steps under a policy, reasons of churn."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from operator import attrgetter, itemgetter
from typing import TypeVar

from msgspec import Struct

from schemas.envelope import epoch_ms, optional_ms
from schemas.events import (
    BillingEvent,
    CancellationScheduled,
    CancellationWithdrawn,
    InvoiceIssued,
    InvoiceSettled,
    PaymentRefunded,
    SubscriptionCancelled,
    SubscriptionPaused,
    SubscriptionResumed,
)
from streams.metrics.days import DAY_MS
from streams.metrics.invoices import Arrears, Bill, Invoice, Receipts, Refund
from streams.metrics.levels import Standing, mrr_standing, mrr_steps, standing_at
from streams.metrics.movements import Step, Why, merge_gaps, steps_before
from streams.metrics.revenue_policy import RevenuePolicy
from streams.metrics.subscriptions import Mark, MarkKind, Subscription
from streams.metrics.timeline import Timeline
from streams.metrics.told import POLICY_CHANGED

#: Facts of a customer that are read anew with each of them; of more it is remembered what was read.
FEW = 64

T = TypeVar("T")
_TIME = itemgetter(0)
_ORDER = itemgetter(0, 1)
_BILL_ORDER = attrgetter("at", "event_id")
_MARKS: dict[type, MarkKind] = {
    SubscriptionPaused: "paused",
    SubscriptionResumed: "resumed",
    CancellationScheduled: "requested",
    CancellationWithdrawn: "withdrawn",
    SubscriptionCancelled: "cancelled",
}


class RevenueState(Struct, array_like=True, dict=True):
    """Facts of billing, and the MRR steps they make.

    With many facts it keeps a timeline of them besides, which is not stored (timeline.py).

    Attributes:
        first_set: time, event id and currency of the earliest terms.
        settled_before: steps older than this are final, as the changes behind them may be forgotten,
            epoch ms.
        invoices_since: the earliest fact about any invoice, epoch ms.
        cancellations: when cancellations were reported, sorted.
        reasons: time, event id and reason of every end, announcement and report that gave one, sorted.
        voluntary: the same of those that said whether the customer wanted it.
        receipts: of invoices that were forgotten.
        known_until: where steps come with time alone, those before it are told, epoch ms; 0 where none do.
        terms: mark of the policy the steps were made under; 0: it was made by a release that kept none.
        gap_days: the gap that was allowed when movements were told last; None as with `terms`.
        forgotten: ids of subscriptions that ran and were forgotten, sorted.
        receipts_by: what the policy makes of refunds, and its gross margin, when values were told last; None as with
            `terms`.
    """

    subscriptions: dict[str, Subscription] = {}
    steps: list[Step] = []
    settled_before: int = 0
    first_set: tuple[int, str, str] | None = None
    invoices: dict[str, Invoice] = {}
    invoices_since: int | None = None
    cancellations: list[int] = []
    reasons: list[tuple[int, str, str]] = []
    voluntary: list[tuple[int, str, bool]] = []
    receipts: Receipts | None = None
    known_until: int = 0
    terms: int = 0
    gap_days: int | None = None
    forgotten: list[str] = []
    receipts_by: tuple[str, float | None] | None = None

    def subscription(self, subscription_id: str) -> Subscription:
        """The subscription of an id, a new one where none is known; one that was forgotten has run before."""
        found = self.subscriptions.get(subscription_id)
        if found is None:
            ran = self._has_forgotten(subscription_id)
            found = self.subscriptions[subscription_id] = Subscription(set_before=ran)
        return found

    def invoice(self, invoice_id: str, at: int) -> Invoice:
        """The invoice of an id, of which something is known from `at` on."""
        self.invoices_since = at if self.invoices_since is None else min(at, self.invoices_since)
        found = self.invoices.get(invoice_id)
        if found is None:
            found = self.invoices[invoice_id] = Invoice()
        return found

    def add_reason(self, at: int, event_id: str, reason: str | None, voluntary: bool | None = None) -> None:
        """Keeps what was said about leaving."""
        if reason is not None:
            insort(self.reasons, (at, event_id, reason))
        if voluntary is not None:
            insort(self.voluntary, (at, event_id, voluntary))

    def why(self) -> Why:
        """What churn is explained with."""
        return Why(self.reasons, self.voluntary)

    @property
    def timeline(self) -> Timeline | None:
        """What is remembered of many facts under the policy that the steps were made under."""
        found: Timeline | None = vars(self).get("_timeline")
        return found

    def take(self, policy: RevenuePolicy, event: BillingEvent, at: int) -> None:
        """Makes the steps anew that an event changes, which was added to the facts.

        Args:
            policy: what counts, as in all steps.
            event: the newest fact.
            at: when it happened, epoch ms: what was before stands.
        """
        since, timeline = max(at, self.settled_before), self.timeline
        if timeline is not None and at >= self.settled_before:
            timeline.write(self.steps, timeline.take(event, at))
            return
        known = vars(self)
        known.pop("_timeline", None)
        if "_met" in known and _count(self, policy) > FEW:
            timeline = Timeline(policy, self.subscriptions, self.invoices, self.settled_before)
            known["_timeline"] = timeline
            timeline.write(self.steps, since)
        else:
            known["_met"] = True
            self.steps = mrr_steps(_pairs(self, policy, since), policy, steps_before(self.steps, since), since)

    def rebuild(self, policy: RevenuePolicy) -> None:
        """Makes the steps anew, which were made under another policy.

        Settled ones stay, as the facts behind them are forgotten; what MRR comes to under this one is a step where
        facts begin.
        """
        vars(self).pop("_timeline", None)
        settled, pairs = steps_before(self.steps, self.settled_before), _pairs(self, policy)
        if self.settled_before:
            settled = _carried_over(settled, mrr_standing(pairs, policy, self.settled_before), self.settled_before - 1)
        self.steps = mrr_steps(pairs, policy, settled, self.settled_before)

    def merged(self, allowed_gap_ms: int, until: int | None = None) -> Sequence[Step]:
        """The steps before `until` (all without one) with pauses of at most `allowed_gap_ms` taken as none.

        Good until the next call, or the next fact.
        """
        if allowed_gap_ms and (timeline := self.timeline) is not None:
            return timeline.merged(self.steps, allowed_gap_ms, until)
        return merge_gaps(self.steps if until is None else steps_before(self.steps, until), allowed_gap_ms)

    def standing(self, subscription_id: str, as_of: int) -> Standing:
        """How a subscription stands just before `as_of`; its invoices may be left out."""
        timeline = self.timeline
        if timeline is not None:
            return timeline.standing(subscription_id, as_of)
        return standing_at(self.subscriptions[subscription_id], as_of)

    def receipts_are_partial(self) -> bool:
        """Whether amounts of invoices are missing: an older release kept when an invoice was issued, not on how much.

        What such a release forgot it left no trace of but the time of the first fact.
        """
        if self.receipts is not None and self.receipts.partial:
            return True
        for invoice in self.invoices.values():
            if len(invoice.bills) < len(invoice.issued):
                return True
        if self.receipts is not None or self.invoices_since is None:
            return False
        return all(invoice.first_at() > self.invoices_since for invoice in self.invoices.values())

    def forget(self, cutoff: int) -> None:
        """Drops facts that were superseded before `cutoff`; steps and their reasons stay."""
        self.settled_before = max(self.settled_before, cutoff)
        for subscription_id, subscription in list(self.subscriptions.items()):
            subscription.forget(cutoff)
            if not subscription.changes and not subscription.marks:
                del self.subscriptions[subscription_id]
                if subscription.set_before and not self._has_forgotten(subscription_id):
                    insort(self.forgotten, subscription_id)
        partial = self.receipts_are_partial()
        for invoice_id, invoice in list(self.invoices.items()):
            if invoice.is_done(cutoff):
                self.receipts = Receipts() if self.receipts is None else self.receipts
                self.receipts.add(invoice, cutoff)
                self.receipts.partial = partial
                del self.invoices[invoice_id]
        if (timeline := self.timeline) is not None:
            timeline.forget(self.settled_before)
        ends = [step.at for step in self.steps if not step.mrr and step.at < cutoff]
        self.reasons = _still_said(self.reasons, ends, cutoff)
        self.voluntary = _still_said(self.voluntary, ends, cutoff)

    def _has_forgotten(self, subscription_id: str) -> bool:
        place = bisect_left(self.forgotten, subscription_id)
        return self.forgotten[place : place + 1] == [subscription_id]


def take_mark(
    state: RevenueState,
    event: SubscriptionPaused
    | SubscriptionResumed
    | CancellationScheduled
    | CancellationWithdrawn
    | SubscriptionCancelled,
    at: int,
) -> None:
    """Takes in what was said of a running subscription."""
    ends_at = None
    if isinstance(event, CancellationScheduled | SubscriptionCancelled):
        ends_at = optional_ms(event.ends_at)
        state.add_reason(at, event.event_id, event.reason, event.voluntary)
    state.subscription(event.subscription_id).mark(Mark(at, event.event_id, _MARKS[type(event)], ends_at))


def take_payment(state: RevenueState, event: InvoiceIssued | InvoiceSettled | PaymentRefunded, at: int) -> None:
    """Takes a fact about an invoice in."""
    invoice = state.invoice(event.invoice_id, at)
    if isinstance(event, InvoiceIssued):
        due = epoch_ms(event.due_at) if event.amount_minor else None
        insort(invoice.issued, (at, event.event_id, due), key=_ORDER)
        bill = Bill(at, event.event_id, due, event.amount_minor, event.currency, event.subscription_id)
        insort(invoice.bills, bill, key=_BILL_ORDER)
    elif isinstance(event, PaymentRefunded):
        insort(invoice.refunds, Refund(at, event.event_id, event.amount_minor, event.currency), key=_BILL_ORDER)
    else:
        invoice.settled_at = at if invoice.settled_at is None else min(at, invoice.settled_at)
        if event.how == "paid":
            invoice.paid_at = at if invoice.paid_at is None else min(at, invoice.paid_at)


def policy_steps(state: RevenueState, policy: RevenuePolicy) -> Sequence[Step]:
    """The steps of a state that forgot nothing, under any policy."""
    return merge_gaps(mrr_steps(_pairs(state, policy), policy), policy.allowed_gap_days * DAY_MS)


def _carried_over(settled: Sequence[Step], mrr: dict[str, int], at: int) -> Sequence[Step]:
    """The settled steps with one at `at`, if they end in another MRR; else as they are, with their events."""
    if mrr == (settled[-1].mrr if settled else {}):
        return settled
    kept = steps_before(settled, at)
    if mrr == (kept[-1].mrr if kept else {}):
        return kept
    return [*kept, Step(at, POLICY_CHANGED, mrr)]


def _pairs(state: RevenueState, policy: RevenuePolicy, since: int = 0) -> list[tuple[Subscription, Sequence[Arrears]]]:
    """Subscriptions with the times in which each was long past due; silent ones may be left out.

    Args:
        state: their facts.
        policy: what counts.
        since: silent ones said nothing from then on, epoch ms.
    """
    if since > 0 and not policy.past_due_days:
        return [
            (one, ())
            for one in state.subscriptions.values()
            if (one.changes and one.changes[-1].at >= since) or (one.marks and one.marks[-1].at >= since)
        ]
    late: dict[str, list[Arrears]] = {}
    if policy.past_due_days:
        for invoice in state.invoices.values():
            for arrears in invoice.arrears(policy.past_due_days * DAY_MS):
                late.setdefault(arrears.subscription_id, []).append(arrears)
    return [(one, late.get(subscription_id, ())) for subscription_id, one in state.subscriptions.items()]


def _count(state: RevenueState, policy: RevenuePolicy) -> int:
    """How many facts there are that `_pairs` and `mrr_steps` look at."""
    count = len(state.invoices) if policy.past_due_days else 0
    for subscription in state.subscriptions.values():
        count += len(subscription.changes) + len(subscription.marks)
    return count


def _still_said(said: list[tuple[int, str, T]], ends: Sequence[int], cutoff: int) -> list[tuple[int, str, T]]:
    """What is newest at an end or at the cutoff, and all that came later."""
    if not said or said[0][0] >= cutoff:
        return said
    kept = {bisect_right(said, at, key=_TIME) - 1 for at in (*ends, cutoff - 1)}
    return [one for index, one in enumerate(said) if index in kept or one[0] >= cutoff]
