"""Drift of the residual: in time, seldom false, muted at the start."""

import random

import msgspec
import pytest

from streams.churn.drift import DriftWatch
from streams.churn.policy import ChurnPolicy

pytestmark = pytest.mark.no_cover  # measuring it doubles its time and finds no line that others miss

POLICY = ChurnPolicy()
WEEKLY = 800


def weeks(
    watch: DriftWatch, days: range, rate: float, seed: int = 1, told: float = 0.03, before: float = 0.0
) -> list[int]:
    """Overlapping windows: a customer who leaves does so in five weekly labels running. Days of alarms.

    The model tells everybody the same probability, `told`; the share `rate` leaves, of those who began to before the
    first of the days the share `before`.
    """
    source, alarms = random.Random(seed), list[int]()
    leaving = [left for left in range(2, 6) for _ in range(WEEKLY) if source.random() < before / 5]
    for day in days:
        leaving = [left - 1 for left in leaving if left > 1]
        new = sum(source.random() < rate / 5 for _ in range(WEEKLY))
        leaving += [5] * new
        labels = [float(i < len(leaving)) - told for i in range(WEEKLY)]
        source.shuffle(labels)
        if watch.learn(day, labels, POLICY):
            alarms.append(day)
    return alarms


def test_leavers_that_double_raise_an_alarm_within_six_weeks() -> None:
    for seed in range(3):
        watch = DriftWatch()
        before = weeks(watch, range(0, 365, 7), 0.03, seed)
        after = weeks(watch, range(371, 500, 7), 0.06, seed + 50)
        assert after
        # Four weeks pass until every label's window lies behind the change.
        assert after[0] <= 371 + 49
        assert watch.alarms[len(before)].direction == "more_leave"
        assert watch.alarms[len(before)].after > watch.alarms[len(before)].before


def test_six_years_without_drift_raise_at_most_one_alarm() -> None:
    assert sum(len(weeks(DriftWatch(), range(0, 730, 7), 0.03, seed)) for seed in range(3)) <= 1


def test_fewer_leavers_are_told_as_such() -> None:
    watch = DriftWatch()
    weeks(watch, range(0, 365, 7), 0.08)
    weeks(watch, range(371, 730, 7), 0.005)
    assert watch.alarms[-1].direction == "fewer_leave"


def test_fewer_leavers_are_told_of_a_model_that_was_right() -> None:
    watch = DriftWatch()
    weeks(watch, range(0, 365, 7), 0.08, told=0.08, before=0.08)
    weeks(watch, range(371, 730, 7), 0.005, told=0.08)
    assert watch.alarms[-1].direction == "fewer_leave"
    assert watch.alarms[-1].after < -0.05


def test_a_model_that_catches_up_with_the_world_is_no_drift() -> None:
    """The first leavers of a company come in a wave that is told too low; then the model has learned it."""
    watch = DriftWatch()
    assert weeks(watch, range(0, 210, 7), 0.03, told=0.01, before=0.03) == []
    before = watch.window.width
    assert weeks(watch, range(210, 364, 7), 0.03, told=0.029, before=0.03) == []
    assert watch.window.width < before  # a change was seen, and the window began anew
    assert weeks(watch, range(364, 504, 7), 0.08, told=0.029, before=0.03) != []  # and drift is seen from there
    assert watch.alarms[-1].direction == "more_leave"


@pytest.mark.parametrize("seed", range(5))
def test_a_residual_that_goes_on_across_0_is_drift_to_the_other_side(seed: int) -> None:
    """Twice as many left as were told, then six times fewer: nearer to 0 in size."""
    watch = DriftWatch()
    weeks(watch, range(0, 364, 7), 0.06, seed, before=0.06)
    before = watch.count
    alarms = weeks(watch, range(364, 462, 7), 0.005, seed + 50, before=0.06)
    assert alarms
    assert alarms[0] <= 364 + 49
    assert [one.direction for one in watch.alarms[before:]] == ["fewer_leave"]
    assert watch.alarms[before].before > 0.01
    assert -0.03 < watch.alarms[before].after < 0.0


