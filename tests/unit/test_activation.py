from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.metrics.activation import (
    ActivationPolicy,
    ActiveDays,
    AllOf,
    AnyCriterion,
    AnyOf,
    Criteria,
    DistinctFeatures,
    FeatureUse,
    Milestone,
    UsersDid,
)
from streams.metrics.days import DAY_MS
from streams.metrics.first_times import Progress

Use = tuple[str | None, str | None, int]  # feature, user, day


def activated_on(criterion: AnyCriterion, uses: list[Use]) -> int | None:
    """The day a customer is activated; everything happens at midnight."""
    criteria = Criteria((criterion,))
    progress: Progress = {}
    for feature, user, day in uses:
        criteria.used(progress, feature, user, day, day * DAY_MS)
    at = criteria.instants(progress, min(day for _, _, day in uses) * DAY_MS)[0]
    return None if at is None else at // DAY_MS


USES: list[Use] = [
    ("report", "ana", 10),
    ("report", "bia", 11),
    ("export", "ana", 11),
    (None, "caio", 14),
    ("share", None, 15),
    ("export", "caio", 40),
]


@pytest.mark.parametrize(
    "criterion, day",
    [
        (FeatureUse(feature="export"), 11),
        (FeatureUse(feature="billing"), None),
        (DistinctFeatures(n=3), 15),
        (DistinctFeatures(n=4), None),
        (ActiveDays(n=3), 14),
        (UsersDid(n=3), 14),
        (UsersDid(n=2, feature="export"), 40),
        (UsersDid(n=3, feature="export"), None),
        (AllOf(of=(FeatureUse(feature="export"), ActiveDays(n=3))), 14),
        (AllOf(of=(FeatureUse(feature="billing"), ActiveDays(n=3))), None),
        (AnyOf(of=(FeatureUse(feature="billing"), ActiveDays(n=3), DistinctFeatures(n=3))), 14),
        (AnyOf(of=(FeatureUse(feature="billing"), FeatureUse(feature="api"))), None),
        (AllOf(of=(AnyOf(of=(FeatureUse(feature="api"), FeatureUse(feature="share"))), ActiveDays(n=1))), 15),
    ],
)
def test_a_customer_is_activated_at_the_first_instant_all_holds(criterion: AnyCriterion, day: int | None) -> None:
    assert activated_on(criterion, USES) == day
    assert activated_on(criterion, USES[::-1]) == day


def test_the_time_limit_counts_from_the_first_use() -> None:
    criteria = Criteria((UsersDid(n=2, within_days=7),))
    progress: Progress = {}
    criteria.used(progress, None, "ana", 10, 10 * DAY_MS)
    criteria.used(progress, None, "bia", 17, 17 * DAY_MS - 1)
    assert criteria.instants(progress, 10 * DAY_MS)[0] == 17 * DAY_MS - 1
    assert criteria.instants(progress, 10 * DAY_MS - 1)[0] is None


def test_a_milestone_activates_without_any_use() -> None:
    criteria = Criteria((Milestone(milestone="live"),))
    progress: Progress = {}
    criteria.reached(progress, "won", 5)
    assert criteria.instants(progress, None)[0] is None
    criteria.reached(progress, "live", 9)
    criteria.reached(progress, "live", 7)
    assert criteria.instants(progress, None)[0] == 7


def test_only_facts_of_the_policys_criteria_are_kept_and_no_more_than_needed() -> None:
    criteria = Criteria((AllOf(of=(DistinctFeatures(n=2), UsersDid(n=1))),))
    progress: Progress = {}
    for n in range(50):
        criteria.used(progress, f"feature{n}", f"user{n}", n, 1000 - n)
    assert {key: sorted(members.values()) for key, members in progress.items()} == {
        "distinct_features/2": [951, 952],
        "users_did/1/any": [951],
    }


def test_criteria_that_look_alike_keep_their_facts_apart() -> None:
    criteria = Criteria((AllOf(of=(UsersDid(n=2), UsersDid(n=2, feature="any"))),))
    progress: Progress = {}
    criteria.used(progress, "report", "ana", 1, DAY_MS)
    assert set(progress) == {"users_did/2/any"}


