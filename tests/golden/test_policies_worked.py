"""Revenue under policies, pauses, invoices and refunds, worked out by hand (METRICS.md section 5)."""

from datetime import UTC, date, datetime

import pytest
from billing_book import Book, at

from schemas.events import (
    CancellationScheduled,
    CancellationWithdrawn,
    InvoiceIssued,
    InvoiceSettled,
    PaymentRefunded,
    SubscriptionCancelled,
    SubscriptionEnded,
    SubscriptionPaused,
    SubscriptionResumed,
)
from streams.metrics.days import from_date, to_date


def issue(book, when, due, invoice="i", amount=10_000, currency="EUR", subscription="s"):
    book.add(
        InvoiceIssued,
        when,
        invoice_id=invoice,
        amount_minor=amount,
        currency=currency,
        due_at=datetime.fromisoformat(due).replace(tzinfo=UTC),
        subscription_id=subscription,
    )


def why(book):
    return [(m.churn_reason, m.churn_voluntary) for m in book.fold.movements("c", book.state) if m.movement == "churn"]


@pytest.mark.parametrize(
    "churn_date, day",
    [
        ("end_of_service", "2024-03-31"),
        ("cancellation_request", "2024-01-20"),
        ("cancellation_in_billing", "2024-02-10"),
    ],
)
def test_the_policy_says_at_which_of_three_dates_a_customer_churns(churn_date, day):
    book = Book(churn_date=churn_date)
    book.set("2024-01-01")
    book.add(CancellationScheduled, "2024-01-20", subscription_id="s", ends_at=at("2024-03-31"), reason="price")
    book.add(SubscriptionCancelled, "2024-02-10", subscription_id="s", voluntary=True)
    book.end("2024-03-31")
    assert book.movements == [("2024-01-01", "new", 10_000), (day, "churn", -10_000)]
    assert book.values("2024-01-15").subscriptions_ending == 0
    announced = book.values("2024-03-01")
    assert (announced.subscriptions_active, announced.subscriptions_ending, announced.days_to_end) == (1, 1, 30)
    assert book.values("2024-04-02").days_to_end is None


@pytest.mark.parametrize("churn_date", ["cancellation_request", "cancellation_in_billing"])
def test_a_customer_that_only_ends_churns_at_its_end_under_every_policy(churn_date):
    book = Book(churn_date=churn_date)
    book.set("2024-01-01")
    book.end("2024-03-31", reason="price")
    assert book.movements[-1] == ("2024-03-31", "churn", -10_000)


def test_a_request_that_is_withdrawn_brings_the_customer_back():
    book = Book(churn_date="cancellation_request")
    book.set("2024-01-01")
    book.add(CancellationScheduled, "2024-01-20", subscription_id="s", ends_at=at("2024-02-28"))
    book.add(CancellationScheduled, "2024-01-21", subscription_id="s")  # says no new date
    assert book.values("2024-01-25").days_to_end == 34
    book.add(CancellationWithdrawn, "2024-02-01", subscription_id="s")
    assert [name for _, name, _ in book.movements] == ["new", "churn", "reactivation"]
    assert (book.values("2024-02-02").subscriptions_ending, book.values("2024-02-02").days_to_end) == (0, None)


def test_a_request_ends_with_the_run_of_service_it_speaks_of():
    book = Book(churn_date="cancellation_request")
    book.set("2024-01-01")
    book.add(CancellationScheduled, "2024-01-20", subscription_id="s")
    book.end("2024-02-01")
    book.add(CancellationScheduled, "2024-02-05", subscription_id="s")  # nothing runs
    book.set("2024-03-01")
    assert [name for _, name, _ in book.movements] == ["new", "churn", "reactivation"]


def test_an_announced_end_that_has_passed_is_due_now():
    book = Book()
    book.set("2024-01-01")
    book.set("2024-01-01", "t")
    book.add(CancellationScheduled, "2024-01-20", subscription_id="s", ends_at=at("2024-02-01"))
    book.add(CancellationScheduled, "2024-01-20", subscription_id="t", ends_at=at("2024-03-01"))
    assert (book.values("2024-02-10").days_to_end, book.values("2024-02-10").subscriptions_ending) == (0, 2)


