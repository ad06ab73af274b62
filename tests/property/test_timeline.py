"""Customers of many facts: what is kept up by differences is what the facts give when they are read anew."""

from collections.abc import Callable
from copy import copy, deepcopy
from typing import Any
from unittest.mock import patch

import msgspec
import pytest
from fold_laws import DAYS, FIRST_DAY, LAST_DAY, TIMES, histories
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import (
    CancellationReported,
    CancellationScheduled,
    CancellationWithdrawn,
    InvoiceIssued,
    InvoiceSettled,
    PaymentRefunded,
    SubscriptionCancelled,
    SubscriptionEnded,
    SubscriptionPaused,
    SubscriptionResumed,
    SubscriptionSet,
)
from streams.metrics import revenue_state
from streams.metrics.days import DAY_MS
from streams.metrics.merging import Merged
from streams.metrics.movements import Step, merge_gaps
from streams.metrics.revenue import RevenueFold
from streams.metrics.revenue_policy import RevenuePolicy
from streams.metrics.revenue_state import RevenueState
from streams.metrics.subscriptions import Change, Subscription, Terms
from streams.metrics.timeline import Instant

POLICIES = [
    RevenuePolicy(),
    RevenuePolicy(churn_date="cancellation_request", allowed_gap_days=30),
    RevenuePolicy(churn_date="cancellation_in_billing", past_due_days=10, metered="included"),
    RevenuePolicy(past_due_days=1, allowed_gap_days=10, discounts="gross"),
]
NAMES = st.sampled_from(["a", "b", "c"])
# Few instants, so that many things happen at one.
AT = st.one_of(TIMES, st.integers(0, 12).map(lambda day: (FIRST_DAY + 300 + day) * DAY_MS))


def _kind(cls: type, **fields: Any) -> Any:
    return st.fixed_dictionaries(fields).map(lambda drawn: (cls, drawn))


def _events() -> Any:
    said = {"reason": st.sampled_from([None, "price"]), "voluntary": st.sampled_from([None, True])}
    ends = {"subscription_id": NAMES, "ends_at": st.one_of(st.none(), AT), **said}
    money, currency = st.sampled_from([0, 5, 700]), st.sampled_from(["EUR", "EUR", "USD"])
    terms = _kind(
        SubscriptionSet,
        subscription_id=NAMES,
        amount_minor=st.sampled_from([0, 1000, 2500]),
        list_amount_minor=st.sampled_from([None, 3000]),
        currency=currency,
        trial=st.sampled_from([False, False, True]),
        metered=st.sampled_from([False, False, True]),
        term_ends_at=st.one_of(st.none(), AT),
    )
    bill = _kind(
        InvoiceIssued,
        invoice_id=NAMES,
        amount_minor=money,
        currency=currency,
        due_at=AT,
        subscription_id=st.sampled_from([None, "a", "b", "c", "d"]),
    )
    return histories(
        st.one_of(
            terms,
            terms,
            terms,
            bill,
            bill,
            _kind(SubscriptionEnded, subscription_id=NAMES, **said),
            _kind(SubscriptionPaused, subscription_id=NAMES),
            _kind(SubscriptionResumed, subscription_id=NAMES),
            _kind(CancellationScheduled, **ends),
            _kind(CancellationWithdrawn, subscription_id=NAMES),
            _kind(SubscriptionCancelled, **ends),
            _kind(CancellationReported, reason=said["reason"]),
            _kind(InvoiceSettled, invoice_id=NAMES, how=st.sampled_from(["paid", "voided"])),
            _kind(PaymentRefunded, invoice_id=NAMES, amount_minor=money, currency=currency),
        ),
        most=30,
    )


EVENTS = _events()
_EDIT = Callable[[RevenueFold, RevenueState], Any]


