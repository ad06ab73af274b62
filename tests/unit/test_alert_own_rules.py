"""Alert rules of one's own: when an episode opens, goes on and ends, worked through day by day."""

import json
from pathlib import Path
from typing import Any

import pytest
from alert_samples import DAY, Rig, daily, live
from slack_blocks import check_blocks

from schemas.scores import HealthScore
from streams.alerts.own_policy import OwnRule
from streams.alerts.policy import AlertPolicy
from streams.metrics.days import DAY_MS

TICKETS = "support.tickets_open"


def rule(**changes: Any) -> OwnRule:
    settings: dict[str, Any] = {"name": "many_open", "metric": "tickets_open", "when": "above", "limit": 10, **changes}
    return OwnRule(**settings)


def rig(*rules: OwnRule) -> Rig:
    """A machine that has looked at another customer the day before the first one, so nothing of ours is old news."""
    found = Rig(AlertPolicy(rule=rules))
    found.take(daily(-1, "green", 80.0, customer_id="somebody"))
    return found


def day(number: int, value: Any = None, source: str = TICKETS, **changes: Any) -> HealthScore:
    figures = changes.pop("figures", {source: value})
    return daily(number, "green", 80.0, "green", figures=figures, **changes)


def steps(found: Rig, *values: Any, source: str = TICKETS, **changes: Any) -> list[list[str]]:
    """What each of these days brings, the first is day 0."""
    return [
        [step for _, step in found.take(day(number, value, source, **changes))] for number, value in enumerate(values)
    ]


OPENED, UPDATED, RESOLVED = ["opened"], ["updated"], ["resolved"]


@pytest.mark.parametrize(
    "when, limit, outside, inside",
    [
        ("above", 10, 10, 11),
        ("at_least", 10, 9, 10),
        ("below", 10, 10, 9),
        ("at_most", 10, 11, 10),
    ],
)
def test_an_episode_opens_beyond_the_limit_and_ends_within_it(when: str, limit: int, outside: int, inside: int) -> None:
    assert steps(rig(rule(when=when, limit=limit)), outside, inside, inside, outside) == [[], OPENED, [], RESOLVED]


@pytest.mark.parametrize(
    "settings, source, fine, told",
    [
        ({"metric": "payment_state", "when": "is", "limit": "late"}, "revenue.payment_state", "current", "late"),
        ({"metric": "revenue.plan", "when": "is_not", "limit": "gold"}, "revenue.plan", "gold", "free"),
        ({"metric": "onboarding_overdue", "when": "is", "limit": True}, "usage.onboarding_overdue", False, True),
        (
            {"metric": "tickets_open_by_priority", "key": "urgent", "when": "at_least", "limit": 1},
            "support.tickets_open_by_priority:urgent",
            0,
            1,
        ),
    ],
)
def test_names_answers_and_parts_of_maps(settings: dict[str, Any], source: str, fine: object, told: object) -> None:
    found = rig(rule(**settings))
    assert steps(found, fine, told, None, fine, source=source) == [[], OPENED, [], RESOLVED]
    assert found.alerts[0].facts["value"] == (int(told) if isinstance(told, bool) else told)


def test_it_has_to_hold_for_days_in_a_row_and_unknown_days_are_passed_over() -> None:
    found = rig(rule(for_days=3))
    assert steps(found, 11, 11, 10, 11, None, 12, None, 13) == [[], [], [], [], [], [], [], OPENED]
    assert (found.alerts[0].facts["days"], found.alerts[0].facts["value"]) == (3, 13)
    assert found.alerts[0].opened_at == day(7).as_of


def test_an_open_one_ends_at_its_own_bound_and_is_told_again_when_worse() -> None:
    found = rig(rule(ends_at=8, worse_by=5, cooldown_days=0))
    assert steps(found, 11, 9, 15, 16, 20, 9, 8, 12) == [OPENED, [], [], UPDATED, [], [], RESOLVED, OPENED]
    assert [alert.alert_id.rpartition(":")[2] for alert in found.alerts] == ["1", "2", "3", "1"]


def test_what_is_worse_lies_under_a_lower_limit() -> None:
    found = rig(rule(metric="nps", when="below", limit=0, worse_by=20, ends_at=10))
    assert steps(found, 5, -10, -29, -30, 9, 10, source="feedback.nps") == [[], OPENED, [], UPDATED, [], RESOLVED]


