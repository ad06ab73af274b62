"""A table of ClickHouse as the archive fills it. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from operator import attrgetter, itemgetter

from streams.sinks.columns import Column
from streams.sinks.record import Entry


@dataclass(frozen=True)
class Table:
    """A ReplacingMergeTree as the writer fills it.

    Attributes:
        key: the sorting key, the row's identity.
        deleted: column that takes a row away, if the table has one.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    deleted: str | None = None

    @cached_property
    def column_names(self) -> list[str]:
        """Names of the columns in the order of a row's values."""
        return [one.name for one in self.columns]

    @cached_property
    def column_types(self) -> list[str]:
        """ClickHouse types of the columns, in the same order."""
        return [one.type for one in self.columns]

    @cached_property
    def fingerprint(self) -> bytes:
        """Changes with any change of the columns."""
        return blake2b(repr([(one.name, one.type) for one in self.columns]).encode(), digest_size=8).digest()

    @cached_property
    def _in_order(self) -> Callable[[tuple[object, ...]], tuple[object, ...]]:
        """Puts what was read at paths, and behind it what was not, in the order of the columns."""
        by_path = [place for place, one in enumerate(self.columns) if one.path is not None]
        read = [*by_path, *(place for place, _ in self._others)]
        return itemgetter(*[read.index(place) for place in range(len(read))])

    @cached_property
    def _paths(self) -> Callable[[Entry], tuple[object, ...]]:
        return attrgetter(*[one.path for one in self.columns if one.path is not None])

    @cached_property
    def _others(self) -> list[tuple[int, Callable[[Entry], object]]]:
        return [(place, one.read) for place, one in enumerate(self.columns) if one.path is None]

    def row(self, entry: Entry) -> tuple[object, ...]:
        """The values of one row."""
        return self._in_order((*self._paths(entry), *[read(entry) for _, read in self._others]))
