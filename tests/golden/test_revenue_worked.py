"""Renewal, payment and leaving worked out by hand (METRICS.md section 5)."""

from datetime import date

from billing_book import DAYS, Book, at

from schemas.events import CancellationReported, InvoiceIssued, InvoiceSettled, SubscriptionSet
from streams.metrics.days import DAY_MS, Days, from_date
from streams.metrics.revenue import RevenueFold
from streams.metrics.revenue_policy import RevenuePolicy


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

    def test_the_contract_that_renews_is_as_long_as_its_term_and_at_least_a_billing_period(self):
        book = Book()
        book.set("2024-01-01", term_ends_at=at("2024-12-31"))  # a year, billed by the month
        assert book.values("2024-02-01").renewal_period_days == 365
        assert book.values("2024-12-31").renewal_period_days == 365
        assert book.values("2025-02-01").renewal_period_days == 30  # the term is over: it goes on by the month
        book.set("2025-03-01", interval="year", term_ends_at=at("2025-03-31"))  # the last month of a year
        assert book.values("2025-03-02").renewal_period_days == 365

    def test_the_length_of_a_contract_that_ends_by_itself_stays_what_it_was(self):
        book = Book()
        book.set("2024-01-01", term_ends_at=at("2024-06-30"), auto_renews=False)
        assert book.values("2024-08-01").renewal_period_days == 181

    def test_without_a_term_the_billing_period_is_the_contract(self):
        book = Book()
        book.set("2024-01-01", auto_renews=True, interval="month", interval_count=3)
        assert book.values("2024-02-01").renewal_period_days == 91
        book.set("2024-02-10")
        assert book.values("2024-02-11").renewal_period_days is None  # nobody knows when


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
