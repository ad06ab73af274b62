from typing import Any

import pytest

from schemas.envelope import Heartbeat
from schemas.usage_events import FeatureUsed, MilestoneReached
from streams.metrics.activation import ActivationPolicy, DistinctFeatures, Milestone
from streams.metrics.days import DAY_MS, Days
from streams.metrics.engagement import EngagementPolicy
from streams.metrics.usage import UsageFold, UsagePolicy, usage_trend
from streams.metrics.usage_state import UsageState

DAY = 19_800
NOON = DAY_MS // 2


def fold(**engagement: Any) -> UsageFold:
    return UsageFold(UsagePolicy(engagement=EngagementPolicy(**engagement)), Days())


def days_of(state: UsageState) -> list[int]:
    return [state.first_day + day for day in state.days]


def use(fold: UsageFold, state: UsageState, day: int, at: int = NOON, **fields: Any) -> None:
    when = day * DAY_MS + at
    event = FeatureUsed(event_id=f"{len(state.days)}-{when}", customer_id="c", occurred_at=when, **fields)
    fold.apply(state, event, when)


def end(day: int) -> int:
    return (day + 1) * DAY_MS


def test_a_customer_without_use_has_no_engagement_and_no_users() -> None:
    usage = fold()
    values = usage.values(usage.new(), DAY, end(DAY))
    assert values.engagement_score is None
    assert values.engagement_band is None
    assert values.active_users_28d is None
    assert values.days_since_last_use is None
    assert values.events_28d == 0


def test_windows_are_calendar_days_that_end_with_the_day() -> None:
    usage = fold()
    state = usage.new()
    for back in (0, 6, 7, 13, 14, 27, 28):
        use(usage, state, DAY - back, at=0, user_id=f"u{back}")
    values = usage.values(state, DAY, end(DAY))
    assert (values.active_users_1d, values.active_users_7d, values.active_users_28d) == (1, 2, 6)
    assert (values.active_days_14d, values.active_days_prev_14d, values.active_days_28d) == (4, 2, 6)
    assert (values.events_14d, values.events_prev_14d, values.events_28d) == (4, 2, 6)


def test_users_are_unknown_until_one_is_named_and_zero_afterwards() -> None:
    usage = fold()
    state = usage.new()
    use(usage, state, DAY)
    use(usage, state, DAY + 1, user_id="ana")
    assert usage.values(state, DAY, end(DAY)).active_users_28d is None
    assert usage.values(state, DAY + 1, end(DAY + 1)).active_users_28d == 1
    silent = usage.values(state, DAY + 60, end(DAY + 60))
    assert (silent.active_users_1d, silent.active_users_7d, silent.active_users_28d) == (0, 0, 0)
    assert silent.stickiness is None


def test_stickiness_is_the_mean_daily_share_of_the_month() -> None:
    usage = fold()
    state = usage.new()
    for back in range(28):
        use(usage, state, DAY - back, user_id="ana")
    use(usage, state, DAY, user_id="bia")
    assert usage.values(state, DAY, end(DAY)).stickiness == pytest.approx(29 / 28 / 2)


def test_a_feature_without_a_name_counts_as_use_but_not_as_a_feature() -> None:
    usage = fold(features_available=4)
    state = usage.new()
    use(usage, state, DAY)
    values = usage.values(state, DAY, end(DAY))
    assert (values.events_28d, values.features_used_28d, values.adoption) == (1, 0, 0.0)


@pytest.mark.parametrize(
    "available, used, adoption",
    [
        (None, 3, None),
        (6, 3, 0.5),
        (2, 3, 1.0),  # more used than said to exist
        (("a", "b", "x", "y"), 2, 0.5),  # c is not on the list
        (("a", "a", "b", "b"), 2, 1.0),  # a list that repeats itself
    ],
)
def test_unknown_features_never_raise_adoption_above_one(available: object, used: int, adoption: float | None) -> None:
    usage = fold(features_available=available)
    state = usage.new()
    for feature in ("a", "b", "c"):
        use(usage, state, DAY, feature=feature)
    values = usage.values(state, DAY, end(DAY))
    assert (values.features_used_28d, values.adoption) == (used, adoption)