def _told(criteria: Criteria, progress: Progress, days: range) -> list[int | None]:
    for day in days:
        criteria.used(progress, f"feature {day}", f"user {day}", day, day * DAY_MS)
    return [instant and instant // DAY_MS for instant in criteria.instants(progress, 0)]


@pytest.mark.parametrize(
    "kind", [ActiveDays, DistinctFeatures, UsersDid, lambda n: UsersDid(n=n, feature="feature 13" if n < 3 else None)]
)
def test_a_criterion_that_comes_to_ask_for_more_takes_nothing_from_the_others(kind: Any) -> None:
    progress: Progress = {}
    assert _told(Criteria((kind(n=3), kind(n=2))), progress, range(10, 12))[0] is None
    raised = Criteria((kind(n=3), kind(n=5)))
    assert _told(raised, progress, range(12, 14)) == [12, None]  # 10 and 11 are missing of the five
    assert _told(raised, progress, range(14, 17)) == [12, 16]
    again = Criteria((kind(n=3), kind(n=6), FeatureUse(feature="feature 20")))
    raised.used(progress, None, None, 17, 17 * DAY_MS)
    assert _told(again, progress, range(20, 21)) == [12, None, 20]
    again.used(progress, "feature 9", "user 9", 9, 9 * DAY_MS)  # it comes late
    assert again.instants(progress, 0)[0] == 11 * DAY_MS


def test_facts_for_a_criterion_that_is_gone_are_kept_no_more() -> None:
    progress: Progress = {}
    _told(Criteria((ActiveDays(n=2), FeatureUse(feature="feature 10"))), progress, range(10, 11))
    assert _told(Criteria((DistinctFeatures(n=1),)), progress, range(11, 13)) == [11]
    assert progress["active_days/2"] == {"10": 10 * DAY_MS}


def test_criteria_about_the_same_facts_share_them_and_each_has_its_own_instant() -> None:
    criteria = Criteria((AllOf(of=(ActiveDays(n=3), DistinctFeatures(n=2))), ActiveDays(n=1), ActiveDays(n=2)))
    progress: Progress = {}
    for day in (14, 10, 12, 11):
        criteria.used(progress, f"feature {day}", None, day, day * DAY_MS)
    assert criteria.instants(progress, 0) == [12 * DAY_MS, 10 * DAY_MS, 11 * DAY_MS]
    assert {key: len(members) for key, members in progress.items()} == {"active_days/3": 3, "distinct_features/2": 2}


def test_criteria_are_read_from_plain_data() -> None:
    written = {"rule": "any", "of": [{"rule": "users_did", "n": 2, "feature": "x", "within_days": 7}]}
    policy = msgspec.convert({"criterion": written}, ActivationPolicy)
    assert policy.criterion == AnyOf(of=(UsersDid(n=2, feature="x", within_days=7),))


SETTLING = (
    (),
    (ActiveDays(n=2),),
    (DistinctFeatures(n=2),),
    (ActiveDays(n=2), DistinctFeatures(n=2)),
    (ActiveDays(n=1), FeatureUse(feature="f1")),
    (DistinctFeatures(n=1), UsersDid(n=1)),
)
USED = st.lists(st.tuples(st.sampled_from((None, "f1", "f2", "f3")), st.integers(0, 4 * DAY_MS)), max_size=12)


@given(st.sampled_from(SETTLING), st.sampled_from(SETTLING), USED, USED)
def test_where_nothing_can_change_any_more_nothing_does(
    formerly: Any, now: Any, before: list[tuple[str | None, int]], uses: list[tuple[str | None, int]]
) -> None:
    """Also with facts kept for criteria of before."""
    progress: Progress = {}
    for criteria, history in ((Criteria(formerly), before), (Criteria(now), before), (Criteria(now), uses)):
        for feature, at in history:
            settled = criteria.is_settled(progress, at // DAY_MS, at)
            held = {key: dict(members) for key, members in progress.items()}
            criteria.used(progress, feature, "ana", at // DAY_MS, at)
            assert not settled or progress == held


def test_facts_settle_once_there_are_enough_and_nothing_earlier_can_come() -> None:
    criteria = Criteria((AllOf(of=(DistinctFeatures(n=2), ActiveDays(n=2))),))
    progress: Progress = {}
    criteria.used(progress, "f1", None, 1, DAY_MS)
    assert not criteria.is_settled(progress, 1, DAY_MS)
    criteria.used(progress, "f2", None, 1, DAY_MS + 1)
    assert criteria.is_settled(progress, 1, DAY_MS + 1)
    assert not criteria.is_settled(progress, 1, DAY_MS)  # f2 may have come sooner
    assert not criteria.is_settled(progress, 2, 2 * DAY_MS)  # the second day
    criteria.used(progress, None, None, 2, 2 * DAY_MS)
    assert criteria.is_settled(progress, 3, 3 * DAY_MS)
    assert Criteria((ActiveDays(n=1), FeatureUse(feature="f1"))).is_settled({}, 1, 0) is False
    assert Criteria(()).is_settled({}, 1, 0)
