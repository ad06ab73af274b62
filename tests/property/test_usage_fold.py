"""Invariants F1-F3 of the usage fold, and an oracle that counts its figures the long way from the events."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import FeatureUsed, Heartbeat, MilestoneReached, UsageEvent
from schemas.metrics import UsageValues
from streams.engine.states import ShapeCodec
from streams.metrics.activation import (
    ActivationPolicy,
    ActiveDays,
    AllOf,
    AnyOf,
    DistinctFeatures,
    FeatureUse,
    Milestone,
    UsersDid,
)
from streams.metrics.days import DAY_MS, Days
from streams.metrics.engagement import EngagementPolicy
from streams.metrics.usage import UsageFold, UsagePolicy, UsageState

FIRST_DAY = 19_700
SPAN_DAYS = 90
FEATURES = ("export", "report", "share", "invite")
AVAILABLE = ("export", "report", "share", "billing", "api")

CRITERION = AnyOf(
    of=(
        AllOf(of=(DistinctFeatures(n=3), ActiveDays(n=4))),
        AllOf(of=(UsersDid(n=2, feature="share", within_days=20), FeatureUse(feature="invite"))),
        AllOf(of=(UsersDid(n=3), Milestone(milestone="live"))),
    )
)
POLICY = UsagePolicy(
    engagement=EngagementPolicy(features_available=AVAILABLE),
    activation=ActivationPolicy(criterion=CRITERION),
)

times = st.one_of(
    st.integers(0, SPAN_DAYS * DAY_MS - 1),
    st.integers(0, SPAN_DAYS - 1).map(lambda day: day * DAY_MS),  # exactly at midnight
).map(lambda offset: FIRST_DAY * DAY_MS + offset)


@st.composite
def events(draw: st.DrawFn) -> list[tuple[UsageEvent, int]]:
    history: list[tuple[UsageEvent, int]] = []
    for number, at in enumerate(draw(st.lists(times, max_size=40))):
        head = {"event_id": str(number), "customer_id": "c", "occurred_at": at}
        event: UsageEvent
        if draw(st.integers(0, 9)) == 0:
            event = MilestoneReached(milestone=draw(st.sampled_from(("live", "won"))), **head)
        else:
            event = FeatureUsed(
                feature=draw(st.sampled_from((None, *FEATURES))),
                user_id=draw(st.sampled_from((None, "ana", "bia", "caio", "davi"))),
                quantity=draw(st.integers(1, 30)),
                duration_seconds=draw(st.none() | st.floats(0, 5000, width=32)),
                errors=draw(st.integers(0, 3)),
                **head,
            )
        history.append((event, at))
    return history


def folded(fold: UsageFold, history: list[tuple[UsageEvent, int]]) -> UsageState:
    state = fold.new()
    for event, at in history:
        fold.apply(state, event, at)
    return state


def ends_of_days(days: Days) -> list[tuple[int, int]]:
    some = (0, 1, 6, 13, 14, 27, 28, 40, 60, SPAN_DAYS - 1, SPAN_DAYS + 30)
    return [(FIRST_DAY + n, days.start(FIRST_DAY + n + 1)) for n in some]


def oracle(history: list[tuple[UsageEvent, int]], days: Days, day: int, as_of: int) -> UsageValues:
    """The catalogue's figures, straight from the events before `as_of`."""
    past = [(event, at, days.of(at)) for event, at in history if at < as_of]
    uses = [(event, at, on) for event, at, on in past if isinstance(event, FeatureUsed)]
    reached = {event.milestone for event, _, _ in past if isinstance(event, MilestoneReached)}
    if not uses:
        return UsageValues(milestones=len(reached), activated_at=oracle_activated_at(history, days, as_of))

    def window(length: int, until: int = day) -> list[tuple[FeatureUsed, int, int]]:
        return [use for use in uses if until - length < use[2] <= until]

    def users(length: int) -> set[str]:
        return {event.user_id for event, _, _ in window(length) if event.user_id is not None}

    def active(chosen: list[tuple[FeatureUsed, int, int]]) -> int:
        return len({on for _, _, on in chosen})

    month, recent, before = window(28), window(14), window(14, day - 14)
    daily = [len({e.user_id for e, _, on in month if on == d and e.user_id}) for d in range(day - 27, day + 1)]
    named = any(event.user_id is not None for event, _, _ in uses)
    features = {event.feature for event, _, _ in month if event.feature in AVAILABLE}
    first, last = min(at for _, at, _ in uses), max(at for _, at, _ in uses)
    tenure = day - days.of(first) + 1
    score = oracle_engagement(
        quantity=sum(event.quantity for event, _, _ in month),
        users=len(users(28)),
        active_days=active(month),
        recent_days=active(recent),
        features=len(features),
        tenure=tenure,
        silence_days=(as_of - last) / DAY_MS,
    )
    return UsageValues(
        active_users_1d=len(users(1)) if named else None,
        active_users_7d=len(users(7)) if named else None,
        active_users_28d=len(users(28)) if named else None,
        stickiness=sum(daily) / 28 / len(users(28)) if users(28) else None,
        events_14d=len(recent),
        events_prev_14d=len(before),
        events_28d=len(month),
        quantity_28d=sum(event.quantity for event, _, _ in month),
        duration_seconds_28d=sum(round((e.duration_seconds or 0) * 1000) for e, _, _ in month) / 1000,
        errors_28d=sum(event.errors for event, _, _ in month),
        active_days_14d=active(recent),
        active_days_prev_14d=active(before),
        active_days_28d=active(month),
        features_used_28d=len(features),
        adoption=len(features) / len(AVAILABLE),
        usage_trend=active(recent) / active(before) if tenure >= 28 and before else None,
        days_since_last_use=(as_of - last) // DAY_MS,
        first_used_at=first,
        last_used_at=last,
        milestones=len(reached),
        engagement_score=pytest.approx(score),
        engagement_band="excellent" if score >= 70 else "good" if score >= 40 else "bad",
        activated_at=oracle_activated_at(history, days, as_of),
    )


