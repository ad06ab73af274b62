"""The fold of product use: counts, distinct users and features, milestones, engagement, activation, onboarding.

Theory of operation. Windows are slices of the columns in `UsageState` (usage_state.py). Facts about the whole history
(first use, milestones, activation, steps of onboarding) are order statistics (activation.py); sessions are connected
pieces of the events (sessions.py); what is no use is in beside_use.py.

Invariants: F1-F3 of fold.py. Sums are integers (durations in ms), so no order of addition can show. Days are
never read partly: an `as_of` is the end of a day or later than every event of its day.

Use is `feature_used` alone: milestones, e-mails and educational resources move no count but their own.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from schemas.envelope import LATEST_MS, Heartbeat
from schemas.events import UsageEvent
from schemas.metrics import Domain, Movement, UsageValues
from schemas.usage_events import FeatureUsed
from streams.metrics import engagement
from streams.metrics.activation import ActivationPolicy
from streams.metrics.beside_use import BesideFigures, BesideUse
from streams.metrics.days import DAY_MS, Days
from streams.metrics.engagement import HALF_WINDOW_DAYS, WINDOW_DAYS, Components, EngagementPolicy
from streams.metrics.onboarding import OnboardingPolicy
from streams.metrics.session_days import SessionDays, begun_between, begun_onboarding
from streams.metrics.sessions import SessionPolicy
from streams.metrics.usage_state import UsageState, column_of, drop_days, last_ms_from, last_use

WEEK_DAYS = 7


class UsagePolicy(Struct, frozen=True, kw_only=True):
    """What the usage domain needs of a profile."""

    engagement: EngagementPolicy = EngagementPolicy()
    activation: ActivationPolicy = ActivationPolicy()
    onboarding: OnboardingPolicy = OnboardingPolicy()
    sessions: SessionPolicy = SessionPolicy()


class UsageFold:
    """`Fold` of the usage topic."""

    domain: Domain = "usage"
    state_type = UsageState
    daily = True
    moves_money = False

    def __init__(self, policy: UsagePolicy, days: Days) -> None:
        self._policy = policy.engagement
        self._beside = BesideUse(policy.activation, policy.onboarding, days)
        self._criteria = self._beside.criteria
        self._sessions = SessionDays(policy.sessions, days)
        self._days = days
        available = policy.engagement.features_available
        self._names = frozenset(available) if isinstance(available, tuple) else None
        self._available = len(set(available)) if isinstance(available, tuple) else available

    def new(self) -> UsageState:
        """State of a customer that has done nothing."""
        return UsageState()

    def apply(self, state: UsageState, event: UsageEvent, at: int) -> None:
        """Takes an event in; heartbeats change nothing."""
        if type(event) is FeatureUsed:
            if state.first_used_at is None or at < state.first_used_at:
                state.first_used_at = at
            self._use(state, (event,), (at,), self._days.of(at))
        elif not isinstance(event, FeatureUsed | Heartbeat):
            self._beside.apply(state, event, at)

    def apply_run(self, state: UsageState, events: Sequence[Any], times: Sequence[int], day: int) -> None:
        """Takes events of one day in, in order."""
        first = state.first_used_at
        for event in events:
            if type(event) is not FeatureUsed:
                first = None
        if first is not None and first <= min(times):  # nearly always
            self._use(state, events, times, day)
        else:
            for event, at in zip(events, times, strict=True):
                self.apply(state, event, at)

    def _use(self, state: UsageState, events: Sequence[FeatureUsed], times: Sequence[int], day: int) -> None:
        """Takes uses of one day in; `first_used_at` knows of all of them."""
        if self._sessions.counted or state.sessions is not None:
            self._sessions.begin(state)
        i = column_of(state, day)
        _count(state, events, i)
        if (last := max(times) - last_ms_from(day)) > state.last_ms[i]:
            state.last_ms[i] = last
        self._used_by(state, events, times, day, i)
        settled_at = LATEST_MS + 1
        for event, at in zip(events, times):  # noqa: B905 - of one length
            if at < settled_at:
                if self._criteria.is_settled(state.progress, day, at):
                    settled_at = at
                else:
                    self._criteria.used(state.progress, event.feature, event.user_id, day, at)
        if (sessions := state.sessions) is not None:
            for event, at in zip(events, times, strict=True):
                self._sessions.used(state, sessions, event, day, at)

    def _used_by(
        self, state: UsageState, events: Sequence[FeatureUsed], times: Sequence[int], day: int, i: int
    ) -> None:
        """Takes in who used the product on the day at place `i`."""
        first, bits, found = state.first_used_at or 0, state.user_bits, 0
        for event, at in zip(events, times):  # noqa: B905 - of one length
            user, beginning = event.user_id, state.beginning
            if user is None:
                continue
            found |= 1 << bits.setdefault(user, len(bits))
            if state.first_named_user_at is None or at < state.first_named_user_at:
                state.first_named_user_at = at
            if at - first < self._beside.young_ms and (beginning is None or beginning.users.get(user, day + 1) > day):
                self._beside.used(state, user, day, at)
        state.users.unite(i, found)

    def values(self, state: UsageState, day: int, as_of: int) -> UsageValues:
        """Figures of the 28 days that end with `day`, and of the history before `as_of`."""
        beside = self._beside.figures(state, day, as_of)
        if state.first_used_at is None or state.first_used_at >= as_of:
            return UsageValues(unmapped_features_28d=None if self._names is None else 0, **beside)
        return self._values_of_user(state, day, as_of, beside)

    def _values_of_user(self, state: UsageState, day: int, as_of: int, beside: BesideFigures) -> UsageValues:
        """The figures of a customer that has used the product before `as_of`."""
        assert state.first_used_at is not None
        days, last = state.days, day - state.first_day
        end = bisect_right(days, last)
        start = bisect_left(days, last - WINDOW_DAYS + 1, 0, end)
        half = bisect_left(days, last - HALF_WINDOW_DAYS + 1, start, end)
        events, events_recent = sum(state.events[start:end]), sum(state.events[half:end])
        quantity = events + sum(state.more[start:end])
        features, adoption, unmapped = self._adoption(state, start, end)
        today, week, month, stickiness = _active_users(state, day, start, end, as_of)
        last_at = last_use(state, end)
        tenure_days = day - self._days.of(state.first_used_at) + 1
        scale = engagement.tenure_scale(self._policy, tenure_days)
        parts = Components(
            recency=engagement.recency(self._policy, (as_of - last_at) / DAY_MS),
            frequency=engagement.frequency(self._policy, end - start, scale),
            breadth=engagement.breadth(self._policy, features),
            depth=engagement.depth(self._policy, quantity, month, end - start, scale),
            trend=engagement.trend(end - half, half - start, tenure_days),
        )
        score = engagement.engagement_score(self._policy.weights, parts)
        return UsageValues(
            active_users_1d=today,
            active_users_7d=week,
            active_users_28d=month,
            stickiness=stickiness,
            events_14d=events_recent,
            events_prev_14d=events - events_recent,
            events_28d=events,
            quantity_28d=quantity,
            duration_seconds_28d=sum(state.duration_ms[start:end]) / 1000,
            errors_28d=sum(state.errors[start:end]),
            active_days_14d=end - half,
            active_days_prev_14d=half - start,
            active_days_28d=end - start,
            features_used_28d=features,
            adoption=adoption,
            usage_trend=usage_trend(end - half, half - start, tenure_days),
            days_since_last_use=(as_of - last_at) // DAY_MS,
            first_used_at=state.first_used_at,
            last_used_at=last_at,
            engagement_score=score,
            engagement_band=engagement.engagement_band(self._policy, score),
            unmapped_features_28d=unmapped,
            sessions_28d=begun_between(state.sessions, start, end),
            onboarding_sessions=None if state.sessions is None else self._onboarding_sessions(state, day, as_of),
            **beside,
        )

    def _onboarding_sessions(self, state: UsageState, day: int, as_of: int) -> int | None:
        return begun_onboarding(state, min(day, self._beside.onboarded_by(state, as_of) - 1))

    def _adoption(self, state: UsageState, start: int, end: int) -> tuple[int, float | None, int | None]:
        """Distinct features of the window, their share of those available, and those the profile does not list."""
        used, names, unmapped = state.features.union(start, end), self._names, None
        if names is not None:
            unmapped = 0
            if not state.feature_bits.keys() <= names:
                known = sum(1 << bit for name, bit in state.feature_bits.items() if name in names)
                unmapped = (used & ~known).bit_count()
                used &= known
        count = used.bit_count()
        return count, None if self._available is None else min(1.0, count / self._available), unmapped

    def forget(self, state: UsageState, before: int) -> None:
        """Drops what no value of a day >= `before` needs."""
        self._beside.forget(state, before)
        end = bisect_left(state.days, before - WINDOW_DAYS + 1 - state.first_day)
        self._sessions.forget(state, before, end, self._beside.onboarded_by(state, 0))
        if end:
            drop_days(state, end)

    def movements(self, customer_id: str, state: UsageState, since: int = 0) -> list[Movement]:
        """None: use moves no money."""
        return []


def _count(state: UsageState, events: Sequence[FeatureUsed], i: int) -> None:
    """Adds events to the figures of their day; a column to which they would add nothing is not even touched."""
    state.events[i] += len(events)
    bits, found = state.feature_bits, 0
    for event in events:
        if event.feature is not None:
            found |= 1 << bits.setdefault(event.feature, len(bits))
        if event.quantity != 1:
            state.more[i] += event.quantity - 1
        if event.duration_seconds is not None:
            state.duration_ms[i] += round(event.duration_seconds * 1000)
        if event.errors:
            state.errors[i] += event.errors
    state.features.unite(i, found)


def usage_trend(recent: int, before: int, tenure_days: int) -> float | None:
    """Active days of the last 14 days against those of the 14 before (METRICS.md `usage_trend`).

    Args:
        recent: active days of the last 14 days.
        before: active days of the 14 days before them.
        tenure_days: calendar days from the first use to the day of the figure, both included.

    Returns:
        A ratio >= 0; None under 28 days of tenure, and when the earlier half has no use to compare with.

    Example:
        >>> usage_trend(3, 6, tenure_days=90), usage_trend(3, 0, tenure_days=90)
        (0.5, None)
    """
    return recent / before if before and tenure_days >= WINDOW_DAYS else None


def _active_users(
    state: UsageState, day: int, start: int, end: int, as_of: int
) -> tuple[int | None, int | None, int | None, float | None]:
    """Distinct users of 1, 7 and 28 days and stickiness; all None before anybody was named."""
    if state.first_named_user_at is None or state.first_named_user_at >= as_of:
        return None, None, None, None
    users, last = state.users, day - state.first_day
    week = bisect_left(state.days, last - WEEK_DAYS + 1, start, end)
    today = users.count(end - 1, end) if end > start and state.days[end - 1] == last else 0
    month = users.union(start, end).bit_count()
    daily = users.count(start, end) / WINDOW_DAYS
    return today, users.union(week, end).bit_count(), month, daily / month if month else None
