"""What a domain's table holds of a customer: the facts of its fold, and which events it has had."""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any, Generic, Self, TypeVar

from msgspec import Struct, field

from schemas.envelope import Event
from streams.shape import Packed

S = TypeVar("S")

#: Of a fingerprint.
MARK_BYTES = 6
#: A day with more fingerprints is shelved, once so many have been looked for: that takes as long as the looking.
_MANY, _LOOKS = 256, 16
#: Fingerprints of a shelf, at most on average: few to look through, and enough that it takes little more than them.
_SHELF = 64
#: A copy of it is fed in half the time that a new one takes.
_BLANK = blake2b(digest_size=8)


def fingerprint(event_id: str) -> bytes:
    """48 bits of an event id.

    An event is taken for a duplicate by mistake with probability n / 2**48, n being the events its customer has had on
    that day: once in 10**14 for two of them, once in 3 * 10**11 for a thousand.
    """
    return fingerprints((event_id,))[0]


def fingerprints(event_ids: Iterable[str]) -> list[bytes]:
    """`fingerprint` of each id."""
    blank = _BLANK.copy
    marks: list[bytes] = []
    for event_id in event_ids:
        digest = blank()
        digest.update(event_id.encode())
        marks.append(digest.digest()[:MARK_BYTES])
    return marks