def test_a_paused_subscription_pays_nothing_and_keeps_its_terms():
    book = Book()
    book.set("2024-01-01", quantity=3)
    book.add(SubscriptionPaused, "2024-02-01", subscription_id="s")
    resting = book.values("2024-02-10")
    assert (resting.mrr_minor, resting.subscriptions_active, resting.subscriptions_paused) == (0, 0, 1)
    assert (resting.seats, resting.plan) == (None, None)
    book.add(SubscriptionResumed, "2024-03-01", subscription_id="s")
    back = book.values("2024-03-01")
    assert (back.mrr_minor, back.seats, back.subscriptions_paused) == (30_000, 3, 0)
    assert [name for _, name, _ in book.movements] == ["new", "churn", "reactivation"]
    assert book.values("2024-02-10").days_to_renewal is None


def test_a_pause_shorter_than_the_allowed_gap_is_no_churn():
    book = Book(gap=30)
    book.set("2024-01-01")
    book.add(SubscriptionPaused, "2024-02-01", subscription_id="s")
    book.add(SubscriptionResumed, "2024-02-20", subscription_id="s")
    assert book.movements == [("2024-01-01", "new", 10_000)]


def test_a_discount_is_a_contraction_net_and_nothing_gross():
    net, gross = Book(), Book(discounts="gross")
    for book in (net, gross):
        book.set("2024-01-01", amount=10_000, list_amount_minor=10_000)
        book.set("2024-02-01", amount=7_500, list_amount_minor=10_000)  # 25 % off
        book.set("2024-05-01", amount=10_000, list_amount_minor=10_000)  # it expires
    assert net.movements[1:] == [("2024-02-01", "contraction", -2_500), ("2024-05-01", "expansion", 2_500)]
    assert gross.movements == [("2024-01-01", "new", 10_000)]


def test_a_full_discount_is_churn_net_and_pays_on_gross():
    net, gross = Book(), Book(discounts="gross")
    for book in (net, gross):
        book.set("2024-01-01", amount=120_000, interval="year", list_amount_minor=120_000)
        book.set("2024-02-01", amount=0, interval="year", list_amount_minor=120_000)
    assert (net.values("2024-02-01").mrr_minor, gross.values("2024-02-01").mrr_minor) == (0, 10_000)


def test_metered_use_counts_when_the_policy_says_so():
    plain, all_in = Book(), Book(metered="included")
    for book in (plain, all_in):
        book.set("2024-01-01", amount=10_000)
        book.set("2024-01-01", "calls", amount=1_250, metered=True)
    assert (plain.values("2024-01-02").mrr_minor, all_in.values("2024-01-02").mrr_minor) == (10_000, 11_250)


class TestPastDue:
    def test_overdue_for_longer_than_the_policy_allows_is_churn_until_it_is_settled(self):
        book = Book(past_due_days=30)
        book.set("2024-01-01")
        issue(book, "2024-01-01", "2024-01-15")
        assert book.movements == [("2024-01-01", "new", 10_000)]  # nobody knows yet that it will not be paid
        assert book.values("2024-02-13").mrr_minor == 10_000
        lost = book.values("2024-02-14")
        assert (lost.mrr_minor, lost.paying, lost.payment_state) == (0, False, "late")
        book.add(InvoiceSettled, "2024-03-01", invoice_id="i")
        assert book.movements == [
            ("2024-01-01", "new", 10_000),
            ("2024-02-14", "churn", -10_000),
            ("2024-03-01", "reactivation", 10_000),
        ]
        assert why(book) == [("past_due", False)]

    def test_it_stays_under_the_default_policy(self):
        book = Book()
        book.set("2024-01-01")
        issue(book, "2024-01-01", "2024-01-15")
        assert book.values("2024-12-31").mrr_minor == 10_000

    def test_paid_in_time_settled_otherwise_or_billing_nothing_in_particular_is_no_churn(self):
        book = Book(past_due_days=30)
        book.set("2024-01-01")
        issue(book, "2024-01-01", "2024-01-15", "paid")
        book.add(InvoiceSettled, "2024-02-10", invoice_id="paid")
        issue(book, "2024-01-01", "2024-01-15", "nobody's", subscription=None)
        issue(book, "2024-01-01", "2024-01-15", "free", amount=0)
        assert book.values("2024-12-31").mrr_minor == 10_000

    def test_a_new_due_time_starts_anew(self):
        book = Book(past_due_days=30)
        book.set("2024-01-01")
        issue(book, "2024-01-01", "2024-01-15")
        issue(book, "2024-02-20", "2024-03-15")
        book.end("2024-05-01")
        assert book.movements == [
            ("2024-01-01", "new", 10_000),
            ("2024-02-14", "churn", -10_000),
            ("2024-02-20", "reactivation", 10_000),
            ("2024-04-14", "churn", -10_000),
        ]

    def test_one_of_two_subscriptions_past_due_is_a_contraction(self):
        book = Book(past_due_days=1)
        book.set("2024-01-01")
        book.set("2024-01-01", "t", amount=500)
        issue(book, "2024-01-01", "2024-01-15")
        book.set("2024-02-01", "t", amount=600)
        assert book.movements[1:] == [("2024-01-16", "contraction", -10_000), ("2024-02-01", "expansion", 100)]


