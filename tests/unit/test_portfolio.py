from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.envelope import epoch_ms
from schemas.events import (
    CancellationScheduled,
    InvoiceIssued,
    InvoiceSettled,
    PaymentRefunded,
    SubscriptionEnded,
    SubscriptionSet,
)
from streams.metrics.compare import compare
from streams.metrics.days import Days
from streams.metrics.portfolio import by_month, open_books
from streams.metrics.revenue_policy import PRESETS, RevenuePolicy, preset

DEFAULT = RevenuePolicy()


def at(text):
    return epoch_ms(datetime.fromisoformat(text).replace(tzinfo=UTC))


class Ledger:
    """Billing events of several customers, written as dated facts."""

    def __init__(self):
        self.events = []

    def add(self, cls, customer, when, **fields):
        event_id = f"e{len(self.events):03d}"
        self.events.append(cls(event_id=event_id, customer_id=customer, occurred_at=at(when), **fields))
        return self

    def set(self, customer, when, amount=10_000, subscription="s", currency="EUR", **fields):
        terms = {"subscription_id": subscription, "amount_minor": amount, "currency": currency, **fields}
        return self.add(SubscriptionSet, customer, when, **terms)

    def end(self, customer, when, subscription="s"):
        return self.add(SubscriptionEnded, customer, when, subscription_id=subscription)

    def pay(self, customer, when, amount, invoice="i", currency="EUR"):
        terms = {"invoice_id": invoice, "amount_minor": amount, "currency": currency}
        self.add(InvoiceIssued, customer, when, due_at=at(when), **terms)
        return self.add(InvoiceSettled, customer, when, invoice_id=invoice)

    def months(self, policy=DEFAULT, zone="UTC"):
        return {(f.month, f.currency): f for f in by_month(open_books(self.events, Days(zone)), policy)}


def test_net_churn_of_the_published_example_is_ten_percent():
    ledger = Ledger().set("a", "2024-01-05", 6_000).set("b", "2024-01-05", 3_000).set("c", "2024-01-05", 1_000)
    ledger.set("a", "2024-02-05", 7_000).set("b", "2024-02-05", 2_000).end("c", "2024-02-05")
    found = ledger.months()["2024-02", "EUR"]
    assert (found.mrr_start_minor, found.mrr_minor) == (10_000, 9_000)
    assert (found.expansion_minor, found.contraction_minor, found.churn_minor) == (1_000, 1_000, 1_000)
    assert (found.nrr, found.nrr_movements, found.grr) == (0.9, 0.9, 0.8)
    assert (found.quick_ratio, found.arpa_minor) == (0.5, 4_500)
    assert (found.customers_start, found.customers, found.customers_lost) == (3, 2, 1)
    first = ledger.months()["2024-01", "EUR"]
    assert (first.nrr, first.grr, first.customer_churn, first.quick_ratio) == (None, None, None, None)


def test_months_are_those_of_the_companys_zone_and_none_is_left_out():
    ledger = Ledger().set("a", "2024-02-01T01:00").end("a", "2024-04-10")  # 31 January in São Paulo
    assert [month for month, _ in ledger.months(zone="America/Sao_Paulo")] == [f"2024-0{n}" for n in (1, 2, 3, 4)]
    assert [month for month, _ in ledger.months()] == ["2024-02", "2024-03", "2024-04"]


def test_a_year_has_its_turn():
    assert list(Ledger().set("a", "2023-12-31").set("a", "2024-01-01", 5).months()) == [
        ("2023-12", "EUR"),
        ("2024-01", "EUR"),
    ]


def test_currencies_stand_apart_and_begin_when_they_are_known():
    ledger = Ledger().set("a", "2024-01-05").set("b", "2024-02-05", 700, currency="USD").set("c", "2024-03-01", 1)
    assert {key: f.mrr_minor for key, f in ledger.months().items()} == {
        ("2024-01", "EUR"): 10_000,
        ("2024-02", "EUR"): 10_000,
        ("2024-03", "EUR"): 10_001,
        ("2024-02", "USD"): 700,
        ("2024-03", "USD"): 700,
    }


