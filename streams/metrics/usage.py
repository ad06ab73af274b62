"""The fold of product use: counts, distinct users and features, milestones, engagement and activation.

Theory of operation. A customer's state is one column per figure over the days it used the product, sorted by
day, so a window is a slice. Who and what was used on a day is a bit mask over the customer's own users and
features: distinct counts over any window are exact, the union of its masks. Facts about the whole history
(first use, milestones, activation) are order statistics. Most figures are small, or zero: a day takes about 14 bytes.

Invariants: F1-F3 of fold.py. Sums are integers (durations in ms), so no order of addition can show. Days are
never read partly: an `as_of` is the end of a day or later than every event of its day.

Use is `feature_used` alone; a milestone is an outcome of use and moves no count but its own.
"""

from bisect import bisect_left, bisect_right

from msgspec import Struct, field

from schemas.events import FeatureUsed, MilestoneReached, UsageEvent
from schemas.metrics import Domain, Movement, UsageValues
from streams.metrics import engagement
from streams.metrics.activation import Activation, ActivationPolicy, Progress
from streams.metrics.columns import Column, Masks
from streams.metrics.days import DAY_MS, Days
from streams.metrics.engagement import HALF_WINDOW_DAYS, WINDOW_DAYS, Components, EngagementPolicy

WEEK_DAYS = 7


class UsagePolicy(Struct, frozen=True, kw_only=True):
    """What the usage domain needs of a profile."""

    engagement: EngagementPolicy = EngagementPolicy()
    activation: ActivationPolicy = ActivationPolicy()


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
        progress: state of the activation criteria.
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


class UsageFold:
    """`Fold` of the usage topic."""

    domain: Domain = "usage"
    state_type = UsageState
    daily = True
    moves_money = False

    def __init__(self, policy: UsagePolicy, days: Days) -> None:
        self._policy = policy.engagement
        self._activation = Activation(policy.activation)
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
            self._use(state, event, at)
        elif isinstance(event, MilestoneReached):
            known = state.milestones.get(event.milestone)
            if known is None or at < known:
                state.milestones[event.milestone] = at
            self._activation.reached(state.progress, event.milestone, at)

    def _use(self, state: UsageState, event: FeatureUsed, at: int) -> None:
        i = _column(state, day := self._days.of(at))
        state.events[i] += 1
        state.more[i] += event.quantity - 1
        if event.duration_seconds is not None:
            state.duration_ms[i] += round(event.duration_seconds * 1000)
        state.errors[i] += event.errors
        state.last_ms[i] = max(state.last_ms[i], at - last_ms_from(day))
        if state.first_used_at is None or at < state.first_used_at:
            state.first_used_at = at
        if event.feature is not None:
            state.features.add(i, _bit(state.feature_bits, event.feature))
        if event.user_id is not None:
            state.users.add(i, _bit(state.user_bits, event.user_id))
            if state.first_named_user_at is None or at < state.first_named_user_at:
                state.first_named_user_at = at
        self._activation.used(state.progress, event.feature, event.user_id, day, at)

    def values(self, state: UsageState, day: int, as_of: int) -> UsageValues:
        """Figures of the 28 days that end with `day`, and of the history before `as_of`."""
        first = state.first_used_at
        milestones = sum(at < as_of for at in state.milestones.values())
        activated = self._activation.activated_at(state.progress, first)
        if activated is not None and activated >= as_of:
            activated = None
        if first is None or first >= as_of:
            return UsageValues(milestones=milestones, activated_at=activated)
        return self._values_of_user(state, day, as_of, milestones, activated)

    def _values_of_user(
        self, state: UsageState, day: int, as_of: int, milestones: int, activated: int | None
    ) -> UsageValues:
        """The figures of a customer that has used the product before `as_of`."""
        assert state.first_used_at is not None
        days, last = state.days, day - state.first_day
        end = bisect_right(days, last)
        start = bisect_left(days, last - WINDOW_DAYS + 1, 0, end)
        half = bisect_left(days, last - HALF_WINDOW_DAYS + 1, start, end)
        events, events_recent = sum(state.events[start:end]), sum(state.events[half:end])
        quantity = events + sum(state.more[start:end])
        features, adoption = self._adoption(state, start, end)
        today, week, month, stickiness = _active_users(state, day, start, end, as_of)
        last_at = _last_use(state, end)
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
            milestones=milestones,
            engagement_score=score,
            engagement_band=engagement.engagement_band(self._policy, score),
            activated_at=activated,
        )

    def _adoption(self, state: UsageState, start: int, end: int) -> tuple[int, float | None]:
        """Distinct features of the window and their share of those available; unlisted names do not count."""
        used = _union(state.features.numbers(start, end))
        names = self._names
        if names is not None and not state.feature_bits.keys() <= names:
            known = sum(1 << bit for name, bit in state.feature_bits.items() if name in names)
            used &= known
        count = used.bit_count()
        return count, None if self._available is None else min(1.0, count / self._available)

    def forget(self, state: UsageState, before: int) -> None:
        """Drops days older than the window of `before`, and users and features nobody remembers any more."""
        end = bisect_left(state.days, before - WINDOW_DAYS + 1 - state.first_day)
        if end == 0:
            return
        state.forgotten_last_at = max(_last_on(state, end - 1), state.forgotten_last_at or 0)
        for column in (state.days, state.events, state.more, state.duration_ms, state.errors, state.last_ms):
            del column[:end]
        _count_from_first(state)
        state.features.drop(end)
        state.users.drop(end)
        state.features, state.feature_bits = _compact(state.features, state.feature_bits)
        state.users, state.user_bits = _compact(state.users, state.user_bits)

    def movements(self, customer_id: str, state: UsageState) -> list[Movement]:
        """None: use moves no money."""
        return []


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


