"""Rows of one table, kept column by column: as they are made, as they wait, as the database takes them. Pure."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple, overload

from streams.sinks.record import Record
from streams.sinks.table import Table

Column = Sequence[object]


class Row(NamedTuple):
    """A row and the record it was made of."""

    table: Table
    values: tuple[object, ...]
    record: Record


class ByColumn(Sequence[tuple[object, ...]]):
    """The values of rows, for a database that takes whole columns."""

    __slots__ = ("_count", "columns")

    def __init__(self, columns: Sequence[Column], count: int) -> None:
        self.columns = columns
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[tuple[object, ...]]:
        return zip(*self.columns, strict=True)

    @overload
    def __getitem__(self, at: int) -> tuple[object, ...]: ...
    @overload
    def __getitem__(self, at: slice) -> list[tuple[object, ...]]: ...
    def __getitem__(self, at: int | slice) -> tuple[object, ...] | list[tuple[object, ...]]:
        if isinstance(at, slice):
            return [self[place] for place in range(*at.indices(self._count))]
        return tuple(column[at] for column in self.columns)


class Run(Sequence[Row]):
    """Rows of one table that follow one another; a row by itself is made only when it is asked for.

    Args:
        columns: for each column of the table a value per row.
        records: what each row was made of.
    """

    __slots__ = ("columns", "records", "table")

    def __init__(self, table: Table, columns: Sequence[Column], records: Sequence[Record]) -> None:
        self.table = table
        self.columns = columns
        self.records = records

    @property
    def values(self) -> ByColumn:
        """What the database gets."""
        return ByColumn(self.columns, len(self.records))

    def __len__(self) -> int:
        return len(self.records)

    @overload
    def __getitem__(self, at: int) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> "Run": ...
    def __getitem__(self, at: "int | slice") -> "Row | Run":
        if isinstance(at, slice):
            return Run(self.table, [column[at] for column in self.columns], self.records[at])
        return Row(self.table, self.values[at], self.records[at])


def joined(runs: Sequence[Run]) -> Run:
    """One run of several of one table, in their order."""
    if len(runs) == 1:
        return runs[0]
    columns = [[*chain.from_iterable(parts)] for parts in zip(*[run.columns for run in runs], strict=True)]
    return Run(runs[0].table, columns, [*chain.from_iterable([run.records for run in runs])])


def by_column(rows: Sequence[Sequence[object]]) -> Sequence[Column]:
    """The columns of rows, however these are kept."""
    return rows.columns if isinstance(rows, ByColumn) else [*zip(*rows, strict=True)]