def test_a_customer_that_changes_its_currency_is_neither_lost_nor_new():
    ledger = Ledger().set("a", "2024-01-05", 600).set("b", "2024-01-05", 400).set("c", "2024-01-05", 5, currency="USD")
    ledger.set("a", "2024-02-05", 700, currency="USD").set("b", "2024-02-06", 300)
    months = ledger.months(RevenuePolicy(same_period_joiners="counted"))
    left, taken = months["2024-02", "EUR"], months["2024-02", "USD"]
    assert (left.customers_start, left.customers, left.customers_lost, left.customer_churn) == (2, 1, 0, 0)
    assert (left.currency_change_minor, left.contraction_minor, left.churn_minor) == (-600, 100, 0)
    assert (left.nrr, left.grr) == (0.75, 0.75)  # of b alone: 300 of 400
    assert (taken.currency_change_minor, taken.new_minor, taken.expansion_minor) == (700, 0, 0)
    assert (taken.customers_start, taken.customers, taken.nrr) == (1, 2, 1)
    ledger.end("a", "2024-02-20")
    months = ledger.months(RevenuePolicy(same_period_joiners="counted"))
    assert (months["2024-02", "EUR"].customers_lost, months["2024-02", "USD"].customers_lost) == (1, 0)
    assert months["2024-02", "USD"].churn_minor == 700


def test_an_invoice_issued_again_in_another_currency_takes_back_what_it_brought_in_the_first():
    ledger = Ledger().pay("a", "2024-01-05", 500)
    terms = {"invoice_id": "i", "amount_minor": 450, "currency": "USD", "due_at": at("2024-02-05")}
    ledger.add(InvoiceIssued, "a", "2024-02-05", **terms)
    assert {key: f.revenue_minor for key, f in ledger.months().items()} == {
        ("2024-01", "EUR"): 500,
        ("2024-02", "EUR"): -500,
        ("2024-02", "USD"): 450,
    }


def test_an_event_sent_twice_counts_once_and_order_does_not_matter():
    ledger = Ledger().set("a", "2024-01-05").end("a", "2024-02-05").pay("b", "2024-02-01", 500)
    expected = ledger.months()
    ledger.events = ledger.events[::-1] * 2
    assert ledger.months() == expected


def test_of_nothing_there_is_nothing():
    assert Ledger().months() == {}
    assert compare(open_books([], Days())).differences == []


@pytest.mark.parametrize("policy, lost", [("excluded", 1), ("counted", 2)])
def test_same_period_joiners_are_left_out_or_counted(policy, lost):
    ledger = Ledger().set("a", "2024-01-05").set("b", "2024-01-05").end("a", "2024-02-05")
    ledger.set("c", "2024-02-03").end("c", "2024-02-20")
    found = ledger.months(RevenuePolicy(same_period_joiners=policy))["2024-02", "EUR"]
    assert (found.customers_lost, found.customer_churn, found.customers_start) == (lost, lost / 2, 2)


@pytest.mark.parametrize("policy, customers, lost", [("out", 1, 1), ("in", 3, 0)])
def test_free_and_trial_customers_are_out_or_in(policy, customers, lost):
    ledger = Ledger().set("a", "2024-01-05").set("b", "2024-01-05").set("t", "2024-01-05", trial=True)
    ledger.set("a", "2024-02-05", 0)
    found = ledger.months(RevenuePolicy(free_customers=policy))["2024-02", "EUR"]
    assert (found.customers, found.customers_lost, found.mrr_minor) == (customers, lost, 10_000)


@pytest.mark.parametrize("policy, revenue", [("ignored", [500, 0]), ("negative", [500, -200])])
def test_money_stands_in_the_month_it_moved(policy, revenue):
    ledger = Ledger().set("a", "2024-01-05").pay("a", "2024-01-10", 500)
    ledger.add(PaymentRefunded, "a", "2024-02-10", invoice_id="i", amount_minor=200, currency="EUR")
    assert [f.revenue_minor for f in ledger.months(RevenuePolicy(refunds=policy)).values()] == revenue


def test_the_last_month_ends_with_the_last_day_known():
    ledger = Ledger().set("a", "2024-01-05")
    terms = {"invoice_id": "i", "amount_minor": 10_000, "currency": "EUR", "subscription_id": "s"}
    ledger.add(InvoiceIssued, "a", "2024-01-10", due_at=at("2024-01-10"), **terms)
    policy = RevenuePolicy(past_due_days=5)
    assert ledger.months(policy)["2024-01", "EUR"].mrr_minor == 10_000  # nothing is known of the 15th
    ledger.set("b", "2024-01-15", 1)
    assert ledger.months(policy)["2024-01", "EUR"].mrr_minor == 1