class TestMoney:
    def paid(self, book, amount=10_000, currency="EUR"):
        issue(book, "2024-01-01", "2024-01-15", amount=amount, currency=currency)
        book.add(InvoiceSettled, "2024-01-10", invoice_id="i")

    def test_what_was_paid_is_revenue_and_its_share_is_margin(self):
        book = Book(gross_margin=0.8)
        book.set("2024-01-01")
        assert book.values("2024-01-05").revenue_to_date_minor is None
        self.paid(book)
        assert book.values("2024-01-05").revenue_to_date_minor == 0
        values = book.values("2024-01-10")
        assert (values.revenue_to_date_minor, values.margin_to_date_minor, values.gross_margin) == (10_000, 8_000, 0.8)
        assert values.mrr_minor == 10_000

    def test_without_a_margin_there_is_none(self):
        book = Book()
        book.set("2024-01-01")
        self.paid(book)
        assert book.values("2024-02-01").margin_to_date_minor is None

    def test_written_off_is_no_revenue(self):
        book = Book()
        book.set("2024-01-01")
        issue(book, "2024-01-01", "2024-01-15")
        book.add(InvoiceSettled, "2024-02-01", invoice_id="i", how="uncollectible")
        assert book.values("2024-02-01").revenue_to_date_minor == 0

    @pytest.mark.parametrize("refunds, revenue", [("ignored", 10_000), ("negative", 6_000)])
    def test_refunds_are_ignored_or_negative_and_never_touch_mrr(self, refunds, revenue):
        book = Book(refunds=refunds)
        book.set("2024-01-01")
        self.paid(book)
        book.add(PaymentRefunded, "2024-02-01", invoice_id="i", amount_minor=3_000, currency="EUR")
        book.add(PaymentRefunded, "2024-02-02", invoice_id="i", amount_minor=1_000, currency="EUR")
        values = book.values("2024-02-03")
        assert (values.revenue_to_date_minor, values.refunds_to_date_minor) == (revenue, 4_000)
        assert (values.mrr_minor, values.billing_impossible) == (10_000, 0)

    def test_more_given_back_than_paid_is_taken_as_it_is_and_flagged(self):
        book = Book(refunds="negative")
        book.set("2024-01-01")
        self.paid(book)
        book.add(PaymentRefunded, "2024-02-01", invoice_id="i", amount_minor=12_000, currency="EUR")
        values = book.values("2024-02-01")
        assert (values.revenue_to_date_minor, values.billing_impossible) == (-2_000, 1)
        assert book.values("2024-01-31").billing_impossible == 0

    def test_a_refund_in_another_currency_than_the_payment_is_impossible(self):
        book = Book()
        book.set("2024-01-01")
        self.paid(book)
        book.add(PaymentRefunded, "2024-02-01", invoice_id="i", amount_minor=1, currency="USD")
        assert book.values("2024-02-01").billing_impossible == 1

    def test_a_refund_before_its_payment_is_flagged_until_that_comes(self):
        book = Book()
        book.set("2024-01-01")
        issue(book, "2024-01-01", "2024-01-15")
        book.add(PaymentRefunded, "2024-01-05", invoice_id="i", amount_minor=10_000, currency="EUR")
        assert book.values("2024-01-05").billing_impossible == 1
        book.add(InvoiceSettled, "2024-01-10", invoice_id="i")
        assert book.values("2024-01-10").billing_impossible == 0

    def test_a_refund_of_an_invoice_nobody_knows_is_not_flagged(self):
        book = Book()
        book.set("2024-01-01")
        book.add(PaymentRefunded, "2024-01-05", invoice_id="older", amount_minor=10_000, currency="EUR")
        values = book.values("2024-01-05")
        assert (values.billing_impossible, values.refunds_to_date_minor) == (0, 10_000)


