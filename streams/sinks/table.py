"""A table of ClickHouse as the archive fills it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

from streams.sinks.columns import Column
from streams.sinks.record import Entries


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

    def values(self, entries: Entries) -> list[Sequence[object]]:
        """For each column the values of all rows."""
        return [one.values(entries) for one in self.columns]
