"""What a row of accounts, subscriptions, usage or churn events says as events, and which rules were needed.

Instants. Dates have no time of day, so fixed ones are chosen (UTC). Inside a day things come in the order
they must have
happened: account, start of a subscription, use, cancellation, end of a subscription; so a subscription that
    ends on its first day starts before it ends, and use on its last day is inside. All lie between 09:00 and
    14:59, so a company zone from UTC-9 to UTC+9 sees the same calendar dates. Tickets are the exception:
    closed_at minus resolution_time_hours is midnight in every row, so the source itself opens them at 00:00.
"""

from collections.abc import Iterator

from schemas import registry
from schemas.events import AccountSet, CancellationReported, Interval, SubscriptionEnded, SubscriptionSet
from schemas.usage_events import FeatureUsed
from streams.intake.fields import FieldError
from streams.intake.importer import Produced, RuleHit
from streams.intake.ravenstack.book import Book, Entry, Fact
from streams.intake.ravenstack.rows import Account, Churn, Subscription, Usage
from streams.intake.ravenstack.rules import SOURCE
from streams.metrics.days import DAY_MS, HOUR_MS, MINUTE_MS

CURRENCY = "USD"

SIGNUP_AT = 9 * HOUR_MS
START_AT = 10 * HOUR_MS
USAGE_AT = 12 * HOUR_MS
CANCELLATION_AT = 14 * HOUR_MS
END_AT = 14 * HOUR_MS + 30 * MINUTE_MS

_MONTHS = 12
_LONGEST_TERM_DAYS = {"monthly": 31, "annual": 366}
_UNKNOWN_REASON = "unknown"


def account_facts(entry: Entry[Account], book: Book) -> Iterator[Fact]:
    """The profile of a customer, set when it signed up."""
    account, row = entry.value, entry.row
    country = account.country
    if country == "UK":
        country = "GB"
        yield row.hit("country_uk_is_gb")
    signed_up_at = account.signup_day * DAY_MS + SIGNUP_AT
    event = AccountSet(
        event_id=entry.name,
        customer_id=account.account_id,
        occurred_at=signed_up_at,
        source=SOURCE,
        name=account.name,
        segment=account.plan,
        industry=account.industry,
        country=country,
        plan=account.plan,
        seats=account.seats,
        signed_up_at=signed_up_at,
    )
    yield Produced(registry.ACCOUNTS.name, event)
    pays = book.pays_on(account.account_id, book.last_day)
    if account.has_churned and pays:
        yield row.hit("account_says_churned_but_pays")
    if not account.has_churned and account.account_id in book.cancelled:
        yield row.hit("account_says_kept_but_cancelled")
    if account.is_trial and pays:
        yield row.hit("account_says_trial_but_pays")


def subscription_facts(entry: Entry[Subscription], book: Book) -> Iterator[Fact]:
    """Start and end of a subscription; MRR is exactly mrr_amount."""
    terms = entry.value
    amount_minor, interval = _price(terms)
    yield Produced(
        registry.BILLING.name,
        SubscriptionSet(
            event_id=f"{entry.name}:start",
            customer_id=terms.account_id,
            occurred_at=terms.start_day * DAY_MS + START_AT,
            source=SOURCE,
            subscription_id=terms.subscription_id,
            amount_minor=amount_minor,
            currency=CURRENCY,
            interval=interval,
            trial=terms.is_trial,
            plan=terms.plan,
            seats=terms.seats,
            auto_renews=terms.auto_renews,
        ),
    )
    yield from _end_facts(entry, book)
    yield from _terms_rules(entry, book)


def _price(terms: Subscription) -> tuple[int, Interval]:
    return (terms.mrr_minor * _MONTHS, "year") if terms.billing == "annual" else (terms.mrr_minor, "month")


