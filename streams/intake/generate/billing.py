"""What a customer pays: the terms of its main subscription over time, one story each, and their invoices.

Stories go round by the customer's number, so that each is there from some thirty customers on. A story's turns lie at
shares of the customer's time, so that they happen in any time, however short.
"""

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import asdict, replace

from schemas.events import (
    CancellationReported,
    CancellationScheduled,
    CancellationWithdrawn,
    Interval,
    InvoiceSettled,
    PaymentRefunded,
    SubscriptionCancelled,
    SubscriptionEnded,
    SubscriptionPaused,
    SubscriptionResumed,
    SubscriptionSet,
)
from streams.intake.generate.customers import Customer
from streams.intake.generate.diary import Diary
from streams.intake.generate.draws import Draw
from streams.intake.generate.invoices import Period, tell_invoices
from streams.metrics.days import DAY_MS

PLANS = (("starter", 900), ("team", 1900), ("business", 3900))  # a unit and month, in minor units of a dollar
_RATES = {"USD": 1.0, "EUR": 0.9, "BRL": 5.0, "MXN": 18.0, "JPY": 1.5}  # chosen, not a day's; the yen has no minor unit
_REASONS = ("price", "missing_features", "support", "went_out_of_business")


class Terms(Struct, frozen=True, kw_only=True):
    """Terms of a subscription, in the fields of `SubscriptionSet`."""

    subscription_id: str
    amount_minor: int
    currency: str
    quantity: int = 1
    interval: Interval = "month"
    interval_count: int = 1
    trial: bool = False
    plan: str | None = None
    list_amount_minor: int | None = None
    metered: bool = False
    auto_renews: bool | None = None
    term_ends_at: int | None = None


class Story:
    """The billing of one customer while it is told."""

    def __init__(self, diary: Diary, customer: Customer, draw: Draw) -> None:
        self.diary, self.customer, self.draw = diary, customer, draw
        self.begin, self.end = customer.joined_at, customer.leaves_at or diary.end
        name, price = draw.pick(PLANS)
        amount = int(price * _RATES[customer.currency])
        main = f"{customer.number}-main"
        self.terms = Terms(
            subscription_id=main,
            amount_minor=amount,
            currency=customer.currency,
            quantity=customer.seats,
            plan=name,
        )

    def at(self, share: float) -> int:
        """The instant at a share of the customer's time."""
        return self.begin + int(share * (self.end - self.begin))

    def run(self, terms: Terms, begin: float, end: float, case: str | None = None) -> None:
        """Terms that hold from a share of the time to another, with their invoices."""
        start, until = self.at(begin), self.at(end)
        if self.diary.tell(SubscriptionSet, start, case, **asdict(terms)) and not (terms.trial or terms.metered):
            period = Period(terms.interval, terms.interval_count, start, until)
            tell_invoices(self.diary, self.draw, self.customer, terms.subscription_id, _charge(terms), period)

    def stop(self, share: float, subscription_id: str, case: str | None = None, voluntary: bool = True) -> None:
        """The end of a subscription."""
        reason = self.draw.pick(_REASONS)
        self.diary.tell(
            SubscriptionEnded, self.at(share), case, subscription_id=subscription_id, reason=reason, voluntary=voluntary
        )


def _charge(terms: Terms) -> tuple[int, str]:
    return terms.amount_minor * terms.quantity, terms.currency


def tell_billing(diary: Diary, customer: Customer, draw: Draw) -> None:
    """All billing of a customer."""
    told = Story(diary, customer, draw)
    tell = _STORIES[customer.number % len(_STORIES)]
    tell(told)
    if tell is not _nothing and customer.leaves_at is not None and customer.leaves_at < diary.end:
        _tell_leaving(told)


def _tell_leaving(told: Story) -> None:
    sub, leaves_at = told.terms.subscription_id, told.end
    asked = max(told.begin, leaves_at - told.draw.between(1, 20) * DAY_MS)
    reason = told.draw.pick(_REASONS)
    if told.draw.chance(0.6):
        told.diary.tell(CancellationReported, asked, reason=reason, feedback="We move on.")
    if told.draw.chance(0.7):
        told.diary.tell(CancellationScheduled, asked, subscription_id=sub, ends_at=leaves_at, reason=reason)
        told.diary.tell(SubscriptionCancelled, asked, subscription_id=sub, ends_at=leaves_at, voluntary=True)
    told.diary.tell(SubscriptionEnded, leaves_at, "customer_left", subscription_id=sub, reason=reason, voluntary=True)


# --- the stories ---------------------------------------------------------------------------------------------------


def _plain(told: Story) -> None:
    told.run(told.terms, 0, 1)


def _plan_changed(told: Story) -> None:
    told.run(told.terms, 0, 0.45)
    terms = replace(told.terms, plan="business", amount_minor=told.terms.amount_minor + 700)
    told.run(terms, 0.45, 1, "plan_changed")


def _quantity_up(told: Story) -> None:
    told.run(told.terms, 0, 0.45)
    told.run(replace(told.terms, quantity=told.terms.quantity + 3), 0.45, 1, "quantity_up")


def _quantity_down(told: Story) -> None:
    told.run(replace(told.terms, quantity=told.terms.quantity + 4), 0, 0.55)
    told.run(told.terms, 0.55, 1, "quantity_down")


def _second(told: Story, case: str, **changes: object) -> str:
    second = f"{told.customer.number}-second"
    told.run(told.terms, 0, 1)
    told.run(replace(told.terms, subscription_id=second, quantity=1, **changes), 0.3, 1, case)
    if told.customer.leaves_at is not None:
        told.stop(0.95, second)
    return second


def _second_subscription(told: Story) -> None:
    _second(told, "second_subscription")


