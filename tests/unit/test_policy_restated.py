"""A profile's revenue policy was changed: the closed days of the horizon follow, in pieces, and say what they were."""

from collections import defaultdict
from copy import deepcopy
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.envelope import Heartbeat
from schemas.events import (
    InvoiceIssued,
    InvoiceSettled,
    PaymentRefunded,
    SubscriptionEnded,
    SubscriptionPaused,
    SubscriptionResumed,
    SubscriptionSet,
)
from schemas.metrics import MetricsMessage, MetricValues, Movement, RevenueValues
from streams.metrics.customer import Customer
from streams.metrics.days import DAY_MS, Days
from streams.metrics.domain import DomainMachine, TimePolicy
from streams.metrics.ledger import Ledger
from streams.metrics.partition import MemoryPartition
from streams.metrics.revenue import RevenueFold
from streams.metrics.revenue_policy import RevenuePolicy
from streams.metrics.revenue_state import RevenueState, policy_steps
from streams.metrics.sums import Sums, add_values, change, figures, merge, new_sums

START = 19_700
HORIZON = 30
_DECODE = msgspec.json.Decoder(MetricsMessage).decode


class Machine:
    """A billing partition whose profile may change."""

    def __init__(self, piece: int | None = None, **policy: Any) -> None:
        self.piece = piece
        self.take(**policy)
        self.sent: list[Any] = []
        self.part: MemoryPartition[Customer[RevenueState], Ledger] = MemoryPartition(
            0, Ledger(), self.machine.render, lambda one: self.sent.append(_DECODE(one.value or b""))
        )
        self.offset = 0
        self.pieces: list[int] = []

    def take(self, **policy: Any) -> None:
        fold = RevenueFold(RevenuePolicy(**policy), Days())
        time = TimePolicy(lateness_ms=0, horizon_days=HORIZON)
        self.machine = DomainMachine(fold, Days(), time, "billing.v1", "metrics.v1", self.piece)

    def feed(self, *events: Any) -> None:
        for event in events:
            while True:
                sent = len(self.sent)
                pieces = self.machine.step(self.part, self.offset, event)
                if pieces is None:
                    break
                self.pieces.append(len(self.sent) - sent)
                sent = len(self.sent)
                for _ in pieces:
                    self.pieces.append(len(self.sent) - sent)
                    sent = len(self.sent)
            self.offset += 1

    def days(self) -> list[MetricValues]:
        return [one for one in self.sent if isinstance(one, MetricValues) and one.kind == "day"]

    def newest(self, customer: str = "c") -> dict[int, RevenueValues]:
        found = {one.day - START: one for one in self.days() if one.customer_id == customer}
        return {day: one.values for day, one in found.items() if isinstance(one.values, RevenueValues)}

    def book(self) -> list[tuple[str, int, int]]:
        rows = {(one.effective_at, one.currency): one for one in self.sent if isinstance(one, Movement)}
        standing = [(at, one) for (at, _), one in sorted(rows.items()) if not one.removed]
        return [(one.movement, at // DAY_MS - START, one.amount_minor) for at, one in standing]


def event(kind: Any, event_id: str, day: float, customer: str = "c", **fields: Any) -> Any:
    return kind(event_id=event_id, customer_id=customer, occurred_at=int((START + day) * DAY_MS), **fields)


def beat(day: int) -> Any:
    return event(Heartbeat, f"beat{day}", day, "_clock")


def listed(event_id: str, day: float, net: int, gross: int, **more: Any) -> Any:
    terms = {"subscription_id": "s", "currency": "EUR", "amount_minor": net, "list_amount_minor": gross}
    return event(SubscriptionSet, event_id, day, **{**terms, **more})


def assert_told_exactly(machine: Machine) -> None:
    """Restatements say what went out before, revisions count up, and sums that follow the changes are the newest."""
    last: dict[tuple[str, int], MetricValues] = {}
    sums: defaultdict[int, Sums] = defaultdict(new_sums)
    seen: dict[str, tuple[int, int]] = {}
    for one in machine.days():
        key = one.customer_id, one.day
        before = last.get(key)
        if one.revision:
            assert one.before == (before and before.values)
            assert one.revision == (before.revision + 1 if before else 1)
            assert (one.version, one.day) > seen.get(one.customer_id, (-1, -1))  # what tells a repetition from news
            seen[one.customer_id] = one.version, one.day
            merge(sums[one.day], change(one.before, one.values))
        else:
            add_values(sums[one.day], one.values)
        last[key] = one
    for day, found in sums.items():
        expected = new_sums()
        for (_, of), one in last.items():
            if of == day:
                add_values(expected, one.values)
        assert figures(found) == figures(expected)


def test_closed_days_of_the_horizon_are_told_anew_with_the_next_day() -> None:
    machine = Machine()
    machine.feed(listed("a", 0, 400, 500), beat(40))
    machine.take(discounts="gross")
    sent = len(machine.days())
    machine.feed(beat(41))
    told = machine.days()[sent:]
    assert [(one.day - START, one.revision) for one in told] == [*[(day, 1) for day in range(9, 40)], (40, 0)]
    assert {one.restated_by for one in told[:-1]} == {"policy_changed"}
    assert {(one.before.mrr_minor, one.values.mrr_minor) for one in told[:-1]} == {(400, 500)}  # type: ignore[union-attr]
    machine.feed(beat(42))
    assert len(machine.days()) == sent + len(told) + 1
    assert_told_exactly(machine)


def test_an_event_before_that_close_brings_them_with_it_once() -> None:
    machine = Machine()
    machine.feed(listed("a", 0, 400, 500), beat(20))
    machine.take(discounts="gross")
    machine.feed(listed("b", 15, 100, 200, subscription_id="t"), beat(21))
    assert [one.restated_by for one in machine.days() if one.revision] == ["policy_changed"] * 15 + ["b"] * 5
    assert [machine.newest()[day].mrr_minor for day in (0, 14, 15, 20)] == [500, 500, 700, 700]
    assert_told_exactly(machine)


def test_days_before_the_difference_are_left_alone() -> None:
    machine = Machine()
    machine.feed(listed("a", 0, 400, 400), listed("b", 12, 400, 500), beat(20))
    machine.take(discounts="gross")
    machine.feed(beat(21))
    assert [one.day - START for one in machine.days() if one.revision] == list(range(12, 20))


def test_a_policy_that_makes_no_difference_restates_nothing() -> None:
    machine = Machine()
    machine.feed(listed("a", 0, 400, 400), beat(20))
    machine.take(discounts="gross", metered="included", past_due_days=30)
    machine.feed(beat(21))
    assert [one for one in machine.days() if one.revision] == []


def test_margin_and_refunds_are_told_anew_too() -> None:
    invoice = {"invoice_id": "i", "amount_minor": 1_000, "currency": "EUR"}
    machine = Machine(gross_margin=0.5)
    machine.feed(
        listed("a", 0, 400, 400),
        event(InvoiceIssued, "b", 1, due_at=(START + 9) * DAY_MS, **invoice),
        event(InvoiceSettled, "c", 2, invoice_id="i"),
        event(PaymentRefunded, "d", 3, **{**invoice, "amount_minor": 200}),
        beat(5),
    )
    machine.take(gross_margin=0.8, refunds="negative")
    machine.feed(beat(6))
    told = [(one.values.revenue_to_date_minor, one.values.margin_to_date_minor) for one in machine.days()[-3:]]  # type: ignore[union-attr]
    assert told == [(800, 640)] * 3
    assert machine.newest()[0].gross_margin == 0.8
    assert_told_exactly(machine)


def test_subscriptions_older_than_what_is_kept_follow_from_there_on() -> None:
    """The facts of the first months are forgotten: what they come to now is a step where facts begin."""
    machine = Machine()
    machine.feed(listed("a", 0, 400, 500), *[beat(day) for day in range(1, 300)])
    machine.take(discounts="gross")
    machine.feed(beat(300), beat(301))
    assert machine.newest()[299].mrr_minor == machine.newest()[269].mrr_minor == 500
    assert machine.newest()[267].mrr_minor == 400
    (first, then) = machine.book()
    assert (first, then[0], then[2]) == (("new", 0, 400), "expansion", 100)
    assert then[1] < 300 - HORIZON - 90
    machine.feed(listed("b", 301, 600, 800), beat(303))
    assert machine.newest()[302].mrr_minor == 800
    machine.take()
    machine.feed(beat(304), beat(400))
    assert machine.newest()[399].mrr_minor == 600
    assert_told_exactly(machine)


def settled_past_due() -> tuple[RevenueFold, RevenueState]:
    """Past due in the last millisecond that is settled: its step is where one of a changed policy would be."""
    fold, invoice = RevenueFold(RevenuePolicy(past_due_days=5), Days()), {"invoice_id": "i", "subscription_id": "s"}
    state, last = fold.new(), (DAY_MS - 1) / DAY_MS
    due = int((START + 5) * DAY_MS + DAY_MS - 1)
    for one in (
        listed("a", 0, 400, 400),
        event(InvoiceIssued, "b", 1 + last, due_at=due, amount_minor=400, currency="EUR", **invoice),
    ):
        fold.apply(state, one, int(one.occurred_at))
    fold.pass_time(state, (START + 40) * DAY_MS)
    fold.forget(state, START + 11 + 90)
    told = fold.movements("c", state)
    assert (told[-1].event_id, told[-1].churn_reason, told[-1].effective_at) == ("b", "past_due", due + 5 * DAY_MS)
    assert state.settled_before == told[-1].effective_at + 1
    return fold, state


def test_a_release_that_counts_as_before_leaves_the_settled_steps_and_their_reasons() -> None:
    fold, state = settled_past_due()
    told, steps = fold.movements("c", state), [*state.steps]
    state.receipts_by = None  # as an earlier release left it
    fold.follow(state)
    assert (fold.movements("c", state), state.steps) == (told, steps)


def test_a_step_of_the_last_settled_instant_that_the_new_policy_does_not_make_goes() -> None:
    _, state = settled_past_due()
    fold = RevenueFold(RevenuePolicy(), Days())
    fold.follow(state)
    assert [(one.movement, one.amount_minor) for one in fold.movements("c", state)] == [("new", 400)]


def test_customers_that_did_not_count_begin_where_facts_begin() -> None:
    machine = Machine()
    machine.feed(listed("a", 0, 400, 400, metered=True), *[beat(day) for day in range(1, 300)])
    machine.take(metered="included")
    machine.feed(beat(300))
    assert [name for name, _, _ in machine.book()] == ["new"]
    assert machine.newest()[299].mrr_minor == 400
    machine.take()
    machine.feed(beat(301))
    assert [(name, amount) for name, _, amount in machine.book()] == [("new", 400), ("churn", -400)]
    assert machine.newest()[300].mrr_minor == 0
    assert_told_exactly(machine)


@pytest.mark.parametrize("piece", [1, 5, 40])
def test_days_told_anew_count_in_pieces(piece: int) -> None:
    whole, apart = Machine(), Machine(piece)
    for machine in (whole, apart):
        machine.feed(*[listed(f"a{n}", 0, 400, 500, customer=f"c{n}") for n in range(6)], beat(25))
        machine.take(discounts="gross")
        machine.pieces.clear()
        machine.feed(beat(26))
    assert apart.sent == whole.sent
    assert len(apart.pieces) > 1
    most = (HORIZON + 2) + piece  # days of one customer, and what was there before; each may bring a movement
    assert max(apart.pieces) <= most + 6


def test_a_worker_that_dies_between_pieces_repeats_itself() -> None:
    machine = Machine(1)
    machine.feed(*[listed(f"a{n}", 0, 400, 500, customer=f"c{n}") for n in range(3)], beat(9))
    machine.take(discounts="gross")
    saved = deepcopy(machine.part.states)
    sent = len(machine.sent)
    assert machine.machine.step(machine.part, machine.offset, beat(10)) is not None
    begun = machine.sent[sent:]
    del machine.sent[sent:]
    assert {one.customer_id for one in begun} == {"c0"}
    assert machine.part.states["c0"] != saved["c0"]
    machine.part.states = saved
    machine.feed(beat(10))
    assert machine.sent[sent : sent + len(begun)] == begun


_POLICIES: list[dict[str, Any]] = [
    {},
    {"discounts": "gross"},
    {"metered": "included", "allowed_gap_days": 4},
    {"past_due_days": 3},
    {"gross_margin": 0.5, "refunds": "negative"},
]
_FACTS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 5), st.sampled_from("st"), st.sampled_from([300, 700])), max_size=12
)


