"""Revenue of many customers by month under one policy, from their facts (METRICS.md section 5). Pure.

Amounts of different currencies are never added up: every month has a line per currency. A figure whose denominator is 0
is None. The sums are exact: MRR at the start + new + expansion + reactivation - contraction - churn + currency_change =
MRR at the end. A customer that changed its currency is not lost, and what it paid is left out of NRR and GRR: nothing
tells what it came to.
"""

from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from msgspec import Struct

from schemas.envelope import epoch_ms
from schemas.events import BillingEvent
from streams.metrics.days import Days, from_date, to_date
from streams.metrics.invoices import Receipts
from streams.metrics.levels import standing_at
from streams.metrics.movements import NO_FLOWS, Step, flows, mrr_at
from streams.metrics.revenue import RevenueFold
from streams.metrics.revenue_policy import RevenuePolicy
from streams.metrics.revenue_state import RevenueState, policy_steps


class Period(NamedTuple):
    """A month, `2024-01`, and its instants [start, end), epoch ms; the last ends with the last day known."""

    month: str
    start: int
    end: int


class Books(NamedTuple):
    """Facts of billing by customer, nothing forgotten, and the months they fall in."""

    customers: Mapping[str, RevenueState]
    periods: Sequence[Period]


class MonthFigures(Struct, frozen=True, kw_only=True):
    """One month in one currency.

    Attributes:
        customers_start, customers: those that count at the start and at the end.
        customers_lost: those of the start that count in no currency at the end, and same-period joiners by the policy.
        currency_change_minor: what customers brought from other currencies, less what they took into others.
        nrr: cohort form; `nrr_movements` counts what moved instead, reactivated customers among it.
        revenue_minor: paid on invoices, less refunds by the policy.
    """

    month: str
    currency: str
    mrr_start_minor: int = 0
    mrr_minor: int = 0
    new_minor: int = 0
    expansion_minor: int = 0
    contraction_minor: int = 0
    churn_minor: int = 0
    reactivation_minor: int = 0
    customers_start: int = 0
    customers: int = 0
    customers_lost: int = 0
    customer_churn: float | None = None
    nrr: float | None = None
    nrr_movements: float | None = None
    grr: float | None = None
    quick_ratio: float | None = None
    arpa_minor: float | None = None
    revenue_minor: int = 0
    currency_change_minor: int = 0


FIGURES = MonthFigures.__struct_fields__[2:]


class _Sums:
    """What customers add up to in one month and currency."""

    def __init__(self) -> None:
        self.start = self.end = self.kept = self.capped = self.exchanged = self.moved_away = 0
        self.new = self.expansion = self.contraction = self.churn = self.reactivation = 0
        self.customers_start = self.customers = self.lost = self.revenue = 0

    def figures(self, month: str, currency: str) -> MonthFigures:
        up, down = self.expansion + self.reactivation, self.contraction + self.churn
        stayed = self.start - self.moved_away
        return MonthFigures(
            month=month,
            currency=currency,
            mrr_start_minor=self.start,
            mrr_minor=self.end,
            new_minor=self.new,
            expansion_minor=self.expansion,
            contraction_minor=self.contraction,
            churn_minor=self.churn,
            reactivation_minor=self.reactivation,
            customers_start=self.customers_start,
            customers=self.customers,
            customers_lost=self.lost,
            customer_churn=ratio(self.lost, self.customers_start),
            nrr=ratio(self.kept, stayed),
            nrr_movements=ratio(self.start + up - down, self.start),
            grr=ratio(self.capped, stayed),
            quick_ratio=ratio(self.new + up, down),
            arpa_minor=ratio(self.end, self.customers),
            revenue_minor=self.revenue,
            currency_change_minor=self.exchanged,
        )


def ratio(dividend: float, divisor: float) -> float | None:
    """None where nothing is there to divide by."""
    return dividend / divisor if divisor else None


def open_books(events: Iterable[BillingEvent], days: Days) -> Books:
    """The facts of billing events in any order; of events of one customer and id the first counts."""
    fold = RevenueFold(RevenuePolicy(), days)
    customers: dict[str, RevenueState] = {}
    seen: set[tuple[str, str]] = set()
    first = last = None
    for event in events:
        mark = event.customer_id, event.event_id
        if mark in seen:
            continue
        seen.add(mark)
        at = epoch_ms(event.occurred_at)
        first, last = at if first is None else min(first, at), at if last is None else max(last, at)
        state = customers.get(event.customer_id)
        if state is None:
            state = customers[event.customer_id] = fold.new()
        fold.note(state, event, at)  # steps are made of the facts when a policy asks for them
    periods = () if first is None or last is None else _periods(days, days.of(first), days.of(last))
    return Books(customers, tuple(periods))


