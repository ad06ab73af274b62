"""How a feature is read from the metric values of a customer; nothing is computed a second time from events.

A reading is `None` when the values do not say: absent, never zero. All values describe one instant, the end
of the day for snapshots, so no reading can see past it.
"""

from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter

from msgspec import structs

from schemas.metrics import CustomerValues, Domain
from streams.churn.exact import log
from streams.metrics.days import DAY_MS

Number = float | int | None
RENEWAL_DUE_DAYS = 30  # part of the features' definition: a model learned with 30 must be read with 30
SETTLED_DAYS = 14
_ONBOARDING_DAYS = 120
TYPICAL_USAGE = 200.0
TYPICAL_USAGE_PER_USER = 50.0
TYPICAL_MRR_PER_USER = 5_000.0


Reading = Callable[[CustomerValues], Number]
_log = lru_cache(maxsize=16_384)(log)  # of ratios of small counts, and of amounts that stay as they are


def field(domain: Domain, name: str) -> Reading:
    """Reads a metric value as it is.

    Example:
        >>> from schemas.metrics import UsageValues
        >>> field("usage", "events_28d")(CustomerValues(usage=UsageValues(events_28d=7)))
        7
    """
    values_of, number_of = attrgetter(domain), attrgetter(name)

    def read(values: CustomerValues) -> Number:
        found = values_of(values)
        number: Number = None if found is None else number_of(found)
        return number

    return read


def is_settled(values: CustomerValues) -> bool:
    """Whether what is counted over 28 days of use says something of a customer yet.

    It does not within 14 days of its first use, to within a day, or of its first payment when it never used the
    product: a week of use looks like a month of hardly any, and a company that has just begun to send its usage would
    be told that everybody leaves.
    """
    revenue, usage = values.revenue, values.usage
    if usage is None or usage.first_used_at is None or usage.last_used_at is None:
        tenure = None if revenue is None else revenue.tenure_days
        return tenure is None or tenure >= SETTLED_DAYS
    used_ms = (usage.days_since_last_use or 0) * DAY_MS + usage.last_used_at - usage.first_used_at
    return used_ms >= SETTLED_DAYS * DAY_MS


def usage_change(values: CustomerValues) -> Number:
    """Log of the events of 14 days plus one over those of the 14 before; None under 28 days of tenure."""
    usage = values.usage
    if usage is None or usage.usage_trend is None:
        return None
    return _log((usage.events_14d + 1.0) / (usage.events_prev_14d + 1.0))


def error_share(values: CustomerValues) -> Number:
    """Errors per event, 28 days."""
    usage = values.usage
    return None if usage is None or usage.events_28d <= 0 else usage.errors_28d / usage.events_28d


def seats_used(values: CustomerValues) -> Number:
    """Active users of 28 days per seat bought (METRICS.md `license_utilization`)."""
    users = None if values.usage is None else values.usage.active_users_28d
    revenue, account = values.revenue, values.account
    seats = (revenue.seats if revenue is not None else None) or (account.seats if account is not None else None)
    return None if users is None or not seats else users / seats


def usage_per_user(values: CustomerValues) -> Number:
    """Quantity of 28 days per active user; None without users."""
    usage = values.usage
    return None if usage is None or not usage.active_users_28d else usage.quantity_28d / usage.active_users_28d


def not_activated(values: CustomerValues) -> Number:
    """1 for a customer in its first 120 days that is not activated yet, 0 for one that is; None later."""
    usage, tenure = values.usage, None if values.revenue is None else values.revenue.tenure_days
    if usage is None or tenure is None or tenure > _ONBOARDING_DAYS:
        return None
    return float(usage.activated_at is None)


def onboarding_progress(values: CustomerValues) -> Number:
    """Share of the onboarding steps done by a customer in its first 120 days that is not through; None for others."""
    usage, tenure = values.usage, None if values.revenue is None else values.revenue.tenure_days
    if usage is None or usage.onboarded_at is not None or tenure is None or tenure > _ONBOARDING_DAYS:
        return None
    return usage.onboarding_progress


def onboarding_overdue(values: CustomerValues) -> Number:
    """1 for a customer that should be through its onboarding and is not, else 0; None where none is expected."""
    overdue = None if values.usage is None else values.usage.onboarding_overdue
    return None if overdue is None else float(overdue)


def mrr_per_user(values: CustomerValues) -> Number:
    """What an active user of 28 days costs a month, minor units; None without users or payment."""
    users = None if values.usage is None else values.usage.active_users_28d
    revenue = values.revenue
    return None if not users or revenue is None or revenue.mrr_minor <= 0 else revenue.mrr_minor / users


