"""MRR and its movements worked out by hand (METRICS.md section 5)."""

import pytest
from billing_book import Book, at

from streams.metrics.subscriptions import monthly_minor


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
        ("2024-02-01", "currency_change", -10_000),
        ("2024-02-01", "currency_change", 11_000),
    ]
    values = book.values("2024-02-01")
    assert (values.mrr_minor, values.currency, values.mrr_other_minor) == (11_000, "USD", {})
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
