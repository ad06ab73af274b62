"""The ClickHouse HTTP interface as curl and other plain clients see it: status, headers, formats, sessions.

Runs against the embedded endpoint and says nothing that a real clickhouse-server does not do as well, apart
from the tests at the end, which hold the endpoint's own refusals.
"""

import asyncio
import gzip
import json
from base64 import b64encode
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import ClientPayloadError, ClientSession
from clickhouse_connect.driver.client import Client
from clickhouse_rig import url_of

pytestmark = pytest.mark.integration

MODULE_LOOP = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def url(port: int) -> str:
    return url_of(port)


@pytest_asyncio.fixture(loop_scope="module")
async def web() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


# Errors


@pytest.mark.parametrize(
    "sql, status, code, name",
    [
        ("SELECT * FROM app.nope", 404, 60, "UNKNOWN_TABLE"),
        ("SELECT * FROM nope.t", 404, 81, "UNKNOWN_DATABASE"),
        ("SELECT nope", 404, 47, "UNKNOWN_IDENTIFIER"),
        ("SELEC 1", 400, 62, "SYNTAX_ERROR"),
        ("SELECT 1; SELECT 2", 400, 62, "SYNTAX_ERROR"),
        ("INSERT INTO app.errors; DROP TABLE app.errors FORMAT CSV\n1", 400, 62, "SYNTAX_ERROR"),
        ("-- nothing", 400, 62, "SYNTAX_ERROR"),
        ("SELECT toUInt8('x')", 400, 6, "CANNOT_PARSE_TEXT"),
        ("INSERT INTO app.errors FORMAT CSV\nx\n", 400, 117, "INCORRECT_DATA"),
        ("INSERT INTO app.errors (nope) FORMAT CSV\n1\n", 500, 16, "NO_SUCH_COLUMN_IN_TABLE"),
        ("INSERT INTO app.errors FORMAT Nope\n1\n", 404, 73, "UNKNOWN_FORMAT"),
        ("SELECT 1 SETTINGS nope = 1", 404, 115, "UNKNOWN_SETTING"),
        (
            "SELECT sleepEachRow(1) FROM numbers(3) SETTINGS max_execution_time = 1",
            408,
            159,
            "TIMEOUT_EXCEEDED",
        ),
    ],
)
@MODULE_LOOP
async def test_errors_carry_code_name_and_status(
    url: str, client: Client, web: ClientSession, sql: str, status: int, code: int, name: str
) -> None:
    client.command("CREATE TABLE IF NOT EXISTS app.errors (a UInt8) ENGINE = MergeTree ORDER BY a")
    async with web.post(url, data=sql) as reply:
        text = await reply.text()
        assert (reply.status, reply.headers["X-ClickHouse-Exception-Code"]) == (status, str(code))
        assert text.startswith(f"Code: {code}. DB::Exception: ")
        assert text.rstrip().endswith(f"({name}) (version {client.server_version})")
    assert client.command("EXISTS TABLE app.errors") == 1
    assert client.command("SELECT count() FROM app.errors") == 0


@MODULE_LOOP
async def test_an_error_in_mid_stream_is_tagged_and_the_body_left_unfinished(url: str, web: ClientSession) -> None:
    sql = "SELECT throwIf(number = 900000, 'broken') FROM numbers(1000000) FORMAT TSV"
    body = b""
    async with web.post(url, data=sql) as reply:
        tag = reply.headers["X-ClickHouse-Exception-Tag"]
        assert reply.status == 200
        with pytest.raises(ClientPayloadError):  # noqa: PT012  keeps what had come before
            async for piece in reply.content.iter_any():
                body += piece
    _rows, opening, rest = body.partition(f"\r\n__exception__\r\n{tag}\r\n".encode())
    message, closing, _ = rest.partition(f" {tag}\r\n__exception__\r\n".encode())
    text, _, length = message.rpartition(b"\n")
    assert opening
    assert closing
    assert b"Code: 395. DB::Exception: broken" in text
    assert int(length) == len(text) + 1


