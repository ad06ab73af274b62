"""Rows of a CSV file keep their line numbers, and what is no row is said."""

from pathlib import Path

import pytest

from streams.errors import ConfigurationError
from streams.intake.csv_table import Row, read_table
from streams.intake.importer import BadRow, FileRead


def read(path: Path, content: bytes) -> list[Row | BadRow | FileRead]:
    file = path / "t.csv"
    file.write_bytes(content)
    return list(read_table(file, ["a", "b"]))


def test_rows_carry_the_line_they_begin_on(tmp_path: Path) -> None:
    rows = read(tmp_path, b'a,b\n1,"two\nlines"\n\n3,4\n')
    assert [(row.line, row.cells) for row in rows if isinstance(row, Row)] == [
        (2, {"a": "1", "b": "two\nlines"}),
        (5, {"a": "3", "b": "4"}),
    ]
    assert rows[-1] == FileRead("t.csv", 2)


def test_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    rows = read(tmp_path, b"\xef\xbb\xbfa,b\r\n1,2\r\n")
    assert isinstance(rows[0], Row)
    assert rows[0].cells == {"a": "1", "b": "2"}


def test_a_row_of_another_width_is_bad(tmp_path: Path) -> None:
    assert read(tmp_path, b"a,b\n1\n")[0] == BadRow("t.csv", 2, "row", "expected 2 fields, got 1")


def test_a_stray_quote_costs_its_row_and_not_the_next(tmp_path: Path) -> None:
    rows = read(tmp_path, b'a,b\n1,"x"y\n3,4\n')
    assert isinstance(rows[0], BadRow)
    assert isinstance(rows[1], Row)
    assert rows[1].line == 3


def test_a_quote_that_never_ends_is_told_with_its_line(tmp_path: Path) -> None:
    rows = read(tmp_path, b'a,b\n1,2\n3,"4\n5,6\n')
    assert isinstance(rows[1], BadRow)
    assert (rows[1].line, rows[1].field) == (3, "row")


def test_bytes_that_are_not_utf8_cost_their_row(tmp_path: Path) -> None:
    rows = read(tmp_path, b"a,b\n1,caf\xe9\n2,caf\xc3\xa9\n")
    assert rows[0] == BadRow("t.csv", 2, "b", "expected UTF-8 text, got other bytes")
    assert isinstance(rows[1], Row)


def test_a_missing_column_stops_the_import_and_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="expected the columns b in"):
        read(tmp_path, b"a,c\n1,2\n")


def test_an_empty_file_stops_the_import(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="expected the columns a, b"):
        read(tmp_path, b"")


def test_a_missing_file_stops_the_import(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"expected the file none\.csv"):
        list(read_table(tmp_path / "none.csv", ["a"]))
