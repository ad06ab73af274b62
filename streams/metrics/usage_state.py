"""What is kept of a customer's use: one column per figure over the days it used the product, sorted by day.

A window is a slice. Who and what was used on a day is a bit mask over the customer's own users and features, so
distinct counts over any window are exact, the union of its masks. Most figures are small, or zero: a day takes about
14 bytes.
"""

from bisect import bisect_left

from msgspec import Struct, field

from streams.metrics.columns import Column, Masks
from streams.metrics.days import DAY_MS
from streams.metrics.first_times import Progress
from streams.metrics.onboarding import Beginning
from streams.metrics.resources import Resources
from streams.metrics.sessions import Sessions


class UsageState(Struct, kw_only=True, array_like=True):
    """What is known of one customer's use.

    Attributes:
        first_day: the first of them.
        days: days with use, counted from `first_day`, ascending; the columns below have one entry for each.
        more: quantity beyond one for each event.
        last_ms: the day's last use, ms after `last_ms_from(day)`.
        features, users: bit masks over `feature_bits` and `user_bits`.
        forgotten_last_at: last use on a day already forgotten.
        first_named_user_at: first use that named a user; before it nobody can be counted.
        progress: state of the activation criteria and the onboarding steps.
        sessions: None unless the profile counts them; its `begun` has one entry for each day, too.
        beginning, resources: None before the first such fact.
    """

    first_day: int = 0
    days: list[int] = []
    events: list[int] = []
    more: Column = field(default_factory=Column)
    duration_ms: Column = field(default_factory=Column)
    errors: Column = field(default_factory=Column)
    last_ms: Column = field(default_factory=Column)
    features: Masks = field(default_factory=Masks)
    users: Masks = field(default_factory=Masks)
    feature_bits: dict[str, int] = {}
    user_bits: dict[str, int] = {}
    first_used_at: int | None = None
    first_named_user_at: int | None = None
    forgotten_last_at: int | None = None
    milestones: dict[str, int] = {}
    progress: Progress = {}
    sessions: Sessions | None = None
    beginning: Beginning | None = None
    resources: Resources | None = None


def column_of(state: UsageState, day: int) -> int:
    """Position of a day in the columns, made when it is not there."""
    days, place = state.days, day - state.first_day
    if days and days[-1] == place:  # nearly always
        return len(days) - 1
    i = bisect_left(days, place)
    if i == len(days) or days[i] != place:
        days.insert(i, place)
        _count_from_first(state)
        for column in (state.events, state.more, state.duration_ms, state.errors, state.last_ms):
            column.insert(i, 0)
        state.features.insert(i)
        state.users.insert(i)
        if state.sessions is not None:
            state.sessions.begun.insert(i, 1)
    return i


def last_use(state: UsageState, end: int) -> int:
    """Time of the last use on the first `end` days kept or on a forgotten one."""
    kept = _last_on(state, end - 1) if end else None
    forgotten = state.forgotten_last_at
    assert kept is not None or forgotten is not None  # the first use lies before, on a day kept or forgotten
    return max(at for at in (kept, forgotten) if at is not None)


def drop_days(state: UsageState, end: int) -> None:
    """Removes the first `end` days (one at least), and users and features nobody remembers any more."""
    state.forgotten_last_at = max(_last_on(state, end - 1), state.forgotten_last_at or 0)
    for column in (state.days, state.events, state.more, state.duration_ms, state.errors, state.last_ms):
        del column[:end]
    if state.sessions is not None:
        del state.sessions.begun[:end]
    _count_from_first(state)
    state.features.drop(end)
    state.users.drop(end)
    state.features, state.feature_bits = _compact(state.features, state.feature_bits)
    state.users, state.user_bits = _compact(state.users, state.user_bits)


def last_ms_from(day: int) -> int:
    """An instant before the day in every time zone, epoch ms."""
    return (day - 1) * DAY_MS


def _count_from_first(state: UsageState) -> None:
    """Makes the first day kept the one that all are counted from."""
    shift = state.days[0] if state.days else -state.first_day
    state.first_day += shift
    state.days = [day - shift for day in state.days] if shift else state.days


def _last_on(state: UsageState, place: int) -> int:
    """Time of the last use on a day, epoch ms."""
    return last_ms_from(state.first_day + state.days[place]) + state.last_ms[place]


def _compact(masks: Masks, bits: dict[str, int]) -> tuple[Masks, dict[str, int]]:
    """Numbers the names in `masks` anew once most of the names are gone."""
    used = masks.union(0, len(masks))
    if used.bit_count() * 2 >= len(bits):
        return masks, bits
    kept = [(name, bit) for name, bit in bits.items() if used >> bit & 1]
    rewritten = [
        sum(1 << new for new, (_, old) in enumerate(kept) if number >> old & 1)
        for number in masks.numbers(0, len(masks))
    ]
    return Masks(rewritten), {name: new for new, (name, _) in enumerate(kept)}
