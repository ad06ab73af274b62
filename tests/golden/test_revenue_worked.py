"""MRR, movements and renewals worked out by hand (METRICS.md section 5)."""

from datetime import UTC, date, datetime

import pytest

from schemas.envelope import epoch_ms
from schemas.events import (
    CancellationReported,
    InvoiceIssued,
    InvoiceSettled,
    SubscriptionEnded,
    SubscriptionSet,
)
from streams.metrics.days import DAY_MS, Days, from_date
from streams.metrics.revenue import RevenueFold, RevenuePolicy
from streams.metrics.subscriptions import monthly_minor

DAYS = Days()


def at(text):
    return epoch_ms(datetime.fromisoformat(text).replace(tzinfo=UTC))


class Book:
    """A customer's billing history, written as a list of dated facts."""

    def __init__(self, gap=0):
        self.fold = RevenueFold(RevenuePolicy(allowed_gap_days=gap), DAYS)
        self.state = self.fold.new()
        self.count = 0

    def add(self, cls, when, **fields):
        self.count += 1
        event = cls(event_id=f"e{self.count:02d}", customer_id="c", occurred_at=at(when), **fields)
        self.fold.apply(self.state, event, at(when))

    def set(self, when, subscription="s", amount=10_000, currency="EUR", **fields):
        self.add(
            SubscriptionSet,
            when,
            subscription_id=subscription,
            amount_minor=amount,
            currency=currency,
            **fields,
        )

    def end(self, when, subscription="s", reason=None):
        self.add(SubscriptionEnded, when, subscription_id=subscription, reason=reason)

    def values(self, on):
        """Values at the end of a day."""
        day = from_date(date.fromisoformat(on))
        return self.fold.values(self.state, day, DAYS.start(day + 1))

    @property
    def movements(self):
        return [
            (
                datetime.fromtimestamp(m.effective_at / 1000, UTC).date().isoformat(),
                m.movement,
                m.amount_minor,
            )
            for m in self.fold.movements("c", self.state)
        ]


@pytest.mark.parametrize(
    "amount, quantity, interval, count, mrr",
    [
        pytest.param(200_000, 1, "year", 1, 16_667, id="2,000.00 a year is 166.67"),
        pytest.param(50_000, 4, "year", 1, 16_667, id="four of 500.00 a year as well"),
        pytest.param(9_900, 1, "month", 1, 9_900, id="99.00 a month"),
        pytest.param(30_000, 1, "month", 3, 10_000, id="300.00 a quarter"),
        pytest.param(120_000, 1, "year", 2, 5_000, id="1,200.00 for two years"),
        pytest.param(700, 1, "week", 1, 3_044, id="7.00 a week: 30.4375 days, 30.44"),
        pytest.param(100, 1, "day", 1, 3_044, id="1.00 a day: 30.44"),
        pytest.param(6, 1, "year", 1, 0, id="half a cent rounds to the even one, down"),
        pytest.param(18, 1, "year", 1, 2, id="one and a half cents to the even one, up"),
        pytest.param(19, 1, "year", 1, 2, id="more than half rounds up"),
        pytest.param(10**15, 1, "day", 1, 30_437_500_000_000_000, id="exact where floats are not"),
    ],
)
def test_mrr_of_a_subscription(amount, quantity, interval, count, mrr):
    assert monthly_minor(amount, quantity, interval, count) == mrr


