"""What a customer owes, and what came in and went back on its invoices until an instant."""

from typing import Literal

from streams.metrics.days import Days
from streams.metrics.invoices import Receipts
from streams.metrics.revenue_state import RevenueState

_NO_RECEIPTS = Receipts()


def payments(
    state: RevenueState, days: Days, day: int, as_of: int
) -> tuple[int | None, Literal["current", "late"] | None]:
    """Days since the oldest unpaid invoice fell due, and what that means."""
    if state.invoices_since is None or state.invoices_since >= as_of:
        return None, None
    owed = [since for i in state.invoices.values() if (since := i.owed_since(as_of)) is not None]
    if not owed:
        return 0, "current"
    return day - days.of(min(owed)), "late"


def receipts(state: RevenueState, currency: str, as_of: int, less_refunds: bool) -> tuple[int | None, int | None, int]:
    """Revenue to date, refunds to date, and invoices of which more was given back than paid."""
    if state.invoices_since is None or state.invoices_since >= as_of:
        return None, None, 0
    partial = state.receipts_are_partial()
    forgotten = state.receipts or _NO_RECEIPTS
    paid, back = forgotten.paid_minor.get(currency, 0), forgotten.refunded_minor.get(currency, 0)
    impossible = forgotten.impossible
    for invoice in state.invoices.values():
        if (bill := invoice.paid(as_of)) is not None and bill.currency == currency:
            paid += bill.amount_minor
        if invoice.refunds:
            back += invoice.refunded(as_of).get(currency, 0)
            impossible += invoice.is_impossible(as_of)
    if partial:
        return None, None, impossible
    return paid - back if less_refunds else paid, back, impossible
