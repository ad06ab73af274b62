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

from schemas.events import AccountSet
from streams.metrics.account import AccountFold

FOLD = AccountFold(DAYS)
MOMENTS = st.lists(instants(), min_size=1, max_size=4)
EVENTS = histories(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["Ada", "Bob"]),
            "seats": st.sampled_from([None, 3]),
            "plan": st.sampled_from([None, "Pro"]),
        }
    ).map(lambda drawn: (AccountSet, drawn)),
    most=10,
)
NOBODY = AccountSet(event_id="none", customer_id="c", occurred_at=0, name="")


@given(EVENTS, MOMENTS)
def test_the_newest_profile_wins_whole(events, moments):
    state = folded(FOLD, events)
    for day, as_of in moments:
        values = FOLD.values(state, day, as_of)
        known = [e for e in events if e.occurred_at < as_of]
        newest = max(known, key=lambda e: (e.occurred_at, e.event_id), default=NOBODY)
        assert (values.name, values.seats, values.plan) == (newest.name, newest.seats, newest.plan)


@given(EVENTS.flatmap(lambda events: st.tuples(st.just(events), st.permutations(events))), MOMENTS)
def test_profiles_are_the_same_in_any_order(orders, moments):
    assert_any_order(FOLD, *orders, moments)


@given(EVENTS, MOMENTS)
def test_profiles_speak_of_the_past_only(events, moments):
    assert_past_only(FOLD, events, moments)


@given(EVENTS, st.integers(FIRST_DAY, LAST_DAY), MOMENTS)
def test_forgetting_profiles_changes_no_later_day(events, before, moments):
    moments = [*moments, (before, DAYS.start(before) + 1)]
    assert_forgetting_changes_nothing(FOLD, events, before, moments, lambda state: [], lambda event: "")
