from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.envelope import Heartbeat
from schemas.events import (
    CancellationScheduled,
    InvoiceIssued,
    InvoiceSettled,
    PaymentRefunded,
    SubscriptionEnded,
    SubscriptionPaused,
    SubscriptionSet,
)
from streams.metrics.days import DAY_MS, Days, from_date, to_date
from streams.metrics.revenue import RevenueFold
from streams.metrics.revenue_policy import RevenuePolicy
from streams.metrics.subscriptions import monthly_minor, next_renewal

DAYS = Days()
DAY = 19_800
FOLD = RevenueFold(RevenuePolicy(), DAYS)


def event(cls, event_id, day, **fields):
    return cls(event_id=event_id, customer_id="c", occurred_at=day * DAY_MS, **fields)


def terms(event_id, day, subscription="s", amount=1_000, currency="EUR", **fields):
    fields = {"subscription_id": subscription, "amount_minor": amount, "currency": currency, **fields}
    return event(SubscriptionSet, event_id, day, **fields)


def ended(event_id, day, subscription="s"):
    return event(SubscriptionEnded, event_id, day, subscription_id=subscription)


def folded(*events):
    state = FOLD.new()
    for one in events:
        FOLD.apply(state, one, one.occurred_at)
    return state


def values(state, day=DAY):
    return FOLD.values(state, day, DAYS.start(day + 1))


def test_heartbeats_change_nothing():
    assert folded(Heartbeat(event_id="h", customer_id="_clock", occurred_at=0)) == FOLD.new()


def test_the_largest_subscription_is_one_in_the_customers_currency():
    state = folded(terms("a", DAY - 9, "eur", 10, plan="Small"), terms("b", DAY - 8, "usd", 9_999, "USD", plan="Large"))
    assert (values(state).plan, values(state).currency) == ("Small", "EUR")


def test_of_two_equal_subscriptions_the_lower_id_gives_the_plan():
    assert values(folded(terms("a", DAY, "z", plan="Z"), terms("b", DAY, "a", plan="A"))).plan == "A"


def test_trial_seats_count_only_while_nothing_is_paid():
    trial = terms("a", DAY, "trial", trial=True, seats=50)
    assert values(folded(trial)).seats == 50
    found = values(folded(trial, terms("b", DAY, "paid", quantity=3), terms("c", DAY, "flat", seats=4)))
    assert (found.seats, found.trials_active, found.subscriptions_active) == (7, 1, 2)


@pytest.mark.parametrize(
    "said, seats",
    [
        ([{}], None),
        ([{"quantity": 1}], None),
        ([{"seats": 1}], 1),
        ([{"seats": 0}], 0),
        ([{"quantity": 10}, {}], 10),
        ([{"quantity": 10, "seats": 1}, {"seats": 2}], 3),
        ([{}, {"trial": True, "seats": 5}], None),
    ],
)
def test_one_price_for_all_names_no_seats(said: list[dict[str, Any]], seats: int | None):
    events = [terms(str(number), DAY, str(number), **fields) for number, fields in enumerate(said)]
    assert values(folded(*events)).seats == seats


def test_a_free_subscription_is_active_and_pays_nothing():
    found = values(folded(terms("a", DAY, amount=0)))
    assert (found.subscriptions_active, found.paying, found.first_paid_at) == (1, False, None)


def test_the_day_before_the_first_terms_knows_nothing():
    found = values(folded(terms("a", DAY, plan="Pro")), DAY - 1)
    assert (found.subscriptions_active, found.plan, found.currency) == (0, None, None)