@pytest.mark.parametrize(
    "available, unmapped",
    [(None, None), (6, None), (("a", "x"), 2), (("a", "b", "c"), 0)],
)
def test_features_the_profile_does_not_list_are_counted_apart(available: object, unmapped: int | None) -> None:
    usage = fold(features_available=available)
    state = usage.new()
    assert usage.values(state, DAY, end(DAY)).unmapped_features_28d == (None if unmapped is None else 0)
    for day, feature in ((DAY - 28, "z"), (DAY, "a"), (DAY, "b"), (DAY, "c"), (DAY, "b")):
        use(usage, state, day, feature=feature)
    assert usage.values(state, DAY, end(DAY)).unmapped_features_28d == unmapped


@pytest.mark.parametrize(
    "recent, before, tenure, ratio",
    [(7, 14, 28, 0.5), (0, 3, 28, 0.0), (5, 0, 90, None), (0, 0, 90, None), (5, 5, 27, None)],
)
def test_usage_trend_is_a_ratio_once_both_halves_are_known(
    recent: int, before: int, tenure: int, ratio: float | None
) -> None:
    assert usage_trend(recent, before, tenure) == ratio


def test_usage_trend_begins_on_the_twenty_eighth_day() -> None:
    usage = fold()
    state = usage.new()
    use(usage, state, DAY - 27)
    use(usage, state, DAY)
    assert usage.values(state, DAY - 1, end(DAY - 1)).usage_trend is None
    assert usage.values(state, DAY, end(DAY)).usage_trend == 1.0


def test_days_since_last_use_grows_with_the_clock_alone() -> None:
    usage = fold()
    state = usage.new()
    use(usage, state, DAY)
    since = [usage.values(state, day, end(day)).days_since_last_use for day in (DAY, DAY + 1, DAY + 200)]
    assert since == [0, 1, 200]


def test_durations_add_up_the_same_in_any_order() -> None:
    usage = fold()
    one, other = usage.new(), usage.new()
    seconds = (0.1, 0.2, 0.3, 1e9, None)
    for n, duration in enumerate(seconds):
        use(usage, one, DAY, at=n, duration_seconds=duration)
    for n, duration in enumerate(reversed(seconds)):
        use(usage, other, DAY, at=n, duration_seconds=duration)
    total = usage.values(one, DAY, end(DAY)).duration_seconds_28d
    assert total == usage.values(other, DAY, end(DAY)).duration_seconds_28d == 1_000_000_000.6


def test_a_milestone_is_no_use_and_counts_once() -> None:
    usage = UsageFold(UsagePolicy(activation=ActivationPolicy(criterion=Milestone(milestone="live"))), Days())
    state = usage.new()
    for day in (DAY + 2, DAY, DAY + 1):
        at = day * DAY_MS
        event = MilestoneReached(event_id=str(day), customer_id="c", occurred_at=at, milestone="live", user_id="ana")
        usage.apply(state, event, at)
    before, after = usage.values(state, DAY - 1, DAY * DAY_MS), usage.values(state, DAY, end(DAY))
    assert (before.milestones, before.activated_at) == (0, None)
    assert (after.milestones, after.activated_at) == (1, DAY * DAY_MS)
    assert (after.events_28d, after.active_users_28d, after.first_used_at) == (0, None, None)


def test_a_late_event_moves_first_use_and_activation_to_where_they_always_were() -> None:
    usage = fold()
    state = usage.new()
    for n, feature in enumerate(("b", "c", "d")):
        use(usage, state, DAY + n, feature=feature)
    assert usage.values(state, DAY + 2, end(DAY + 2)).activated_at == (DAY + 2) * DAY_MS + NOON
    use(usage, state, DAY - 3, feature="a")
    values = usage.values(state, DAY + 2, end(DAY + 2))
    assert values.first_used_at == (DAY - 3) * DAY_MS + NOON
    assert values.activated_at == (DAY + 1) * DAY_MS + NOON


