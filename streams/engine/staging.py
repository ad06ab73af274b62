"""Reads the changelog of one partition so that every flush counts whole or not at all.

A flush is written as keys and then their meta record; a crash can tear it. Key records wait here until
the meta record of their own writer arrives, and only then become state. What still waits at the end of the log
belongs to a flush that nobody finished: it is dropped, the replay makes it again, and whoever recovers
writes those keys anew with its first flush, so that the torn records do not outlive it.

Compaction complicates this: it removes older meta records, and older versions of keys.

* A record with a hole of the log behind it may have lost its meta record to compaction. It waits for any
  meta record that is not older than itself, unless that flush has written the key anew: then it was torn.
* A waiting key of which no version was ever complete may have had one that is compacted away. Only when
  the log has no hole at all is such a key known to be new, and dropped; else it is kept, and it is `ahead`
  of the partition until the replay has passed its offset (its outputs were published before its flush).

The flush of a zombie (a worker that lost the partition and does not know it) is ignored when the
partition is further; when it is not, what is further of it wins.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple

#: Source offset up to which the record is right, and who wrote it (drawn for each life of a partition).
PREFIX = Struct(">qI")

#: Position of a waiting record that only the meta record of its own writer can complete.
_ONLY_ITS_OWN = sys.maxsize


class Version(NamedTuple):
    """A value of a key: complete up to a source offset; None when the key was deleted."""

    offset: int
    value: bytes | None
    position: int = -1


@dataclass(slots=True)
class Leftover:
    """What the end of the log leaves: keys to be written anew, and keys that are ahead."""

    torn: list[str]
    ahead: dict[str, Version]


class Staging:
    """The log of one partition, as far as it was read.

    Attributes:
        complete: newest complete version of each key.
        meta: payload of the newest meta record that counts; None before the first.
        applied: source offset of that record.
    """

    def __init__(self) -> None:
        self.complete: dict[str, Version] = {}
        self.meta: bytes | None = None
        self.applied = -1
        self._waiting: defaultdict[int, dict[str, Version]] = defaultdict(dict)
        self._next = 0
        self._hole = -1

    def passed(self, end: int) -> None:
        """Everything before log offset `end` has been read; what did not come is a hole."""
        if end > self._next:
            self._next, self._hole = end, end - 1

    def _arrive(self, position: int) -> None:
        self.passed(position)
        self._next = max(self._next, position + 1)

    def key(self, position: int, name: str, value: bytes | None) -> None:
        """Takes the record of a key at log offset `position`; its tombstone says nothing new."""
        self._arrive(position)
        if value is None:
            return
        offset, writer = PREFIX.unpack_from(value)
        self._waiting[writer][name] = Version(offset, value if len(value) > PREFIX.size else None, position)

    def flushed(self, position: int, value: bytes) -> None:
        """Takes the meta record at log offset `position`: the flush of its writer is complete."""
        self._arrive(position)
        offset, writer = PREFIX.unpack_from(value)
        own = self._waiting.pop(writer, {})
        if offset < self.applied:
            return
        self.applied, self.meta = offset, value[PREFIX.size :]
        for waiting in self._waiting.values():
            for name in waiting.keys() & own.keys():
                waiting[name] = waiting[name]._replace(position=_ONLY_ITS_OWN)
            for name in [n for n, v in waiting.items() if v.offset <= offset and v.position < self._hole]:
                self._complete(name, waiting.pop(name))
        for name, version in own.items():
            self._complete(name, version)

    def _complete(self, name: str, version: Version) -> None:
        older = self.complete.get(name)
        if older is None or version.offset >= older.offset:
            self.complete[name] = version

    def end(self) -> Leftover:
        """The end of the log: decides about what no meta record has completed."""
        left = Leftover([], {})
        for name, version in self._left():
            if name in self.complete or self._hole < 0:
                left.torn.append(name)
            elif name not in left.ahead or version.offset > left.ahead[name].offset:
                left.ahead[name] = version
        return left

    def _left(self) -> Iterator[tuple[str, Version]]:
        for waiting in self._waiting.values():
            yield from waiting.items()