class TestRenewal:
    def terms(self, book):
        return sum(book.values(f"2024-{m:02d}-{d:02d}").terms_ended_1d for m in (1, 2, 3) for d in range(1, 29))

    def test_service_that_outlasts_its_term_by_a_day_is_renewed(self):
        book = Book()
        book.set("2024-01-01", term_ends_at=at("2024-02-01T12:00"))
        days = [book.values(f"2024-02-{d:02d}") for d in (1, 2, 3)]
        assert [(v.terms_ended_1d, v.terms_renewed_1d) for v in days] == [(0, 0), (1, 1), (0, 0)]

    def test_service_that_ends_with_its_term_is_not(self):
        book = Book()
        book.set("2024-01-01", term_ends_at=at("2024-02-01"))
        book.end("2024-02-01")
        assert (book.values("2024-02-02").terms_ended_1d, book.values("2024-02-02").terms_renewed_1d) == (1, 0)

    def test_service_that_ends_within_the_last_day_of_its_term_ends_with_it(self):
        book = Book()
        book.set("2024-01-01", term_ends_at=at("2024-02-01T23:59"))
        book.end("2024-02-01T23:00")
        assert (book.values("2024-02-02").terms_ended_1d, book.values("2024-02-02").terms_renewed_1d) == (1, 0)

    def test_a_trial_is_no_contract(self):
        book = Book()
        book.set("2024-01-01", term_ends_at=at("2024-02-01"), trial=True)
        assert self.terms(book) == 0

    def test_a_term_that_was_left_early_ends_there(self):
        book = Book()
        book.set("2024-01-01", term_ends_at=at("2024-03-01"))
        book.end("2024-02-01T12:00")
        assert self.judged(book) == {"2024-02-02": (1, 0)}

    def test_one_that_was_taken_up_again_within_a_day_is_renewed(self):
        book = Book()
        book.set("2024-01-01", term_ends_at=at("2024-03-01"))
        book.end("2024-02-01T12:00")
        book.set("2024-02-01T18:00")
        assert self.judged(book) == {"2024-02-02": (1, 1)}

    @pytest.mark.parametrize("ends", ["2025-02-01", None])
    def test_a_term_renewed_early_ends_when_it_was_agreed_to(self, ends):
        book = Book()
        book.set("2024-01-01", term_ends_at=at("2024-02-15"))
        book.set("2024-01-20", term_ends_at=ends and at(ends))
        assert self.judged(book) == {"2024-02-16": (1, 1)}
        book.fold.forget(book.state, from_date(date(2024, 5, 1)))  # its change is dropped, its end is not
        assert len(book.state.subscriptions["s"].changes) == 1
        assert self.judged(book) == {"2024-02-16": (1, 1)}
        book.fold.forget(book.state, from_date(date(2024, 6, 1)))
        assert book.state.subscriptions["s"].terms_due == []

    def test_one_renewed_early_and_left_before_both_ends_is_one_contract_that_ended(self):
        book = Book()
        book.set("2024-01-01", term_ends_at=at("2024-02-15"))
        book.set("2024-01-20", term_ends_at=at("2025-02-01"))
        book.end("2024-02-05")
        assert self.judged(book) == {"2024-02-06": (1, 0)}

    def test_an_end_that_was_brought_forward_or_said_again_counts_once(self):
        book = Book()
        book.set("2024-01-01", term_ends_at=at("2024-03-01"))
        book.set("2024-01-10", term_ends_at=at("2024-02-15"))
        book.set("2024-01-20", amount=20_000, term_ends_at=at("2024-02-15"))
        assert self.judged(book) == {"2024-02-16": (1, 1)}

    def test_of_terms_of_one_instant_the_last_was_agreed_on(self):
        book = Book()
        book.set("2024-01-01", term_ends_at=at("2024-02-15"))
        book.set("2024-01-01", term_ends_at=at("2024-02-20"))
        assert self.judged(book) == {"2024-02-21": (1, 1)}

    def test_terms_that_begin_with_their_end_are_none(self):
        book = Book()
        book.end("2024-01-01")
        book.set("2024-01-01", term_ends_at=at("2024-02-15"))
        book.set("2024-02-15", "t", term_ends_at=at("2024-02-15T12:00"))
        assert self.judged(book) == {}

    def test_a_contract_that_goes_on_under_another_id_is_renewed(self):
        book = Book()
        book.set("2024-01-01", "beside")
        book.set("2024-01-01", term_ends_at=at("2024-02-15"))
        book.end("2024-02-15")
        assert self.judged(book) == {"2024-02-16": (1, 0)}  # what ran all the while continues nothing
        book.set("2024-02-15T12:00", "successor", trial=True)
        assert self.judged(book) == {"2024-02-16": (1, 0)}
        book.set("2024-02-15T13:00", "next")
        assert self.judged(book) == {"2024-02-16": (1, 1)}

    @staticmethod
    def judged(book):
        """Terms that ended and were renewed, by the days that judged any."""
        days = range(from_date(date(2024, 1, 31)), from_date(date(2024, 3, 10)))
        found = {to_date(day).isoformat(): book.values(to_date(day).isoformat()) for day in days}
        return {day: (v.terms_ended_1d, v.terms_renewed_1d) for day, v in found.items() if v.terms_ended_1d}


