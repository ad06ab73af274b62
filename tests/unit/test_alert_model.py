"""People are told what happens to the churn model: once each, to its end, in their language."""

from string import Formatter
from typing import Any, get_args

import msgspec
import pytest
from slack_blocks import check_blocks, mentions

from schemas.alerts import Alert, ModelRuleId
from schemas.models import DriftAlarm, DriftDirection, ModelChange
from streams.alerts.episodes import Episode
from streams.alerts.model_machine import ModelAlerts
from streams.alerts.model_rules import MODEL_RULES, ModelEnding, ModelNextStep, Seen
from streams.alerts.model_texts import MODEL_TEXTS
from streams.alerts.policy import ModelAlertPolicy
from streams.alerts.texts import LOCALES, TEXTS, Locale
from streams.metrics.days import DAY_MS
from streams.metrics.partition import Emitted, MemoryPartition

ENDINGS = {
    "model_drift": "settled",
    "model_rolled_back": "good_again",
    "model_promoted": "settled",
    "model_booster_better": "settled",
    "model_horizon_changed": "settled",
    "model_calibrated": "switched_off",
    "model_refused_examples": "settled",
}
DRIFT = DriftAlarm(day=100, direction="more_leave", before=-0.0002, after=0.0312, labels=640)
ROLLBACK = ModelChange(
    day=100,
    kind="rollback",
    before="rls",
    after="rls of day 19800",
    figures={"log_loss": 0.1512, "log_loss_constant": 0.1201, "standard_errors": 4.0},
)
PROMOTION = ModelChange(
    day=100,
    kind="promotion",
    before="rls",
    after="adagrad",
    figures={"log_loss": 0.1, "champion_log_loss": 0.1104, "labelled": 1600.0},
)
CALIBRATION = ModelChange(
    day=100, kind="calibration_on", before="rls", after="rls", figures={"slope": 1.0, "intercept": 0.3, "ratio": 0.71}
)


def seen(day: int, **more: Any) -> Seen:
    quiet = Seen(day, alarms=[], changes=[], calibrated=False, good=True, refused=0, champion="rls", churned=1234)
    return quiet._replace(**more)


class Rig:
    def __init__(self, locale: Locale = "en", enabled: bool = True) -> None:
        self.sent: list[Emitted] = []
        self.part: MemoryPartition[Any, Any] = MemoryPartition(0, None, lambda *_: None, self.sent.append)
        self.episodes: dict[str, Episode] = {}
        self.locale, self.enabled = locale, enabled

    def take(self, what: Seen) -> list[Alert]:
        before = len(self.sent)
        ModelAlerts("alerts.v1", self.locale, ModelAlertPolicy(enabled=self.enabled)).tell(
            self.part, self.episodes, what
        )
        kept = msgspec.msgpack.encode(self.episodes)  # every day in a process of its own
        self.episodes = msgspec.msgpack.decode(kept, type=dict[str, Episode])
        return [msgspec.json.decode(one.value or b"", type=Alert) for one in self.sent[before:]]


def steps(alerts: list[Alert]) -> list[tuple[str, str]]:
    return [(alert.rule, alert.status) for alert in alerts]


@pytest.mark.parametrize("code", MODEL_TEXTS)
def test_every_text_exists_in_every_language_with_the_same_values(code: str) -> None:
    assert tuple(MODEL_TEXTS[code]) == LOCALES
    values = [{name for _, name, _, _ in Formatter().parse(t) if name} for t in MODEL_TEXTS[code].values()]
    assert values.count(values[0]) == len(LOCALES)
    assert all(t.strip() == t and t for t in MODEL_TEXTS[code].values())


def test_every_step_and_ending_has_its_text_and_no_text_is_left_over() -> None:
    assert set(ENDINGS.values()) == set(get_args(ModelEnding))
    assert {rule.rule for rule in MODEL_RULES} == set(ENDINGS) == set(get_args(ModelRuleId))
    needed = set(get_args(ModelNextStep)) | set(get_args(DriftDirection))
    for rule, ending in ENDINGS.items():
        needed |= {f"{rule}.{part}" for part in ("opened", "updated", "body", ending, f"{ending}.body")}
    assert needed | {"model", "model_sample", "model_prior", "model_of_day"} == set(MODEL_TEXTS)
    assert not set(MODEL_TEXTS) & set(TEXTS)


