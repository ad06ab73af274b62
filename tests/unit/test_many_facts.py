"""One ticket, or one customer's billing, with thousands of events: the same figures, and not their square in work."""

from typing import Any
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.billing_history import HISTORIES, history
from schemas.events import (
    CancellationReported,
    InvoiceSettled,
    SubscriptionEnded,
    SubscriptionSet,
    TicketEvent,
    TicketOpened,
    TicketRemoved,
    TicketReopened,
    TicketReplied,
    TicketSolved,
)
from streams.metrics import movements, revenue_state, support, timeline
from streams.metrics.days import DAY_MS, Days
from streams.metrics.levels import Standing, replay
from streams.metrics.revenue import RevenueFold
from streams.metrics.revenue_policy import RevenuePolicy
from streams.metrics.revenue_state import policy_steps
from streams.metrics.subscriptions import Subscription
from streams.metrics.support import SupportFold, SupportState
from streams.metrics.support_clocks import read_ticket
from streams.metrics.support_policy import SupportPolicy

START = 19_700
DAYS = Days()
SUPPORT = SupportFold(SupportPolicy(), DAYS)
MANY, LAST = 2_500, 240


def ticket_event(number: int, kind: int, ticket: str, at: int) -> TicketEvent:
    head: dict[str, Any] = {"event_id": f"e{number}", "customer_id": "c", "occurred_at": at, "ticket_id": ticket}
    match kind:
        case 0:
            return TicketOpened(**head, priority="high")
        case 1:
            return TicketSolved(**head)
        case 2:
            return TicketReopened(**head)
        case 3:
            return TicketRemoved(**head, reason="spam")
        case _:
            return TicketReplied(**head, author="customer" if kind == 4 else "agent")


def folded(events: list[TicketEvent], forget: int) -> tuple[list[Any], SupportState]:
    state, found = SUPPORT.new(), []
    for event in events:
        SUPPORT.apply(state, event, int(event.occurred_at))  # type: ignore[arg-type]
    found.append(SUPPORT.values(state, START + 4, DAYS.start(START + 5)))
    SUPPORT.forget(state, START + forget)
    found += [SUPPORT.values(state, day, DAYS.start(day + 1)) for day in (START + forget, START + forget + 9)]
    return found, state


@given(
    st.lists(st.tuples(st.integers(0, 6), st.sampled_from("tu"), st.integers(0, 9)), max_size=20), st.integers(90, 110)
)
def test_a_ticket_of_many_facts_reads_like_one_of_few(drawn: list[Any], forget: int) -> None:
    events = [ticket_event(n, kind, name, (START + day) * DAY_MS + n) for n, (kind, name, day) in enumerate(drawn)]
    few, state = folded(events, forget)
    with patch.object(support, "MOST_READ_AT_ONCE", 2):
        many, other = folded(events, forget)
    assert many == few
    assert other.gone == state.gone
    assert other.tickets.keys() == state.tickets.keys()


def test_what_an_older_release_kept_of_a_ticket_of_many_facts_is_read_again() -> None:
    events = [ticket_event(n, 5 if n else 0, "t", START * DAY_MS + n) for n in range(9)]
    expected, _ = folded(events, 0)
    state = SUPPORT.new()
    for event in events:
        SUPPORT.apply(state, event, int(event.occurred_at))  # type: ignore[arg-type]
    with patch.object(support, "MOST_READ_AT_ONCE", 2):
        assert SUPPORT.values(state, START + 4, DAYS.start(START + 5)) == expected[0]


def test_events_of_a_long_ticket_read_it_no_more() -> None:
    state = SUPPORT.new()
    with patch.object(support, "read_ticket", wraps=read_ticket) as reads:
        for n in range(MANY):
            SUPPORT.apply(state, ticket_event(n, 5 if n else 0, "t", START * DAY_MS + n), START * DAY_MS + n)
        assert reads.call_count == support.MOST_READ_AT_ONCE
        assert SUPPORT.values(state, START, DAYS.start(START + 1)).tickets_open == 1
        assert reads.call_count == support.MOST_READ_AT_ONCE + 1
        for n in range(MANY, MANY + 9):
            SUPPORT.apply(state, ticket_event(n, 0, "other", START * DAY_MS + n), START * DAY_MS + n)
            assert SUPPORT.values(state, START, DAYS.start(START + 1)).tickets_open == 2
        assert reads.call_count == support.MOST_READ_AT_ONCE + 1 + 9  # the other one, at each of its events
        SUPPORT.apply(state, ticket_event(MANY + 9, 1, "t", START * DAY_MS + MANY + 9), START * DAY_MS + MANY + 9)
        assert SUPPORT.values(state, START, DAYS.start(START + 1)).tickets_open == 1


