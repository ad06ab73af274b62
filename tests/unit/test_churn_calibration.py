"""Platt scaling: learned always, served by rule, off again by rule."""

import random

import msgspec
import pytest

from streams.churn.calibration import Platt
from streams.churn.exact import logistic, logit
from streams.churn.policy import ChurnPolicy

POLICY = ChurnPolicy()


def fed(platt: Platt, days: range, rate: float, told: float, a_day: int = 200, seed: int = 1) -> Platt:
    """Weeks of labels of customers of two kinds, who leave at `rate` and half of it and are told `told` times that."""
    source = random.Random(seed)
    for day in days:
        risks = [rate * source.choice((0.5, 1.0)) for _ in range(a_day)]
        platt.learn(day, [(risk * told, source.random() < risk) for risk in risks], POLICY)
    return platt


def test_it_begins_at_as_they_are() -> None:
    platt = Platt()
    assert platt.slope_and_intercept() == (1.0, 0.0)
    assert platt.ratio() is None
    assert platt.errors_off(30) == 0.0
    assert not platt.should_be_on(POLICY)
    assert platt.told().labels == 0


def test_a_day_without_labels_changes_nothing() -> None:
    platt = Platt()
    platt.learn(3, [], POLICY)
    assert platt == Platt()


def test_the_window_holds_whole_days_and_at_least_the_labels_asked_for() -> None:
    platt = fed(Platt(), range(20), 0.1, 1.0, a_day=300)
    assert [day.day for day in platt.days] == [16, 17, 18, 19]
    assert platt.told().labels == 1200


def test_probabilities_three_times_too_high_are_scaled_until_they_are_right() -> None:
    platt = fed(Platt(), range(10), 0.1, 3.0)
    assert platt.ratio() == pytest.approx(3.0, rel=0.3)
    assert platt.errors_off(30) > 3.0
    assert platt.should_be_on(POLICY)
    slope, intercept = fed(platt, range(10, 60), 0.1, 3.0).slope_and_intercept()
    assert logistic(slope * logit(0.3) + intercept) == pytest.approx(0.1, rel=0.2)


def test_off_again_only_well_inside_the_range() -> None:
    platt = fed(Platt(), range(10), 0.1, 1.17)
    platt.on = True
    within = 1.1 < (platt.ratio() or 0.0) < 1.25
    assert within
    assert platt.should_be_on(POLICY) == (sum(d.scaled_loss for d in platt.days) < sum(d.raw_loss for d in platt.days))
    platt.on = False
    assert not platt.should_be_on(POLICY)
    calm = fed(Platt(on=True), range(10), 0.1, 1.0, seed=3)
    assert 1 / 1.1 < (calm.ratio() or 0.0) < 1.1
    assert not calm.should_be_on(POLICY)


def test_few_labels_decide_nothing_either_way() -> None:
    few = fed(Platt(), range(2), 0.1, 3.0)
    assert not few.should_be_on(POLICY)
    few.on = True
    assert few.should_be_on(POLICY)


def test_nobody_left_where_many_were_expected_is_the_worst_over_prediction() -> None:
    source, platt = random.Random(2), Platt()
    for week in range(60):
        platt.learn(4 + 7 * week, [(source.choice((0.05, 0.1)), False) for _ in range(200)], POLICY)
    assert platt.told().ratio is None
    assert platt.errors_off(30) > 3.0
    platt.weights = (platt.weights[0], 1.0)
    assert platt.should_be_on(POLICY)
    platt.on = True
    assert platt.should_be_on(POLICY)


def test_nobody_left_where_few_were_expected_may_be_chance() -> None:
    platt = Platt()
    for day in range(10):
        platt.learn(day, [(0.001, False)] * 150, POLICY)
    assert platt.ratio() is None
    assert not platt.should_be_on(POLICY)


def test_a_difference_that_may_be_chance_does_not_switch_it_on() -> None:
    # 20 expected, 30 left: 1.5 times, but two standard errors when each leaver is counted four or five times.
    platt = Platt()
    for day in range(5):
        platt.learn(day, [(0.02, i < 6) for i in range(200)], POLICY)
    assert platt.ratio() == pytest.approx(20 / 30)
    assert platt.errors_off(30) == pytest.approx(10 / (20 * 5) ** 0.5)
    assert not platt.should_be_on(POLICY)


def test_labels_upside_down_are_not_served_turned_over() -> None:
    # The riskier half stays and the other leaves: the slope falls below what may be served.
    platt = Platt()
    for day in range(200):
        platt.learn(day, [(0.4, False), (0.02, day % 2 == 0)] * 10, POLICY)
    assert platt.slope_and_intercept()[0] < 0.2
    assert not platt.should_be_on(POLICY)


def test_it_survives_the_table_bit_for_bit() -> None:
    kept = fed(Platt(), range(8), 0.1, 2.0)
    restored = msgspec.msgpack.decode(msgspec.msgpack.encode(kept), type=Platt)
    assert restored == kept
    assert fed(restored, range(8, 12), 0.1, 2.0) == fed(kept, range(8, 12), 0.1, 2.0)