def test_drift_is_told_again_with_every_alarm_and_settles_after_four_quiet_weeks() -> None:
    rig = Rig()
    (opened,) = rig.take(seen(100, alarms=[DRIFT]))
    assert (opened.alert_id, opened.at) == (f"model_drift:_model:{101 * DAY_MS}:1", 101 * DAY_MS)
    assert (opened.customer_id, opened.severity, opened.next_step) == ("_model", "warning", "look_for_change")
    assert opened.text == (
        "Churn model: more customers leave than it predicts. Of 640 recent predictions whose outcome is known, the "
        "share that left less the predicted one is 3.1 percentage points (was 0). A fresh model learns beside it; "
        "nothing was reset. Model in use: rls. Customers that left and count: 1,234. Next step: see `zelo churn "
        "status`: what changed in prices, product or customers?"
    )
    assert rig.take(seen(107, alarms=[DRIFT])) == []
    again = msgspec.structs.replace(DRIFT, day=110, direction="fewer_leave")
    (updated,) = rig.take(seen(110, alarms=[DRIFT, again]))
    assert (updated.status, updated.alert_id) == ("updated", f"model_drift:_model:{101 * DAY_MS}:2")
    assert updated.text.startswith("Churn model: changed again, fewer customers leave than it predicts.")
    assert rig.take(seen(137, alarms=[DRIFT, again])) == []
    (resolved,) = rig.take(seen(138, alarms=[DRIFT, again]))
    assert (resolved.status, resolved.facts["ended"]) == ("resolved", "settled")
    assert resolved.text.startswith("Churn model: no further sign of change. No new alarm for 28 days. The alert last")
    assert "lasted 38 days" in resolved.text
    (anew,) = rig.take(seen(200, alarms=[msgspec.structs.replace(DRIFT, day=200)]))
    assert (anew.status, anew.opened_at) == ("opened", 201 * DAY_MS)


def test_of_several_alarms_of_a_day_the_last_is_told() -> None:
    (alert,) = Rig().take(seen(100, alarms=[DRIFT, msgspec.structs.replace(DRIFT, direction="fewer_leave")]))
    assert alert.facts["direction"] == "fewer_leave"


def test_a_roll_back_is_told_until_a_state_of_the_model_was_good_again() -> None:
    rig = Rig()
    (opened,) = rig.take(seen(100, changes=[ROLLBACK], good=False))
    assert (opened.rule, opened.severity) == ("model_rolled_back", "critical")
    assert opened.text.startswith(
        "Churn model: rolled back to rls of 2024-03-18. Log loss 0.151 over the weeks last judged, against 0.120 of a "
        "constant guess."
    )
    prior = msgspec.structs.replace(ROLLBACK, day=130, after="prior")
    (updated,) = rig.take(seen(130, changes=[ROLLBACK, prior], good=False))
    assert updated.text.startswith("Churn model: rolled back again, now to the expert's model.")
    assert rig.take(seen(190, changes=[ROLLBACK, prior], good=False)) == []
    assert steps(rig.take(seen(191, changes=[ROLLBACK, prior]))) == [("model_rolled_back", "resolved")]


def test_a_promotion_and_a_calibration_are_told_and_end() -> None:
    rig = Rig()
    promoted, calibrated = rig.take(seen(100, changes=[PROMOTION, CALIBRATION], calibrated=True))
    assert promoted.text.startswith(
        "Churn model: adagrad takes over from rls. Log loss 0.100 against 0.110 on the same 1,600 predictions."
    )
    assert "Predicted / observed was 0.710." in calibrated.text
    assert steps(rig.take(seen(120, changes=[PROMOTION, CALIBRATION]))) == [("model_calibrated", "resolved")]
    assert steps(rig.take(seen(128, changes=[PROMOTION, CALIBRATION]))) == [("model_promoted", "resolved")]


def test_a_booster_that_is_better_is_told_with_what_it_means() -> None:
    better = msgspec.structs.replace(PROMOTION, kind="booster_better", after="booster")
    rig = Rig()
    (told,) = rig.take(seen(100, changes=[better]))
    assert (told.rule, told.severity, told.next_step) == ("model_booster_better", "info", "look_for_features")
    assert told.text.startswith(
        "Churn model: a model of trees predicts better than rls. Log loss 0.100 against 0.110 on the same 1,600 "
        "predictions. Nothing changes: its reasons would not be exact."
    )
    assert rig.take(seen(127, changes=[better])) == []
    assert steps(rig.take(seen(128, changes=[better]))) == [("model_booster_better", "resolved")]


def test_models_that_begin_anew_for_another_window_are_told_whatever_day_that_was() -> None:
    figures = {"days": 90.0, "days_before": 30.0}
    change = ModelChange(day=95, kind="horizon_changed", before="rls", after="prior", figures=figures)
    rig = Rig()
    (told,) = rig.take(seen(100, changes=[change], window=change))
    assert (told.rule, told.severity, told.next_step) == ("model_horizon_changed", "info", "read_with_care")
    assert told.text.startswith(
        "Churn model: begins anew, now for 90 days. The horizon in the settings was changed (it was 30 days). What was"
    )
    assert rig.take(seen(127, changes=[change])) == []
    assert steps(rig.take(seen(128, changes=[change]))) == [("model_horizon_changed", "resolved")]
    unknown = msgspec.structs.replace(change, figures={"days": 90.0})
    (told,) = rig.take(seen(200, changes=[unknown], window=unknown))
    assert "(it was – days)" in told.text


