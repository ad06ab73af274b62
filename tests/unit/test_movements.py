import pytest

from streams.metrics.movements import Step, merge_gaps, mrr_at, name_movements, steps_before

STEPS = [
    Step(10, "a", {"EUR": 100}),
    Step(20, "b", {}),
    Step(23, "c", {"EUR": 100}),
    Step(30, "d", {}),
    Step(40, "e", {"EUR": 50, "USD": 70}),
]


@pytest.mark.parametrize("as_of, count", [(10, 0), (11, 1), (20, 1), (21, 2), (40, 4), (41, 5), (99, 5)])
def test_an_instant_sees_the_steps_before_it(as_of, count):
    assert list(steps_before(STEPS, as_of)) == STEPS[:count]
    assert mrr_at(STEPS, as_of) == (STEPS[count - 1].mrr if count else {})


def test_no_steps_no_mrr():
    assert steps_before([], 5) == []
    assert mrr_at([], 5) == {}
    assert name_movements("c", []) == []


@pytest.mark.parametrize(
    "gap, kept",
    [(0, "abcde"), (2, "abcde"), (3, "ade"), (9, "ade"), (10, "ae")],
)
def test_pauses_up_to_the_gap_are_merged(gap, kept):
    assert "".join(step.event_id for step in merge_gaps(STEPS, gap)) == kept


def test_movements_carry_what_was_paid_before_and_after():
    found = [
        (
            m.customer_id,
            m.effective_at,
            m.currency,
            m.movement,
            m.mrr_before_minor,
            m.mrr_after_minor,
            m.event_id,
        )
        for m in name_movements("c", STEPS[3:])
    ]
    assert found == [
        ("c", 40, "EUR", "reactivation", 0, 50, "e"),
        ("c", 40, "USD", "reactivation", 0, 70, "e"),
    ]


def test_leaving_in_two_currencies_at_once_is_churn_in_both_and_in_one_a_contraction():
    both = [Step(1, "a", {"EUR": 5, "USD": 5}), Step(2, "b", {})]
    one = [Step(1, "a", {"EUR": 5, "USD": 5}), Step(2, "b", {"USD": 5})]
    assert [m.movement for m in name_movements("c", both)] == ["new", "new", "churn", "churn"]
    assert [m.movement for m in name_movements("c", one)] == ["new", "new", "contraction"]
