from collections import Counter

from fold_laws import (
    DAYS,
    FIRST_DAY,
    LAST_DAY,
    assert_any_order,
    assert_forgetting_changes_nothing,
    assert_past_only,
    folded,
    histories,
    instants,
)
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import SpendRecorded
from streams.metrics.spend import SpendFold

FOLD = SpendFold(DAYS)
MOMENTS = st.lists(instants(), min_size=1, max_size=4)
EVENTS = histories(
    st.fixed_dictionaries(
        {"amount_minor": st.integers(0, 10**15), "currency": st.sampled_from(["BRL", "USD", "EUR"])}
    ).map(lambda drawn: (SpendRecorded, drawn)),
)


@given(EVENTS, MOMENTS)
def test_windows_are_sums_of_their_days(events, moments):
    state = folded(FOLD, events)
    for day, as_of in moments:
        values = FOLD.values(state, day, as_of)
        for name, days in (("1d", 1), ("28d", 28), ("90d", 90), ("total", 10_000)):
            expected: Counter[str] = Counter()
            for event in events:
                if DAYS.start(day - days + 1) <= event.occurred_at < as_of:
                    expected[event.currency] += event.amount_minor
            assert getattr(values, f"spend_{name}_minor") == expected


@given(EVENTS.flatmap(lambda events: st.tuples(st.just(events), st.permutations(events))), MOMENTS)
def test_spend_is_the_same_in_any_order(orders, moments):
    assert_any_order(FOLD, *orders, moments)


@given(EVENTS, MOMENTS)
def test_spend_speaks_of_the_past_only(events, moments):
    assert_past_only(FOLD, events, moments)


@given(EVENTS, st.integers(FIRST_DAY, LAST_DAY), MOMENTS)
def test_forgetting_payments_changes_no_later_day(events, before, moments):
    # What comes later is of the windows still held, as the machine's horizon sees to.
    moments = [*moments, (before, DAYS.start(before) + 1)]
    assert_forgetting_changes_nothing(FOLD, events, before, moments, lambda state: [], lambda event: "")