def _end_facts(entry: Entry[Subscription], book: Book) -> Iterator[Fact]:
    terms, row = entry.value, entry.row
    if terms.has_churned != (terms.end_day is not None):
        yield row.hit("subscription_flag_contradicts_end")
    if terms.end_day is None:
        yield row.hit("subscription_without_end")
        return
    if terms.end_day < terms.start_day:
        yield row.hit("subscription_ends_before_it_starts")
    elif terms.end_day == terms.start_day:
        yield row.hit("subscription_ends_on_its_first_day")
    reason = _known_reason(book.churn_reason(terms.account_id, terms.end_day))
    if reason is None:
        yield row.hit("subscription_end_without_reason")
    event = SubscriptionEnded(
        event_id=f"{entry.name}:end",
        customer_id=terms.account_id,
        occurred_at=terms.end_day * DAY_MS + END_AT,
        source=SOURCE,
        subscription_id=terms.subscription_id,
        reason=reason,
    )
    yield Produced(registry.BILLING.name, event)


def _terms_rules(entry: Entry[Subscription], book: Book) -> Iterator[RuleHit]:
    terms, row = entry.value, entry.row
    if terms.account_id not in book.accounts:
        yield row.hit("customer_without_account")
    if book.signed_up_after(terms.account_id, terms.start_day):
        yield row.hit("subscription_before_signup")
    if terms.arr_minor != terms.mrr_minor * _MONTHS:
        yield row.hit("annual_price_is_not_twelve_months", f"{terms.mrr_minor} a month, {terms.arr_minor} a year")
    if terms.is_trial and terms.mrr_minor:
        yield row.hit("trial_with_price")
    if terms.is_upgrade or terms.is_downgrade:
        yield row.hit("plan_change_without_terms")
    if terms.is_upgrade and terms.is_downgrade:
        yield row.hit("upgrade_and_downgrade_at_once")
    until = book.last_day if terms.end_day is None else terms.end_day
    if not terms.auto_renews and until - terms.start_day > _LONGEST_TERM_DAYS[terms.billing]:
        yield row.hit("non_renewing_outlives_its_term", f"{until - terms.start_day} days, billed {terms.billing}")


def usage_facts(entry: Entry[Usage], book: Book) -> Iterator[Fact]:
    """A day's use of a feature. The data name no users, so none are sent."""
    usage, row = entry.value, entry.row
    subscription = book.subscriptions.get(usage.subscription_id)
    if subscription is None:
        raise FieldError("subscription_id", f"expected a known subscription, got {usage.subscription_id[:60]!r}")
    event = FeatureUsed(
        event_id=entry.name,
        customer_id=subscription.account_id,
        occurred_at=usage.day * DAY_MS + USAGE_AT,
        source=SOURCE,
        feature=usage.feature,
        quantity=usage.count,
        duration_seconds=usage.duration_seconds,
        errors=usage.errors,
        subscription_id=usage.subscription_id,
    )
    yield Produced(registry.USAGE.name, event)
    if book.signed_up_after(subscription.account_id, usage.day):
        yield row.hit("usage_before_signup")
    if usage.day < subscription.start_day:
        yield row.hit("usage_before_subscription", f"{subscription.start_day - usage.day} days")
    elif subscription.end_day is not None and usage.day > subscription.end_day:
        yield row.hit("usage_after_subscription", f"{usage.day - subscription.end_day} days")
    if usage.errors > usage.count:
        yield row.hit("usage_with_more_errors_than_uses", f"{usage.errors} errors in {usage.count} uses")


def churn_facts(entry: Entry[Churn], book: Book) -> Iterator[Fact]:
    """A customer's statement that it leaves; it ends nothing."""
    churn, row = entry.value, entry.row
    event = CancellationReported(
        event_id=entry.name,
        customer_id=churn.account_id,
        occurred_at=churn.day * DAY_MS + CANCELLATION_AT,
        source=SOURCE,
        reason=_known_reason(churn.reason),
        feedback=churn.feedback,
        refund_minor=churn.refund_minor,
        currency=CURRENCY,
    )
    yield Produced(registry.BILLING.name, event)
    subscriptions = book.subscriptions_of(churn.account_id)
    found = {
        "customer_without_account": churn.account_id not in book.accounts,
        "cancellation_of_paying_customer": book.pays_on(churn.account_id, churn.day),
        "cancellation_before_subscription": not any(terms.start_day <= churn.day for terms in subscriptions),
        "cancellation_called_reactivation": churn.is_reactivation,
        "cancellation_reason_unknown": churn.reason == _UNKNOWN_REASON,
    }
    yield from (row.hit(rule) for rule, applies in found.items() if applies)


def _known_reason(reason: str | None) -> str | None:
    return None if reason == _UNKNOWN_REASON else reason