def _told(fold: RevenueFold, state: RevenueState, event: Any, days: list[int]) -> list[Any]:
    """What an event makes a machine tell, and the bytes of the state behind it."""
    at = event.occurred_at
    since = fold.first_moved(state, at)
    found: list[Any] = [fold.movements("c", state, since)]
    fold.apply(state, event, at)
    found += [fold.movements("c", state, since), msgspec.msgpack.encode(state)]
    for day in days:
        due = fold.is_due(state, DAYS.start(day + 1))
        found += [due, fold.values(state, day, DAYS.start(day + 1)), fold.values(state, day, DAYS.start(day) + 1)]
    return found


def _history(
    fold: RevenueFold, few: int, events: list[Any], days: list[int], edits: list[tuple[int, _EDIT]]
) -> list[Any]:
    state, found = fold.new(), []
    with patch.object(revenue_state, "FEW", few):
        for number, event in enumerate(events):
            found += _told(fold, state, event, days)
            found += [edit(fold, state) for after, edit in edits if after == number]
        found.append(fold.movements("c", state))
    return found


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("few", [0, 5])
@settings(max_examples=150)
@given(EVENTS, st.lists(st.integers(FIRST_DAY, LAST_DAY), max_size=2), st.booleans())
def test_many_facts_tell_what_few_do(policy: Any, few: int, events: list[Any], days: list[int], late: bool) -> None:
    """After every event: movements, values, and the bytes that are stored."""
    fold = RevenueFold(policy, DAYS)
    if not late:
        events = sorted(events, key=lambda event: event.occurred_at)
    assert _history(fold, few, events, days, []) == _history(fold, 1 << 40, events, days, [])


@pytest.mark.covers
@pytest.mark.parametrize("policy", POLICIES)
@settings(max_examples=100)
@given(
    EVENTS,
    st.integers(0, 29),
    st.integers(0, 29),
    st.sampled_from(POLICIES),
    st.integers(FIRST_DAY + 90, LAST_DAY),
    st.booleans(),
)
def test_also_when_facts_are_forgotten_time_passes_or_the_policy_changes(
    policy: Any, events: list[Any], forgotten: int, changed: int, other: Any, day: int, late: bool
) -> None:
    def forget(fold: RevenueFold, state: RevenueState) -> Any:
        fold.pass_time(state, DAYS.start(day))
        told = fold.movements("c", state)
        fold.forget(state, day)
        return told

    def change(fold: RevenueFold, state: RevenueState) -> Any:
        followed = RevenueFold(other, DAYS).follow(state)
        told = followed and (followed[1], fold.values(followed[0], day, DAYS.start(day + 1)))
        return told, fold.values(state, day, DAYS.start(day + 1))

    edits: list[tuple[int, _EDIT]] = [(forgotten, forget), (changed, change)]
    fold = RevenueFold(policy, DAYS)
    if not late:
        events = sorted(events, key=lambda event: event.occurred_at)
    assert _history(fold, 0, events, [day], edits) == _history(fold, 1 << 40, events, [day], edits)


def test_changes_that_make_up_for_each_other_and_come_at_one_instant() -> None:
    first, second = (DAYS.start(FIRST_DAY + day) for day in (0, 100))

    def said(cls: type, number: int, at: int, subscription: str, **more: Any) -> Any:
        return cls(event_id=f"e{number}", customer_id="c", occurred_at=at, subscription_id=subscription, **more)

    told = [
        said(SubscriptionSet, 1, first, "a", amount_minor=1000, currency="EUR"),
        said(SubscriptionSet, 2, first, "b", amount_minor=1000, currency="EUR"),
        said(SubscriptionEnded, 3, second, "a"),
        said(SubscriptionSet, 4, second, "c", amount_minor=1000, currency="EUR"),  # what "a" was
        said(SubscriptionSet, 5, first + DAY_MS, "a", amount_minor=2500, currency="EUR"),  # late: it was more
        said(SubscriptionSet, 6, first + DAY_MS, "a", amount_minor=1000, currency="EUR"),  # and then not
        said(SubscriptionSet, 7, second + DAY_MS, "b", amount_minor=1500, currency="EUR"),
    ]
    fold = RevenueFold(RevenuePolicy(), DAYS)
    forgotten: list[tuple[int, _EDIT]] = [(5, lambda fold, state: fold.forget(state, LAST_DAY))]
    many, few = (_history(fold, limit, told, [FIRST_DAY + 100, LAST_DAY], forgotten) for limit in (0, 1000))
    assert many == few