def test_a_residual_that_comes_nearer_to_0_and_stays_on_its_side_is_no_drift() -> None:
    """However far from 0 it still is, and for however long."""
    watch = DriftWatch()
    weeks(watch, range(0, 364, 7), 0.08, seed=2, told=0.02, before=0.08)
    assert weeks(watch, range(364, 728, 7), 0.05, seed=11, told=0.02, before=0.08) == []
    assert watch.nearer_from == pytest.approx(0.06, abs=0.01)
    assert watch.told(POLICY).residual == pytest.approx(0.03, abs=0.01)


def test_the_level_of_the_first_months_is_none_to_come_back_across_from() -> None:
    """A new company: much is told, and nobody can leave yet; then its first leavers come."""
    watch = DriftWatch()
    weeks(watch, range(0, 91, 7), 0.0, told=0.09)
    assert weeks(watch, range(91, 210, 7), 0.05, told=0.03, before=0.05) == []
    assert watch.window.width < 17 * WEEKLY  # it was seen to come nearer to 0
    assert watch.nearer_from is None
    assert watch.told(POLICY).residual == pytest.approx(0.02, abs=0.01)


@pytest.mark.parametrize("seed", range(3))
def test_a_drift_that_begins_while_it_is_muted_is_told_after_it(seed: int) -> None:
    watch = DriftWatch()
    weeks(watch, range(0, 364, 7), 0.03, seed, before=0.03)
    watch.begin_anew()  # another model serves from day 364 on; its first labels are mature a month later
    assert weeks(watch, range(394, 443, 7), 0.03, seed, before=0.03) == []
    assert weeks(watch, range(443, 800, 7), 0.08, seed + 50, before=0.03) == [485]  # the first day after it
    assert watch.alarms[-1].direction == "more_leave"
    assert watch.told(POLICY).muted_until_day == 484


def test_a_drift_that_was_told_is_over_without_another_alarm() -> None:
    watch = DriftWatch()
    weeks(watch, range(0, 364, 7), 0.03, before=0.03)
    assert weeks(watch, range(364, 504, 7), 0.08, before=0.03) != []
    assert weeks(watch, range(504, 560, 7), 0.08, told=0.075, before=0.08) == []


def test_muted_at_the_start_and_without_labels() -> None:
    watch = DriftWatch()
    assert not watch.learn(0, [], POLICY)
    assert watch.told(POLICY).muted_until_day is None
    watch.learn(100, [0.0] * 320, POLICY)
    assert not watch.learn(189, [1.0] * 320, POLICY)
    assert watch.told(POLICY).count == 0
    watch.learn(190, [0.0] * 320, POLICY)
    assert watch.learn(190, [1.0] * 320, POLICY)
    told = watch.told(POLICY)
    assert (told.count, told.muted_until_day, told.alarms[0].day) == (2, 190, 190)
    # The first is of what began while it was muted.
    assert [(one.before, one.direction) for one in told.alarms] == [(0.0, "more_leave")] * 2
    assert (told.alarms[0].labels, told.alarms[1].after) == (352, 1.0)


def test_alarms_kept_are_the_newest_and_all_are_counted() -> None:
    watch = DriftWatch()
    for turn in range(90):
        watch.learn(1000 + 10 * turn, [float(turn % 2)] * 640, POLICY)
    watch = msgspec.msgpack.decode(msgspec.msgpack.encode(watch), type=DriftWatch)
    assert len(watch.alarms) == 20
    assert watch.count > 20
    assert watch.alarms[-1].day > 1800


def test_what_it_knows_is_told() -> None:
    watch = DriftWatch()
    watch.learn(7, [0.5, -0.5, 0.3], POLICY)
    told = watch.told(POLICY)
    assert told.labels == 3
    assert told.residual is not None
    assert abs(told.residual - 0.1) < 1e-12


def test_muted_again_when_another_model_serves() -> None:
    """What was promoted in a company's first months was taken for drift when it had told too little."""
    watch = DriftWatch()
    watch.learn(100, [0.0] * 640, POLICY)
    watch.begin_anew()
    assert watch.told(POLICY) == DriftWatch().told(POLICY)
    assert not watch.learn(200, [0.0] * 320, POLICY)
    assert not watch.learn(289, [1.0] * 320, POLICY)
    assert watch.told(POLICY).muted_until_day == 290
    watch.learn(290, [0.0] * 640, POLICY)
    assert watch.learn(297, [1.0] * 640, POLICY)