def _second_currency(told: Story) -> None:
    _second(told, "second_currency", currency="EUR" if told.customer.currency == "USD" else "USD")


def _metered(told: Story) -> None:
    _second(told, "metered", metered=True)


def _cancelled_one_of_two(told: Story) -> None:
    second = f"{told.customer.number}-second"
    told.run(told.terms, 0, 1)
    told.run(replace(told.terms, subscription_id=second, quantity=1), 0.2, 0.6)
    told.stop(0.6, second, "cancelled_one_of_two")


def _paid_by(case: str, interval: Interval, count: int, months: float) -> Callable[[Story], None]:
    def tell(told: Story) -> None:
        amount = max(1, round(told.terms.amount_minor * months))
        told.run(replace(told.terms, interval=interval, interval_count=count, amount_minor=amount), 0, 1, case)

    return tell


def _trial_converted(told: Story) -> None:
    told.run(replace(told.terms, trial=True), 0, 0.2)
    told.run(told.terms, 0.2, 1, "trial_converted")


def _trial_lapsed(told: Story) -> None:
    told.run(replace(told.terms, trial=True), 0, 0.4)
    told.stop(0.4, told.terms.subscription_id, "trial_lapsed")


def _discount(told: Story) -> None:
    full = told.terms.amount_minor
    reduced = replace(told.terms, amount_minor=full * 4 // 5, list_amount_minor=full)
    told.run(reduced, 0, 0.6, "discount")
    told.run(replace(told.terms, list_amount_minor=full), 0.6, 1, "discount_expired")


def _pause(told: Story) -> None:
    sub = told.terms.subscription_id
    told.run(told.terms, 0, 0.4)
    told.diary.tell(SubscriptionPaused, told.at(0.4), subscription_id=sub)
    told.diary.tell(SubscriptionResumed, told.at(0.6), "pause", subscription_id=sub)


def _refund(told: Story) -> None:
    _plain(told)
    _tell_refund(told, 2, "payment_refunded")


def _refund_above_payment(told: Story) -> None:
    _plain(told)
    _tell_refund(told, -1, "refund_above_payment")


def _tell_refund(told: Story, divisor: int, case: str) -> None:
    """A refund of the first invoice: a part of it for a positive divisor, twice the amount otherwise."""
    amount, currency = _charge(told.terms)
    given = amount // divisor if divisor > 0 else amount * 2
    invoice = f"{told.terms.subscription_id}-{told.begin}-0"
    told.diary.tell(PaymentRefunded, told.at(0.7), case, invoice_id=invoice, amount_minor=given, currency=currency)


def _taken_back(told: Story) -> None:
    sub = told.terms.subscription_id
    told.run(told.terms, 0, 1)
    told.diary.tell(CancellationReported, told.at(0.3), reason="price", feedback="Too expensive, we think of leaving.")
    told.diary.tell(CancellationScheduled, told.at(0.3), subscription_id=sub, ends_at=told.at(0.9), reason="price")
    told.diary.tell(CancellationWithdrawn, told.at(0.5), "cancellation_taken_back", subscription_id=sub)


def _gap(case: str, back: float) -> Callable[[Story], None]:
    def tell(told: Story) -> None:
        told.run(told.terms, 0, 0.4)
        told.stop(0.4, told.terms.subscription_id)
        told.run(told.terms, back, 1, case)

    return tell


def _free(told: Story) -> None:
    told.diary.tell(
        SubscriptionSet, told.begin, "free_plan", **asdict(replace(told.terms, amount_minor=0, plan="free"))
    )


def _fixed_term(told: Story) -> None:
    ends_at = told.end + 20 * DAY_MS
    told.run(replace(told.terms, auto_renews=False, term_ends_at=ends_at), 0, 1, "fixed_term")


def _renewed_early(told: Story) -> None:
    told.run(replace(told.terms, term_ends_at=told.at(0.7)), 0, 0.4)
    told.run(replace(told.terms, term_ends_at=told.end + 90 * DAY_MS), 0.4, 1, "renewed_early")


def _currency_changed(told: Story) -> None:
    own = told.terms.currency
    other = "EUR" if own == "USD" else "USD"
    told.run(told.terms, 0, 0.5)
    amount = max(1, round(told.terms.amount_minor / _RATES[own] * _RATES[other]))
    told.run(replace(told.terms, currency=other, amount_minor=amount), 0.5, 1, "currency_changed")


def _impossible(told: Story) -> None:
    told.run(told.terms, 0, 1)
    told.stop(0.5, f"{told.customer.number}-unknown", "subscription_never_set")
    unknown = f"{told.customer.number}-unknown-invoice"
    told.diary.tell(InvoiceSettled, told.at(0.5), "invoice_never_issued", invoice_id=unknown)


def _nothing(told: Story) -> None:
    told.diary.plant("no_billing")


_STORIES: tuple[Callable[[Story], None], ...] = (
    _plain,
    _plan_changed,
    _quantity_up,
    _currency_changed,
    _quantity_down,
    _second_subscription,
    _plain,
    _cancelled_one_of_two,
    _second_currency,
    _paid_by("interval_year", "year", 1, 10.0),
    _trial_converted,
    _paid_by("interval_quarter", "month", 3, 2.8),
    _discount,
    _renewed_early,
    _paid_by("interval_week", "week", 1, 0.25),
    _pause,
    _refund,
    _taken_back,
    _gap("gap_long", 0.7),
    _paid_by("interval_day", "day", 1, 0.04),
    _refund_above_payment,
    _metered,
    _trial_lapsed,
    _fixed_term,
    _gap("gap_short", 0.42),
    _impossible,
    _free,
    _nothing,
    _plain,
)
