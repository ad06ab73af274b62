"""Sessions: pieces of events that belong together, whatever the order they come in."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.usage_events import FeatureUsed
from streams.engine.states import ShapeCodec
from streams.metrics.days import DAY_MS, MINUTE_MS, Days
from streams.metrics.sessions import SessionPolicy, join
from streams.metrics.usage import UsageFold, UsagePolicy
from streams.metrics.usage_state import UsageState

DAY = 19_800
NOON = DAY * DAY_MS + DAY_MS // 2
COUNTED = SessionPolicy(counted=True)


def fold(policy: SessionPolicy = COUNTED, zone: str = "UTC") -> UsageFold:
    return UsageFold(UsagePolicy(sessions=policy), Days(zone))


def use(fold: UsageFold, state: UsageState, at: int, **fields: Any) -> None:
    fold.apply(state, FeatureUsed(event_id=str(at), customer_id="c", occurred_at=at, **fields), at)


def sessions(fold: UsageFold, state: UsageState, day: int = DAY) -> int | None:
    return fold.values(state, day, (day + 1) * DAY_MS).sessions_28d


def counted(minutes: list[float], **fields: Any) -> int | None:
    usage = fold()
    state = usage.new()
    for minute in minutes:
        use(usage, state, NOON + round(minute * MINUTE_MS), **fields)
    return sessions(usage, state)


@pytest.mark.parametrize(
    "minutes, number",
    [
        ([0], 1),
        ([0, 29.98], 1),
        ([0, 30], 2),  # half an hour without an event ended the first
        ([0, 20, 40, 60], 1),  # as long as it goes on
        ([0, 40, 80], 3),
        ([0, 40, 20], 1),  # the late event joins two
        ([40, 0, 20], 1),
        ([20, 0], 1),  # the late event is the beginning
        ([0, 0, 0], 1),
        ([0, 29.99, 5, 100, 99], 2),
    ],
)
def test_a_session_ends_after_half_an_hour_without_an_event(minutes: list[float], number: int) -> None:
    assert counted(minutes) == counted(minutes[::-1]) == number


def test_everyone_has_sessions_of_their_own() -> None:
    usage = fold()
    state = usage.new()
    for minute, user in enumerate(("ana", "bia", None, "ana")):
        use(usage, state, NOON + minute * MINUTE_MS, user_id=user)
    assert sessions(usage, state) == 3


def test_a_named_session_is_one_however_long_its_pauses_and_whoever_it_is() -> None:
    usage = fold()
    state = usage.new()
    for hour, user in ((0, "ana"), (3, None), (9, "ana")):
        use(usage, state, NOON + hour * 60 * MINUTE_MS, user_id=user, session_id="s1")
    use(usage, state, NOON, user_id="ana", session_id="s2")
    use(usage, state, NOON, user_id="ana")
    assert sessions(usage, state) == 3


@pytest.mark.parametrize("days, number", [((0, 1), 1), ((0, 2), 2), ((2, 0, 1), 1), ((0, 0, 3, 5), 3)])
def test_a_name_that_comes_back_after_a_whole_day_is_another_session(days: tuple[int, ...], number: int) -> None:
    usage = fold()
    state = usage.new()
    for day in days:
        use(usage, state, NOON + (day - 9) * DAY_MS, session_id="1")
    assert sessions(usage, state) == number


def test_a_session_counts_on_the_day_it_begins_also_past_midnight() -> None:
    days = Days("America/Sao_Paulo")
    usage = fold(zone=days.zone)
    state = usage.new()
    use(usage, state, days.start(DAY) + 5 * MINUTE_MS)

    def told(day: int) -> int | None:
        return usage.values(state, day, days.start(day + 1)).sessions_28d

    assert (told(DAY - 1), told(DAY)) == (None, 1)
    use(usage, state, days.start(DAY) - 5 * MINUTE_MS)  # late: the session began the evening before
    assert (told(DAY - 1), told(DAY), told(DAY + 26), told(DAY + 27)) == (1, 1, 1, 0)
    assert usage.values(state, DAY + 27, days.start(DAY + 28)).active_days_28d == 1


def test_a_profile_that_does_not_count_sessions_keeps_none() -> None:
    usage = fold(SessionPolicy())
    state = usage.new()
    use(usage, state, NOON)
    assert sessions(usage, state) is None
    assert state.sessions is None


def test_sessions_are_undefined_while_the_window_has_days_from_before_they_were_counted() -> None:
    off, on = fold(SessionPolicy()), fold()
    state = off.new()
    use(off, state, NOON - DAY_MS)
    assert sessions(on, state) is None
    use(on, state, NOON)
    use(on, state, NOON - DAY_MS + 1)  # a day of which half is known stays unknown
    assert sessions(on, state) is None
    assert on.values(state, DAY, (DAY + 1) * DAY_MS).onboarding_sessions is None
    assert sessions(on, state, DAY + 27) == 1
    use(off, state, NOON + DAY_MS)
    assert state.sessions is None  # switched off again


def test_forgetting_keeps_what_a_late_event_may_still_join() -> None:
    usage = fold()
    state = usage.new()
    start = DAY * DAY_MS
    for at, fields in (
        (start - 31 * MINUTE_MS, {"user_id": "gone"}),
        (start - 30 * MINUTE_MS, {"user_id": "at the limit"}),
        (start - 29 * MINUTE_MS, {"user_id": "ana"}),
        (start - 2 * DAY_MS, {"session_id": "old"}),
        (start - DAY_MS, {"session_id": "yesterday"}),
    ):
        use(usage, state, at, **fields)
    usage.forget(state, DAY)
    assert state.sessions is not None
    assert (set(state.sessions.spans), len(state.sessions.named)) == ({"ana"}, 1)
    before = sessions(usage, state)
    use(usage, state, start, user_id="ana")
    use(usage, state, start + 1, session_id="yesterday")
    assert sessions(usage, state) == before == 5


def test_sessions_of_the_onboarding_window_are_known_after_its_days_were_forgotten() -> None:
    usage = fold()
    state = usage.new()
    for day in (0, 1, 44, 45, 100):  # the default window has 45 days
        for hour in (0, 1):
            use(usage, state, NOON + day * DAY_MS + hour * 60 * MINUTE_MS)

    def told(day: int) -> int | None:
        return usage.values(state, day, (day + 1) * DAY_MS).onboarding_sessions

    assert [told(DAY + day) for day in (0, 1, 44, 45, 200)] == [2, 4, 6, 6, 6]
    for before in (28, 60, 73, 127, 300):
        usage.forget(state, DAY + before)
        assert told(DAY + 300) == 6
    assert state.days == []


def test_onboarding_sessions_are_undefined_where_some_were_not_counted() -> None:
    off, on = fold(SessionPolicy()), fold()
    state = off.new()
    use(off, state, NOON)
    off.forget(state, DAY + 60)
    use(on, state, NOON + 61 * DAY_MS)
    values = on.values(state, DAY + 61, (DAY + 62) * DAY_MS)
    assert (values.sessions_28d, values.onboarding_sessions) == (1, None)
    on.forget(state, DAY + 200)
    assert on.values(state, DAY + 200, (DAY + 201) * DAY_MS).onboarding_sessions is None


def test_a_late_event_of_a_forgotten_day_moves_no_count_of_another() -> None:
    usage = fold()
    state = usage.new()
    use(usage, state, NOON - DAY_MS // 2, session_id="s")
    usage.forget(state, DAY + 28)  # the day went, and with it the session
    use(usage, state, NOON, session_id="s")
    assert sessions(usage, state) == 1


def test_counted_sessions_survive_their_encoding() -> None:
    usage = fold()
    state = usage.new()
    for n in range(40):
        use(usage, state, NOON + n * 17 * MINUTE_MS, user_id=f"u{n % 3}", session_id="s" if n % 7 == 0 else None)
    codec: ShapeCodec[UsageState] = ShapeCodec(UsageState, "a state")
    again = codec.decode(codec.encode(state))
    assert again == state
    assert again.sessions == state.sessions is not None


@given(points=st.lists(st.integers(0, 120), max_size=30), gap=st.integers(1, 15))
def test_pieces_are_the_connected_ones_and_their_beginnings_add_up(points: list[int], gap: int) -> None:
    spans: list[int] = []
    beginnings: list[int] = []
    for n, point in enumerate(points):
        begun, gone = join(spans, point, gap)
        beginnings += [] if begun is None else [begun]
        if gone is not None:
            beginnings.remove(gone)
        known = sorted(set(points[: n + 1]))
        borders = [known[0], *(x for a, b in pairwise(known) if b - a >= gap for x in (a, b))]
        assert spans == [*borders, known[-1]]
        assert sorted(beginnings) == spans[::2]
