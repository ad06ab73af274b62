"""One ticket, or one customer's billing, with thousands of events: the same figures, and not their square in work."""

from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from schemas.events import (
    SubscriptionEnded,
    SubscriptionSet,
    TicketEvent,
    TicketOpened,
    TicketRemoved,
    TicketReopened,
    TicketReplied,
    TicketSolved,
)
from streams.metrics import support
from streams.metrics.days import DAY_MS, Days
from streams.metrics.levels import replay
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
MANY = 2_000


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


def test_an_end_that_comes_late_is_seen_by_all_that_follows() -> None:
    """A first end before the first terms takes them away, although they are later."""
    fold = RevenueFold(RevenuePolicy(), DAYS)
    of: dict[str, Any] = {"customer_id": "c", "subscription_id": "s"}
    state = fold.new()
    fold.apply(state, SubscriptionSet(event_id="b", occurred_at=5, amount_minor=5, currency="EUR", **of), 5)
    fold.apply(state, SubscriptionEnded(event_id="a", occurred_at=3, **of), 3)
    assert state.steps == policy_steps(state, RevenuePolicy()) == []
    assert [at for at, _, _ in replay(state.subscriptions["s"])] == [3, 5]
