"""Sessions of use (METRICS.md `sessions_28d`): counted exactly, in whatever order the events come.

Theory of operation. A session is a set of events each of which has another within `gap_minutes`, so sessions are the
connected pieces of the points in time: adding a point lets a piece grow, joins two or begins one, and the pieces are
the same in any order. Kept are the first and last second of each; a session counts on the day it begins, also when it
goes on past midnight, and a late event that joins two or moves a beginning moves the counts.

Whose events they are: those that name a session, by that name; others of one user; others that name nobody. Names come
back (some systems number sessions from 1), so a name lasts as long as no whole day passes without it, which also bounds
what must be kept. Times are whole seconds; how long an event took (`duration_seconds`) extends no session.
"""

from bisect import bisect_left, bisect_right
from collections.abc import MutableSequence
from typing import Annotated, Any

from msgspec import Meta, Struct, field

from streams.metrics.columns import Column
from streams.metrics.customer import fingerprint

#: A name of a session is another one after a whole day without it: its days are then two or more apart.
_NAME_GAP_DAYS = 2
_NOBODY = ""  # no user has this name
Moved = tuple[int | None, int | None]


class SessionPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether sessions are counted and where one ends.

    Attributes:
        counted: off by default: it takes 8 bytes a session, 16 where events name it, for as long as an event may be
            late. Switched on later it counts from there on: windows with days before it are undefined.
        gap_minutes: so long without an event ends a session; half an hour is web analytics' usual choice.
    """

    counted: bool = False
    gap_minutes: Annotated[int, Meta(ge=1, le=1440)] = 30


class Sessions(Struct, array_like=True):
    """A customer's sessions.

    Attributes:
        begun: for each day of use one more than the sessions begun on it; 0: they were not counted.
        spans: by user, first and last second of each session by turns, ascending.
        named: by the fingerprint of a session's name, first and last day by turns, ascending.
        onboarding: sessions begun on forgotten days of the onboarding window; None: some were not counted.
    """

    begun: Column = field(default_factory=Column)
    spans: dict[str, Column] = {}
    named: dict[bytes, list[int]] = {}
    onboarding: int | None = 0


def join_named(sessions: Sessions, name: str, day: int) -> Moved:
    """Takes in an event that names its session: the day on which one begins now, and the day on which one did."""
    return join(sessions.named.setdefault(fingerprint(name), []), day, _NAME_GAP_DAYS)


def join_unnamed(sessions: Sessions, user: str | None, second: int, gap_seconds: int) -> Moved:
    """Takes in an event that names no session: the second in which one begins now, and that in which one did."""
    spans = sessions.spans.get(user or _NOBODY)
    if spans is None:
        spans = sessions.spans[user or _NOBODY] = Column()
    return join(spans, second, gap_seconds)


def join(spans: MutableSequence[int], point: int, gap: int) -> Moved:
    """Adds a point to pieces whose points are less than `gap` apart.

    Args:
        spans: first and last point of each piece by turns, ascending; changed in place.
        point: in the same unit.
        gap: so far apart, points belong to two pieces.

    Returns:
        The beginning that is new, and the one that is no longer one; None where there is none.

    Example:
        >>> spans = [10, 20, 50, 60]
        >>> join(spans, 35, gap=20), spans
        ((None, 50), [10, 60])
        >>> join(spans, 90, gap=20), spans
        ((90, None), [10, 60, 90, 90])
    """
    place = bisect_right(spans, point)
    if place % 2:
        return None, None  # inside a piece
    follows = place > 0 and point - spans[place - 1] < gap
    if place < len(spans) and (right := spans[place]) - point < gap:
        if follows:
            del spans[place - 1 : place + 1]
            return None, right
        spans[place] = point
        return point, right
    if follows:
        spans[place - 1] = point
        return None, None
    spans.insert(place, point)
    spans.insert(place, point)
    return point, None


def drop_before(sessions: Sessions, day: int, second: int, gap_seconds: int) -> None:
    """Removes the sessions that no event of `day`, which begins with `second`, or later can be part of."""
    _drop(sessions.spans, second - gap_seconds + 1)
    _drop(sessions.named, day - _NAME_GAP_DAYS + 1)


def _drop(pieces: dict[Any, Any], first: int) -> None:
    """Removes the pieces that ended before `first`."""
    for key in list(pieces):
        spans = pieces[key]
        del spans[: bisect_left(spans, first) // 2 * 2]
        if not spans:
            del pieces[key]