def test_a_fall_against_days_before_as_a_share() -> None:
    found = rig(rule(metric="active_users_28d", when="falls_by_share", limit=0.3, against_days=3))
    source = "usage.active_users_28d"
    told = steps(found, 40, 40, 40, 29, 28, 20, 40, 28, None, source=source)
    assert told == [[], [], [], [], OPENED, [], RESOLVED, [], []]  # 28 of 40 is 30 % less; on day 6 40 of 29
    facts = found.alerts[0].facts
    assert (facts["previous_value"], facts["change"], facts["against_days"], facts["value"]) == (40, 0.3, 3, 28)


def test_a_rise_in_the_figures_own_unit_and_nothing_to_compare_with() -> None:
    found = rig(rule(metric="csat", when="rises_by", limit=0.3, against_days=1))
    told = steps(found, 0.4, 0.7, 0.7, None, 0.9, 0.0, 0.3, source="feedback.csat")
    assert told == [[], OPENED, RESOLVED, [], [], [], []]  # the last within the cooldown
    share = rig(rule(metric="events_28d", when="rises_by_share", limit=0.5, against_days=2))
    assert steps(share, 0, 0, 10, 10, 20, source="usage.events_28d") == [[], [], [], [], OPENED]  # of 0 no share


def test_of_next_to_nothing_no_share() -> None:
    """The engagement of a customer that was silent for two years has decayed to that, and then it is back."""
    found = rig(rule(metric="engagement_score", when="rises_by_share", limit=0.5, against_days=1))
    assert steps(found, 2.8e-27, 60.0, 30.0, 60.0, source="usage.engagement_score") == [[], [], [], OPENED]


@pytest.mark.parametrize("value", [10**17, 1e28, 1e308, float("inf"), float("nan")])
@pytest.mark.parametrize("metric", ["revenue.mrr_minor", "support.tickets_open", "usage.adoption", "csat"])
@pytest.mark.parametrize("when, limit", [("above", 10), ("rises_by", 0.5)])
def test_no_figure_is_too_big_for_words(value: float, metric: str, when: str, limit: float) -> None:
    back = {"against_days": 1} if when == "rises_by" else {}
    told = rule(metric=metric, when=when, limit=limit, **back)
    found = rig(told)
    steps(found, 1, value, source=told.source)
    assert bool(found.alerts) is (value == value)


def test_days_that_are_missing_keep_their_place() -> None:
    found = rig(rule(metric="events_28d", when="falls_by", limit=5, against_days=3))
    source = "usage.events_28d"
    assert found.take(day(0, 20, source), day(2, 18, source), day(3, 15, source)) == [("many_open", "opened")]
    assert found.alerts[0].facts["previous_value"] == 20
    assert found.take(day(9, 1, source)) == []  # nothing is known of day 6: neither an end nor news


@pytest.mark.parametrize(
    "settings, inside, outside, ending",
    [
        ({}, {}, {"paying": False}, "left"),
        ({"segments": ("smb",)}, {"segment": "smb"}, {"segment": "big"}, "moved"),
        ({"segments": ("smb",)}, {"segment": "smb"}, {}, "moved"),
        ({"min_mrr_minor": 500}, {"mrr_minor": 500}, {"mrr_minor": 499}, "moved"),
        (
            {"stages": ("renewal",)},
            {"figures": {TICKETS: 11, "stage": "renewal"}},
            {"figures": {TICKETS: 11, "stage": "adoption"}},
            "moved",
        ),
    ],
)
def test_who_it_is_about(settings: Any, inside: Any, outside: Any, ending: str) -> None:
    found = rig(rule(cooldown_days=0, **settings))
    told = [found.take(day(number, 11, **which)) for number, which in enumerate((outside, inside, outside, inside))]
    assert told == [[], [("many_open", "opened")], [("many_open", "resolved")], [("many_open", "opened")]]
    assert found.alerts[1].facts["ended"] == ending


def test_of_those_that_pay_nothing_where_the_rule_says_so() -> None:
    assert steps(rig(rule(paying=False)), 11, paying=False) == [OPENED]


def test_a_stage_that_is_not_said_is_unknown() -> None:
    found = rig(rule(stages=("renewal",)))
    of_stage: dict[str, Any] = {"figures": {TICKETS: 11, "stage": "renewal"}}
    assert found.take(day(0, **of_stage)) == [("many_open", "opened")]
    assert found.take(day(1, 2)) == []  # a scorer with another profile