@MODULE_LOOP
async def test_a_result_that_nobody_reads_to_the_end_stops_its_query(url: str, web: ClientSession) -> None:
    for _ in range(12):  # more than the endpoint has threads
        async with web.post(url, data="SELECT number FROM numbers(10000000000) FORMAT TSV") as reply:
            await reply.content.readany()
            reply.close()
    running = "SELECT count() FROM system.processes WHERE query LIKE '%FROM numbers(1000' || '0000000)%'"
    async with asyncio.timeout(10):
        while True:
            async with web.post(url, data=running) as reply:
                if await reply.text() == "0\n":
                    break


@MODULE_LOOP
async def test_with_wait_end_of_query_a_late_error_has_its_own_status(url: str, web: ClientSession) -> None:
    sql = "SELECT throwIf(number = 900000) FROM numbers(1000000) FORMAT TSV"
    async with web.post(url, params={"wait_end_of_query": "1"}, data=sql) as reply:
        assert (reply.status, reply.headers["X-ClickHouse-Exception-Code"]) == (500, "395")


# Plain HTTP, as curl sends it


@MODULE_LOOP
async def test_ping_answers_ok(url: str, web: ClientSession) -> None:
    for path in ("ping", "replicas_status", ""):
        async with web.get(url + path) as reply:
            assert (reply.status, await reply.text()) == (200, "Ok.\n")


@MODULE_LOOP
async def test_get_reads_and_does_not_write(url: str, client: Client, web: ClientSession, table: str) -> None:
    async with web.get(url, params={"query": f"SELECT count() FROM {table}"}) as reply:
        assert (reply.status, await reply.text()) == (200, "0\n")
    for sql in (
        f"DROP TABLE {table}",
        f"INSERT INTO {table} VALUES (1, 'a')",
        f"INSERT INTO {table} FORMAT CSV\n1,a",
    ):
        async with web.get(url, params={"query": sql}) as reply:
            assert (reply.status, reply.headers["X-ClickHouse-Exception-Code"]) == (500, "164")
    assert client.command(f"SELECT count() FROM {table}") == 0


@MODULE_LOOP
async def test_the_format_comes_from_the_query_the_url_or_the_header(url: str, web: ClientSession) -> None:
    async with web.post(url, data="SELECT 1 AS a FORMAT JSONEachRow") as reply:
        assert (reply.headers["X-ClickHouse-Format"], json.loads(await reply.text())) == (
            "JSONEachRow",
            {"a": 1},
        )
        assert reply.content_type == "application/x-ndjson"
    async with web.post(url, params={"default_format": "CSVWithNames"}, data="SELECT 1 AS a") as reply:
        assert await reply.text() == '"a"\n1\n'
    async with web.post(url, headers={"X-ClickHouse-Format": "JSONCompact"}, data="SELECT 1 AS a") as reply:
        assert json.loads(await reply.text())["data"] == [[1]]


@MODULE_LOOP
async def test_a_statement_in_the_url_takes_its_rows_from_the_body(
    url: str, client: Client, web: ClientSession, table: str
) -> None:
    parameters = {"query": f"INSERT INTO {table} FORMAT JSONEachRow", "insert_deduplication_token": "x"}
    rows = gzip.compress(b'{"id": 1, "name": "a"}\n{"id": 2, "name": "b"}\n')
    for _ in range(2):
        async with web.post(url, params=parameters, data=rows, headers={"Content-Encoding": "gzip"}) as reply:
            assert reply.status == 200
            assert json.loads(reply.headers["X-ClickHouse-Summary"])["written_rows"] == "2"
    async with web.post(url, params={"query": f"INSERT INTO {table} VALUES"}, data="(3, 'c'), (4, 'd')") as reply:
        assert reply.status == 200
    assert client.command(f"SELECT sum(id) FROM {table}") == 10


