"""The rows of a CSV file with their line numbers; what is not a row of the table is a `BadRow`.

Quoting is strict: a stray quote costs its row, never a silent merge of two. Bytes that are not UTF-8 cost
their row.
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from streams.errors import ConfigurationError
from streams.intake.fields import Fields
from streams.intake.importer import BadRow, FileRead, RuleHit


class Row:
    """A row of a table.

    Attributes:
        file: name of its file.
        line: where it begins, 1 is the header.
        cells: its raw text by column.
        fields: the same, to be read by type.
    """

    __slots__ = ("cells", "fields", "file", "line")

    def __init__(self, file: str, line: int, cells: dict[str, str]) -> None:
        self.file = file
        self.line = line
        self.cells = cells
        self.fields = Fields(cells)

    def hit(self, rule: str, detail: str = "") -> RuleHit:
        """A rule applied to this row."""
        return RuleHit(rule, self.file, self.line, detail)

    def bad(self, field: str, reason: str) -> BadRow:
        """This row, given up."""
        return BadRow(self.file, self.line, field, reason)


def read_table(path: Path, columns: Sequence[str]) -> Iterator[Row | BadRow | FileRead]:
    """Reads a CSV file whose first line names at least `columns`; ends with its `FileRead`.

    Blank lines are no rows. Columns beyond the named ones are let through.

    Raises:
        ConfigurationError: no such file, or a column is missing.
    """
    if not path.is_file():
        raise ConfigurationError(f"expected the file {path.name} in {path.parent}, found none")
    rows = 0
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, strict=True)
        header = _header(reader, path, columns)
        for line, cells in _numbered(reader):
            rows += 1
            yield _row(path.name, line, header, cells)
    yield FileRead(path.name, rows)


def _header(reader: Iterator[list[str]], path: Path, columns: Sequence[str]) -> list[str]:
    try:
        header = next(reader, [])
    except csv.Error as error:
        raise ConfigurationError(f"expected a CSV header in {path}: {error}") from error
    missing = [column for column in columns if column not in header]
    if missing:
        expected, got = ", ".join(missing), ", ".join(header)
        raise ConfigurationError(f"expected the columns {expected} in {path}, got {got!r}")
    return header


class _Reader(Protocol):
    """What `csv.reader` gives; its own type has no public name."""

    @property
    def line_num(self) -> int: ...

    def __next__(self) -> list[str]: ...


def _numbered(reader: _Reader) -> Iterator[tuple[int, list[str] | csv.Error]]:
    while True:
        # A quoted field may hold line breaks: the row begins one line after the end of the row before.
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield line, error
            continue
        if cells is None:
            return
        if cells:
            yield line, cells


def _row(file: str, line: int, header: list[str], cells: list[str] | csv.Error) -> Row | BadRow:
    if isinstance(cells, csv.Error):
        return BadRow(file, line, "row", f"expected CSV: {cells}")
    if len(cells) != len(header):
        return BadRow(file, line, "row", f"expected {len(header)} fields, got {len(cells)}")
    for column, cell in zip(header, cells, strict=True):
        if not cell.isascii() and not _is_unicode(cell):
            return BadRow(file, line, column, "expected UTF-8 text, got other bytes")
    return Row(file, line, dict(zip(header, cells, strict=True)))


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