def test_last_use_is_known_after_its_day_was_forgotten() -> None:
    usage = fold()
    state = usage.new()
    use(usage, state, DAY, user_id="ana", feature="a")
    usage.forget(state, DAY + 100)
    assert days_of(state) == []
    values = usage.values(state, DAY + 100, end(DAY + 100))
    assert (values.days_since_last_use, values.last_used_at) == (100, DAY * DAY_MS + NOON)
    use(usage, state, DAY - 1)  # not expected so late, and it must not become the last use
    assert usage.values(state, DAY + 100, end(DAY + 100)).days_since_last_use == 100
    usage.forget(state, DAY + 101)
    assert usage.values(state, DAY + 101, end(DAY + 101)).days_since_last_use == 101


def test_forgetting_keeps_the_window_of_the_oldest_day_to_be_told() -> None:
    usage = fold()
    state = usage.new()
    for back in (28, 27, 0):
        use(usage, state, DAY - back)
    usage.forget(state, DAY)
    assert days_of(state) == [DAY - 27, DAY]
    usage.forget(state, DAY)
    assert days_of(state) == [DAY - 27, DAY]


def test_names_nobody_remembers_leave_the_state() -> None:
    usage = fold()
    state = usage.new()
    for n in range(20):
        use(usage, state, DAY, at=n, user_id=f"gone{n}", feature=f"old{n}")
    for n, user in enumerate(("ana", "bia", "gone3")):
        use(usage, state, DAY + 50 + n, user_id=user, feature=f"new{n}")
    before = usage.values(state, DAY + 60, end(DAY + 60))
    usage.forget(state, DAY + 60)
    assert set(state.user_bits) == {"ana", "bia", "gone3"}
    assert set(state.feature_bits) == {"new0", "new1", "new2"}
    assert usage.values(state, DAY + 60, end(DAY + 60)) == before
    use(usage, state, DAY + 60, user_id="caio", feature="new4")
    assert usage.values(state, DAY + 60, end(DAY + 60)).active_users_28d == 4


def test_names_are_told_apart_however_many_they_are() -> None:
    usage = fold()
    state = usage.new()
    names = [f"feature{n}" for n in range(100)]
    for day, order in ((DAY - 1, names), (DAY, names[::-1])):
        for at, name in enumerate(order):
            use(usage, state, day, at=at, feature=name)
    for day in (DAY - 1, DAY):
        assert usage.values(state, day, end(day)).features_used_28d == 100


def test_the_day_of_an_event_is_the_companys() -> None:
    usage = UsageFold(UsagePolicy(), Days("America/Sao_Paulo"))
    state = usage.new()
    use(usage, state, DAY, at=0)  # nine in the evening of the day before
    assert usage.values(state, DAY - 1, Days("America/Sao_Paulo").start(DAY)).active_days_28d == 1


def test_the_fold_moves_no_money() -> None:
    assert fold().movements("c", fold().new()) == []


def test_of_names_that_the_profile_lists_all_are_known() -> None:
    usage = fold(features_available=("f1", "f2", "f3"))
    state = usage.new()
    use(usage, state, DAY, feature="f1")
    values = usage.values(state, DAY, end(DAY))
    assert (values.features_used_28d, values.unmapped_features_28d) == (1, 0)


def test_a_heartbeat_changes_nothing() -> None:
    usage = fold()
    state, beat = usage.new(), Heartbeat(event_id="h", customer_id="c", occurred_at=DAY * DAY_MS)
    usage.apply(state, beat, beat.occurred_at)
    assert state == usage.new()


def test_a_run_that_settles_the_activation_on_its_way_or_holds_more_than_use_is_each_one_by_one() -> None:
    policy = UsagePolicy(activation=ActivationPolicy(criterion=DistinctFeatures(n=2)))
    usage = UsageFold(policy, Days())
    start = DAY * DAY_MS
    runs: list[list[Any]] = [
        [_used(start + minute, feature=f"f{minute}") for minute in (1, 2, 3, 4)],
        [_used(start + 5), MilestoneReached(event_id="m", customer_id="c", occurred_at=start + 6, milestone="live")],
    ]
    together, alone = usage.new(), usage.new()
    for state in (together, alone):
        usage.apply(state, _used(start), start)
    for run in runs:
        usage.apply_run(together, run, [event.occurred_at for event in run], DAY)
        for event in run:
            usage.apply(alone, event, event.occurred_at)
        assert together == alone


def _used(at: int, **fields: Any) -> FeatureUsed:
    return FeatureUsed(event_id=f"e{at}", customer_id="c", occurred_at=at, **fields)
