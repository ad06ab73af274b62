"""Movements that no event brings: a subscription that grows long past due while days close."""

import msgspec

from schemas.envelope import Heartbeat
from schemas.events import InvoiceIssued, InvoiceSettled, SubscriptionSet
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

    def __init__(self, past_due_days):
        fold = RevenueFold(RevenuePolicy(past_due_days=past_due_days), Days())
        self.machine = DomainMachine(fold, Days(), TimePolicy(lateness_ms=0), "billing.v1", "metrics.v1")
        self.sent = []
        take = lambda record: self.sent.append(_DECODE(record.value))  # noqa: E731
        self.part = MemoryPartition(0, Ledger(), self.machine.render, take)
        self.offset = 0

    def feed(self, *events):
        for event in events:
            pieces = self.machine.step(self.part, self.offset, event)
            while pieces is not None:
                for _ in pieces:
                    pass
                pieces = self.machine.step(self.part, self.offset, event)
            self.offset += 1

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


def test_a_payment_in_time_is_never_churn():
    machine = Machine(past_due_days=3)
    machine.feed(*owing(), event(InvoiceSettled, "c", 4, invoice_id="i"), beat(9))
    assert machine.movements() == [("new", 0, False, None)]


def test_under_the_default_policy_time_moves_nothing():
    machine = Machine(past_due_days=0)
    machine.feed(*owing(), beat(90))
    assert machine.movements() == [("new", 0, False, None)]
    assert machine.part.states["c"].facts.known_until == 0
