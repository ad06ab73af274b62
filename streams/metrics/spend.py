"""The spend fold: money spent on winning customers (METRICS.md 5, the numerator of `cac`).

The customer of an event is whom the money was spent on: `_company` for campaigns that win many, a customer's own id
for what was spent on it alone. Money of different currencies is never added up: exchange rates, which come on the same
topic, are for the views over many customers.

Forgetting folds what is older than the longest window into the totals.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable
from operator import attrgetter

from msgspec import Struct

from schemas.events import SpendEvent, SpendRecorded
from schemas.metrics import Domain, Movement, SpendValues
from streams.metrics.days import Days

LONGEST_WINDOW_DAYS = 90
_AT = attrgetter("at")
_ORDER = attrgetter("at", "event_id")


class Payment(Struct, frozen=True, array_like=True):
    """One sum spent, at an instant in epoch ms."""

    at: int
    event_id: str
    currency: str
    amount_minor: int


class SpendState(Struct, array_like=True):
    """Payments sorted by time and event id, and the sums of those forgotten, by currency."""

    payments: list[Payment] = []
    forgotten_minor: dict[str, int] = {}


class SpendFold:
    """Folds spend events into `SpendValues`.

    Args:
        days: calendar of the company.
    """

    domain: Domain = "spend"
    state_type: type[SpendState] = SpendState
    daily: bool = True
    moves_money: bool = False

    def __init__(self, days: Days) -> None:
        self._start = days.start

    def new(self) -> SpendState:
        """State before anything was spent."""
        return SpendState()

    def apply(self, state: SpendState, event: SpendEvent, at: int) -> None:
        """Takes an event in; heartbeats and exchange rates spend nothing."""
        if isinstance(event, SpendRecorded):
            payment = Payment(at, event.event_id, event.currency, event.amount_minor)
            insort(state.payments, payment, key=_ORDER)

    def values(self, state: SpendState, day: int, as_of: int) -> SpendValues:
        """What was spent before `as_of`."""
        end = bisect_left(state.payments, as_of, key=_AT)

        def window(days: int) -> dict[str, int]:
            first = bisect_left(state.payments, self._start(day - days + 1), hi=end, key=_AT)
            return _sums(state.payments[first:end], {})

        return SpendValues(
            spend_1d_minor=window(1),
            spend_28d_minor=window(28),
            spend_90d_minor=window(LONGEST_WINDOW_DAYS),
            spend_total_minor=_sums(state.payments[:end], state.forgotten_minor),
        )

    def forget(self, state: SpendState, before: int) -> None:
        """Keeps of payments older than every window of day `before` their sums alone."""
        cutoff = bisect_left(state.payments, self._start(before - LONGEST_WINDOW_DAYS + 1), key=_AT)
        state.forgotten_minor = _sums(state.payments[:cutoff], state.forgotten_minor)
        state.payments = state.payments[cutoff:]

    def movements(self, customer_id: str, state: SpendState, since: int = 0) -> list[Movement]:
        """Money spent moves no revenue."""
        return []


def _sums(payments: Iterable[Payment], onto: dict[str, int]) -> dict[str, int]:
    """Sums by currency, in the order of its code, so that equal sums are equal bytes."""
    sums = dict(onto)
    for payment in payments:
        sums[payment.currency] = sums.get(payment.currency, 0) + payment.amount_minor
    return dict(sorted(sums.items()))
