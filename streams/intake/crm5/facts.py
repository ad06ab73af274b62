"""What the rows of crm5 say as events, and which rules were needed.

Instants. The files tell days, so fixed times are chosen (UTC), in the order in which things must have happened:
account, start of a period, use, end of a subscription. All lie between 09:00 and 14:59, so a company zone from UTC-9
to UTC+9 sees the same dates.

Every paid period is a `subscription_set` at its start, with its end as the end of the term: renewals and changes of
plan, price and seats alike. Whether a period renews by itself the files do not say.
"""

from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_EVEN, Decimal

from schemas import registry
from schemas.events import AccountSet, SubscriptionEnded, SubscriptionSet
from schemas.usage_events import FeatureUsed
from streams.intake.crm5.daily import FILE, Count
from streams.intake.crm5.rows import Account, Period
from streams.intake.crm5.rules import SOURCE
from streams.intake.csv_table import Row
from streams.intake.importer import Produced, RuleHit
from streams.metrics.days import DAY_MS, HOUR_MS, MINUTE_MS

CURRENCY = "USD"
ACTIVE_USERS = "active_users"
SIGNUP_AT = 9 * HOUR_MS
START_AT = 10 * HOUR_MS
USAGE_AT = 12 * HOUR_MS
END_AT = 14 * HOUR_MS + 30 * MINUTE_MS

Fact = Produced | RuleHit


def account_facts(account: Account) -> Iterator[Fact]:
    """The profile of a customer, set when it signed up."""
    signed_up_at = account.start_day * DAY_MS + SIGNUP_AT
    event = AccountSet(
        event_id=f"{account.account_id}:account",
        customer_id=account.account_id,
        occurred_at=signed_up_at,
        source=SOURCE,
        name=f"CRM customer {account.account_id}",
        segment=account.channel,
        signed_up_at=signed_up_at,
    )
    yield Produced(registry.ACCOUNTS.name, event)


def start_facts(period: Period) -> Iterator[Fact]:
    """The terms of a period."""
    amount_minor = period.mrr_minor * period.months
    listed = None
    if period.is_plan:
        exact = Decimal(amount_minor) / (1 - period.discount)
        listed = int(exact.quantize(Decimal(1), ROUND_HALF_EVEN))
    event = SubscriptionSet(
        event_id=f"{_subscription(period)}:{period.start_day}",
        customer_id=period.account_id,
        occurred_at=period.start_day * DAY_MS + START_AT,
        source=SOURCE,
        subscription_id=_subscription(period),
        amount_minor=amount_minor,
        list_amount_minor=listed,
        currency=CURRENCY,
        interval="month",
        interval_count=period.months,
        plan=period.plan,
        seats=period.quantity if period.is_plan else 0,
        term_ends_at=period.end_day * DAY_MS + START_AT,
    )
    yield Produced(registry.BILLING.name, event)


def end_facts(periods: Sequence[tuple[Row, Period]], churn_day: int | None) -> Iterator[Fact]:
    """The ends of one subscription.

    Args:
        periods: all of its periods, by start.
        churn_day: when its customer left, None when it stayed.
    """
    row, last = periods[0]
    for said, after in periods[1:]:
        if after.start_day > last.end_day:
            yield said.hit("subscription_interrupted", f"{after.start_day - last.end_day} days")
            yield _ended(last, last.end_day)
        if after.end_day >= last.end_day:  # a period may lie within one that began before
            row, last = said, after
    if churn_day is None:
        return
    if churn_day < last.end_day:
        yield row.hit("churn_inside_a_period", f"{last.end_day - churn_day} days")
    elif churn_day > last.end_day:
        yield row.hit("subscription_ends_before_churn", f"{churn_day - last.end_day} days")
    yield _ended(last, min(churn_day, last.end_day))


def _ended(period: Period, day: int) -> Produced:
    event = SubscriptionEnded(
        event_id=f"{_subscription(period)}:{day}:end",
        customer_id=period.account_id,
        occurred_at=day * DAY_MS + END_AT,
        source=SOURCE,
        subscription_id=_subscription(period),
    )
    return Produced(registry.BILLING.name, event)


def _subscription(period: Period) -> str:
    return f"{period.account_id}:{period.units}"


class DayOfUse:
    """Says a customer's days as events; remembers whose turn it is among the numbered users."""

    def __init__(self) -> None:
        self._turns: dict[str, int] = {}

    def facts(self, counts: Sequence[Count]) -> Iterator[tuple[Count, list[Fact]]]:
        """A customer's counts of one day, each with what it says."""
        account_id = counts[0].account_id
        users = next((count.n for count in counts if count.event == ACTIVE_USERS), 0)
        features = [count for count in counts if count.event != ACTIVE_USERS]
        if users and account_id not in self._turns:
            self._turns[account_id] = 0
            yield counts[0], [RuleHit("users_numbered", FILE, counts[0].line, account_id)]
        for count in features:
            yield count, [self._used(count, count.event, users)]
        if not features:
            active = counts[0]
            hit = RuleHit("active_without_counts", FILE, active.line)
            yield active, [self._used(active, None, users), hit]

    def _used(self, count: Count, feature: str | None, users: int) -> Produced:
        event = FeatureUsed(
            event_id=f"{count.account_id}:{count.day}:{count.event}",
            customer_id=count.account_id,
            occurred_at=count.day * DAY_MS + USAGE_AT,
            source=SOURCE,
            user_id=self._next_user(count.account_id, users),
            feature=feature,
            quantity=count.n,
        )
        return Produced(registry.USAGE.name, event)

    def _next_user(self, account_id: str, users: int) -> str | None:
        if not users:
            return None
        turn = self._turns[account_id]
        self._turns[account_id] = turn + 1
        return f"user-{turn % users + 1}"