def oracle_engagement(
    quantity: int,
    users: int,
    active_days: int,
    recent_days: int,
    features: int,
    tenure: int,
    silence_days: float,
) -> float:
    """The default policy's score, written out."""
    scale = 28 / max(7, tenure) if tenure < 28 else 1
    depth = quantity * scale / users / 60 if users else quantity / active_days / 20 if active_days else 0
    parts = [
        (25, 0.5 ** (silence_days / 7)),
        (30, min(1, active_days * scale / 16)),
        (20, min(1, features / 8)),
        (15, min(1, depth)),
    ]
    if tenure >= 28:
        parts.append((10, min(1, 2 * recent_days / active_days) if active_days else 0))
    return 100 * sum(weight * part for weight, part in parts) / sum(weight for weight, _ in parts)


def oracle_activated_at(history: list[tuple[UsageEvent, int]], days: Days, as_of: int) -> int | None:
    """Tries every instant: the first event after which CRITERION holds over what happened until then."""
    past = sorted(((event, at) for event, at in history if at < as_of), key=lambda pair: pair[1])
    uses = [(event, at) for event, at in past if isinstance(event, FeatureUsed)]
    first = uses[0][1] if uses else 0
    for _, now in past:
        until = [(event, at) for event, at in uses if at <= now]
        features = {event.feature for event, _ in until} - {None}
        everyone = {event.user_id for event, _ in until} - {None}
        sharing = [(e.user_id, at) for e, at in until if e.feature == "share" and e.user_id is not None]
        sharers = {user for user, at in sharing if at < first + 20 * DAY_MS}
        live = any(isinstance(e, MilestoneReached) and e.milestone == "live" and at <= now for e, at in past)
        if (
            (len(features) >= 3 and len({days.of(at) for _, at in until}) >= 4)
            or (len(sharers) >= 2 and "invite" in features)
            or (len(everyone) >= 3 and live)
        ):
            return now
    return None


