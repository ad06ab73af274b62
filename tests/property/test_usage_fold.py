"""Invariants F1-F3 of the usage fold, and an oracle that counts its figures the long way from the events."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import Heartbeat, UsageEvent
from schemas.metrics import UsageValues
from schemas.usage_events import EmailOpened, EmailSent, FeatureUsed, MilestoneReached, ResourceRated, ResourceViewed
from streams.catalogue.judging import wrong
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
from streams.metrics.onboarding import OnboardingPolicy, Step
from streams.metrics.sessions import SessionPolicy
from streams.metrics.usage import UsageFold, UsagePolicy
from streams.metrics.usage_state import UsageState

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
    onboarding=OnboardingPolicy(
        limit_days=12,
        steps=(
            Step(name="two features", criterion=DistinctFeatures(n=2)),
            Step(name="three days", criterion=ActiveDays(n=3)),
            Step(name="two people", criterion=UsersDid(n=2)),
        ),
    ),
    sessions=SessionPolicy(counted=True),
)
MINUTE_MS = 60_000

times = st.one_of(
    st.integers(0, SPAN_DAYS * DAY_MS - 1),
    st.integers(0, SPAN_DAYS - 1).map(lambda day: day * DAY_MS),  # exactly at midnight
    # Close together, and about midnight: sessions that join, also exactly as far apart as ends one.
    st.integers(-12, 12).map(lambda tenth: 30 * DAY_MS + tenth * 10 * MINUTE_MS),
).map(lambda offset: FIRST_DAY * DAY_MS + offset)


EMAILS = st.sampled_from(("welcome", "tips", "more"))
RESOURCES = st.sampled_from(("guide", "video"))


@st.composite
def events(draw: st.DrawFn) -> list[tuple[UsageEvent, int]]:
    history: list[tuple[UsageEvent, int]] = []
    for number, at in enumerate(draw(st.lists(times, max_size=40))):
        head = {"event_id": str(number), "customer_id": "c", "occurred_at": at}
        event: UsageEvent
        match draw(st.sampled_from(("use",) * 12 + ("milestone", "sent", "opened", "viewed", "rated"))):
            case "milestone":
                event = MilestoneReached(milestone=draw(st.sampled_from(("live", "won"))), **head)
            case "sent":
                event = EmailSent(email_id=draw(EMAILS), **head)
            case "opened":
                event = EmailOpened(email_id=draw(EMAILS), **head)
            case "viewed":
                event = ResourceViewed(resource=draw(RESOURCES), **head)
            case "rated":
                event = ResourceRated(resource=draw(RESOURCES), helpful=draw(st.booleans()), **head)
            case _:
                event = draw(uses(head))
        history.append((event, at))
    return history


@st.composite
def uses(draw: st.DrawFn, head: dict[str, Any]) -> FeatureUsed:
    return FeatureUsed(
        feature=draw(st.sampled_from((None, *FEATURES))),
        user_id=draw(st.sampled_from((None, "ana", "bia", "caio", "davi"))),
        quantity=draw(st.integers(1, 30)),
        duration_seconds=draw(st.none() | st.floats(0, 5000, width=32)),
        errors=draw(st.integers(0, 3)),
        session_id=draw(st.sampled_from((None, None, "s1", "s2"))),
        **head,
    )


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
    beside = {
        **oracle_onboarding(past, uses, days, as_of),
        **oracle_resources(past, day),
        "milestones": len(reached),
        "activated_at": oracle_activated_at(history, days, as_of),
    }
    if not uses:
        return UsageValues(unmapped_features_28d=0, **beside)

    def window(length: int, until: int = day) -> list[tuple[FeatureUsed, int, int]]:
        return [use for use in uses if until - length < use[2] <= until]

    def users(length: int) -> set[str]:
        return {event.user_id for event, _, _ in window(length) if event.user_id is not None}

    def active(chosen: list[tuple[FeatureUsed, int, int]]) -> int:
        return len({on for _, _, on in chosen})

    month, recent, before = window(28), window(14), window(14, day - 14)
    daily = [len({e.user_id for e, _, on in month if on == d and e.user_id}) for d in range(day - 27, day + 1)]
    named = any(event.user_id is not None for event, _, _ in uses)
    named_features = {event.feature for event, _, _ in month} - {None}
    features = named_features & set(AVAILABLE)
    sessions = oracle_sessions(uses, days)
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
        engagement_score=pytest.approx(score),
        engagement_band="excellent" if score >= 70 else "good" if score >= 40 else "bad",
        unmapped_features_28d=len(named_features - features),
        sessions_28d=sum(day - 28 < on <= day for on in sessions),
        onboarding_sessions=sum(on < days.of(min(at for _, at, _ in past)) + 12 for on in sessions),
        **beside,
    )


def oracle_sessions(uses: list[tuple[FeatureUsed, int, int]], days: Days) -> list[int]:
    """The day on which each session begins."""
    begun: list[int] = []
    for who in {event.session_id or (event.user_id,) for event, _, _ in uses}:
        own = sorted((at, on) for event, at, on in uses if (event.session_id or (event.user_id,)) == who)
        for (before, day_before), (at, on) in zip([(-(10**18), -(10**6)), *own], own, strict=False):
            apart = on - day_before > 1 if isinstance(who, str) else at // 1000 - before // 1000 >= 1800
            begun += [on] if apart else []
    return begun


def oracle_onboarding(
    past: list[tuple[UsageEvent, int, int]], uses: list[tuple[FeatureUsed, int, int]], days: Days, as_of: int
) -> dict[str, Any]:
    """A checklist of two features, three days, two people in twelve days."""
    if not past:
        return {}
    started = min(at for _, at, _ in past)
    end = days.of(started) + 12
    steps = []
    for n, parts in (
        (2, [(event.feature, at) for event, at, _ in uses]),
        (3, [(on, at) for _, at, on in uses]),
        (2, [(event.user_id, at) for event, at, _ in uses]),
    ):
        firsts: dict[Any, int] = {}
        for what, at in sorted(parts, key=lambda part: part[1]):
            if what is not None:
                firsts.setdefault(what, at)
        steps += sorted(firsts.values())[n - 1 : n]
    window = [event for event, _, on in past if on < end]
    emails = {event.email_id for event in window if isinstance(event, EmailSent | EmailOpened)}
    opened = {event.email_id for event in window if isinstance(event, EmailOpened)}
    users = {event.user_id for event in window if isinstance(event, FeatureUsed)} - {None}
    done = len(steps) == 3
    return {
        "onboarding_started_at": started,
        "onboarding_steps_done": len(steps),
        "onboarding_steps_total": 3,
        "onboarding_progress": len(steps) / 3,
        "onboarded_at": max(steps) if done else None,
        "time_to_onboard_days": (max(steps) - started) / DAY_MS if done else None,
        "onboarding_overdue": not done and as_of >= days.start(end),
        "onboarding_users": len(users) or None,
        "onboarding_emails_sent": len(emails) or None,
        "onboarding_emails_opened": len(opened) if emails else None,
    }


def oracle_resources(past: list[tuple[UsageEvent, int, int]], day: int) -> dict[str, Any]:
    facts = [(event, on) for event, _, on in past if isinstance(event, ResourceViewed | ResourceRated)]
    if not facts:
        return {}
    month = [event for event, on in facts if day - 28 < on <= day]
    views = [event.resource for event in month if isinstance(event, ResourceViewed)]
    ratings = [event.helpful for event in month if isinstance(event, ResourceRated)]
    return {
        "resource_views_28d": len(views),
        "resources_viewed_28d": len(set(views)),
        "resource_ratings_28d": len(ratings),
        "resource_helpful_28d": sum(ratings) / len(ratings) if ratings else None,
    }


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
        values = fold.values(state, day, as_of)
        assert values == oracle(history, days, day, as_of)
        assert wrong(values) == []  # in the ranges of the catalogue


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