STEPS = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.integers(0, 150),
        st.sampled_from([None, 0, 100, 250]),
        st.sampled_from(["EUR", "USD"]),
    ),
    max_size=25,
)


@given(STEPS, st.sampled_from(PRESETS))
def test_movements_of_every_month_sum_to_its_change_of_mrr(drawn, name):
    ledger = Ledger()
    for customer, day, amount, currency in drawn:
        when = datetime.fromtimestamp(at("2024-01-01") / 1000 + day * 86_400, UTC).strftime("%Y-%m-%d")
        if amount is None:
            ledger.end(customer, when)
        else:
            ledger.set(customer, when, amount, currency=currency)
    before = {}
    for f in ledger.months(preset(name)).values():
        assert f.mrr_start_minor == before.get(f.currency, 0)
        up = f.new_minor + f.expansion_minor + f.reactivation_minor + f.currency_change_minor
        assert f.mrr_start_minor + up - f.contraction_minor - f.churn_minor == f.mrr_minor
        assert f.grr is None or 0 <= f.grr <= min(1, f.nrr)
        before[f.currency] = f.mrr_minor


class TestCompare:
    def causes(self, ledger, name):
        found = {}
        for d in compare(open_books(ledger.events, Days())).differences:
            if d.preset == name:
                found.setdefault(d.figure, set()).add(d.causes)
        return found

    def test_the_policy_behind_each_difference_is_named(self):
        ledger = Ledger().set("a", "2024-01-05").set("b", "2024-01-05").set("b", "2024-01-05", 500, "m", metered=True)
        ledger.end("a", "2024-02-10").set("b", "2024-02-28", 9_000)
        assert set(self.causes(ledger, "profitwell")["mrr_minor"]) == {("metered",)}
        assert self.causes(ledger, "chartmogul") == self.causes(ledger, "default") == {}

    def test_a_preset_that_is_the_default_shows_its_figures_all_the_same(self):
        ledger = Ledger().set("a", "2024-01-05")
        found = compare(open_books(ledger.events, Days()))
        assert list(found.figures) == list(found.policies) == list(PRESETS)
        assert len({tuple(lines) for lines in found.figures.values()}) == 1

    def test_policies_that_act_only_together_are_named_together(self):
        """Who came within the month is lost only if an overdue invoice is its end, and joiners are counted."""
        ledger = Ledger().set("old", "2024-01-05").set("new", "2024-02-01")
        terms = {"invoice_id": "i", "amount_minor": 1, "currency": "EUR", "subscription_id": "s"}
        ledger.add(InvoiceIssued, "new", "2024-02-01", due_at=at("2024-01-20"), **terms)
        ledger.set("old", "2024-02-28", 10_001)
        causes = self.causes(ledger, "baremetrics")
        assert causes["customers_lost"] == {("past_due_days", "same_period_joiners")}
        assert causes["customers"] == {("past_due_days",)}

    def test_policies_that_each_do_it_alone_are_all_named(self, monkeypatch):
        both = RevenuePolicy(preset="profitwell", metered="included", discounts="gross")
        monkeypatch.setattr("streams.metrics.compare.preset", lambda name: both if name == "profitwell" else DEFAULT)
        ledger = (
            Ledger().set("a", "2024-01-05", 900, list_amount_minor=1_000).set("a", "2024-01-05", 5, "m", metered=True)
        )
        assert self.causes(ledger, "profitwell")["mrr_minor"] == {("discounts", "metered")}

    def test_what_two_policies_make_and_a_third_takes_away_is_told_month_by_month(self, monkeypatch):
        switched = {"metered": "included", "discounts": "gross", "churn_date": "cancellation_request"}
        three = RevenuePolicy(preset="profitwell", **switched)
        monkeypatch.setattr("streams.metrics.compare.preset", lambda name: three if name == "profitwell" else DEFAULT)
        ledger = Ledger().set("a", "2024-01-05", 0, list_amount_minor=1_000, metered=True)
        ledger.add(CancellationScheduled, "a", "2024-02-10", subscription_id="s")
        assert self.causes(ledger, "profitwell")["mrr_minor"] == {("discounts", "metered")}
        assert self.causes(ledger, "profitwell")["churn_minor"] == {("churn_date", "discounts", "metered")}
