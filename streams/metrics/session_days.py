"""Sessions counted beside the days of a customer's use."""

from bisect import bisect_left

from schemas.usage_events import FeatureUsed
from streams.metrics.columns import Column
from streams.metrics.days import Days
from streams.metrics.sessions import SessionPolicy, Sessions, drop_before, join_named, join_unnamed
from streams.metrics.usage_state import UsageState


class SessionDays:
    """Keeps a state's sessions by a policy and the company's calendar; none at all where it does not count them.

    Attributes:
        counted: whether it does.
    """

    def __init__(self, policy: SessionPolicy, days: Days) -> None:
        self.counted = policy.counted
        self._gap_seconds = policy.gap_minutes * 60
        self._days = days

    def begin(self, state: UsageState) -> None:
        """Counts from here on; sessions of the days known already, and of forgotten ones, are not known."""
        if self.counted and state.sessions is None:
            forgotten = state.forgotten_last_at is not None
            state.sessions = Sessions(Column([0] * len(state.days)), onboarding=None if forgotten else 0)
        elif not self.counted:
            state.sessions = None

    def used(self, state: UsageState, sessions: Sessions, event: FeatureUsed, day: int, at: int) -> None:
        """Takes an event of use in, whose day stands in the columns; `sessions` are those of the state."""
        if event.session_id is not None:
            begun, gone = join_named(sessions, event.session_id, day)
        else:
            begun, gone = join_unnamed(sessions, event.user_id, at // 1000, self._gap_seconds)
            begun = None if begun is None else day
            gone = None if gone is None else self._days.of(gone * 1000)
        _add(state, sessions, begun, 1)
        _add(state, sessions, gone, -1)

    def forget(self, state: UsageState, before: int, end: int, onboarded_by: int) -> None:
        """Drops what no event of a day >= `before` can be part of.

        Args:
            state: of a customer; its first `end` days are about to go.
            before: the oldest day that an event may still come for.
            end: place in the columns.
            onboarded_by: first day after the onboarding window: sessions begun before it are remembered.
        """
        self.begin(state)
        sessions = state.sessions
        if sessions is None:
            return
        of_window = min(end, bisect_left(state.days, onboarded_by - state.first_day))
        gone = begun_between(sessions, 0, of_window)
        sessions.onboarding = None if gone is None or sessions.onboarding is None else sessions.onboarding + gone
        drop_before(sessions, before, self._days.start(before) // 1000, self._gap_seconds)


def begun_between(sessions: Sessions | None, start: int, end: int) -> int | None:
    """Sessions begun on the days from one place to before another; None when they were not counted on all of them."""
    if sessions is None:
        return None
    begun = sessions.begun[start:end]
    return None if 0 in begun else sum(begun) - len(begun)


def begun_onboarding(state: UsageState, last: int) -> int | None:
    """Sessions begun up to the day `last` of the onboarding window; None when they were not counted on all its days."""
    sessions = state.sessions
    if sessions is None or sessions.onboarding is None:
        return None
    kept = begun_between(sessions, 0, bisect_left(state.days, last + 1 - state.first_day))
    return None if kept is None else sessions.onboarding + kept


def _add(state: UsageState, sessions: Sessions, day: int | None, more: int) -> None:
    """Changes the count of a day, where it is counted."""
    if day is None:
        return
    place = bisect_left(state.days, day - state.first_day)
    if place < len(state.days) and state.days[place] == day - state.first_day and sessions.begun[place]:
        sessions.begun[place] += more
