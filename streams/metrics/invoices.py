"""One invoice: when it was to be paid, whether it still is, and what was paid and given back.

Settled before it was issued, refunded before it was paid: order may be wrong, so every fact is taken as it comes, and
what they amount to is asked for at an instant. More given back than was paid stays impossible: it is counted.
"""

from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Struct


class Bill(Struct, frozen=True, array_like=True):
    """One issue of an invoice: due None where nothing is owed; epoch ms, minor units."""

    at: int
    event_id: str
    due: int | None
    amount_minor: int
    currency: str
    subscription_id: str | None


class Refund(Struct, frozen=True, array_like=True):
    """Money given back at an instant."""

    at: int
    event_id: str
    amount_minor: int
    currency: str


class Arrears(NamedTuple):
    """A time in which a subscription is long past due; `until` None when nothing ends it yet."""

    subscription_id: str
    since: int
    until: int | None
    event_id: str


class Invoice(Struct, array_like=True):
    """The facts about one invoice.

    Attributes:
        issued: time, event id and due time of every issue, sorted; due None where nothing was owed.
        settled_at: the earliest settlement, epoch ms; it holds for good, even if issued (again) later.
        bills: the issues in full, sorted.
        paid_at: the earliest settlement by payment.
        refunds: sorted by time and event id.
    """

    issued: list[tuple[int, str, int | None]] = []
    settled_at: int | None = None
    bills: list[Bill] = []
    paid_at: int | None = None
    refunds: list[Refund] = []

    def owed_since(self, as_of: int) -> int | None:
        """When the invoice fell due, if it is owed and past due at `as_of`."""
        if self.settled_at is not None and self.settled_at < as_of:
            return None
        due = next((due for at, _, due in reversed(self.issued) if at < as_of), None)
        return due if due is not None and due < as_of else None

    def first_at(self) -> int:
        """The earliest fact, epoch ms."""
        first = [self.issued[0][0]] if self.issued else []
        if self.settled_at is not None:
            first.append(self.settled_at)
        if self.refunds:
            first.append(self.refunds[0].at)
        return min(first)

    def is_done(self, cutoff: int) -> bool:
        """True when nothing is owed and the newest fact lies before `cutoff`."""
        newest = max([issue[0] for issue in self.issued] + [refund.at for refund in self.refunds], default=0)
        if self.settled_at is not None:
            return max(newest, self.settled_at, self.paid_at or 0) < cutoff
        return newest < cutoff and (not self.issued or self.issued[-1][2] is None)

    def paid(self, as_of: int) -> Bill | None:
        """What was paid: the newest issue; None before that, or when no issue is known."""
        if self.paid_at is None or self.paid_at >= as_of:
            return None
        for bill in reversed(self.bills):
            if bill.at < as_of:
                return bill
        return None

    def refunded(self, as_of: int) -> dict[str, int]:
        """What was given back, by currency."""
        sums: dict[str, int] = {}
        for refund in self.refunds:
            if refund.at < as_of:
                sums[refund.currency] = sums.get(refund.currency, 0) + refund.amount_minor
        return sums

    def is_impossible(self, as_of: int) -> bool:
        """True when more was given back than paid, on an invoice that was issued."""
        back = self.refunded(as_of)
        if not back or not any(bill.at < as_of for bill in self.bills):
            return False
        bill = self.paid(as_of)
        paid = {} if bill is None else {bill.currency: bill.amount_minor}
        return any(minor > paid.get(currency, 0) for currency, minor in back.items())

    def arrears(self, allowed_ms: int) -> Iterator[Arrears]:
        """Times in which the subscription it bills was overdue for longer than `allowed_ms`."""
        for index in range(len(self.bills)):
            late = self.late(index, index + 1, self.settled_at, allowed_ms)
            if late is not None:
                yield late

    def late(self, index: int, following: int, settled_at: int | None, allowed_ms: int) -> Arrears | None:
        """The time in which one of its bills was overdue for longer than `allowed_ms`; None for no time.

        Args:
            index: which bill.
            following: the one that took its place; there may be none.
            settled_at: the settlement that counts.
            allowed_ms: how long it may be overdue.
        """
        bill = self.bills[index]
        if bill.due is None or bill.subscription_id is None:
            return None
        until = self.bills[following].at if following < len(self.bills) else settled_at
        if settled_at is not None and until is not None:
            until = min(until, settled_at)
        since = max(bill.at, bill.due + allowed_ms)
        return Arrears(bill.subscription_id, since, until, bill.event_id) if until is None or since < until else None


class Receipts(Struct, array_like=True):
    """What came in and went back on invoices that were forgotten, by currency; how many of them were impossible.

    `partial`: the amounts of some are not known.
    """

    paid_minor: dict[str, int] = {}
    refunded_minor: dict[str, int] = {}
    impossible: int = 0
    partial: bool = False

    def add(self, invoice: Invoice, as_of: int) -> None:
        """Takes in what holds of an invoice at `as_of`."""
        if (bill := invoice.paid(as_of)) is not None:
            _add(self.paid_minor, bill.currency, bill.amount_minor)
        if invoice.refunds:
            for currency, amount in invoice.refunded(as_of).items():
                _add(self.refunded_minor, currency, amount)
            self.impossible += invoice.is_impossible(as_of)


def _add(sums: dict[str, int], currency: str, amount: int) -> None:
    sums[currency] = sums.get(currency, 0) + amount
