"""What RavenStack's tables say about each other: rows with their event ids, and the lookups of the rules."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from streams.intake.csv_table import Row
from streams.intake.importer import Produced, RuleHit
from streams.intake.ravenstack.rows import Account, Churn, Subscription, Ticket, Usage
from streams.metrics.days import DAY_MS

T = TypeVar("T")
K = TypeVar("K")

Fact = Produced | RuleHit


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """A row, what it says, and the id its events are named after."""

    row: Row
    value: T
    name: str


class RowNames:
    """Names rows so that the same row has the same name, and two different ones never share one.

    Example:
        >>> names = RowNames()
        >>> [names("U-1", "a"), names("U-1", "a"), names("U-1", "b")]
        [('U-1', None), ('U-1', 'row_repeated'), ('U-1#2', 'id_reused')]
    """

    def __init__(self) -> None:
        self._contents: dict[str, list[object]] = {}

    def __call__(self, row_id: str, content: object) -> tuple[str, str | None]:
        """The row's name, and the rule that was needed to find it."""
        contents = self._contents.setdefault(row_id, [])
        is_repeated = content in contents
        if not is_repeated:
            contents.append(content)
        place = contents.index(content)
        name = f"{row_id}#{place + 1}" if place else row_id
        if is_repeated:
            return name, "row_repeated"
        return name, "id_reused" if place else None


@dataclass(frozen=True, slots=True)
class Tables:
    """The readable rows of all five files."""

    accounts: Sequence[Entry[Account]]
    subscriptions: Sequence[Entry[Subscription]]
    usage: Sequence[Entry[Usage]]
    tickets: Sequence[Entry[Ticket]]
    churn: Sequence[Entry[Churn]]


class Book:
    """Lookups over all tables; of rows that share an id, the first one counts.

    Attributes:
        accounts, subscriptions: by id.
        cancelled: customers with a churn event.
        last_day: the last day on which anything happened.
    """

    def __init__(self, tables: Tables) -> None:
        self.accounts = _first_of_each((entry.value.account_id, entry.value) for entry in tables.accounts)
        self.subscriptions = _first_of_each(
            (entry.value.subscription_id, entry.value) for entry in tables.subscriptions
        )
        self._of_customer: dict[str, list[Subscription]] = {}
        for entry in tables.subscriptions:
            self._of_customer.setdefault(entry.value.account_id, []).append(entry.value)
        self._reasons = _first_of_each(
            ((entry.value.account_id, entry.value.day), entry.value.reason) for entry in tables.churn
        )
        self.cancelled = {entry.value.account_id for entry in tables.churn}
        self.last_day = max(_days_of(tables), default=0)

    def subscriptions_of(self, customer_id: str) -> Sequence[Subscription]:
        """All subscriptions of a customer."""
        return self._of_customer.get(customer_id, ())

    def pays_on(self, customer_id: str, day: int) -> bool:
        """True when some paid subscription of the customer runs on `day`."""
        return any(subscription.is_paid_on(day) for subscription in self.subscriptions_of(customer_id))

    def churn_reason(self, customer_id: str, day: int) -> str | None:
        """The reason code of the customer's churn event of exactly that day.

        No wider match: the tables were made independently, nearness in time means nothing.
        """
        return self._reasons.get((customer_id, day))

    def signed_up_after(self, customer_id: str, day: int) -> bool:
        """True when the customer's account was made after `day`."""
        account = self.accounts.get(customer_id)
        return account is not None and account.signup_day > day


def _first_of_each(pairs: Iterable[tuple[K, T]]) -> dict[K, T]:
    found: dict[K, T] = {}
    for key, value in pairs:
        found.setdefault(key, value)
    return found


def _days_of(tables: Tables) -> Iterable[int]:
    yield from (entry.value.signup_day for entry in tables.accounts)
    for subscription in tables.subscriptions:
        yield subscription.value.start_day
        yield subscription.value.end_day or 0
    yield from (entry.value.day for entry in tables.usage)
    for ticket in tables.tickets:
        yield ticket.value.submitted_day
        yield (ticket.value.closed_at or 0) // DAY_MS
    yield from (entry.value.day for entry in tables.churn)