def test_an_instant_changes_the_currencies_it_speaks_of_and_leaves_the_others() -> None:
    instant = Instant()
    instant.add("EUR", 100, False, 1)
    assert instant.after({}) == {"EUR": 100}
    assert instant.after({"EUR": -100}) == {}
    assert instant.after({"USD": 5}) == {"EUR": 100, "USD": 5}
    assert instant.after({"EUR": 5, "USD": 5}) == {"EUR": 105, "USD": 5}
    instant.add("USD", -5, True, 1)
    assert (instant.after({"USD": 5}), instant.lost) == ({"EUR": 100}, 0)


def test_what_is_remembered_is_neither_stored_nor_copied() -> None:
    fold = RevenueFold(RevenuePolicy(), DAYS)
    state = fold.new()
    with patch.object(revenue_state, "FEW", 0):
        for at in (5, 6):  # the second is the first that has anything remembered
            assert state.timeline is None
            terms: dict[str, Any] = {"subscription_id": "s", "amount_minor": at, "currency": "EUR"}
            fold.apply(state, SubscriptionSet(event_id=f"e{at}", customer_id="c", occurred_at=at, **terms), at)
    assert state.timeline is not None
    other = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=RevenueState)
    assert [one.timeline for one in (copy(state), deepcopy(state), other)] == [None] * 3
    assert other == state


STEPS = st.lists(st.tuples(st.integers(1, 9), st.sampled_from([{}, {"EUR": 5}, {"EUR": 7}, {"USD": 5}])), max_size=12)


@given(STEPS, st.lists(st.tuples(st.integers(0, 12), STEPS), max_size=4), st.integers(1, 6))
def test_merged_steps_are_those_merged_at_once(drawn: Any, turns: Any, gap: int) -> None:
    merged, steps = Merged(gap), _steps([], drawn)
    for keep, more in turns:
        assert merged.of(steps, min(keep, len(steps))) == merge_gaps(steps[:keep], gap)
        first = min(keep, len(steps))
        steps = _steps(steps[:first], more)
        merged.cut(first)
        assert merged.of(steps, len(steps)) == merge_gaps(steps, gap)


@pytest.mark.covers
@given(
    st.lists(st.tuples(st.integers(0, 12), st.sampled_from([None, None, False, False, True])), max_size=8),
    st.integers(0, 12),
    st.sampled_from([None, 0, 5]),
)
def test_service_that_began_around_an_instant_is_told_by_where_its_run_starts(
    drawn: list[tuple[int, bool | None]], place: int, runs_since: int | None
) -> None:
    subscription = Subscription(runs_since=None if runs_since is None else -runs_since * DAY_MS // 2)
    for number, (half, trial) in enumerate(drawn):
        terms = None if trial is None else Terms(5, "EUR", trial, 1, "month", 1, None, None, None)
        subscription.add(Change(half * DAY_MS // 2, f"e{number}", terms))
    at = place * DAY_MS // 2
    index = subscription.index_at(at + DAY_MS)
    runs = subscription.terms_after(index)
    began = runs is not None and not runs.trial and subscription.run_start(index) >= at - DAY_MS
    assert subscription.begun_around(at) == began
    assert subscription.was_set_since(at) == any(one.at >= at and one.terms for one in subscription.changes)


def _steps(known: list[Step], drawn: Any) -> list[Step]:
    """Steps behind others, neighbours different."""
    steps = [*known]
    for after, mrr in drawn:
        if mrr != (steps[-1].mrr if steps else {}):
            at = (steps[-1].at if steps else 0) + after
            steps.append(Step(at, f"e{at}", mrr))
    return steps