def test_an_event_of_billing_looks_at_what_it_may_change_alone() -> None:
    """In the order of time: of what was before it, one change of each subscription at most."""
    fold = RevenueFold(RevenuePolicy(), DAYS)
    state = fold.new()
    with patch.object(Subscription, "terms_after", autospec=True, side_effect=Subscription.terms_after) as looks:
        for n in range(MANY):
            at = START * DAY_MS + n
            terms: dict[str, Any] = {"subscription_id": f"s{n % 3}", "amount_minor": 500 + n, "currency": "EUR"}
            before = fold.movements("c", state, fold.first_moved(state, at))
            fold.apply(state, SubscriptionSet(event_id=f"e{n}", customer_id="c", occurred_at=at, **terms), at)
            assert (len(before), len(fold.movements("c", state, at))) == (0, 1)
        assert looks.call_count < 3 * MANY
    assert state.steps == policy_steps(state, RevenuePolicy())


@pytest.mark.parametrize("policy", [RevenuePolicy(), RevenuePolicy(past_due_days=9)])
def test_the_first_event_after_a_state_was_displaced_reads_what_it_may_change_alone(policy: RevenuePolicy) -> None:
    """Only who is met again has all facts read, to remember them: once."""
    fold, many = RevenueFold(policy, DAYS), 2 * revenue_state.FEW

    def add(state: Any, n: int) -> int:
        at = START * DAY_MS + n
        terms: dict[str, Any] = {"subscription_id": f"s{n % many}", "amount_minor": 500 + n, "currency": "EUR"}
        with patch.object(timeline.Timeline, "_read", autospec=True, side_effect=timeline.Timeline._read) as reads:
            fold.apply(state, SubscriptionSet(event_id=f"e{n:05}", customer_id="c", occurred_at=at, **terms), at)
        return int(reads.call_count)

    state = fold.new()
    for n in range(many):
        add(state, n)
    for n in range(many, many + 9):
        state = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=type(state))
        assert add(state, n) == 0
    assert [add(state, n) for n in range(many + 9, many + 12)] == [many, 1, 1]
    assert state.steps == policy_steps(state, policy)


def _work(name: str, events: int) -> int:
    """How many standings, instants and movements were looked at while the last events of a history were told."""
    turn, policy = HISTORIES[name]
    fold = RevenueFold(policy, DAYS)
    state, told = fold.new(), list(history(turn, events))
    for event in told[:-LAST]:
        fold.apply(state, event, int(event.occurred_at))  # type: ignore[arg-type]
    with (
        patch.object(Standing, "amount", autospec=True, side_effect=Standing.amount) as standings,
        patch.object(timeline.Instant, "after", autospec=True, side_effect=timeline.Instant.after) as instants,
        patch.object(movements, "movement_name", wraps=movements.movement_name) as named,
    ):
        for event in told[-LAST:]:
            at = int(event.occurred_at)  # type: ignore[arg-type]
            since = fold.first_moved(state, at)
            fold.movements("c", state, since)
            fold.apply(state, event, at)  # type: ignore[arg-type]
            fold.movements("c", state, since)
    return standings.call_count + instants.call_count + named.call_count


@pytest.mark.parametrize("name", HISTORIES)
def test_an_event_of_billing_costs_the_same_however_many_came_before(name: str) -> None:
    """Pauses, announced ends, arrears, subscriptions: what a new one looks at does not grow with what is past."""
    few, many = _work(name, MANY), _work(name, 2 * MANY)
    assert few > LAST
    assert many < 1.2 * few


