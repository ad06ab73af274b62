"""Alert rules with the settings of a profile: what is told, of whom, and that changed settings ring nobody."""

from typing import Any

import msgspec
import pytest
from alert_samples import DETRACTOR, Rig, daily
from hypothesis import given
from hypothesis import strategies as st

from streams.alerts.policy import AlertPolicy, DetractorPolicy, HealthRedPolicy
from streams.errors import ConfigurationError
from streams.metrics.profile import load_profile, parse_profile

OPENED, UPDATED, RESOLVED = ("health_red", "opened"), ("health_red", "updated"), ("health_red", "resolved")
ANSWERED = ("detractor", "opened")


def red(**settings: Any) -> AlertPolicy:
    return AlertPolicy(health_red=HealthRedPolicy(**settings))


def detractors(**settings: Any) -> AlertPolicy:
    return AlertPolicy(detractor=DetractorPolicy(**settings))


@pytest.mark.parametrize(
    "policy, told",
    [
        (red(), True),
        (red(enabled=False), False),
        (red(min_mrr_minor=123_456), True),
        (red(min_mrr_minor=123_457), False),
        (red(segments=("smb",)), True),
        (red(segments=("big", "smb")), True),
        (red(segments=("big",)), False),
    ],
)
def test_a_fall_is_told_of_those_the_settings_name(policy: AlertPolicy, told: bool) -> None:
    assert Rig(policy).take(daily(0, "red", 40.0, "yellow", segment="smb")) == ([OPENED] if told else [])


def test_a_customer_in_no_segment_is_in_none_of_those_named() -> None:
    assert Rig(red(segments=("smb",))).take(daily(0, "red", 40.0, "yellow")) == []


@pytest.mark.parametrize("most, told", [(6, True), (3, True), (2, False)])
def test_detractors_are_told_up_to_a_score(most: int, told: bool) -> None:
    score = daily(0, "green", 80.0, "green", answers=[DETRACTOR])
    assert Rig(detractors(max_score=most)).take(score) == ([ANSWERED] if told else [])


def test_severity_is_that_of_the_settings() -> None:
    rig = Rig(red(severity="info"))
    rig.take(daily(0, "red", 40.0, "yellow"))
    assert rig.alerts[0].severity == "info"


def test_how_much_worse_is_told_again_is_a_setting() -> None:
    rig = Rig(red(worse_points=5.0))
    assert rig.take(daily(0, "red", 40.0, "yellow"), daily(1, "red", 35.0, "red")) == [OPENED, UPDATED]


@pytest.mark.parametrize("days, first", [(0, 2), (3, 4), (40, 41)])
def test_a_fall_within_the_cooldown_opens_when_it_is_over(days: int, first: int) -> None:
    rig = Rig(red(cooldown_days=days))
    rig.take(daily(0, "red", 40.0, "yellow"), daily(1, "green", 80.0, "red"), daily(2, "red", 40.0, "green"))
    opened = 2 if len(rig.alerts) == 3 else 0
    for day in range(3, 50):
        if rig.take(daily(day, "red", 40.0, "red")) and not opened:
            opened = day
    assert opened == first


def test_switching_a_rule_on_rings_nobody() -> None:
    rig = Rig(red(enabled=False))
    assert rig.take(daily(0, "red", 40.0, "yellow"), daily(1, "red", 38.0, "red")) == []
    rig.restart(red())
    assert rig.take(daily(2, "red", 37.0, "red"), daily(3, "yellow", 60.0, "red")) == []
    assert rig.take(daily(12, "red", 40.0, "yellow")) == [OPENED]


def test_switching_detractors_on_rings_nobody() -> None:
    rig = Rig(detractors(enabled=False))
    score = daily(0, "green", 80.0, "green", answers=[DETRACTOR])
    assert rig.take(score) == []
    rig.restart(AlertPolicy())
    assert rig.take(daily(1, "green", 80.0, "green", answers=[DETRACTOR])) == []
    other = msgspec.structs.replace(DETRACTOR, response_id="r2")
    assert rig.take(daily(2, "green", 80.0, "green", answers=[DETRACTOR, other])) == [ANSWERED]