def test_a_customers_life_in_movements():
    book = Book()
    book.set("2024-01-10", amount=10_000)
    book.set("2024-02-10", amount=10_000, quantity=2)  # a second seat
    book.set("2024-03-01", "addon", amount=60_000, interval="year")  # 50.00 a month more
    book.end("2024-04-01", "addon")  # one of two: no churn
    book.set("2024-05-01", amount=15_000)
    book.end("2024-06-15", reason="price")
    book.set("2024-09-01", amount=12_000)
    assert book.movements == [
        ("2024-01-10", "new", 10_000),
        ("2024-02-10", "expansion", 10_000),
        ("2024-03-01", "expansion", 5_000),
        ("2024-04-01", "contraction", -5_000),
        ("2024-05-01", "contraction", -5_000),
        ("2024-06-15", "churn", -15_000),
        ("2024-09-01", "reactivation", 12_000),
    ]
    gone = book.values("2024-06-30")
    assert (gone.mrr_minor, gone.paying, gone.churned_at, gone.tenure_days) == (
        0,
        False,
        at("2024-06-15"),
        157,
    )
    assert (gone.mrr_28d_ago_minor, gone.churn_reason) == (15_000, "price")
    back = book.values("2024-09-01")
    assert (back.mrr_minor, back.paying, back.churned_at) == (12_000, True, None)
    assert (back.first_paid_at, back.mrr_28d_ago_minor) == (at("2024-01-10"), 0)


def test_changes_of_one_instant_are_one_movement():
    book = Book()
    book.set("2024-01-01", "a", amount=10_000)
    book.end("2024-02-01", "a")
    book.set("2024-02-01", "b", amount=12_000)  # moved to another contract
    assert book.movements == [("2024-01-01", "new", 10_000), ("2024-02-01", "expansion", 2_000)]


def test_a_change_that_leaves_mrr_alone_is_no_movement():
    book = Book()
    book.set("2024-01-01", amount=10_000, plan="Pro")
    book.set("2024-02-01", amount=120_000, interval="year", plan="Pro yearly")
    assert book.movements == [("2024-01-01", "new", 10_000)]
    assert book.values("2024-02-01").plan == "Pro yearly"


def test_a_trial_pays_nothing_until_it_is_bought():
    book = Book()
    book.set("2024-01-01", amount=10_000, trial=True, plan="Pro", quantity=5)
    trial = book.values("2024-01-05")
    assert (trial.mrr_minor, trial.paying, trial.trials_active, trial.subscriptions_active) == (
        0,
        False,
        1,
        0,
    )
    assert (trial.seats, trial.plan, trial.first_paid_at, trial.tenure_days) == (5, "Pro", None, None)
    book.set("2024-01-15", amount=10_000)
    assert book.movements == [("2024-01-15", "new", 10_000)]


def test_a_trial_that_ends_unbought_is_no_churn():
    book = Book()
    book.set("2024-01-01", trial=True)
    book.end("2024-01-15")
    assert book.movements == []
    assert book.values("2024-02-01").churned_at is None


def test_switching_currency_is_no_churn():
    book = Book()
    book.set("2024-01-01", amount=10_000, currency="EUR")
    book.set("2024-02-01", amount=11_000, currency="USD")
    assert book.movements == [
        ("2024-01-01", "new", 10_000),
        ("2024-02-01", "contraction", -10_000),
        ("2024-02-01", "expansion", 11_000),
    ]
    values = book.values("2024-02-01")
    assert (values.mrr_minor, values.currency, values.mrr_other_minor) == (0, "EUR", {"USD": 11_000})
    assert values.paying


@pytest.mark.parametrize(
    "gap, days, movements",
    [
        (0, 1, ["new", "churn", "reactivation"]),
        (7, 7, ["new", "expansion"]),
        (7, 8, ["new", "churn", "reactivation"]),
    ],
)
def test_a_pause_within_the_allowed_gap_is_no_churn(gap, days, movements):
    book = Book(gap)
    book.set("2024-01-01", amount=10_000)
    book.end("2024-02-01")
    book.set(f"2024-02-{1 + days:02d}", amount=12_000)
    assert [movement for _, movement, _ in book.movements] == movements
    assert book.values("2024-02-01").paying is False  # nobody knows yet that it comes back
    assert book.values("2024-02-20").mrr_28d_ago_minor == 10_000