def _column(state: UsageState, day: int) -> int:
    """Position of a day in the columns, made when it is not there."""
    days, place = state.days, day - state.first_day
    if days and days[-1] == place:
        return len(days) - 1
    i = bisect_left(days, place)
    if i == len(days) or days[i] != place:
        days.insert(i, place)
        _count_from_first(state)
        for column in (state.events, state.more, state.duration_ms, state.errors, state.last_ms):
            column.insert(i, 0)
        state.features.insert(i)
        state.users.insert(i)
    return i


def _bit(bits: dict[str, int], name: str) -> int:
    bit = bits.get(name)
    return bits.setdefault(name, len(bits)) if bit is None else bit


def _union(numbers: list[int]) -> int:
    union = 0
    for number in numbers:
        union |= number
    return union


def _active_users(
    state: UsageState, day: int, start: int, end: int, as_of: int
) -> tuple[int | None, int | None, int | None, float | None]:
    """Distinct users of 1, 7 and 28 days and stickiness; all None before anybody was named."""
    if state.first_named_user_at is None or state.first_named_user_at >= as_of:
        return None, None, None, None
    masks = state.users.numbers(start, end)
    last = day - state.first_day
    week = bisect_left(state.days, last - WEEK_DAYS + 1, start, end) - start
    today = masks[-1].bit_count() if masks and state.days[end - 1] == last else 0
    users = _union(masks).bit_count()
    daily = sum(map(int.bit_count, masks)) / WINDOW_DAYS
    return today, _union(masks[week:]).bit_count(), users, daily / users if users else None


def _last_use(state: UsageState, end: int) -> int:
    """Time of the last use on the first `end` days kept or on a forgotten one."""
    kept = _last_on(state, end - 1) if end else None
    forgotten = state.forgotten_last_at
    assert kept is not None or forgotten is not None  # the first use lies before, on a day kept or forgotten
    return max(at for at in (kept, forgotten) if at is not None)


def _count_from_first(state: UsageState) -> None:
    """Makes the first day kept the one that all are counted from."""
    shift = state.days[0] if state.days else -state.first_day
    state.first_day += shift
    state.days = [day - shift for day in state.days] if shift else state.days


def last_ms_from(day: int) -> int:
    """An instant before the day in every time zone, epoch ms."""
    return (day - 1) * DAY_MS


def _last_on(state: UsageState, place: int) -> int:
    """Time of the last use on a day, epoch ms."""
    return last_ms_from(state.first_day + state.days[place]) + state.last_ms[place]


def _compact(masks: Masks, bits: dict[str, int]) -> tuple[Masks, dict[str, int]]:
    """Numbers the names in `masks` anew once most of the names are gone."""
    numbers = masks.numbers(0, len(masks))
    used = _union(numbers)
    if used.bit_count() * 2 >= len(bits):
        return masks, bits
    kept = [(name, bit) for name, bit in bits.items() if used >> bit & 1]
    rewritten = [sum(1 << new for new, (_, old) in enumerate(kept) if number >> old & 1) for number in numbers]
    return Masks(rewritten), {name: new for new, (name, _) in enumerate(kept)}