def test_what_was_silent_opens_when_there_is_more_to_say() -> None:
    rig = Rig(red(enabled=False))
    rig.take(daily(0, "red", 40.0, "yellow"), daily(1, "red", 25.0, "red"))
    rig.restart(red())
    assert rig.take(daily(2, "red", 24.0, "red")) == []  # it got worse while nobody wanted to know
    assert rig.take(daily(3, "red", 14.0, "red"), daily(4, "green", 80.0, "red")) == [OPENED, RESOLVED]
    assert [alert.alert_id.rpartition(":")[2] for alert in rig.alerts] == ["1", "2"]


def test_a_cooldown_begins_with_what_was_told() -> None:
    rig = Rig(red(enabled=False))
    rig.take(daily(0, "red", 40.0, "yellow"), daily(1, "green", 80.0, "red"))
    rig.restart(red())
    assert rig.take(daily(2, "red", 30.0, "green")) == [OPENED]


def test_an_answer_that_became_worse_is_told_when_it_falls_under_the_limit() -> None:
    rig = Rig(detractors(max_score=2))
    worse = msgspec.structs.replace(DETRACTOR, score=1)
    assert rig.take(daily(0, "green", 80.0, "green", answers=[DETRACTOR])) == []
    assert rig.take(daily(1, "green", 80.0, "green", answers=[worse])) == [ANSWERED]


def test_a_rule_that_is_switched_off_ends_what_it_told_and_tells_no_more() -> None:
    rig = Rig()
    assert rig.take(daily(0, "red", 40.0, "yellow")) == [OPENED]
    rig.restart(red(enabled=False))
    assert rig.take(daily(1, "red", 20.0, "red"), daily(2, "green", 80.0, "red")) == [RESOLVED]


_SETTINGS = st.builds(
    AlertPolicy,
    health_red=st.builds(
        HealthRedPolicy,
        enabled=st.booleans(),
        min_mrr_minor=st.sampled_from([0, 10**9]),
        cooldown_days=st.integers(0, 9),
        worse_points=st.sampled_from([5.0, 10.0]),
    ),
)


@given(st.lists(st.tuples(st.sampled_from(["red", "yellow", "green"]), st.integers(0, 49), _SETTINGS), max_size=40))
def test_opened_and_resolved_alternate_whatever_settings_come(days: list[tuple[str, int, AlertPolicy]]) -> None:
    rig, before = Rig(), "green"
    for day, (band, points, policy) in enumerate(days):
        rig.restart(policy)
        rig.take(daily(day, band, points + (0.0 if band == "red" else 50.0), before))
        before = band
    steps = [alert.status for alert in rig.alerts if alert.status != "updated"]
    assert steps == ["opened", "resolved"] * (len(steps) // 2) + ["opened"] * (len(steps) % 2)
    assert len({alert.alert_id for alert in rig.alerts}) == len(rig.alerts)


def test_settings_come_from_the_profile() -> None:
    text = b"name = 'acme'\nversion = 1\n[alerts.health_red]\nsegments = ['a']\nmin_mrr_minor = 5\n"
    assert parse_profile(text, "acme.toml").alerts == red(segments=("a",), min_mrr_minor=5)
    assert load_profile("default").alerts == AlertPolicy()


@pytest.mark.parametrize(
    "line, said",
    [
        ("cooldown_days = -1", "profile acme.toml:4, alerts.health_red.cooldown_days: expected `int` >= 0"),
        ("severity = 'bad'", "profile acme.toml:4, alerts.health_red.severity: invalid enum value 'bad'"),
        ("colldown_days = 1", "profile acme.toml:4, alerts.health_red: object contains unknown field `colldown_days`"),
    ],
)
def test_a_wrong_setting_is_named_with_its_line(line: str, said: str) -> None:
    text = f"name = 'acme'\nversion = 1\n[alerts.health_red]\n{line}\n".encode()
    with pytest.raises(ConfigurationError) as caught:
        parse_profile(text, "acme.toml")
    assert str(caught.value).startswith(said)