class TestReasons:
    def test_a_churn_has_the_newest_reason_of_its_run_of_paying(self):
        book = Book()
        book.set("2024-01-01")
        book.add(CancellationScheduled, "2024-01-20", subscription_id="s", reason="price", voluntary=True)
        book.end("2024-02-01")
        book.set("2024-03-01")
        book.add(SubscriptionEnded, "2024-04-01", subscription_id="s")
        book.set("2024-05-01")
        book.add(SubscriptionEnded, "2024-06-01", subscription_id="s", reason="card", voluntary=False)
        assert why(book) == [("price", True), (None, None), ("card", False)]
        assert (book.values("2024-06-01").churn_reason, book.values("2024-06-01").churn_voluntary) == ("card", False)
        assert book.values("2024-05-31").churn_voluntary is True

    def test_other_movements_have_none(self):
        book = Book()
        book.set("2024-01-01")
        book.set("2024-01-01", "t")
        book.end("2024-02-01", "t", reason="price")
        assert {m.churn_reason for m in book.fold.movements("c", book.state)} == {None}


def test_a_change_of_plan_in_mid_month_is_a_step_and_its_proration_an_invoice():
    """From 10.00 to 20.00 a month half way: 5.00 back for the old half, 10.00 for the new, 5.00 to pay at once."""
    book = Book()
    book.set("2024-04-01", amount=1_000, plan="Small")
    issue(book, "2024-04-01", "2024-04-01", "april", amount=1_000)
    book.add(InvoiceSettled, "2024-04-01", invoice_id="april")
    book.set("2024-04-16", amount=2_000, plan="Large")
    issue(book, "2024-04-16", "2024-04-16", "proration", amount=2_000 // 2 - 1_000 // 2)
    book.add(InvoiceSettled, "2024-04-16", invoice_id="proration")
    assert book.movements == [("2024-04-01", "new", 1_000), ("2024-04-16", "expansion", 1_000)]
    values = book.values("2024-04-30")
    assert (values.mrr_minor, values.revenue_to_date_minor) == (2_000, 1_500)
    assert (values.arr_minor, values.new_28d_minor, values.expansion_28d_minor) == (24_000, 0, 1_000)
    assert (values.nrr_28d, values.grr_28d) == (2.0, 1.0)
