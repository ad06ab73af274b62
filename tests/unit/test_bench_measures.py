"""The benchmark's arithmetic: percentiles, ratios, recounts, journeys."""

import math
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bench.job import Customer, fold, generate, score_of
from bench.measures import Journey, Recount, Spread, percentile, recount, recount_of_scores, times_better

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1)


@given(VALUES, st.floats(0.01, 1.0))
def test_a_percentile_is_one_of_the_values_and_enough_of_them_do_not_exceed_it(
    values: list[float], share: float
) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values)
    assert sum(value < found for value in values) < share * len(values)


def test_a_percentile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 0.5)


def test_a_spread_is_the_median_between_its_extremes() -> None:
    assert Spread.of([3.0, 1.0, 10.0]) == Spread(median=3.0, low=1.0, high=10.0)


@pytest.mark.parametrize(
    "mine, baseline, less_is_better, expected",
    [
        (300.0, 100.0, False, 3.0),
        (50.0, 100.0, False, 0.5),
        (5.0, 50.0, True, 10.0),
        (0.0, 50.0, True, None),
        (5.0, 0.0, False, None),
        (5.0, math.inf, True, None),
    ],
)
def test_a_ratio_above_one_is_always_the_better_one(
    mine: float, baseline: float, less_is_better: bool, expected: float | None
) -> None:
    assert times_better(mine, baseline, less_is_better=less_is_better) == expected


def folded(events: int, customers: int = 7) -> dict[str, Customer]:
    state: dict[str, Customer] = {}
    for _, event in generate(events, customers):
        fold(state.setdefault(event.customer_id, Customer()), event)
    return state


def test_equal_states_are_exact_in_whatever_order_features_came() -> None:
    found = folded(500)
    for customer in found.values():
        customer.features.reverse()
    counted = recount(found, folded(500))
    assert counted.exact
    assert str(counted) == "exact"


def test_a_surplus_of_one_customer_does_not_hide_a_deficit_of_another() -> None:
    expected = folded(500)
    found = deepcopy(expected)
    found["c0"].events += 40
    found["c1"].events -= 40
    counted = recount(found, expected)
    assert (counted.counted_twice, counted.lost, counted.differing) == (40, 40, 2)
    assert str(counted) == "counted twice 40 (8.0%), lost 40 (8.0%)"


def test_a_customer_nobody_knows_is_lost_whole() -> None:
    expected = folded(500)
    found = deepcopy(expected)
    gone = found.pop("c3").events
    assert recount(found, expected) == Recount(500, 0, gone, 1)


def test_a_difference_in_anything_but_the_count_is_not_exact() -> None:
    expected = folded(500)
    found = deepcopy(expected)
    found["c2"].last_seen += 1
    counted = recount(found, expected)
    assert not counted.exact
    assert str(counted) == "1 customers differ"


def test_one_score_ends_the_journey_of_all_events_it_contains() -> None:
    journey = Journey({})
    for due_at in (10.0, 11.0, 12.0):
        journey.sent("c1", due_at)
    journey.seen("c1", 2, 13.0)
    assert (journey.seconds, journey.missing) == ([3.0, 2.0], 1)
    journey.seen("c1", 2, 14.0)
    journey.seen("c1", 1, 14.0)
    assert (journey.seconds, journey.missing) == ([3.0, 2.0], 1)
    journey.seen("c1", 3, 14.0)
    assert (journey.seconds, journey.missing) == ([3.0, 2.0, 2.0], 0)


def test_events_from_before_do_not_count_as_journeys() -> None:
    journey = Journey({"c1": 5})
    journey.seen("c1", 5, 1.0)
    journey.sent("c1", 2.0)
    journey.seen("c1", 5, 3.0)
    assert (journey.seconds, journey.missing) == ([], 1)
    journey.seen("c1", 6, 4.0)
    assert (journey.seconds, journey.missing) == ([2.0], 0)


def test_scores_stand_for_a_state_that_cannot_be_read() -> None:
    expected = folded(500)
    last = {name: score_of(name, customer) for name, customer in expected.items()}
    assert recount_of_scores(last, expected).exact
    more = replace(last["c1"], events=last["c1"].events + 3)
    missing = {name: one for name, one in last.items() if name != "c2"} | {"c1": more}
    found = recount_of_scores(missing, expected)
    assert (found.counted_twice, found.lost, found.differing) == (3, expected["c2"].events, 2)


def test_a_score_that_says_something_else_differs() -> None:
    expected = folded(500)
    last = {name: score_of(name, customer) for name, customer in expected.items()}
    last["c1"] = replace(last["c1"], score=101)
    assert (recount_of_scores(last, expected).differing, str(recount_of_scores(last, expected))) == (
        1,
        "1 customers differ",
    )


def test_a_state_is_told_also_when_its_offsets_never_came_to_the_end() -> None:
    assert str(Recount(100, 0, 0, 0, committed=False)) == "exact; its offsets stand still before the end"
    assert str(Recount(100, 5, 0, 2, committed=False)).startswith("counted twice 5 (5.0%); its offsets")
