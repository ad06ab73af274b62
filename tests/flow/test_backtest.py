"""The backtest on a piece of the sample data: its figures are those of the whole product under each profile alone."""

from collections import Counter
from functools import cache

import msgspec
import pytest
from offline_rig import NOW, PARTITIONS, last_records

from schemas.registry import ALERTS, HEALTH
from streams.alerts.own_policy import OwnRule
from streams.alerts.policy import AlertPolicy, HealthRedPolicy
from streams.backtest.foresight import Span, Windows
from streams.backtest.replay import Replay
from streams.backtest.report import Report, compare, scored_days
from streams.metrics.days import Days
from streams.metrics.domain import TimePolicy
from streams.metrics.profile import Profile, load_profile
from streams.offline import Input, Offline

pytestmark = pytest.mark.no_cover  # measuring it doubles its time and finds no line that others miss

TIME = TimePolicy(dedup_days=1100)
CUSTOMERS, LENGTH = 8, 120
DEMO = load_profile("demo")
STRICTER = msgspec.structs.replace(
    DEMO, name="stricter", health=msgspec.structs.replace(DEMO.health, yellow_from=60.0, green_from=85.0)
)
# Another health policy, and two domains that fold otherwise.
OTHER = msgspec.structs.replace(
    STRICTER,
    name="other",
    engagement=msgspec.structs.replace(DEMO.engagement, recency_half_life_days=3.0),
    revenue=msgspec.structs.replace(DEMO.revenue, churn_date="cancellation_request"),
)
# The same figures, other alerts.
QUIETER = msgspec.structs.replace(
    DEMO, name="quieter", alerts=AlertPolicy(health_red=HealthRedPolicy(min_mrr_minor=500_000, worse_points=30.0))
)
# Rules of its own beside the built-in ones.
WATCHFUL = msgspec.structs.replace(
    DEMO,
    name="watchful",
    alerts=AlertPolicy(
        rule=(
            OwnRule(name="use_fell", metric="events_28d", when="falls_by_share", limit=0.2, against_days=7, for_days=2),
            OwnRule(name="low_health", metric="health_score", when="below", limit=70, ends_at=75, segments=()),
            OwnRule(name="contract_ends", metric="days_to_renewal", when="at_most", limit=20, stages=("renewal",)),
        )
    ),
)


def inputs() -> list[Input]:
    return [Input(*record[:4]) for record in last_records(CUSTOMERS, LENGTH)]


@cache
def alone(name: str) -> Offline:
    profile = {one.name: one for one in (DEMO, STRICTER, OTHER, QUIETER, WATCHFUL)}[name]
    offline = Offline(profile, PARTITIONS, TIME, Days(), NOW)
    offline.feed(inputs())
    return offline


@cache
def replayed(changed: str) -> Replay:
    profile = {one.name: one for one in (STRICTER, OTHER, QUIETER, WATCHFUL)}[changed]
    replay = Replay((DEMO, profile), PARTITIONS, TIME, Days(), NOW)
    replay.feed(inputs())
    return replay


@pytest.mark.parametrize("changed", [STRICTER, OTHER, QUIETER, WATCHFUL], ids=lambda profile: profile.name)
def test_each_profile_says_what_it_says_alone(changed: Profile) -> None:
    for profile, track in zip((DEMO, changed), replayed(changed.name).tracks, strict=True):
        scores = [score for score in alone(profile.name).messages(HEALTH) if score.kind == "day"]
        assert scores
        assert {day: dict(bands) for day, bands in track.bands.items()} == {
            day: dict(Counter(score.band for score in scores if score.day == day))
            for day in {score.day for score in scores}
        }
        newest = {score.customer_id: score for score in scores}
        assert {customer: score.factors for customer, score in track.standing.items()} == {
            customer: score.factors for customer, score in newest.items()
        }
        opened = {a.episode_id: a.rule for a in alone(profile.name).messages(ALERTS) if a.status == "opened"}
        assert {rule: len(spells) for rule, spells in track.alerts().items()} == Counter(opened.values())


def report(replay: Replay) -> Report:
    days = scored_days(replay.tracks)
    assert days is not None
    return compare(("a", "b"), (replay.tracks[0], replay.tracks[1]), Span(*days, days[1]), Windows())


def test_higher_bounds_make_bands_worse_and_never_better() -> None:
    found = report(replayed("stricter"))
    for day, bands in found.present.bands.items():
        assert found.changed.bands[day]["red"] >= bands["red"]
        assert found.changed.bands[day]["green"] <= bands["green"]
    assert found.moved
    assert all(abs(factor.moved) < 1e-9 for moved in found.moved for factor in moved.factors)
    assert found.present.churns == found.changed.churns > 0


def test_changed_alert_rules_change_alerts_and_how_good_they_were_but_no_band() -> None:
    found = report(replayed("quieter"))
    assert found.changed.bands == found.present.bands
    assert found.moved == []
    assert 0 < found.changed.alerts["health_red"] < found.present.alerts["health_red"]
    before, after = (
        next(one for one in side.foresight if one.signal == "health_red") for side in (found.present, found.changed)
    )
    assert (before.warnings, after.warnings) == (found.present.alerts["health_red"], found.changed.alerts["health_red"])
    assert after.churns == before.churns
    assert after.warned <= before.warned


def test_two_replays_say_the_same() -> None:
    again = Replay((DEMO, STRICTER), PARTITIONS, TIME, Days(), NOW)
    again.feed(inputs())
    assert msgspec.json.encode(report(again)) == msgspec.json.encode(report(replayed("stricter")))
    assert again.events == len(inputs())


def test_what_cannot_be_read_is_counted_and_moves_nothing() -> None:
    records = inputs()
    spoilt = [Input(records[0].topic, 0, b"c", b"no event"), *records, Input(records[0].topic, 0, b"c", None)]
    again = Replay((DEMO, STRICTER), PARTITIONS, TIME, Days(), NOW)
    again.feed(spoilt)
    assert again.unread == 2
    assert report(again) == report(replayed("stricter"))


def test_rules_of_ones_own_are_judged_as_the_built_in_ones() -> None:
    found = report(replayed("watchful"))
    own = {rule.name for rule in WATCHFUL.alerts.rule}
    assert found.changed.alerts.keys() >= {"use_fell", "low_health"}
    assert found.present.alerts.keys().isdisjoint(own)
    judged = {one.signal: one for one in found.changed.foresight}
    for rule in ("use_fell", "low_health"):
        assert judged[rule].warnings == found.changed.alerts[rule]
    assert next(one for one in found.present.foresight if one.signal == "use_fell").warnings == 0
    assert found.changed.bands == found.present.bands
    built_in = {rule: count for rule, count in found.changed.alerts.items() if rule not in own}
    assert built_in == found.present.alerts