def _fact(number: int, day: int, kind: int, subscription: str, amount: int) -> Any:
    head, of = (f"e{number}", day + 0.25), {"subscription_id": subscription}
    match kind:
        case 0:
            return event(SubscriptionEnded, *head, **of)
        case 1:
            return event(SubscriptionPaused, *head, **of)
        case 2:
            return event(SubscriptionResumed, *head, **of)
        case 3:
            due = {"due_at": int((START + day + 1) * DAY_MS), "amount_minor": amount, "currency": "EUR"}
            return event(InvoiceIssued, *head, invoice_id=f"i{number}", **due, **of)
        case 4:
            return listed(*head, amount, amount * 2, metered=True, **of)
        case _:
            return listed(*head, amount, amount + 100, **of)


@settings(max_examples=60)
@given(
    _FACTS, st.lists(st.tuples(st.integers(1, 64), st.sampled_from(_POLICIES)), min_size=1, max_size=3), st.booleans()
)
def test_after_a_change_all_days_of_the_horizon_are_as_if_it_had_always_been_so(
    drawn: list[Any], turns: list[Any], late: bool
) -> None:
    facts = [_fact(n, *one) for n, one in enumerate(drawn)]
    ordered = sorted(facts, key=lambda one: one.occurred_at)
    if late:
        ordered = ordered[::2] + ordered[1::2]
    machine, changes = Machine(), sorted(turns, key=lambda one: one[0])
    policy: dict[str, Any] = {}
    machine.feed(beat(1))
    for one in ordered:
        while changes and changes[0][0] <= one.occurred_at // DAY_MS - START:
            _, policy = changes.pop(0)
            machine.take(**policy)
        machine.feed(one)
    for _, policy in changes:
        machine.take(**policy)
    machine.feed(beat(66), beat(67))
    plain = Machine(**policy)
    plain.feed(beat(1), *ordered, beat(66), beat(67))
    assert_told_exactly(machine)
    assert machine.book() == plain.book()
    if drawn:
        fold, facts = RevenueFold(RevenuePolicy(**policy), Days()), plain.part.states["c"].facts
        named = [
            (one.movement, one.effective_at // DAY_MS - START, one.amount_minor) for one in fold.movements("c", facts)
        ]
        assert plain.book() == named  # what each event told, from its own instant on, is the whole
        assert facts.steps == policy_steps(facts, RevenuePolicy(**{**policy, "allowed_gap_days": 0}))
    newest, expected = machine.newest(), plain.newest()
    assert {at: newest[at] for at in newest if at >= 67 - HORIZON} == {
        at: expected[at] for at in expected if at >= 67 - HORIZON
    }