@MODULE_LOOP
async def test_replies_echo_the_query_id_and_name_the_time_zone(url: str, web: ClientSession) -> None:
    async with web.post(url, params={"query_id": "mine"}, data="SELECT timezone()") as reply:
        assert reply.headers["X-ClickHouse-Query-Id"] == "mine"
        assert (await reply.text()).strip() == reply.headers["X-ClickHouse-Timezone"] == "UTC"


@MODULE_LOOP
async def test_a_session_serves_one_request_at_a_time(url: str, web: ClientSession) -> None:
    session = {"session_id": "busy"}

    async def run(sql: str) -> str | None:
        async with web.post(url, params=session, data=sql) as reply:
            await reply.read()
            return reply.headers.get("X-ClickHouse-Exception-Code")

    codes = await asyncio.gather(*(run("SELECT sleep(1)") for _ in range(3)))
    assert sorted(code or "none" for code in codes) == ["373", "373", "none"]
    async with web.post(url, params={"session_id": "absent", "session_check": "1"}, data="SELECT 1") as reply:
        assert reply.headers["X-ClickHouse-Exception-Code"] == "372"


@MODULE_LOOP
async def test_a_closed_session_is_forgotten(url: str, web: ClientSession) -> None:
    parameters = {"session_id": "short", "close_session": "1"}
    async with web.post(url, params=parameters, data="CREATE TEMPORARY TABLE gone (a UInt8)") as reply:
        assert await reply.read() == b""  # to its end: the head alone comes while the session is still open
    async with web.post(url, params={"session_id": "short"}, data="SELECT * FROM gone") as reply:
        assert reply.status == 404


@MODULE_LOOP
async def test_other_paths_and_methods_are_not_served(url: str, web: ClientSession) -> None:
    async with web.get(url + "play") as reply:
        assert reply.status == 404
    async with web.delete(url) as reply:
        assert reply.status == 405


# Credentials


@pytest.mark.parametrize(
    "headers, parameters",
    [
        ({"X-ClickHouse-User": "default", "X-ClickHouse-Key": "wrong"}, {}),
        ({"X-ClickHouse-User": "other"}, {}),
        ({"Authorization": "Basic " + b64encode(b"default:wrong").decode()}, {}),
        ({"Authorization": "Basic !"}, {}),
        ({}, {"user": "default", "password": "wrong"}),
    ],
)
@MODULE_LOOP
async def test_wrong_credentials_are_refused(
    url: str, web: ClientSession, headers: dict[str, str], parameters: dict[str, str]
) -> None:
    async with web.post(url, headers=headers, params=parameters, data="SELECT 1") as reply:
        assert (reply.status, reply.headers["X-ClickHouse-Exception-Code"]) == (403, "516")
        assert "AUTHENTICATION_FAILED" in await reply.text()


# The endpoint's own refusals


@MODULE_LOOP
async def test_what_the_endpoint_cannot_do_is_refused_and_not_ignored(
    url: str, client: Client, web: ClientSession, table: str
) -> None:
    through_input = f"INSERT INTO {table} SELECT a, '' FROM input('a UInt32') FORMAT CSV\n1\n"
    for parameters in ({}, {"compress": "1"}, {"decompress": "1"}):
        async with web.post(url, params=parameters, data=through_input) as reply:
            assert (reply.status, reply.headers["X-ClickHouse-Exception-Code"]) == (501, "48")
    assert client.command(f"SELECT count() FROM {table}") == 0


@pytest.mark.parametrize("headers", [{"Origin": "http://example.com"}, {"Sec-Fetch-Site": "cross-site"}])
@MODULE_LOOP
async def test_web_pages_are_refused_while_there_is_no_password(
    url: str, web: ClientSession, headers: dict[str, str]
) -> None:
    async with web.post(url, headers=headers, data="SELECT 1") as reply:
        assert (reply.status, reply.headers["X-ClickHouse-Exception-Code"]) == (403, "497")