def by_month(books: Books, policy: RevenuePolicy) -> list[MonthFigures]:
    """Every month in every currency, from the first known in it on; in the order of currency and month."""
    since: dict[str, int] = {}
    for state in books.customers.values():
        for currency, at in _known(state):
            since[currency] = min(at, since.get(currency, at))
    sums: dict[tuple[str, int], _Sums] = {}
    for state in books.customers.values():
        _add(sums, state, policy, books.periods)
    return [
        of_month.figures(books.periods[index].month, currency)
        for (currency, index), of_month in sorted(sums.items())
        if since[currency] < books.periods[index].end
    ]


def _periods(days: Days, first: int, last: int) -> Iterator[Period]:
    day = to_date(first).replace(day=1)
    while from_date(day) <= last:
        length = monthrange(day.year, day.month)[1]
        end = min(from_date(day) + length, last + 1)
        yield Period(f"{day:%Y-%m}", days.start(from_date(day)), days.start(end))
        day = date(day.year + day.month // 12, day.month % 12 + 1, 1)


def _add(
    sums: dict[tuple[str, int], _Sums], state: RevenueState, policy: RevenuePolicy, periods: Sequence[Period]
) -> None:
    steps = policy_steps(state, policy)
    receipts = _receipts(state, policy, periods)
    currencies = sorted({currency for currency, _ in _known(state)})
    for currency in currencies:
        counted = _counts(state, steps, currency, policy, periods[0].start)
        for index, period in enumerate(periods):
            month = sums.setdefault((currency, index), _Sums())
            before, after = _mrr(steps, period.start, currency), _mrr(steps, period.end, currency)
            moved = flows(steps, period.start, period.end).get(currency, NO_FLOWS)
            month.start += before
            month.end += after
            month.kept += after if before else 0
            month.capped += min(before, after)
            month.new += moved.new
            month.expansion += moved.expansion
            month.contraction += moved.contraction
            month.churn += moved.churn
            month.reactivation += moved.reactivation
            month.exchanged += moved.currency_change
            went_over = moved.currency_change < 0 and not after and mrr_at(steps, period.end)
            month.moved_away += before if went_over else 0  # one that left after that is lost
            month.revenue += receipts[index].get(currency, 0)
            counted_before, counted = counted, _counts(state, steps, currency, policy, period.end)
            month.customers_start += counted_before
            month.customers += counted
            came = policy.same_period_joiners == "counted" and moved.new + moved.reactivation > 0
            stays = counted or any(_counts(state, steps, other, policy, period.end) for other in currencies)
            month.lost += not stays and (counted_before or came)


def _mrr(steps: Sequence[Step], at: int, currency: str) -> int:
    return mrr_at(steps, at).get(currency, 0)


def _counts(state: RevenueState, steps: Sequence[Step], currency: str, policy: RevenuePolicy, at: int) -> bool:
    """Whether the customer is one in a currency: it pays, or by the policy runs something free."""
    if _mrr(steps, at, currency):
        return True
    if policy.free_customers == "out":
        return False
    terms = [standing_at(one, at).serving() for one in state.subscriptions.values()]
    return any(one.currency == currency and not one.mrr_minor for one in terms if one is not None)


def _known(state: RevenueState) -> Iterator[tuple[str, int]]:
    """Every currency the facts name, and when."""
    for subscription in state.subscriptions.values():
        for change in subscription.changes:
            if change.terms is not None:
                yield change.terms.currency, change.at
    for invoice in state.invoices.values():
        yield from ((bill.currency, bill.at) for bill in invoice.bills)
        yield from ((refund.currency, refund.at) for refund in invoice.refunds)


def _receipts(state: RevenueState, policy: RevenuePolicy, periods: Sequence[Period]) -> list[dict[str, int]]:
    """What came in during each period, by currency."""
    found: list[dict[str, int]] = []
    before: dict[str, int] = {}
    for period in periods:
        receipts = Receipts()
        for invoice in state.invoices.values():
            receipts.add(invoice, period.end)
        now = dict(receipts.paid_minor)
        if policy.refunds == "negative":
            for currency, amount in receipts.refunded_minor.items():
                now[currency] = now.get(currency, 0) - amount
        # also what an invoice that was issued again in another currency took back
        found.append({currency: now.get(currency, 0) - before.get(currency, 0) for currency in {**before, **now}})
        before = now
    return found