class Seen(Packed):
    """Fingerprints of event ids by the day they happened.

    They stand day after day in one piece. Most events are of the newest day, so looking begins there. The newest day of
    a busy customer stands on shelves besides, which are not stored: an event costs the same however many came before.
    They take a little more than the piece, a tenth of what a set does: any number of customers may be busy.

    Example:
        >>> seen = Seen()
        >>> seen.add(20_000, fingerprint("a"))
        >>> seen.has(20_000, fingerprint("a")), seen.has(20_001, fingerprint("a")), list(seen.by_day())
        (True, False, [20000])
    """

    __slots__ = ("_looks", "_marks", "_newest", "_runs")

    def __init__(self) -> None:
        #: By turns, newest day first: days before the one after it (since 1970 for the newest), fingerprints.
        self._runs: list[int] = []
        self._marks = bytearray()
        self._newest: list[bytearray] | None = None  # by hash
        self._looks = 0

    def __len__(self) -> int:
        return len(self._marks) // MARK_BYTES

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Seen) and self.by_day() == other.by_day()

    __hash__ = None  # type: ignore[assignment]  # mutable

    def by_day(self) -> dict[int, set[bytes]]:
        """The fingerprints of each day, newest day first."""
        found: dict[int, set[bytes]] = {}
        there, end = 0, len(self._marks)
        for since, count in zip(self._runs[::2], self._runs[1::2], strict=True):
            there, start = there - since if found else since, end - count * MARK_BYTES
            found[there] = {bytes(self._marks[at : at + MARK_BYTES]) for at in range(start, end, MARK_BYTES)}
            end = start
        return found

    def _find(self, day: int) -> tuple[int, int, int]:
        """Place in the runs of the newest day that is not newer, that day, and where its fingerprints end."""
        runs, end = self._runs, len(self._marks)
        if runs and runs[0] <= day:  # nearly always
            return 0, runs[0], end
        there, place = (runs[0], 0) if runs else (day, 0)
        while place < len(runs) and there > day:
            end -= runs[place + 1] * MARK_BYTES
            place += 2
            there -= runs[place] if place < len(runs) else 0
        return place, there, end

    def has(self, day: int, mark: bytes) -> bool:
        """Whether a fingerprint was added on that day."""
        runs = self._runs
        if runs and runs[0] == day:  # nearly always
            if runs[1] > _MANY and (newest := self._newest or self._shelved()) is not None:
                shelf = newest[hash(mark) % len(newest)]
                return mark in shelf and _holds(shelf, mark, 0, len(shelf))
            place, end = 0, len(self._marks)
        else:
            place, there, end = self._find(day)
            if place == len(runs) or there != day:
                return False
        return _holds(self._marks, mark, end - runs[place + 1] * MARK_BYTES, end)

    def _shelved(self) -> list[bytearray] | None:
        """The fingerprints of the newest day; None while they have not been looked through often enough."""
        self._looks += 1
        if self._looks <= _LOOKS:
            return None
        marks = bytes(self._marks[-self._runs[1] * MARK_BYTES :])
        # Once they are full there are twice as many, so on average each fingerprint is moved once.
        self._newest = newest = [bytearray() for _ in range(1 << (self._runs[1] // _SHELF).bit_length())]
        for at in range(0, len(marks), MARK_BYTES):
            mark = marks[at : at + MARK_BYTES]
            newest[hash(mark) % len(newest)] += mark
        return newest

    def add(self, day: int, mark: bytes) -> None:
        """Adds a fingerprint that the day does not have."""
        runs = self._runs
        if runs and runs[0] == day:  # nearly always
            self._marks += mark
            runs[1] += 1
            if (newest := self._newest) is not None:
                newest[hash(mark) % len(newest)] += mark
                if runs[1] >= _SHELF * len(newest):
                    self._newest = None  # the next look makes more
            return
        if runs and day > runs[0]:
            self._newest, self._looks = None, 0
        place, there, end = self._find(day)
        self._marks[end:end] = mark
        if place < len(runs) and there == day:
            runs[place + 1] += 1
            return
        newer = there + runs[place] if 0 < place < len(runs) else there
        if place < len(runs):
            runs[place] = day - there
        runs[place:place] = (newer - day if place else day, 1)

    def take(self, day: int, marks: Sequence[bytes]) -> bool:
        """Adds fingerprints to a day; none of them when it has one already, or one stands there twice.

        Returns:
            Whether they were added.
        """
        if len(marks) > 1 and len(set(marks)) < len(marks):
            return False
        runs, held = self._runs, self._marks
        if runs and runs[0] == day and runs[1] <= _MANY:  # nearly always
            start = len(held) - runs[1] * MARK_BYTES
            for mark in marks:
                if held.find(mark, start) >= 0 and _holds(held, mark, start, len(held)):
                    return False
            held += b"".join(marks)
            runs[1] += len(marks)
            return True
        for mark in marks:
            if self.has(day, mark):
                return False
        for mark in marks:
            self.add(day, mark)
        return True

    def forget(self, before: int) -> None:
        """Drops the days before a day."""
        place, _, end = self._find(before - 1)
        del self._marks[:end], self._runs[place:]
        self._newest, self._looks = None, 0

    def pack(self) -> list[Any]:
        """Runs and fingerprints."""
        return [self._runs.copy(), bytes(self._marks)]

    @classmethod
    def unpack(cls, stored: Any) -> Self:
        if not _is(list, stored) or len(stored) != 2 or not _is(list, stored[0]) or not _is(bytes, stored[1]):
            raise ValueError("expected packed fingerprints: a list of runs, and the bytes they count")
        seen = cls.__new__(cls)
        seen._runs, seen._marks, seen._newest, seen._looks = stored[0], bytearray(stored[1]), None, 0
        return seen


def _holds(marks: bytearray, mark: bytes, start: int, end: int) -> bool:
    """Whether a fingerprint is one of those that stand one after the other from `start` to `end`."""
    at = marks.find(mark, start, end)
    while at >= 0 and (at - start) % MARK_BYTES:  # it lies across two others
        at = marks.find(mark, at + 1, end)
    return at >= 0


def _is(kind: type, value: Any) -> bool:
    return isinstance(value, kind)


class Customer(Struct, Generic[S], array_like=True):
    """What a domain's table holds of a customer.

    Attributes:
        facts: the fold's state.
        seen: fingerprints of event ids by the day they happened.
        revisions: how often a closed day has been restated, where it has.
        first_at, newest_at: time of the oldest and newest event applied, epoch ms.
        version: offset of the newest record applied.
    """

    facts: S
    first_at: int
    seen: Seen = field(default_factory=Seen)
    revisions: dict[int, int] = {}
    newest_at: int = 0
    event_id: str | None = None
    version: int = -1

    def had(self, event: Event, at: int, day: int, mark: bytes, offset: int) -> None:
        """Notes an event that the facts hold: its time and day, fingerprint, offset of its record."""
        self.seen.add(day, mark)
        self.had_all((event,), (at,), offset)

    def had_all(self, events: Sequence[Event], times: Sequence[int], offset: int) -> None:
        """The same of events whose fingerprints were taken; the offset is that of the last one's record."""
        self.version = offset
        newest, name = self.newest_at, self.event_id
        for event, at in zip(events, times):  # noqa: B905 - of one length
            if at > newest or (at == newest and event.event_id > (name or "")):
                newest, name = at, event.event_id
        self.newest_at, self.event_id = newest, name
        if (first := min(times)) < self.first_at:
            self.first_at = first