def test_news_within_the_cooldown_waits_and_what_is_over_by_then_is_never_told() -> None:
    found = rig(rule(cooldown_days=3))
    assert steps(found, 11, 9, 11, 9, 11, 11) == [OPENED, RESOLVED, [], [], OPENED, []]
    found = rig(rule(cooldown_days=3))
    assert steps(found, 11, 9, 11, 9, 9, 9) == [OPENED, RESOLVED, [], [], [], []]


def test_what_was_so_before_the_rule_is_no_news() -> None:
    found = Rig(AlertPolicy())
    found.take(day(0, 11))
    found.restart(AlertPolicy(rule=(rule(cooldown_days=0),)))
    assert found.take(day(1, 11), day(2, 12), day(3, 9)) == []
    assert found.take(day(4, 11)) == [("many_open", "opened")]


def test_a_customer_that_comes_later_is_news_on_its_first_day() -> None:
    assert rig(rule()).take(day(0, 11, customer_id="new")) == [("many_open", "opened")]


def test_another_limit_rings_nobody_and_what_was_told_goes_on() -> None:
    found = rig(rule(cooldown_days=0, for_days=2))
    found.take(day(0, 11, customer_id="told"), day(0, 6), day(1, 12, customer_id="told"), day(1, 7))
    assert len(found.alerts) == 1
    found.restart(AlertPolicy(rule=(rule(limit=5, cooldown_days=0, for_days=2),)))
    assert found.take(*(day(n, 7) for n in (2, 3, 4)), *(day(n, 7, customer_id="told") for n in (2, 3))) == []
    assert found.take(day(4, 5, customer_id="told")) == [("many_open", "resolved")]
    assert found.take(day(5, 5), day(6, 6), day(7, 6)) == [("many_open", "opened")]


def test_a_rule_that_is_switched_off_ends_what_it_told_and_one_switched_on_rings_nobody() -> None:
    found = rig(rule())
    assert found.take(day(0, 11)) == [("many_open", "opened")]
    found.restart(AlertPolicy(rule=(rule(enabled=False),)))
    assert found.take(day(1, 9), day(1, 11, customer_id="b")) == [("many_open", "resolved")]
    found.restart(AlertPolicy(rule=(rule(worse_by=3),)))
    assert found.take(day(2, 13, customer_id="b")) == []
    assert found.take(day(3, 14, customer_id="b")) == [("many_open", "opened")]


def test_a_rule_that_is_taken_out_ends_what_it_told() -> None:
    found = rig(rule(severity="critical"), rule(name="other"), rule(name="quiet", enabled=False), rule(name="short"))
    found.take(day(0, 11))
    found.restart(AlertPolicy(rule=(rule(name="short"),)))
    assert found.take(day(1, 12)) == [("many_open", "resolved"), ("other", "resolved")]
    assert [alert.severity for alert in found.alerts[-2:]] == ["critical", "warning"]
    assert (found.alerts[-1].facts["ended"], found.alerts[-1].facts["value_told"]) == ("removed", 11)
    assert list(found.part.meta.rules) == ["short"]
    found.restart(AlertPolicy())
    assert found.take(day(2, 12), day(3, 12)) == [("short", "resolved")]


def test_a_rule_that_is_about_another_figure_now_ends_what_it_told_of_the_first() -> None:
    found = rig(rule())
    found.take(day(0, 11))
    found.restart(AlertPolicy(rule=(rule(metric="nps", when="below", limit=0),)))
    both = {TICKETS: 12, "feedback.nps": -50.0}
    assert found.take(day(1, figures=both), day(2, figures=both)) == [("many_open", "resolved")]
    facts = found.alerts[-1].facts
    assert (facts["ended"], facts["metric"], facts["value"]) == ("removed", "support.tickets_open", 11)


def test_only_daily_scores_count() -> None:
    found = rig(rule())
    assert found.take(live(DAY_MS, "green", 80.0, "green", figures={TICKETS: 99})) == []
    assert found.take(day(0, 11), live(2 * DAY_MS, "green", 80.0, "green")) == [("many_open", "opened")]
    assert found.take(day(0, 9)) == []  # taken in already
    assert found.take(day(1, 9, version=0)) == [("many_open", "resolved")]


def test_nothing_is_kept_of_customers_no_rule_is_about() -> None:
    found = rig(rule())
    found.take(day(0, 3), day(1, 4))
    assert found.part.get("c1") is None
    found.take(day(2, 11), day(3, 4))
    kept = found.part.get("c1")
    assert kept is not None
    assert kept.own is not None
    assert list(kept.own.rules) == ["many_open"]
    found.take(*(day(number, 4) for number in range(4, 40)))
    assert kept.own.rules == {}


