"""What people hear of the model, once."""

from typing import Any

import pytest

from schemas.models import Drift, DriftAlarm, ModelChange, ModelSnapshot, Quality
from streams.churn.news import News, changed_day

ALARM = DriftAlarm(day=20, direction="more_leave", before=0.0, after=0.1, labels=64)
CHANGE = ModelChange(day=21, kind="promotion", before="rls", after="adagrad")
BETTER = ModelChange(day=22, kind="booster_better", before="rls", after="booster")


def snapshot(day: int, refused: int = 0, **more: Any) -> ModelSnapshot:
    return ModelSnapshot(
        model="churn-rls",
        model_version=day,
        trained_through=day,
        horizon_days=30,
        is_prior=False,
        quality=Quality(),
        parameters={},
        river_version="",
        counts={"refused": refused},
        **more,
    )


def test_an_alarm_and_a_change_are_told_once() -> None:
    news = News()
    assert news.of(snapshot(19)) == []
    (alarm, change) = news.of(snapshot(22, drift=Drift(alarms=[ALARM]), changes=[CHANGE]))
    assert (alarm[0], alarm[1]["direction"], alarm[1]["day"]) == ("churn_drift", "more_leave", 20)
    assert (change[0], change[1]["after"]) == ("churn_model_changed", "adagrad")
    assert news.of(snapshot(23, drift=Drift(alarms=[ALARM]), changes=[CHANGE])) == []


def test_who_takes_over_tells_only_what_is_of_the_newest_day() -> None:
    assert News().of(snapshot(22, drift=Drift(alarms=[ALARM]), changes=[CHANGE], refused=7)) == []
    assert [name for name, _ in News().of(snapshot(21, drift=Drift(alarms=[ALARM]), changes=[CHANGE]))] == [
        "churn_model_changed"
    ]


@pytest.mark.parametrize("after,told", [(7, [("churn_examples_refused", {"count": 2})]), (5, []), (0, [])])
def test_examples_refused_since_are_counted(after: int, told: list[Any]) -> None:
    news = News()
    news.of(snapshot(19, refused=5))
    assert news.of(snapshot(20, refused=after)) == told


def test_a_change_of_the_day_after_what_is_learned_is_told_once() -> None:
    anew = ModelChange(day=23, kind="horizon_changed", before="rls", after="prior")
    news, name = News(), "churn_model_changed"
    assert [one for one, _ in news.of(snapshot(21, changes=[CHANGE]))] == [name]
    assert [one["kind"] for _, one in news.of(snapshot(22, changes=[CHANGE, anew]))] == ["horizon_changed"]
    assert news.of(snapshot(22, changes=[CHANGE, anew])) == []
    assert news.of(snapshot(30, changes=[CHANGE, anew])) == []
    assert changed_day([CHANGE, anew]) == 23


def test_a_booster_that_is_better_is_told_and_is_no_change_of_what_serves() -> None:
    news = News()
    news.of(snapshot(19))
    assert [name for name, _ in news.of(snapshot(22, changes=[CHANGE, BETTER]))] == [
        "churn_model_changed",
        "churn_booster_better",
    ]
    assert changed_day([CHANGE, BETTER]) == 21
    assert changed_day([BETTER]) is None
