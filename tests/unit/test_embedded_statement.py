"""The scanner that finds where an INSERT's rows begin and which format a query asks for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.embedded.clickhouse.statement import insert_data, inserts_from_input, is_select, output_format


@pytest.mark.parametrize(
    "text, head, format_name, rows",
    [
        (b"INSERT INTO t FORMAT CSV\n1,2\n", "INSERT INTO t ", "CSV", b"1,2\n"),
        (b"insert into a.t(x, y) format native\n\x00\xff", "insert into a.t(x, y) ", "native", b"\x00\xff"),
        (
            b"INSERT INTO t (format, values) FORMAT CSV \t\r\n1",
            "INSERT INTO t (format, values) ",
            "CSV",
            b"1",
        ),
        (b"INSERT INTO `a FORMAT b` FORMAT TSV;\nx", "INSERT INTO `a FORMAT b` ", "TSV", b"x"),
        (b"/* FORMAT X */ -- VALUES\nINSERT INTO t FORMAT TSV\n", None, "TSV", b""),
        (b"INSERT INTO t SETTINGS async_insert=0 FORMAT CSV\n\n1", None, "CSV", b"\n1"),
        (b"INSERT INTO FUNCTION file('VALUES', 'CSV', 'a Int8') FORMAT CSV\n1", None, "CSV", b"1"),
    ],
)
def test_rows_begin_behind_the_format_and_one_line_break(
    text: bytes, head: str | None, format_name: str, rows: bytes
) -> None:
    found = insert_data(text)
    assert found is not None
    assert found.format == format_name
    assert text[found.data_start :] == rows
    assert head is None or found.head == head


@pytest.mark.parametrize(
    "text",
    [
        b"INSERT INTO t VALUES ('FORMAT CSV')",
        b"INSERT INTO t SELECT 1 FORMAT Null",
        b"INSERT INTO t WITH x AS (SELECT 1) SELECT * FROM x",
        b"SELECT 'INSERT INTO t FORMAT CSV'",
        b"SELECT * FROM t FORMAT CSV",
        b"",
    ],
)
def test_a_statement_without_rows_of_its_own_is_left_to_the_engine(text: bytes) -> None:
    assert insert_data(text) is None


@given(st.binary())
def test_rows_are_taken_over_byte_by_byte(rows: bytes) -> None:
    text = b"INSERT INTO t FORMAT Native\n" + rows
    found = insert_data(text)
    assert found is not None
    assert text[found.data_start :] == rows


@given(st.binary(max_size=200))
def test_the_scanner_takes_any_bytes(text: bytes) -> None:
    insert_data(text)
    output_format(text)
    inserts_from_input(text)
    is_select(text)


@pytest.mark.parametrize(
    "text, expected",
    [
        (b"SELECT 1 FORMAT JSON", "JSON"),
        (b"SELECT 1\n FORMAT Native;\n", "Native"),
        (b"SELECT 1 FORMAT CSV SETTINGS max_threads = 1", "CSV"),
        (b"SELECT 1 FORMAT CSV -- the end", "CSV"),
        (b"SELECT 1 FORMAT CSV /* the end */ ;", "CSV"),
        (b"SELECT 1 -- FORMAT CSV", None),
        (b"SELECT 'FORMAT CSV'", None),
        (b"SELECT format AS x FROM t", None),
        (b"SELECT `format x` FROM t", None),
    ],
)
def test_the_output_format_is_the_one_behind_the_query(text: bytes, expected: str | None) -> None:
    assert output_format(text) == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        (b"INSERT INTO t SELECT * FROM input('a UInt8') FORMAT CSV\n1", True),
        (b"INSERT INTO t SELECT 'input('", False),
        (b"INSERT INTO t VALUES ('input(1)')", False),
        (b"SELECT * FROM input('a UInt8')", False),
    ],
)
def test_inserts_through_input_are_recognised(text: bytes, expected: bool) -> None:
    assert inserts_from_input(text) is expected


@pytest.mark.parametrize("text", [b"SELECT 1", b" (select 1)", b"WITH 1 AS a SELECT a", b"-- c\nFROM t SELECT a"])
def test_a_select_is_known_however_it_begins(text: bytes) -> None:
    assert is_select(text)


@pytest.mark.parametrize("text", [b"SHOW TABLES", b"DESCRIBE t", b"INSERT INTO t SELECT 1", b"EXPLAIN SELECT 1"])
def test_other_statements_are_no_selects(text: bytes) -> None:
    assert not is_select(text)