def test_a_pause_within_the_gap_at_the_old_price_is_nothing_at_all():
    book = Book(gap=7)
    book.set("2024-01-01")
    book.end("2024-02-01")
    book.set("2024-02-03")
    assert book.movements == [("2024-01-01", "new", 10_000)]


class TestDirt:
    def test_ended_before_it_was_set_has_zero_length(self):
        book = Book()
        book.end("2024-01-01")
        book.set("2024-02-01")
        assert book.movements == []
        assert book.values("2024-03-01").subscriptions_active == 0

    def test_ended_when_it_was_set_has_zero_length_whichever_id_is_greater(self):
        for first, second in (("set", "end"), ("end", "set")):
            book = Book()
            getattr(book, first)("2024-02-01")
            getattr(book, second)("2024-02-01")
            assert book.movements == []

    def test_a_set_after_zero_length_runs(self):
        book = Book()
        book.end("2024-01-01")
        book.set("2024-02-01")
        book.set("2024-03-01", amount=5_000)
        assert book.movements == [("2024-03-01", "new", 5_000)]

    def test_ended_twice_churns_once(self):
        book = Book()
        book.set("2024-01-01")
        book.end("2024-02-01")
        book.end("2024-03-01")
        assert [movement for _, movement, _ in book.movements] == ["new", "churn"]

    def test_two_changes_of_one_instant_the_greater_event_id_holds(self):
        book = Book()
        book.set("2024-01-01", amount=10_000)
        book.set("2024-01-01", amount=20_000)
        assert book.movements == [("2024-01-01", "new", 20_000)]


class TestRenewal:
    def test_counts_down_to_the_end_of_the_term_of_the_largest(self):
        book = Book()
        book.set("2024-01-01", "small", amount=1_000, term_ends_at=at("2024-02-01"))
        book.set("2024-01-01", "large", amount=9_000, term_ends_at=at("2024-12-31"), auto_renews=False)
        values = book.values("2024-12-01")
        assert (values.days_to_renewal, values.renewal_automatic) == (30, False)
        assert book.values("2024-12-31").days_to_renewal == 0

    def test_a_passed_term_without_renewal_is_due_and_ends_nothing(self):
        book = Book()
        book.set("2024-01-01", term_ends_at=at("2024-06-30"), auto_renews=False)
        values = book.values("2024-08-01")
        assert (values.days_to_renewal, values.paying) == (0, True)

    def test_a_passed_term_rolls_on_by_billing_periods(self):
        book = Book()
        book.set("2023-01-31", interval="month", term_ends_at=at("2024-01-31"))
        assert book.values("2024-02-01").days_to_renewal == 28  # 29 February
        assert book.values("2024-03-01").days_to_renewal == 30  # 31 March, not 29

    def test_without_a_term_the_run_of_service_counts(self):
        book = Book()
        book.set("2023-03-15", interval="year", auto_renews=True)
        book.set("2023-09-01", interval="year", auto_renews=True, amount=20_000)  # more seats, same contract
        assert book.values("2023-03-15").days_to_renewal == 366
        assert book.values("2024-03-10").days_to_renewal == 5
        book.fold.forget(book.state, DAYS.of(at("2024-03-10")))
        assert book.values("2024-03-10").days_to_renewal == 5
        assert len(book.state.subscriptions["s"].changes) == 1

    def test_a_new_run_counts_anew(self):
        book = Book()
        book.set("2024-01-01", auto_renews=True, interval="week")
        book.end("2024-02-01")
        book.set("2024-02-06", auto_renews=True, interval="week", interval_count=2)
        assert book.values("2024-02-20").days_to_renewal == 0
        assert book.values("2024-02-21").days_to_renewal == 13

    def test_is_unknown_without_term_and_renewal(self):
        book = Book()
        assert book.values("2024-01-01").days_to_renewal is None
        book.set("2024-01-01")
        values = book.values("2024-02-01")
        assert (values.days_to_renewal, values.renewal_automatic) == (None, None)


