"""Reads the changelog of one partition so that every flush counts whole or not at all.

A flush is written as keys and then their meta record; a crash can tear it. Key records wait here until
the meta record of their own writer arrives, and only then become state. What still waits at the end of the log
belongs to a flush that nobody finished: it is dropped, the replay makes it again, and whoever recovers
writes those keys anew with its first flush, so that the torn records do not outlive it.

Compaction complicates this: it removes older meta records, and older versions of keys.

* A record with a hole of the log behind it may have lost its meta record to compaction. It waits for any
  meta record that is not older than itself, unless that flush has written the key anew: then it was torn. Nor is it
  completed while a newer version waits behind it: whoever flushed then had taken that one for the key's, see below.
* A waiting key of which no version was ever complete may have had one that is compacted away. Only when
  the log has no hole at all is such a key known to be new, and dropped; else it is kept, and it is `ahead`
  of the partition until the replay has passed its offset (its outputs were published before its flush). Of several
  versions the last in place is kept, as compaction keeps it, though another may be further.

The flush of a zombie (a worker that lost the partition and does not know it) is ignored when the
partition is further, or as far: pieces of work are saved without an offset of their own (checkpoint.py). When it is
not, what is further of it wins.
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Any, NamedTuple

#: Source offset up to which the record is right, and who wrote it (drawn for each life of a partition).
PREFIX = Struct(">qI")

#: Position of a waiting record that only the meta record of its own writer can complete.
_ONLY_ITS_OWN = sys.maxsize
#: Of a value: its prefix, and what says its version (states.py).
_HEAD = PREFIX.size + 2


class Logged(NamedTuple):
    """A record of the changelog, as far as it matters here; `offset` is its position in the log."""

    offset: int
    key: bytes
    value: bytes | None


class Version(NamedTuple):
    """A value of a key with its prefix, and the source offset it contains; None when the key was deleted."""

    offset: int
    value: bytes | None


@dataclass(slots=True)
class Leftover:
    """What the end of the log leaves: keys to be written anew, and keys that are ahead."""

    torn: list[str]
    ahead: dict[str, Version]


class _Flush:
    """What waits for the meta record of one writer.

    Attributes:
        values: newest of each key, with their prefixes.
        least, most: source offsets of all that came.
    """

    __slots__ = ("_arrived", "_positions", "least", "most", "values")

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.least, self.most = sys.maxsize, -1
        self._positions: dict[str, int] = {}
        self._arrived: list[tuple[Sequence[str], Sequence[int]]] = []

    def add(self, names: Sequence[str], values: Iterable[bytes], positions: Sequence[int], offset: int) -> None:
        """Takes records that contain source `offset`, in order."""
        self.values.update(zip(names, values, strict=True))
        self.least, self.most = min(self.least, offset), max(self.most, offset)
        self._arrived.append((names, positions))

    @property
    def positions(self) -> dict[str, int]:
        """Where the newest record of each key stands in the log; seldom asked for, so made then."""
        for names, positions in self._arrived:
            self._positions.update(zip(names, positions, strict=True))
        self._arrived = []
        return self._positions


class Staging:
    """The log of one partition, as far as it was read.

    Attributes:
        complete: newest complete value of each key, with its prefix, behind which a deleted key has nothing.
        meta: payload of the newest meta record that counts; None before the first.
        applied: source offset of that record.
        versions: what stands at the place of a version in any value that was read.
    """

    def __init__(self) -> None:
        self.complete: dict[str, bytes] = {}
        self.meta: bytes | None = None
        self.applied = -1
        self.versions: set[bytes] = set()
        self._furthest = -1
        self._writer = -1
        self._earlier: set[int] = set()
        self._waiting: dict[int, _Flush] = {}
        self._next = 0
        self._hole = -1

    def passed(self, end: int) -> None:
        """Everything before log offset `end` has been read; what did not come is a hole."""
        if end > self._next:
            self._next, self._hole = end, end - 1

    def _arrive(self, position: int) -> None:
        self.passed(position)
        self._next = max(self._next, position + 1)

    def keys(self, records: Sequence[Logged]) -> None:
        """Takes records of keys that follow one another in the log; a tombstone says nothing new."""
        if not records:
            return
        begin, end = records[0].offset, records[-1].offset + 1
        positions: Sequence[int] = range(begin, end)
        if len(positions) != len(records):
            positions = [record.offset for record in records]
        if begin == self._next and type(positions) is range:
            self._next = end
        else:
            for position in positions:
                self._arrive(position)
        names = [record.key.decode() for record in records]
        values: list[Any] = [record.value for record in records]
        if None in values:
            kept = [place for place, value in enumerate(values) if value is not None]
            names, values = [names[place] for place in kept], [values[place] for place in kept]
            positions = [positions[place] for place in kept]
        self._wait(names, values, positions)

    def _wait(self, names: Sequence[str], values: Sequence[bytes], positions: Sequence[int]) -> None:
        heads = {value[:_HEAD] for value in values}
        self.versions |= {head[PREFIX.size :] for head in heads}
        prefixes = {head[: PREFIX.size] for head in heads}
        if len(prefixes) == 1:  # as a flush is
            offset, writer = PREFIX.unpack(*prefixes)
            self._flush_of(writer).add(names, values, positions, offset)
            return
        for name, value, position in zip(names, values, positions, strict=True):
            offset, writer = PREFIX.unpack_from(value)
            self._flush_of(writer).add((name,), (value,), (position,), offset)

    def _flush_of(self, writer: int) -> _Flush:
        flush = self._waiting.get(writer)
        if flush is None:
            flush = self._waiting[writer] = _Flush()
        return flush

    def flushed(self, position: int, value: bytes) -> None:
        """Takes the meta record at log offset `position`: the flush of its writer is complete."""
        self._arrive(position)
        offset, writer = PREFIX.unpack_from(value)
        own = self._waiting.pop(writer, None) or _Flush()
        if offset < self.applied or (offset == self.applied and writer in self._earlier):
            return
        if writer != self._writer and writer not in self._earlier:  # a zombie that was further is no later owner
            self._earlier.add(self._writer)
            self._writer = writer
        self.applied, self.meta = offset, value[PREFIX.size :]
        newer = self._newer(offset)
        for flush in self._waiting.values():
            self._complete_older(flush, offset, own, newer)
        if own.least >= self._furthest:
            if self.complete:
                self.complete.update(own.values)
            else:
                self.complete = own.values
            self._furthest = max(self._furthest, own.most)
        else:
            for name, version in own.values.items():
                self._complete(name, version)

    def _newer(self, offset: int) -> dict[str, int]:
        """Last positions of waiting versions that contain more than `offset`, unless they were torn."""
        last: dict[str, int] = {}
        for flush in self._waiting.values():
            if flush.most > offset:
                for name, value in flush.values.items():
                    position = flush.positions[name]
                    if _offset(value) > offset and position != _ONLY_ITS_OWN:
                        last[name] = max(position, last.get(name, -1))
        return last

    def _complete_older(self, flush: _Flush, offset: int, own: _Flush, newer: dict[str, int]) -> None:
        positions, values = flush.positions, flush.values
        for name in values.keys() & own.values.keys():
            positions[name] = _ONLY_ITS_OWN
        for name in [n for n, v in values.items() if _offset(v) <= offset and positions[n] < self._hole]:
            if newer.get(name, -1) < positions[name]:  # else this flush knew the key to be ahead, and left it alone
                self._complete(name, values.pop(name))

    def _complete(self, name: str, value: bytes) -> None:
        older, offset = self.complete.get(name), _offset(value)
        if older is None or offset >= _offset(older):
            self.complete[name] = value
            self._furthest = max(self._furthest, offset)

    def end(self) -> Leftover:
        """The end of the log: decides about what no meta record has completed."""
        left = Leftover([], {})
        places: dict[str, int] = {}
        for flush in self._waiting.values():
            for name, value in flush.values.items():
                if name in self.complete or self._hole < 0:
                    left.torn.append(name)
                elif (place := flush.positions[name]) > places.get(name, -1):
                    places[name] = place
                    left.ahead[name] = Version(_offset(value), value if len(value) > PREFIX.size else None)
        return left


def _offset(value: bytes) -> int:
    offset: int = PREFIX.unpack_from(value)[0]
    return offset
