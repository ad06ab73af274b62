"""Drift of the residual: in time, seldom false, muted at the start."""

import random

import msgspec

from streams.churn.drift import DriftWatch
from streams.churn.policy import ChurnPolicy

POLICY = ChurnPolicy()
WEEKLY = 800


def weeks(watch: DriftWatch, days: range, rate: float, seed: int = 1) -> list[int]:
    """Overlapping windows: a customer who leaves does so in five weekly labels running. Days of alarms."""
    source, leaving, alarms = random.Random(seed), list[int](), list[int]()
    for day in days:
        leaving = [left - 1 for left in leaving if left > 1]
        new = sum(source.random() < rate / 5 for _ in range(WEEKLY))
        leaving += [5] * new
        labels = [float(i < len(leaving)) - 0.03 for i in range(WEEKLY)]
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


def test_alarms_kept_are_the_newest_and_all_are_counted() -> None:
    watch = DriftWatch()
    for turn in range(50):
        watch.learn(1000 + 10 * turn, [float(turn % 2)] * 640, POLICY)
    watch = msgspec.msgpack.decode(msgspec.msgpack.encode(watch), type=DriftWatch)
    assert len(watch.alarms) == 20
    assert watch.count > 20
    assert watch.alarms[-1].day > 1400


def test_what_it_knows_is_told() -> None:
    watch = DriftWatch()
    watch.learn(7, [0.5, -0.5, 0.3], POLICY)
    told = watch.told(POLICY)
    assert told.labels == 3
    assert told.residual is not None
    assert abs(told.residual - 0.1) < 1e-12