class TestPaying:
    def issue(self, book, when, due, invoice="i", amount=5_000):
        book.add(InvoiceIssued, when, invoice_id=invoice, amount_minor=amount, currency="EUR", due_at=at(due))

    def state(self, book, on):
        values = book.values(on)
        return values.payment_state, values.days_overdue

    def test_late_from_the_due_time_until_settled(self):
        book = Book()
        assert self.state(book, "2024-01-01") == (None, None)
        self.issue(book, "2024-01-02T12:00", "2024-01-10T12:00")
        self.issue(book, "2024-01-05", "2024-01-08", "older due")
        book.add(InvoiceSettled, "2024-01-20", invoice_id="older due")
        book.add(InvoiceSettled, "2024-01-25T12:00", invoice_id="i")
        assert self.state(book, "2024-01-01") == (None, None)
        assert self.state(book, "2024-01-07") == ("current", 0)
        assert self.state(book, "2024-01-08") == ("late", 0)
        assert self.state(book, "2024-01-18") == ("late", 10)
        assert self.state(book, "2024-01-20") == ("late", 10)  # the other one, due on the 10th
        assert self.state(book, "2024-01-25") == ("current", 0)

    def test_a_new_issue_moves_the_due_time_and_nothing_owed_is_never_late(self):
        book = Book()
        self.issue(book, "2024-01-02", "2024-01-10")
        self.issue(book, "2024-01-09", "2024-01-31")
        self.issue(book, "2024-01-02", "2024-01-03", "free", amount=0)
        assert self.state(book, "2024-01-20") == ("current", 0)
        assert self.state(book, "2024-02-02") == ("late", 2)

    def test_settled_before_issued_is_settled(self):
        book = Book()
        book.add(InvoiceSettled, "2024-01-01", invoice_id="i")
        self.issue(book, "2024-01-02", "2024-01-10")
        assert self.state(book, "2024-02-02") == ("current", 0)


class TestLeaving:
    def test_a_report_while_paying_contradicts(self):
        book = Book()
        book.set("2024-01-01")
        book.add(CancellationReported, "2024-02-01", reason="price")
        values = book.values("2024-02-10")
        assert (values.cancellations_reported_90d, values.cancellation_reported_while_paying) == (1, True)
        assert (values.churn_reason, values.mrr_minor) == ("price", 10_000)
        assert book.values("2024-06-01").cancellation_reported_while_paying is False
        assert book.values("2024-06-01").churn_reason == "price"

    def test_a_report_counts_for_the_whole_run_of_paying_it_came_in(self):
        book = Book()
        book.set("2024-01-01")
        book.add(CancellationReported, "2024-02-01")
        book.set("2024-02-10", amount=9_000)
        assert book.values("2024-02-20").cancellation_reported_while_paying is True
        assert book.values("2024-01-31").cancellation_reported_while_paying is False

    def test_a_report_that_was_followed_by_the_end_does_not(self):
        book = Book()
        book.set("2024-01-01")
        book.add(CancellationReported, "2024-02-01")
        book.end("2024-02-05", reason="product")
        assert book.values("2024-02-10").cancellation_reported_while_paying is False
        book.set("2024-02-20")
        values = book.values("2024-03-01")
        assert (values.cancellations_reported_90d, values.cancellation_reported_while_paying) == (1, False)
        assert values.churn_reason == "product"


def test_days_are_those_of_the_companys_zone():
    fold = RevenueFold(RevenuePolicy(), Days("America/Sao_Paulo"))
    state = fold.new()
    evening = at("2024-01-02T01:00")  # still 1 January there
    fold.apply(
        state,
        SubscriptionSet(
            event_id="e",
            customer_id="c",
            occurred_at=evening,
            subscription_id="s",
            amount_minor=1,
            currency="BRL",
        ),
        evening,
    )
    day = from_date(date(2024, 1, 3))
    assert fold.values(state, day, day * DAY_MS + 12 * 3_600_000).tenure_days == 2