@pytest.mark.parametrize("name", HISTORIES)
def test_a_long_history_ends_where_reading_all_of_it_does(name: str) -> None:
    turn, policy = HISTORIES[name]
    fold, one_by_one = RevenueFold(policy, DAYS), RevenueFold(policy, DAYS).new()
    events = list(history(turn, 600))
    for event in events:
        fold.apply(one_by_one, event, int(event.occurred_at))  # type: ignore[arg-type]
    assert one_by_one.timeline is not None
    assert list(one_by_one.merged(policy.allowed_gap_days * DAY_MS)) == [*policy_steps(one_by_one, policy)]
    with patch.object(revenue_state, "FEW", len(events) * 2):
        other = fold.new()
        for event in events:
            fold.apply(other, event, int(event.occurred_at))  # type: ignore[arg-type]
    assert other.timeline is None
    assert msgspec.msgpack.encode(one_by_one) == msgspec.msgpack.encode(other)


def _looks(subscriptions: int, **of_each: Any) -> int:
    """How often terms are looked at for the values of a day on which the terms of all subscriptions are judged."""
    fold = RevenueFold(RevenuePolicy(), DAYS)
    state = fold.new()
    for number in range(subscriptions):
        head: dict[str, Any] = {"customer_id": "c", "subscription_id": f"s{number:04}"}
        begun, ended = START * DAY_MS + number, (START + 40) * DAY_MS + number
        terms: dict[str, Any] = {"amount_minor": 5, "currency": "EUR", "term_ends_at": ended, **of_each}
        fold.apply(state, SubscriptionSet(event_id=f"a{number}", occurred_at=begun, **head, **terms), begun)
        fold.apply(state, SubscriptionEnded(event_id=f"b{number}", occurred_at=ended, **head), ended)
    with patch.object(Subscription, "terms_after", autospec=True, side_effect=Subscription.terms_after) as looks:
        values = fold.values(state, START + 41, DAYS.start(START + 42))
    assert (values.terms_ended_1d, values.terms_renewed_1d) == (subscriptions, 0)
    return looks.call_count


def test_thousands_of_terms_that_end_on_one_day_are_not_held_against_each_other() -> None:
    assert _looks(400) < 2.1 * _looks(200)


def test_many_terms_of_one_subscription_are_not_held_against_each_other() -> None:
    """Each replaces one that was to end later than the day that is asked for."""

    def looked(changes: int) -> int:
        fold = RevenueFold(RevenuePolicy(), DAYS)
        state = fold.new()
        for number in range(changes):
            at = START * DAY_MS + number
            terms: dict[str, Any] = {"subscription_id": "s", "amount_minor": number, "currency": "EUR"}
            ends = (START + 400) * DAY_MS + number
            event = SubscriptionSet(event_id=f"e{number}", customer_id="c", occurred_at=at, term_ends_at=ends, **terms)
            fold.apply(state, event, at)
        with patch.object(Subscription, "_outlives", autospec=True, side_effect=Subscription._outlives) as compared:
            fold.values(state, START + 1, DAYS.start(START + 2))
        return compared.call_count

    assert looked(300) == 0


def test_a_payment_moves_nothing_unless_arrears_end_mrr_or_the_policy_is_another() -> None:
    fold, late = RevenueFold(RevenuePolicy(), DAYS), RevenueFold(RevenuePolicy(past_due_days=30), DAYS)
    head: dict[str, Any] = {"event_id": "e", "customer_id": "c", "occurred_at": 5}
    paid = InvoiceSettled(**head, invoice_id="i", how="paid")
    assert not fold.may_move(fold.new(), paid)
    assert fold.may_move(fold.new(), CancellationReported(**head))  # its reason may explain a churn
    assert late.may_move(late.new(), paid)
    assert fold.may_move(late.new(), paid)


def test_an_end_that_comes_late_is_seen_by_all_that_follows() -> None:
    """A first end before the first terms takes them away, although they are later."""
    fold = RevenueFold(RevenuePolicy(), DAYS)
    of: dict[str, Any] = {"customer_id": "c", "subscription_id": "s"}
    state = fold.new()
    fold.apply(state, SubscriptionSet(event_id="b", occurred_at=5, amount_minor=5, currency="EUR", **of), 5)
    fold.apply(state, SubscriptionEnded(event_id="a", occurred_at=3, **of), 3)
    assert state.steps == policy_steps(state, RevenuePolicy()) == []
    assert [at for at, _, _ in replay(state.subscriptions["s"])] == [3, 5]