class TestForgetting:
    def test_of_a_day_before_everything_drops_nothing(self):
        state = folded(terms("a", DAY), ended("b", DAY + 1))
        FOLD.forget(state, DAY)
        assert len(state.subscriptions["s"].changes) == 2

    def test_what_was_superseded_goes_and_what_holds_stays(self):
        changes = [terms(f"a{i}", DAY - 300 + i, amount=100 + i) for i in range(50)]
        state = folded(*changes, terms("b", DAY - 300, "gone"), ended("c", DAY - 250, "gone"))
        before, movements = values(state), FOLD.movements("c", state)
        FOLD.forget(state, DAY)
        assert [change.event_id for change in state.subscriptions["s"].changes] == ["a49"]
        assert list(state.subscriptions) == ["s"]
        assert (values(state), FOLD.movements("c", state)) == (before, movements)
        FOLD.apply(state, ended("d", DAY - 80), (DAY - 80) * DAY_MS)
        assert FOLD.movements("c", state)[:-1] == movements
        assert FOLD.movements("c", state)[-1].movement == "churn"

    def test_a_step_at_the_border_is_neither_lost_nor_doubled(self):
        state = folded(terms("a", DAY - 100), terms("b", DAY - 90, amount=2_000))
        movements = FOLD.movements("c", state)
        FOLD.forget(state, DAY)
        FOLD.apply(state, terms("c", DAY, amount=3_000), DAY * DAY_MS)
        assert FOLD.movements("c", state)[:2] == movements
        assert [m.amount_minor for m in FOLD.movements("c", state)] == [1_000, 1_000, 1_000]

    def test_an_earlier_day_than_the_last_one_drops_nothing_more(self):
        state = folded(
            terms("a", DAY - 200),
            event(SubscriptionPaused, "b", DAY - 150, subscription_id="s"),
            terms("c", DAY - 100, amount=2_000),
        )
        FOLD.forget(state, DAY)
        kept = state.subscriptions["s"]
        assert [(change.event_id, kept.runs_since) for change in kept.changes] == [("c", (DAY - 200) * DAY_MS)]
        for earlier in (DAY - 30, DAY - 150):
            FOLD.forget(state, earlier)
            assert [mark.event_id for mark in kept.marks] == ["b"]
        assert values(state).mrr_minor == 0  # it pauses

    def test_an_end_before_its_terms_keeps_them_at_zero_length(self):
        state = folded(ended("a", DAY - 300), terms("b", DAY - 10))
        FOLD.forget(state, DAY)
        assert values(state).subscriptions_active == 0

    def test_terms_that_were_ended_before_they_began_are_known_afterwards(self):
        state = folded(ended("a", DAY - 300), terms("b", DAY - 290), ended("c", DAY - 10), terms("d", DAY - 5))
        FOLD.forget(state, DAY)
        assert len(state.subscriptions["s"].changes) == 2
        assert values(state).subscriptions_active == 1

    def test_an_end_said_again_of_a_subscription_that_is_forgotten_spoils_no_later_start(self):
        events = terms("a", DAY - 300), ended("b", DAY - 250)
        state = folded(*events)
        FOLD.forget(state, DAY)
        FOLD.forget(state, DAY)
        assert (state.subscriptions, state.forgotten) == ({}, ["s"])
        for again in (ended("c", DAY), terms("d", DAY, amount=300)):
            FOLD.apply(state, again, again.occurred_at)
        found = values(state)
        assert (found.subscriptions_active, found.mrr_minor) == (1, 300)
        assert FOLD.movements("c", state)[-1].movement == "reactivation"

    def test_owed_invoices_stay_and_done_ones_go(self):
        due = {"amount_minor": 5, "currency": "EUR", "due_at": (DAY - 290) * DAY_MS}
        state = folded(
            event(InvoiceIssued, "a", DAY - 300, invoice_id="owed", **due),
            event(InvoiceIssued, "b", DAY - 300, invoice_id="paid", **due),
            event(InvoiceSettled, "c", DAY - 280, invoice_id="paid"),
            event(InvoiceIssued, "d", DAY - 300, invoice_id="free", **{**due, "amount_minor": 0}),
            event(InvoiceSettled, "e", DAY - 280, invoice_id="unseen"),
            event(InvoiceSettled, "f", DAY - 10, invoice_id="just now"),
        )
        before = values(state)
        FOLD.forget(state, DAY)
        assert sorted(state.invoices) == ["just now", "owed"]
        assert values(state) == before
        assert (before.payment_state, before.days_overdue) == ("late", 290)


