"""The rules about the churn model itself: what happened to it on a day that people are told, and when that is over.

They look at the model as it is at the end of a day taken by the trainer, so they are a function of the log like it.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

from msgspec import Struct

from schemas.alerts import ModelRuleId, Severity
from schemas.models import DriftAlarm, ModelChange, ModelChangeKind
from streams.alerts.rules import Facts

ModelEnding = Literal["settled", "good_again", "switched_off"]
ModelNextStep = Literal[
    "look_for_change", "read_with_care", "watch_quality", "look_for_bad_events", "look_for_features"
]

_QUIET_DAYS = 28  # chosen
_REFUSALS_TOLD_DAYS = 7  # chosen: at most once a week


class Seen(NamedTuple):
    """The model at the end of a day.

    Attributes:
        day: that was taken.
        alarms, changes: the newest of all time, oldest first.
        calibrated: Platt scaling is on.
        good: a state of what serves was found good since the last roll-back.
        refused: examples turned away on the day.
        champion: what serves; churned: customers counted as churned so far.
        window: since the day before, the models began anew for another window.
    """

    day: int
    alarms: list[DriftAlarm]
    changes: list[ModelChange]
    calibrated: bool
    good: bool
    refused: int
    champion: str
    churned: int
    window: ModelChange | None = None


class ModelRule(Struct, frozen=True, kw_only=True):
    """A rule; as `streams.alerts.rules.Rule`, but of the model.

    Attributes:
        fires: the facts to be told of the day, None when nothing happened.
        says_more: whether an open episode, told with the first facts, is to be told again with the second.
        ends: how an open episode whose newest facts are these, told or held back, is over, None when it is not.
        joined: what is to be told of a day behind days that were held back.
        cooldown_days: none.
    """

    rule: ModelRuleId
    severity: Severity
    next_step: ModelNextStep
    fires: Callable[[Seen], Facts | None]
    ends: Callable[[Seen, Facts], ModelEnding | None]
    says_more: Callable[[Facts, Facts], bool] = lambda told, now: True
    joined: Callable[[Facts, Facts], Facts] = lambda held, now: now
    cooldown_days: int | None = 0


def _drifted(seen: Seen) -> Facts | None:
    today = [alarm for alarm in seen.alarms if alarm.day == seen.day]
    if not today:
        return None
    alarm = today[-1]
    return {
        "day": alarm.day,
        "direction": alarm.direction,
        "before": alarm.before,
        "after": alarm.after,
        "labels": alarm.labels,
    }


def _changed(kind: ModelChangeKind) -> Callable[[Seen], Facts | None]:
    def fires(seen: Seen) -> Facts | None:
        today = [change for change in seen.changes if change.day == seen.day and change.kind == kind]
        if not today:
            return None
        return {"day": seen.day, "before": today[-1].before, "after": today[-1].after, **today[-1].figures}

    return fires


def _begun_anew(seen: Seen) -> Facts | None:
    if seen.window is None:
        return None
    return {"day": seen.day, **{name: int(days) for name, days in seen.window.figures.items()}}


def _refused(seen: Seen) -> Facts | None:
    return {"day": seen.day, "count": seen.refused} if seen.refused else None


def _quiet(seen: Seen, newest: Facts) -> ModelEnding | None:
    return "settled" if seen.day - _day(newest) >= _QUIET_DAYS else None


def _refused_since(held: Facts, now: Facts) -> Facts:
    return {**now, "count": int(held["count"] or 0) + int(now["count"] or 0)}


def _day(facts: Facts) -> int:
    return int(facts["day"] or 0)


MODEL_RULES: tuple[ModelRule, ...] = (
    ModelRule(
        rule="model_drift",
        severity="warning",
        next_step="look_for_change",
        fires=_drifted,
        ends=_quiet,
    ),
    ModelRule(
        rule="model_rolled_back",
        severity="critical",
        next_step="read_with_care",
        fires=_changed("rollback"),
        ends=lambda seen, told: "good_again" if seen.good else None,
    ),
    ModelRule(
        rule="model_promoted",
        severity="info",
        next_step="watch_quality",
        fires=_changed("promotion"),
        ends=_quiet,
    ),
    ModelRule(
        rule="model_booster_better",
        severity="info",
        next_step="look_for_features",
        fires=_changed("booster_better"),
        ends=_quiet,
    ),
    ModelRule(
        rule="model_horizon_changed",
        severity="info",
        next_step="read_with_care",
        fires=_begun_anew,
        ends=_quiet,
    ),
    ModelRule(
        rule="model_calibrated",
        severity="info",
        next_step="watch_quality",
        fires=_changed("calibration_on"),
        ends=lambda seen, told: None if seen.calibrated else "switched_off",
    ),
    ModelRule(
        rule="model_refused_examples",
        severity="warning",
        next_step="look_for_bad_events",
        fires=_refused,
        ends=_quiet,
        says_more=lambda told, now: _day(now) - _day(told) >= _REFUSALS_TOLD_DAYS,
        joined=_refused_since,
    ),
)