def test_a_calibration_may_have_no_ratio() -> None:
    told = msgspec.structs.replace(CALIBRATION, figures={"slope": 1.0, "intercept": 0.3})
    (alert,) = Rig().take(seen(100, changes=[told], calibrated=True))
    assert "observed was –." in alert.text


def test_refused_examples_are_told_at_most_once_a_week() -> None:
    rig = Rig()
    told = [
        (day, status) for day in range(100, 150) for _, status in steps(rig.take(seen(day, refused=int(day < 116))))
    ]
    # the last was refused on day 115
    assert told == [(100, "opened"), (107, "updated"), (114, "updated"), (143, "resolved")]


def counted(alert: Alert) -> tuple[str, Any, Any]:
    return alert.status, alert.facts["day"], alert.facts["count"]


def test_quiet_begins_behind_the_last_refused_example_told_or_not() -> None:
    rig = Rig()
    assert [counted(alert) for alert in rig.take(seen(100, refused=3))] == [("opened", 100, 3)]
    assert rig.take(seen(104, refused=4)) == rig.take(seen(106, refused=5)) == rig.take(seen(133)) == []
    (resolved,) = rig.take(seen(134))
    assert counted(resolved) == ("resolved", 106, 9)
    assert [counted(alert) for alert in rig.take(seen(135, refused=1))] == [("opened", 135, 1)]


def test_examples_refused_since_they_were_told_are_told_with_the_next() -> None:
    rig = Rig()
    days = {100: 3, 104: 4, 106: 5, 110: 6, 112: 1, 117: 2}
    told = [counted(alert) for day, refused in days.items() for alert in rig.take(seen(day, refused=refused))]
    assert told == [("opened", 100, 3), ("updated", 110, 15), ("updated", 117, 3)]


def test_examples_refused_while_it_is_switched_off_are_no_news() -> None:
    rig = Rig(enabled=False)
    assert rig.take(seen(100, refused=3)) == rig.take(seen(103, refused=4)) == []
    rig.enabled = True
    assert rig.take(seen(105, refused=5)) == []
    assert [counted(alert) for alert in rig.take(seen(110, refused=6))] == [("opened", 110, 11)]


def test_drift_that_was_not_told_since_it_is_switched_off_is_no_quiet() -> None:
    rig = Rig()
    assert steps(rig.take(seen(100, alarms=[DRIFT]))) == [("model_drift", "opened")]
    rig.enabled = False
    for day in (110, 115):
        assert rig.take(seen(day, alarms=[msgspec.structs.replace(DRIFT, day=day)])) == []
    assert rig.take(seen(142)) == []
    assert steps(rig.take(seen(143))) == [("model_drift", "resolved")]


def test_switched_off_it_rings_nobody_and_switched_on_again_it_does_not_tell_what_was() -> None:
    rig = Rig(enabled=False)
    assert rig.take(seen(100, alarms=[DRIFT])) == []
    rig.enabled = True
    assert rig.take(seen(101, alarms=[DRIFT])) == []
    again = msgspec.structs.replace(DRIFT, day=110)
    assert steps(rig.take(seen(110, alarms=[DRIFT, again]))) == [("model_drift", "opened")]
    rig.enabled = False
    assert steps(rig.take(seen(138, alarms=[DRIFT, again]))) == [("model_drift", "resolved")]


@pytest.mark.parametrize("locale", LOCALES)
def test_every_message_is_what_slack_takes(locale: Locale) -> None:
    rig, changes = Rig(locale), [ROLLBACK, PROMOTION, CALIBRATION]
    alerts = rig.take(seen(100, alarms=[DRIFT], changes=changes, calibrated=True, good=False, refused=3))
    later = [msgspec.structs.replace(change, day=107, after="prior") for change in changes]
    again = msgspec.structs.replace(DRIFT, day=107)
    alerts += rig.take(seen(107, alarms=[again], changes=later, calibrated=True, good=False, refused=3))
    alerts += rig.take(seen(150))
    assert [alert.status for alert in alerts] == ["opened"] * 5 + ["updated"] * 5 + ["resolved"] * 5
    for alert in alerts:
        check_blocks(alert.blocks)
        assert not list(mentions(alert.text, alert.blocks))
        assert alert.locale == locale
        assert "{" not in alert.text