def mrr_change(values: CustomerValues) -> Number:
    """Log of MRR over that of 28 days ago; None unless both are above 0."""
    revenue = values.revenue
    if revenue is None or revenue.mrr_minor <= 0 or revenue.mrr_28d_ago_minor <= 0:
        return None
    return _log(revenue.mrr_minor / revenue.mrr_28d_ago_minor)


def days_overdue(values: CustomerValues) -> Number:
    """Age of the oldest unpaid invoice past due; 0 when payments are current."""
    revenue = values.revenue
    if revenue is None or revenue.payment_state is None:
        return None
    return revenue.days_overdue or 0


def renewal_due(values: CustomerValues) -> Number:
    """1 when the contract renews within 30 days, else 0."""
    days = None if values.revenue is None else values.revenue.days_to_renewal
    return None if days is None else float(0 <= days <= RENEWAL_DUE_DAYS)


def renewal_due_level(values: CustomerValues) -> Number:
    """Renewal due times the log of the quantity of 28 days over the typical; 0 when nothing is due."""
    return _if_due(values, None if values.usage is None else values.usage.quantity_28d, TYPICAL_USAGE)


def renewal_due_use(values: CustomerValues) -> Number:
    """Renewal due times the log of quantity per user over the typical; 0 when nothing is due."""
    return _if_due(values, usage_per_user(values), TYPICAL_USAGE_PER_USER)


def renewal_due_price(values: CustomerValues) -> Number:
    """Renewal due times the log of MRR per user over the typical; 0 when nothing is due."""
    return _if_due(values, mrr_per_user(values), TYPICAL_MRR_PER_USER)


def renewal_due_term(values: CustomerValues) -> Number:
    """Renewal due times the log of the contract's length over 30 days; 0 when nothing is due."""
    days = None if values.revenue is None else values.revenue.renewal_period_days
    return None if days is None else _if_due(values, days, RENEWAL_DUE_DAYS)


def renewal_by_hand(values: CustomerValues) -> Number:
    """1 when a renewal is due that does not happen by itself, else 0."""
    due = renewal_due(values)
    automatic = None if values.revenue is None else values.revenue.renewal_automatic
    return None if due is None or automatic is None else due * (not automatic)


OF_RENEWAL: tuple[Reading, ...] = (
    renewal_due,
    renewal_due_level,
    renewal_due_use,
    renewal_due_price,
    renewal_due_term,
    renewal_by_hand,
)


def renewal_due_after(values: CustomerValues, days: int) -> bool | None:
    """Whether `renewal_due` would be 1 so many days from now, were the contract renewed for as long whenever it ends.

    Returns:
        None when the values do not tell when it renews.
    """
    revenue = values.revenue
    if revenue is None or revenue.days_to_renewal is None:
        return None
    left = revenue.days_to_renewal - days
    if left > 0:
        return left <= RENEWAL_DUE_DAYS
    period = revenue.renewal_period_days
    if not period:
        return False
    return period - -left % period <= RENEWAL_DUE_DAYS


def with_renewal_due(values: CustomerValues) -> CustomerValues:
    """The values as they would be were the renewal due today."""
    revenue = None if values.revenue is None else structs.replace(values.revenue, days_to_renewal=0)
    return structs.replace(values, revenue=revenue)


def cancellation_reported(values: CustomerValues) -> Number:
    """1 for a customer that has reported a cancellation and still pays, else 0."""
    return None if values.revenue is None else float(values.revenue.cancellation_reported_while_paying)


def ending_share(values: CustomerValues) -> Number:
    """Share of the running subscriptions that are announced to end; None when none runs."""
    revenue = values.revenue
    if revenue is None:
        return None
    running = revenue.subscriptions_active + revenue.trials_active + revenue.subscriptions_paused
    return revenue.subscriptions_ending / running if running else None


def first_response_hours(values: CustomerValues) -> Number:
    """Median hours to the first human reply, of 28 days, else of 90."""
    support = values.support
    if support is None:
        return None
    recent = support.first_response_minutes_28d
    minutes = support.first_response_minutes_90d if recent is None else recent
    return None if minutes is None else minutes / 60.0


def _if_due(values: CustomerValues, amount: Number, typical: float) -> Number:
    due = renewal_due(values)
    return None if due is None or amount is None else due * _log((amount + 1.0) / (typical + 1.0))
