"""What a domain's table holds of a customer: the facts of its fold, and which events it has had."""

from hashlib import blake2b
from typing import Any, Generic, Self, TypeVar

from msgspec import Struct, field

from streams.shape import Packed

S = TypeVar("S")

#: Of a fingerprint.
MARK_BYTES = 6


def fingerprint(event_id: str) -> bytes:
    """48 bits of an event id.

    An event is taken for a duplicate by mistake with probability n / 2**48, n being the events its customer has had on
    that day: once in 10**14 for two of them, once in 3 * 10**11 for a thousand.
    """
    return blake2b(event_id.encode(), digest_size=8).digest()[:MARK_BYTES]


class Seen(Packed):
    """Fingerprints of event ids by the day they happened.

    They stand day after day in one piece. Most events are of the newest day, so looking begins there.

    Example:
        >>> seen = Seen()
        >>> seen.add(20_000, fingerprint("a"))
        >>> seen.has(20_000, fingerprint("a")), seen.has(20_001, fingerprint("a")), list(seen.by_day())
        (True, False, [20000])
    """

    __slots__ = ("_marks", "_runs")

    def __init__(self) -> None:
        #: By turns, newest day first: days before the one after it (since 1970 for the newest), fingerprints.
        self._runs: list[int] = []
        self._marks = bytearray()

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
            place, end = 0, len(self._marks)
        else:
            place, there, end = self._find(day)
            if place == len(runs) or there != day:
                return False
        start = end - runs[place + 1] * MARK_BYTES
        at = self._marks.find(mark, start, end)
        while at >= 0 and (at - start) % MARK_BYTES:  # it lies across two others
            at = self._marks.find(mark, at + 1, end)
        return at >= 0

    def add(self, day: int, mark: bytes) -> None:
        """Adds a fingerprint that the day does not have."""
        runs = self._runs
        if runs and runs[0] == day:  # nearly always
            self._marks += mark
            runs[1] += 1
            return
        place, there, end = self._find(day)
        self._marks[end:end] = mark
        if place < len(runs) and there == day:
            runs[place + 1] += 1
            return
        newer = there + runs[place] if 0 < place < len(runs) else there
        if place < len(runs):
            runs[place] = day - there
        runs[place:place] = (newer - day if place else day, 1)

    def forget(self, before: int) -> None:
        """Drops the days before a day."""
        place, _, end = self._find(before - 1)
        del self._marks[:end], self._runs[place:]

    def pack(self) -> list[Any]:
        """Runs and fingerprints."""
        return [self._runs.copy(), bytes(self._marks)]

    @classmethod
    def unpack(cls, stored: Any) -> Self:
        if not _is(list, stored) or len(stored) != 2 or not _is(list, stored[0]) or not _is(bytes, stored[1]):
            raise ValueError("expected packed fingerprints: a list of runs, and the bytes they count")
        seen = cls.__new__(cls)
        seen._runs, seen._marks = stored[0], bytearray(stored[1])
        return seen


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