@given(history=events(), zone=st.sampled_from(("UTC", "America/Sao_Paulo", "Europe/Lisbon")))
def test_values_equal_a_recount_of_the_events(history: list[tuple[UsageEvent, int]], zone: str) -> None:
    days = Days(zone)
    fold = UsageFold(POLICY, days)
    state = folded(fold, history)
    for day, as_of in ends_of_days(days):
        assert fold.values(state, day, as_of) == oracle(history, days, day, as_of)


@given(history=events(), data=st.data())
def test_order_of_events_changes_no_value(history: list[tuple[UsageEvent, int]], data: st.DataObject) -> None:
    days = Days()
    fold = UsageFold(POLICY, days)
    shuffled = data.draw(st.permutations(history))
    one, other = folded(fold, history), folded(fold, shuffled)
    for day, as_of in ends_of_days(days):
        assert fold.values(one, day, as_of) == fold.values(other, day, as_of)


@given(history=events())
def test_values_speak_of_the_time_before_as_of_only(history: list[tuple[UsageEvent, int]]) -> None:
    days = Days()
    fold = UsageFold(POLICY, days)
    state = folded(fold, history)
    for day, as_of in ends_of_days(days):
        earlier = folded(fold, [(event, at) for event, at in history if at < as_of])
        assert fold.values(state, day, as_of) == fold.values(earlier, day, as_of)


@given(history=events())
def test_live_values_include_everything_just_seen(history: list[tuple[UsageEvent, int]]) -> None:
    days = Days()
    fold = UsageFold(POLICY, days)
    as_of = max((at for _, at in history), default=FIRST_DAY * DAY_MS) + 1
    values = fold.values(folded(fold, history), days.of(as_of - 1), as_of)
    assert values == oracle(history, days, days.of(as_of - 1), as_of)


@given(history=events(), forgotten=st.lists(st.integers(0, SPAN_DAYS), min_size=1, max_size=3), data=st.data())
def test_forgetting_changes_no_value_of_a_day_kept(
    history: list[tuple[UsageEvent, int]], forgotten: list[int], data: st.DataObject
) -> None:
    days = Days()
    fold = UsageFold(POLICY, days)
    cut = data.draw(st.integers(0, len(history)))
    before = FIRST_DAY + max(forgotten)
    # What still comes after forgetting is inside the horizon, whatever its order.
    late = [(event, at) for event, at in history[cut:] if days.of(at) >= before]
    kept, all_of_it = folded(fold, history[:cut]), folded(fold, history[:cut] + late)
    for n in sorted(forgotten):
        fold.forget(kept, FIRST_DAY + n)
    for event, at in late:
        fold.apply(kept, event, at)
    for day, as_of in ends_of_days(days):
        if day >= before:
            assert fold.values(kept, day, as_of) == fold.values(all_of_it, day, as_of)


@given(history=events())
def test_state_survives_its_encoding(history: list[tuple[UsageEvent, int]]) -> None:
    state = folded(UsageFold(POLICY, Days()), history)
    codec: ShapeCodec[UsageState] = ShapeCodec(UsageState, "a state")
    assert codec.decode(codec.encode(state)) == state


@given(history=events())
def test_engagement_lies_within_its_scale_exactly_when_the_product_was_used(
    history: list[tuple[UsageEvent, int]],
) -> None:
    days = Days()
    fold = UsageFold(POLICY, days)
    state = folded(fold, history)
    for day, as_of in ends_of_days(days):
        values = fold.values(state, day, as_of)
        used = any(isinstance(event, FeatureUsed) and at < as_of for event, at in history)
        assert (values.engagement_score is not None) == (values.engagement_band is not None) == used
        assert values.engagement_score is None or 0 <= values.engagement_score <= 100


@given(at=times)
def test_a_heartbeat_changes_nothing(at: int) -> None:
    fold = UsageFold(POLICY, Days())
    state = fold.new()
    fold.apply(state, Heartbeat(event_id="h", customer_id="_clock", occurred_at=at), at)
    assert state == fold.new()
