"""The benchmark's job: what every contestant computes."""

from collections import Counter, defaultdict

from hypothesis import given
from hypothesis import strategies as st

from bench.contestants.stock_faust import nobody
from bench.job import (
    ACTIVE_DAYS,
    DAY_MS,
    PARTITIONS,
    WINDOW_DAYS,
    Customer,
    UsageEvent,
    active_users,
    fold,
    generate,
    score,
)
from bench.measures import recount

EVENTS = st.lists(
    st.builds(
        UsageEvent,
        event_id=st.just("e"),
        customer_id=st.just("c"),
        user_id=st.sampled_from(["u0", "u1", "u2"]),
        feature=st.sampled_from(["f0", "f1"]),
        occurred_at=st.integers(0, 90 * DAY_MS),
    ),
    min_size=1,
)


@given(EVENTS)
def test_the_state_is_what_a_look_at_all_events_gives(events: list[UsageEvent]) -> None:
    events.sort(key=lambda event: event.occurred_at)
    customer = Customer()
    for event in events:
        fold(customer, event)
    days = Counter(event.occurred_at // DAY_MS for event in events)
    newest = max(days)
    users: dict[str, int] = {event.user_id: event.occurred_at // DAY_MS for event in events}
    window = range(newest - WINDOW_DAYS + 1, newest + 1)
    assert [customer.days[day % WINDOW_DAYS] for day in window] == [days[day] for day in window]
    assert set(customer.features) == {event.feature for event in events}
    assert active_users(customer) == sum(day > newest - ACTIVE_DAYS for day in users.values())
    assert (customer.events, customer.last_seen) == (len(events), events[-1].occurred_at)
    assert 0 <= score(customer) <= 100


def test_scores_reach_both_ends_of_their_range() -> None:
    assert score(Customer()) == 0
    busy = Customer(0, 100, [1] * WINDOW_DAYS, [f"f{n}" for n in range(20)], {f"u{n}": 100 for n in range(5)})
    assert score(busy) == 100


def test_generated_events_are_the_same_every_time_and_keep_a_customer_in_one_partition() -> None:
    first, second = list(generate(2_000, 50)), list(generate(2_000, 50))
    assert first == second
    places = defaultdict(set)
    for partition, event in first:
        places[event.customer_id].add(partition)
    assert all(len(found) == 1 for found in places.values())
    assert {partition for partition, _ in first} == set(range(PARTITIONS))


def test_stock_faust_keeps_the_same_state_in_its_own_record() -> None:
    theirs, ours = nobody(), Customer()
    for _, event in generate(300, 1):
        fold(theirs, event)
        fold(ours, event)
    copied = Customer(**{name: getattr(theirs, name) for name in Customer.__struct_fields__})
    assert recount({"c": copied}, {"c": ours}).exact