def test_trails_are_as_long_as_the_longest_rule_needs_and_go_with_it() -> None:
    fell = {"metric": "events_28d", "when": "falls_by", "limit": 5}
    rules = (rule(name="a", **fell, against_days=2), rule(name="b", **fell, against_days=4))
    found = rig(*rules)
    found.take(*(day(number, 100, "usage.events_28d") for number in range(9)))
    kept = found.part.get("c1")
    assert kept is not None
    assert kept.own is not None
    assert kept.own.trails["usage.events_28d"].values == [100] * 4
    assert kept.own.trails["usage.events_28d"].day == DAY + 8
    found.restart(AlertPolicy(rule=(rule(),)))
    found.take(day(9, 1))
    assert kept.own.trails == {}


SAID = json.loads((Path(__file__).parents[1] / "golden" / "own_alerts.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("locale", SAID)
def test_the_message_names_the_figure_as_people_call_it(locale: str) -> None:
    found = rig(rule())
    steps(found, 11, 9, locale=locale, name="ACME")
    alerts = [*found.alerts]
    for metric, key in (("mrr_other_minor", "USD"), ("moved_other_28d_minor", "contraction:JPY")):
        found = rig(rule(metric=metric, key=key, when="at_least", limit=100_000))
        steps(found, 123_456, source=f"revenue.{metric}:{key}", locale=locale, name="ACME")
        alerts += found.alerts
    assert [alert.text.replace("\xa0", " ") for alert in alerts] == SAID[locale]
    for alert in alerts:
        check_blocks(alert.blocks)


@pytest.mark.parametrize(
    "settings, source, values, body",
    [
        (
            {"metric": "active_users_28d", "when": "falls_by_share", "limit": 0.3, "against_days": 1},
            "usage.active_users_28d",
            (40, 26),
            "26 (down 35 % in 1 day, was 40, limit 30 %)",
        ),
        (
            {"metric": "events_28d", "when": "rises_by", "limit": 5, "against_days": 1},
            "usage.events_28d",
            (1, 7),
            "7 (up 6 in 1 day, was 1, limit 5)",
        ),
        (
            {"metric": "mrr_minor", "when": "at_most", "limit": 5000},
            "revenue.mrr_minor",
            (5000,),
            "R$50.00 (limit: R$50",
        ),
        ({"metric": "usage.adoption", "when": "below", "limit": 0.25}, "usage.adoption", (0.1,), "10 % (below 25 %)"),
        (
            {"metric": "license_utilization", "when": "at_least", "limit": 1.25},
            "upsell.license_utilization",
            (1.25,),
            "1.25 (",
        ),
        (
            {"metric": "onboarding_overdue", "when": "is", "limit": True},
            "usage.onboarding_overdue",
            (True,),
            "yes (the rule",
        ),
        (
            {"metric": "revenue.plan", "when": "is_not", "limit": "gold"},
            "revenue.plan",
            ("<b>",),
            "<b> (expected: gold)",
        ),
        (
            {"metric": "tickets_open_by_priority", "key": "urgent", "when": "above", "limit": 0},
            "support.tickets_open_by_priority:urgent",
            (1,),
            "Open tickets by priority (urgent): 1 (above 0)",
        ),
    ],
)
def test_figures_are_said_in_their_unit(settings: Any, source: str, values: Any, body: str) -> None:
    found = rig(rule(**settings))
    steps(found, *values, source=source)
    assert body in found.alerts[-1].text
    check_blocks(found.alerts[-1].blocks)


def test_the_end_of_a_customer_whose_figure_is_not_known_any_more_is_told() -> None:
    found = rig(rule())
    assert found.take(day(0, 11), day(1, None, paying=False)) == [("many_open", "opened"), ("many_open", "resolved")]
    assert "The last subscription ended." in found.alerts[-1].text


def test_a_figure_that_the_catalogue_has_no_more_is_called_by_its_id() -> None:
    found = rig(rule())
    found.take(day(0, 11))
    kept = found.part.get("c1")
    assert kept is not None
    assert kept.own is not None
    episode = kept.own.rules["many_open"].episode
    assert episode is not None
    episode.told = episode.told | {"metric": "support.gone"}
    found.restart(AlertPolicy())
    found.take(day(1, 11))
    assert "the rule of the alert was removed – support.gone" in found.alerts[-1].text
