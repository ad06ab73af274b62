"""Movements that no event brings: a subscription that grows long past due while days close."""

from copy import deepcopy

import msgspec
import pytest

from schemas.envelope import Heartbeat
from schemas.events import InvoiceIssued, InvoiceSettled, SubscriptionEnded, SubscriptionSet
from schemas.metrics import MetricsMessage, MetricValues, Movement
from streams.metrics.days import DAY_MS, Days
from streams.metrics.domain import DomainMachine, TimePolicy
from streams.metrics.ledger import Ledger
from streams.metrics.partition import MemoryPartition
from streams.metrics.revenue import RevenueFold
from streams.metrics.revenue_policy import RevenuePolicy

START = 19_700
_DECODE = msgspec.json.Decoder(MetricsMessage).decode


class Machine:
    """Feeds billing events and keeps what was sent."""

    def __init__(self, **policy):
        self.take(**policy)
        self.sent = []
        take = lambda record: self.sent.append(_DECODE(record.value))  # noqa: E731
        self.part = MemoryPartition(0, Ledger(), self.machine.render, take)
        self.offset = 0

    def take(self, **policy):
        """Goes on under a policy, as a worker does that was started with another profile."""
        fold = RevenueFold(RevenuePolicy(**policy), Days())
        self.machine = DomainMachine(fold, Days(), TimePolicy(lateness_ms=0), "billing.v1", "metrics.v1")

    def feed(self, *events):
        for event in events:
            pieces = self.machine.step(self.part, self.offset, event)
            while pieces is not None:
                for _ in pieces:
                    pass
                pieces = self.machine.step(self.part, self.offset, event)
            self.offset += 1

    def book(self):
        """The movements that stand, by what was sent."""
        rows = {(m.effective_at, m.currency): m for m in self.sent if isinstance(m, Movement)}
        return [(m.movement, at // DAY_MS - START) for (at, _), m in sorted(rows.items()) if not m.removed]

    def movements(self):
        return [
            (m.movement, m.effective_at // DAY_MS - START, m.removed, m.churn_reason)
            for m in self.sent
            if isinstance(m, Movement)
        ]

    def mrr(self):
        return {m.day - START: m.values.mrr_minor for m in self.sent if isinstance(m, MetricValues) and m.kind == "day"}


def event(cls, event_id, day, customer="c", **fields):
    return cls(event_id=event_id, customer_id=customer, occurred_at=(START + day) * DAY_MS, **fields)


def beat(day):
    return event(Heartbeat, f"beat{day}", day, "_clock")


def owing():
    return (
        event(SubscriptionSet, "a", 0, subscription_id="s", amount_minor=500, currency="EUR"),
        event(
            InvoiceIssued,
            "b",
            0,
            invoice_id="i",
            amount_minor=500,
            currency="EUR",
            due_at=(START + 2) * DAY_MS,
            subscription_id="s",
        ),
    )


def test_past_due_churn_is_told_when_its_day_closes_and_once():
    machine = Machine(past_due_days=3)
    machine.feed(*owing(), beat(5))
    assert machine.movements() == [("new", 0, False, None)]
    machine.feed(beat(6), beat(7), beat(8))
    assert machine.movements() == [("new", 0, False, None), ("churn", 5, False, "past_due")]
    assert [machine.mrr()[day] for day in (3, 4, 5, 6)] == [500, 500, 0, 0]


def test_a_payment_that_comes_late_takes_the_churn_back():
    machine = Machine(past_due_days=3)
    machine.feed(*owing(), beat(7), event(InvoiceSettled, "c", 4, invoice_id="i"))
    assert machine.movements()[1:] == [("churn", 5, False, "past_due"), ("churn", 5, True, "past_due")]


def test_what_closes_a_day_and_undoes_what_that_told_is_the_newer_of_the_two():
    machine = Machine(past_due_days=3, allowed_gap_days=10)
    machine.feed(*owing(), beat(4), event(InvoiceSettled, "c", 7, invoice_id="i"))
    told = [(m.movement, m.removed, m.version) for m in machine.sent if isinstance(m, Movement)]
    assert told == [("new", False, 0), ("churn", False, 2), ("churn", True, 3)]
    assert machine.book() == [("new", 0)]


def test_a_payment_in_time_is_never_churn():
    machine = Machine(past_due_days=3)
    machine.feed(*owing(), event(InvoiceSettled, "c", 4, invoice_id="i"), beat(9))
    assert machine.movements() == [("new", 0, False, None)]


def test_an_invoice_that_comes_late_tells_of_the_churn_it_made_in_closed_days_at_once():
    subscription, invoice = owing()
    machine = Machine(past_due_days=3)
    machine.feed(subscription, beat(9))
    assert machine.mrr()[8] == 500
    machine.feed(invoice)
    assert machine.movements() == [("new", 0, False, None), ("churn", 5, False, "past_due")]
    assert [machine.mrr()[day] for day in (4, 5, 8)] == [500, 0, 0]
    machine.feed(beat(10))
    assert len(machine.movements()) == 2


def test_a_late_invoice_that_makes_no_churn_before_the_last_close_tells_of_none_yet():
    subscription, invoice = owing()
    machine = Machine(past_due_days=3)
    machine.feed(subscription, beat(5), invoice)
    assert machine.movements() == [("new", 0, False, None)]
    machine.feed(beat(6))
    assert machine.movements()[1:] == [("churn", 5, False, "past_due")]


class TestAnotherPolicy:
    """A profile was changed: customers follow when the next day closes, whether or not anything is billed."""

    def test_past_due_churn_begins(self):
        machine = Machine()
        machine.feed(*owing(), beat(9))
        machine.take(past_due_days=3)
        machine.feed(beat(10))
        assert machine.book() == [("new", 0), ("churn", 5)]
        assert [machine.mrr()[day] for day in (4, 8, 9)] == [500, 0, 0]
        machine.take(past_due_days=0)
        machine.feed(beat(11))
        assert machine.book() == [("new", 0)]
        assert machine.mrr()[10] == 500
        assert machine.part.states["c"].facts.known_until == 0

    def test_discounts_count_no_more(self):
        machine = Machine()
        terms = {"subscription_id": "s", "amount_minor": 400, "list_amount_minor": 500, "currency": "EUR"}
        machine.feed(event(SubscriptionSet, "a", 0, **terms), beat(2))
        machine.take(discounts="gross")
        machine.feed(beat(3), beat(4))
        amounts = [m.amount_minor for m in machine.sent if isinstance(m, Movement)]
        assert amounts == [400, 500]
        assert [machine.mrr()[day] for day in (1, 2)] == [500, 500]

    def test_a_gap_is_allowed_no_more_or_again(self):
        machine = Machine(allowed_gap_days=10)
        terms = {"subscription_id": "s", "amount_minor": 500, "currency": "EUR"}
        left = event(SubscriptionEnded, "b", 3, subscription_id="s")
        machine.feed(event(SubscriptionSet, "a", 0, **terms), left, event(SubscriptionSet, "c", 5, **terms), beat(7))
        assert machine.book() == [("new", 0)]
        machine.take()
        machine.feed(beat(8))
        assert machine.book() == [("new", 0), ("churn", 3), ("reactivation", 5)]
        machine.take(allowed_gap_days=10)
        machine.feed(event(SubscriptionSet, "d", 8, **{**terms, "amount_minor": 600}))
        assert machine.book() == [("new", 0), ("expansion", 8)]

    def test_a_state_of_a_release_without_marks_follows_too_and_says_nothing_twice(self):
        machine = Machine()
        machine.feed(*owing(), beat(2))
        facts = machine.part.states["c"].facts
        facts.terms, facts.gap_days = 0, None
        sent = len(machine.movements())
        machine.feed(beat(3))
        assert len(machine.movements()) == sent
        assert facts.terms == RevenueFold(RevenuePolicy(), Days()).new().terms


def test_under_the_default_policy_time_moves_nothing():
    machine = Machine()
    machine.feed(*owing(), beat(90))
    assert machine.movements() == [("new", 0, False, None)]
    assert machine.part.states["c"].facts.known_until == 0


@pytest.mark.parametrize("before", [30, 60], ids=["a release that kept no mark", "another limit"])
def test_arrears_that_have_not_come_yet_are_not_told_when_terms_are_taken_up(before: int) -> None:
    machine = Machine(past_due_days=before)
    machine.feed(*owing(), beat(5))
    facts = machine.part.states["c"].facts
    facts.terms, facts.gap_days = (0, None) if before == 30 else (facts.terms, facts.gap_days)
    machine.take(past_due_days=30)
    machine.feed(beat(6))
    assert machine.movements() == [("new", 0, False, None)]


def test_a_day_that_was_undone_for_a_customer_is_made_good_by_the_next():
    """A record that the network kept back from an earlier owner of the partition brings the state of before the day."""
    machine = Machine(past_due_days=3)
    machine.feed(*owing(), beat(5))
    before = deepcopy(machine.part.states)
    machine.feed(beat(6))
    told = machine.book()
    machine.part.states = before
    machine.feed(beat(7))
    assert machine.book() == told == [("new", 0), ("churn", 5)]
    sound = Machine(past_due_days=3)
    sound.feed(*owing(), beat(5), beat(6), beat(7))
    assert machine.mrr() == sound.mrr()