def paid(invoice, day, amount):
    fields = {"amount_minor": amount, "currency": "EUR", "due_at": day * DAY_MS}
    return (
        event(InvoiceIssued, f"{invoice}1", day, invoice_id=invoice, **fields),
        event(InvoiceSettled, f"{invoice}2", day, invoice_id=invoice),
    )


class TestAmountsOfOlderReleases:
    """An older release kept of an invoice when it was issued, not on how much: sums to date are not known then."""

    def older(self, *events):
        state = folded(terms("t", DAY - 400), *events)
        for invoice in state.invoices.values():
            invoice.bills, invoice.paid_at = [], None
        return state

    def test_what_is_missing_is_not_taken_for_nothing(self):
        state = self.older(*paid("i", DAY - 20, 500))
        for one in paid("j", DAY - 10, 300):
            FOLD.apply(state, one, one.occurred_at)
        found = values(state)
        assert (found.revenue_to_date_minor, found.refunds_to_date_minor, found.margin_to_date_minor) == (None,) * 3
        assert (found.payment_state, found.billing_impossible) == ("current", 0)

    def test_nor_when_it_is_forgotten_now(self):
        state = self.older(*paid("i", DAY - 300, 500))
        FOLD.forget(state, DAY)
        assert (state.invoices, values(state).revenue_to_date_minor) == ({}, None)

    def test_nor_when_it_was_forgotten_then(self):
        state = self.older(*paid("i", DAY - 300, 500))
        state.invoices = {}
        assert values(state).revenue_to_date_minor is None
        refund = event(PaymentRefunded, "r", DAY, invoice_id="k", amount_minor=5, currency="EUR")
        FOLD.apply(state, refund, refund.occurred_at)
        assert values(state).revenue_to_date_minor is None

    def test_what_this_release_forgets_is_known(self):
        state = folded(terms("t", DAY - 400), *paid("i", DAY - 300, 500), *paid("j", DAY - 10, 300))
        FOLD.forget(state, DAY)
        assert (sorted(state.invoices), values(state).revenue_to_date_minor) == (["j"], 800)


def test_marks_of_an_instant_speak_of_what_was_set_or_ended_then():
    pause = event(SubscriptionPaused, "a", DAY - 5, subscription_id="s")
    assert values(folded(pause, terms("b", DAY - 5))).subscriptions_paused == 1
    wish = event(CancellationScheduled, "c", DAY - 5, subscription_id="s")
    over = folded(terms("a", DAY - 9), wish, ended("b", DAY - 5), terms("d", DAY - 4))
    assert values(over).subscriptions_ending == 0


@given(
    st.integers(from_date(date(2020, 1, 1)), from_date(date(2022, 12, 31))),
    st.sampled_from(["day", "week", "month", "year"]),
    st.integers(1, 7),
    st.integers(-40, 1500),
)
def test_renewals_are_found_by_walking_the_calendar(anchor, interval, count, offset):
    found = next_renewal(anchor, interval, count, anchor + offset)
    first = to_date(anchor)
    for day in range(max(anchor, anchor + offset), anchor + offset + 366 * 8):
        this = to_date(day)
        months = (this.year - first.year) * 12 + this.month - first.month
        last_of_month = to_date(day + 1).month != this.month
        same_day = this.day == first.day or (last_of_month and this.day < first.day)
        lies_on_period = {
            "day": (day - anchor) % count == 0,
            "week": (day - anchor) % (7 * count) == 0,
            "month": same_day and months % count == 0,
            "year": same_day and months % (12 * count) == 0,
        }[interval]
        if lies_on_period:
            assert found == day
            return
    pytest.fail("no renewal within eight years")


@given(st.integers(0, 10**9), st.integers(1, 1000))
def test_mrr_of_a_year_is_within_half_a_cent_of_a_twelfth(amount, quantity):
    assert abs(monthly_minor(amount, quantity, "year", 1) * 12 - amount * quantity) <= 6
