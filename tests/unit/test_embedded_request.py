"""Requests of the ClickHouse interface as values; bodies and errors."""

import gzip
import zlib

import lz4.frame
import pytest
from clickhouse_connect.driver.compression import get_compressor
from hypothesis import given
from hypothesis import strategies as st

from streams.embedded.clickhouse.compression import decompressed
from streams.embedded.clickhouse.errors import ClickHouseError
from streams.embedded.clickhouse.request import ExternalTable, Query, SessionKey, build_query


def query(parameters: dict[str, str], headers: dict[str, str] | None = None, **files: bytes) -> Query:
    return build_query("POST", headers or {}, parameters, files, b"")


def test_parameters_are_sorted_into_transport_settings_and_query_parameters() -> None:
    built = query({"query": "SELECT {a:Int8}", "param_a": "1", "max_threads": "2", "wait_end_of_query": "1"})
    assert (built.sql, built.params, built.settings) == (
        b"SELECT {a:Int8}",
        {"a": "1"},
        {"max_threads": "2"},
    )
    assert built.buffered


def test_database_and_format_come_from_the_url_before_the_headers() -> None:
    headers = {"X-ClickHouse-Database": "from_header", "X-ClickHouse-Format": "CSV"}
    built = query({"database": "from_url"}, headers)
    assert (built.database, built.default_format) == ("from_url", "CSV")
    assert (query({}).database, query({}).default_format) == ("default", "TabSeparated")


def test_get_is_read_only_and_post_is_not() -> None:
    assert build_query("GET", {}, {}, {}, b"").read_only
    assert not query({}).read_only


def test_a_session_lives_for_sixty_seconds_unless_told_otherwise() -> None:
    assert query({"session_id": "s"}).session == SessionKey("s", 60.0, must_exist=False, close=False)
    built = query({"session_id": "s", "session_timeout": "5", "session_check": "1", "close_session": "1"})
    assert built.session == SessionKey("s", 5.0, must_exist=True, close=True)
    assert query({}).session is None


@pytest.mark.parametrize("timeout", ["-1", "3601", "nan", "soon"])
def test_an_impossible_session_timeout_is_refused(timeout: str) -> None:
    with pytest.raises(ClickHouseError, match="session timeout"):
        query({"session_id": "s", "session_timeout": timeout})


def test_external_tables_take_their_structure_or_their_types() -> None:
    parameters = {
        "a_structure": "x Int8",
        "a_format": "CSV",
        "b_types": "Decimal(9, 2),String",
        "max_threads": "1",
    }
    built = query(parameters, a=b"1", b=b"2\tx")
    assert built.externals == (
        ExternalTable("a", "CSV", "x Int8", b"1"),
        ExternalTable("b", "TabSeparated", "_1 Decimal(9, 2), _2 String", b"2\tx"),
    )
    assert built.settings == {"max_threads": "1"}


def test_an_external_table_without_structure_is_refused() -> None:
    with pytest.raises(ClickHouseError, match="needs a plain name and a structure"):
        query({}, a=b"1")


@pytest.mark.parametrize("option", ["compress", "decompress"])
def test_native_compression_is_refused_rather_than_ignored(option: str) -> None:
    with pytest.raises(ClickHouseError, match="native compression") as caught:
        query({option: "1"})
    assert (caught.value.code, caught.value.status) == (48, 501)


@given(st.lists(st.binary(max_size=300), max_size=4), st.sampled_from(["lz4", "zstd"]))
def test_bodies_of_the_official_driver_are_decompressed_block_by_block(blocks: list[bytes], encoding: str) -> None:
    compressor = get_compressor(encoding)
    body = b"".join(bytes(compressor.compress_block(block)) for block in blocks)
    if blocks:
        assert decompressed(body, encoding) == b"".join(blocks)


@given(st.binary())
def test_gzip_deflate_and_plain_bodies_are_read(data: bytes) -> None:
    assert decompressed(gzip.compress(data), "gzip") == data
    assert decompressed(zlib.compress(data), "deflate") == data
    assert decompressed(data, "identity") == data


@pytest.mark.parametrize("encoding", ["lz4", "zstd", "gzip", "deflate"])
def test_a_damaged_body_is_an_error_of_its_own(encoding: str) -> None:
    with pytest.raises(ClickHouseError) as caught:
        decompressed(b"not compressed", encoding)
    assert caught.value.name == "CANNOT_DECOMPRESS"


def test_a_body_cut_in_the_middle_is_damaged() -> None:
    with pytest.raises(ClickHouseError, match="not complete"):
        decompressed(lz4.frame.compress(b"x" * 1000)[:-8], "lz4")


def test_an_unknown_encoding_names_those_we_speak() -> None:
    with pytest.raises(ClickHouseError, match=r"expected one of .*lz4") as caught:
        decompressed(b"", "br")
    assert caught.value.status == 415


@pytest.mark.parametrize(
    "text, code, name, status",
    [
        ("Code: 60. DB::Exception: Table t is not there. (UNKNOWN_TABLE)", 60, "UNKNOWN_TABLE", 404),
        (
            "X: Code: 62. DB::Exception: Syntax (a). (SYNTAX_ERROR) (version 26.9.2.1)",
            62,
            "SYNTAX_ERROR",
            400,
        ),
        ("Code: 159. DB::Exception: Too\nlong. (TIMEOUT_EXCEEDED)", 159, "TIMEOUT_EXCEEDED", 408),
        ("Code: 241. DB::Exception: Memory. (MEMORY_LIMIT_EXCEEDED)", 241, "MEMORY_LIMIT_EXCEEDED", 500),
        ("something else", 1001, "STD_EXCEPTION", 500),
    ],
)
def test_engine_errors_keep_code_and_name_and_get_their_status(text: str, code: int, name: str, status: int) -> None:
    error = ClickHouseError.from_engine(RuntimeError(text))
    assert (error.code, error.name, error.status) == (code, name, status)
    assert error.body("26.9.2.1").count("(version 26.9.2.1)") == 1
    assert error.body("26.9.2.1").startswith(f"Code: {code}. DB::Exception: ")
