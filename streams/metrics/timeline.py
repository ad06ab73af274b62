"""The MRR steps of a customer with many facts of billing, kept up by differences. Pure.

Theory of operation. `mrr_steps` reads the facts of a customer anew, which takes as long as there are facts. Here what
was read is remembered: how each subscription stood after everything that happened to it, and for each instant what it
brings to MRR. A new fact speaks of one subscription, which is read again from its instant on; what that brought to MRR
until now is taken away and what it brings is added, in whole minor units. So a fact costs what comes after it in time,
and nothing for what came before: in the order of time next to nothing.

Invariants:
 T1 the steps are those of `mrr_steps` over the same facts, to the last bit, in whatever order they came;
 T2 nothing of it is stored: it is made of the facts again where it is missing.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Mapping
from operator import attrgetter, itemgetter
from typing import NamedTuple

from schemas.events import BillingEvent, InvoiceIssued, InvoiceSettled
from streams.metrics.days import DAY_MS
from streams.metrics.invoices import Arrears, Invoice
from streams.metrics.levels import NOTHING, Standing, Turn, read_on, turns_of
from streams.metrics.merging import Merged
from streams.metrics.movements import Step
from streams.metrics.revenue_policy import RevenuePolicy
from streams.metrics.subscriptions import Subscription

_AT = attrgetter("at")
_TIME = itemgetter(0)
_BILL = attrgetter("at", "event_id")
_LATER = 1 << 62


class _Entry(NamedTuple):
    """How a subscription stood after something, what it amounted to, and whether it was long past due."""

    at: int
    event_id: str
    standing: Standing
    amount: tuple[str, int]
    late: bool


class Instant:
    """What happened to MRR at an instant.

    Attributes:
        nets: change by currency.
        ids: of the events behind it, sorted; as often as they changed a subscription.
        lost: how many subscriptions lost MRR for another reason than being past due.
    """

    __slots__ = ("ids", "lost", "nets")

    def __init__(self) -> None:
        self.nets: dict[str, int] = {}
        self.ids: list[str] = []
        self.lost = 0

    def add(self, currency: str, minor: int, late: bool, sign: int) -> None:
        """Adds what a subscription gains (or loses, if negative), or takes that away with `sign` -1."""
        if minor:
            self.nets[currency] = self.nets.get(currency, 0) + sign * minor
            if minor < 0 and not late:
                self.lost += sign

    def after(self, mrr: dict[str, int]) -> dict[str, int]:
        """MRR behind it, of that before it."""
        if len(self.nets) == 1:  # nearly always, in the one currency there is
            ((currency, net),) = self.nets.items()
            if not mrr or (len(mrr) == 1 and currency in mrr):
                minor = mrr.get(currency, 0) + net
                return {currency: minor} if minor else {}
        sums = dict(mrr)
        for currency, net in self.nets.items():
            sums[currency] = sums.get(currency, 0) + net
        return {currency: sums[currency] for currency in sorted(sums) if sums[currency]}


class Timeline:
    """What is remembered of a customer's facts under a policy.

    Args:
        policy: what counts.
        subscriptions, invoices: the customer's; whoever changes them says so to `take`, or to `forget`.
        settled_before: older changes are settled, epoch ms.
    """

    def __init__(
        self,
        policy: RevenuePolicy,
        subscriptions: Mapping[str, Subscription],
        invoices: Mapping[str, Invoice],
        settled_before: int,
    ) -> None:
        self._policy = policy
        self._subscriptions, self._invoices = subscriptions, invoices
        self._floor = settled_before
        self._allowed_ms = policy.past_due_days * DAY_MS
        self._entries: dict[str, list[_Entry]] = {}
        self._turns: dict[str, list[Turn]] = {}
        self._settled: dict[str, int | None] = {}
        self._instants: dict[int, Instant] = {}
        self._times: list[int] = []
        self._merged: Merged | None = None
        self._take_invoices()
        for subscription_id in subscriptions:
            self._read(subscription_id, 0)

    def take(self, event: BillingEvent, at: int) -> int:
        """Takes in that an event was added to the facts.

        Returns:
            The instant from which on MRR may be another, epoch ms.
        """
        if isinstance(event, InvoiceIssued | InvoiceSettled):
            turned = self._issued(event, at) if isinstance(event, InvoiceIssued) else self._paid(event.invoice_id)
            for subscription_id, since in turned.items():
                if subscription_id in self._subscriptions:
                    self._read(subscription_id, since)
            return max(self._floor, min(turned.values(), default=_LATER))
        spoken_of: str | None = getattr(event, "subscription_id", None)
        if spoken_of is None:
            return _LATER
        self._read(spoken_of, at)
        return max(self._floor, at)

    def write(self, steps: list[Step], since: int) -> None:
        """Makes the steps from an instant on anew, in place."""
        first = bisect_left(steps, since, key=_AT)
        del steps[first:]
        mrr = steps[-1].mrr if steps else {}
        for at in self._times[bisect_left(self._times, since) :]:
            instant = self._instants[at]
            after = instant.after(mrr)
            if after != mrr:
                mrr = after
                steps.append(Step(at, instant.ids[-1], mrr, not mrr and not instant.lost))
        if self._merged is not None:
            self._merged.cut(first)

    def forget(self, cutoff: int) -> None:
        """Follows the facts, which dropped what was superseded before `cutoff`; changes before it are settled."""
        self._floor = cutoff
        past = bisect_left(self._times, cutoff)
        for at in self._times[:past]:
            del self._instants[at]
        del self._times[:past]
        self._take_invoices()
        for subscription_id, entries in list(self._entries.items()):
            if subscription_id not in self._subscriptions:
                del self._entries[subscription_id]
            else:
                del entries[: max(0, bisect_left(entries, cutoff, key=_TIME) - 1)]

    def standing(self, subscription_id: str, as_of: int) -> Standing:
        """How a subscription stands just before `as_of`."""
        entries = self._entries[subscription_id]
        place = bisect_left(entries, as_of, key=_TIME)
        return entries[place - 1].standing if place else Standing()

    def merged(self, steps: list[Step], allowed_gap_ms: int, until: int | None) -> list[Step]:
        """The steps before `until` (all without one) with pauses of at most `allowed_gap_ms` taken as none."""
        if self._merged is None or self._merged.allowed_gap_ms != allowed_gap_ms:
            self._merged = Merged(allowed_gap_ms)
        return self._merged.of(steps, len(steps) if until is None else bisect_left(steps, until, key=_AT))

    def _take_invoices(self) -> None:
        self._turns.clear()
        self._settled.clear()
        if self._allowed_ms:
            for invoice_id, invoice in self._invoices.items():
                self._settled[invoice_id] = invoice.settled_at
                self._turned((), invoice.arrears(self._allowed_ms))

    def _issued(self, event: InvoiceIssued, at: int) -> dict[str, int]:
        """Takes a bill in: it ends the one before it, and may be long past due itself."""
        invoice, allowed = self._invoices[event.invoice_id], self._allowed_ms
        index = bisect_right(invoice.bills, (at, event.event_id), key=_BILL) - 1
        gone = [invoice.late(index - 1, index + 1, invoice.settled_at, allowed)] if index else []
        come = [invoice.late(index - 1, index, invoice.settled_at, allowed)] if index else []
        come.append(invoice.late(index, index + 1, invoice.settled_at, allowed))
        return self._turned(gone, come)

    def _paid(self, invoice_id: str) -> dict[str, int]:
        """Takes a settlement in, if it is the earliest."""
        invoice, before = self._invoices[invoice_id], self._settled.get(invoice_id)
        self._settled[invoice_id] = now = invoice.settled_at
        if now == before:
            return {}
        bills, allowed = range(len(invoice.bills)), self._allowed_ms
        gone = [invoice.late(index, index + 1, before, allowed) for index in bills]
        return self._turned(gone, [invoice.late(index, index + 1, now, allowed) for index in bills])

    def _turned(self, gone: Iterable[Arrears | None], come: Iterable[Arrears | None]) -> dict[str, int]:
        """Exchanges times of being long past due; by subscription when they first differ."""
        before, after = _by_subscription(gone), _by_subscription(come)
        since: dict[str, int] = {}
        for subscription_id, turn in before ^ after:
            turns = self._turns.setdefault(subscription_id, [])
            if (subscription_id, turn) in before:
                del turns[bisect_left(turns, turn)]
            else:
                insort(turns, turn)
            since[subscription_id] = min(turn[0], since.get(subscription_id, turn[0]))
        return since

    def _read(self, subscription_id: str, since: int) -> None:
        """Reads a subscription again from an instant on."""
        entries = self._entries.setdefault(subscription_id, [])
        kept = bisect_left(entries, since, key=_TIME)
        self._count(entries, kept, -1)
        del entries[kept:]
        since = since if kept else 0
        turns = self._turns.get(subscription_id, [])
        for at, event_id, standing in read_on(
            self._subscriptions[subscription_id],
            turns[bisect_left(turns, since, key=_TIME) :],
            since,
            entries[-1].standing if entries else Standing(),
        ):
            entries.append(_Entry(at, event_id, standing, standing.amount(self._policy), standing.overdue > 0))
        self._count(entries, kept, 1)

    def _count(self, entries: list[_Entry], first: int, sign: int) -> None:
        """Adds what the entries from `first` on change in MRR, or takes it away."""
        old = entries[first - 1].amount if first else NOTHING
        for at, event_id, _, new, late in entries[first:]:
            if new != old and at >= self._floor:
                instant = self._instants.get(at)
                if instant is None:
                    instant = self._instants[at] = Instant()
                    insort(self._times, at)
                instant.add(old[0], -old[1], late, sign)
                instant.add(new[0], new[1], late, sign)
                if sign > 0:
                    insort(instant.ids, event_id)
                else:
                    del instant.ids[bisect_left(instant.ids, event_id)]
                    if not instant.ids:
                        del self._instants[at], self._times[bisect_left(self._times, at)]
            old = new


def _by_subscription(arrears: Iterable[Arrears | None]) -> set[tuple[str, Turn]]:
    return {(late.subscription_id, turn) for late in arrears if late is not None for turn in turns_of([late])}
