"""What Zelo and its tools rely on when they reach ClickHouse through the official driver.

Runs against the embedded endpoint and says nothing that a real clickhouse-server does not do as well.
"""

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest
import pytest_asyncio
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError, ProgrammingError
from clickhouse_connect.driver.external import ExternalData
from clickhouse_migrations.clickhouse_cluster import ClickhouseCluster

from streams.embedded.ports import LOOPBACK, free_port

pytestmark = pytest.mark.integration

MODULE_LOOP = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def async_client(port: int, client: Client) -> AsyncIterator[AsyncClient]:
    async with await clickhouse_connect.get_async_client(host=LOOPBACK, port=port) as async_client:
        yield async_client


def test_typed_values_come_back_as_they_went_in(client: Client) -> None:
    client.command(
        "CREATE TABLE app.typed (at DateTime64(3, 'UTC'), day Date, properties JSON, tags Array(String), "
        "factors Map(LowCardinality(String), Float64), plan LowCardinality(Nullable(String)), "
        "kind Enum8('info' = 1, 'critical' = 2), minor Int64) ENGINE = MergeTree ORDER BY at"
    )
    at = datetime(2026, 3, 29, 1, 59, 59, 999_000, tzinfo=UTC)
    properties = {"seats": 3, "plan": {"name": "Pro – ação"}, "tags": ["a", "b"]}
    row = [at, at.date(), properties, ["x", "it's \\ \t"], {"usage": 0.5}, None, "critical", -(2**62)]
    client.insert("app.typed", [row], column_names="*")
    (found,) = client.query("SELECT * FROM app.typed", tz_mode="aware").result_rows
    assert found[0] == at
    assert found[0].utcoffset() == timedelta(0)
    assert found[2] == properties
    assert list(found[3:]) == row[3:]
    assert client.query("SELECT properties.plan.name FROM app.typed").first_row == ("Pro – ação",)


@pytest.mark.parametrize("compression", [False, "lz4", "zstd", "gzip"])
def test_inserts_arrive_whatever_their_compression(port: int, table: str, compression: bool | str) -> None:
    rows = [[number, f"name {number}"] for number in range(20_000)]
    with clickhouse_connect.get_client(host=LOOPBACK, port=port, compress=compression) as client:
        summary = client.insert(table, rows, column_names=["id", "name"])
        assert summary.written_rows == 20_000
        assert client.query(f"SELECT count(), sum(id), uniqExact(name) FROM {table}").first_row == (
            20_000,
            sum(range(20_000)),
            20_000,
        )


def test_a_token_is_inserted_once_and_another_token_again(client: Client, table: str) -> None:
    def insert(token: str, rows: list[list[Any]]) -> None:
        client.insert(
            table,
            rows,
            column_names=["id", "name"],
            column_type_names=["UInt32", "String"],
            settings={"insert_deduplication_token": token, "async_insert": 0},
        )

    insert("topic:0:1-2", [[1, "a"], [2, "b"]])
    insert("topic:0:1-2", [[1, "a"], [2, "b"]])
    insert("topic:0:1-2", [[3, "a retry with other rows is still the same insert"]])
    insert("topic:0:3-4", [[1, "a"], [2, "b"]])
    assert client.query(f"SELECT id, count() FROM {table} GROUP BY id ORDER BY id").result_rows == [
        (1, 2),
        (2, 2),
    ]


def test_final_shows_the_highest_version_of_each_key(client: Client) -> None:
    client.command(
        "CREATE TABLE app.scores (customer String, score Float64, version UInt64) "
        "ENGINE = ReplacingMergeTree(version) ORDER BY customer"
    )
    for rows in ([["a", 0.1, 1], ["b", 0.2, 1]], [["a", 0.9, 3]], [["a", 0.5, 2]]):
        client.insert("app.scores", rows, column_names="*")
    assert client.query("SELECT * FROM app.scores FINAL ORDER BY customer").result_rows == [
        ("a", 0.9, 3),
        ("b", 0.2, 1),
    ]
    assert client.query("SELECT count() FROM app.scores", settings={"final": 1}).first_row == (2,)


def test_a_large_result_streams_in_blocks(client: Client) -> None:
    rows = total = blocks = 0
    with client.query_row_block_stream("SELECT number, toString(number) FROM numbers(200000)") as stream:
        for block in stream:
            blocks, rows = blocks + 1, rows + len(block)
            total += sum(number for number, _text in block)
    assert (rows, total) == (200_000, sum(range(200_000)))
    assert blocks > 1


def test_parameters_are_bound_by_the_server(client: Client) -> None:
    found = client.query(
        "SELECT {text:String}, {days:Array(Date)}, {at:DateTime64(3, 'UTC')}",
        parameters={
            "text": "it's\t\\N ' OR 1=1 --",
            "days": [date(2026, 1, 2)],
            "at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        },
        tz_mode="aware",
    ).first_row
    assert found is not None
    assert found[0] == "it's\t\\N ' OR 1=1 --"
    assert found[1] == [date(2026, 1, 2)]
    assert found[2] == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_settings_hold_for_one_request_only(port: int) -> None:
    with clickhouse_connect.get_client(host=LOOPBACK, port=port, session_id="settings") as client:
        assert client.query("SELECT getSetting('max_threads')", settings={"max_threads": 3}).first_row == (3,)
        assert client.query("SELECT getSetting('max_threads')").first_row != (3,)


def test_external_data_joins_the_query(client: Client) -> None:
    external = ExternalData(file_name="wanted.csv", data=b"2\n4\n", fmt="CSV", structure=["id UInt32"])
    result = client.query("SELECT number FROM numbers(6) WHERE number IN wanted", external_data=external)
    assert result.result_rows == [(2,), (4,)]


def test_a_session_keeps_temporary_tables_and_settings(port: int) -> None:
    with (
        clickhouse_connect.get_client(host=LOOPBACK, port=port, session_id="mine") as mine,
        clickhouse_connect.get_client(host=LOOPBACK, port=port, session_id="other") as other,
    ):
        mine.command("CREATE TEMPORARY TABLE kept (a UInt8)")
        mine.command("INSERT INTO kept VALUES (7)")
        mine.command("SET max_block_size = 1234")
        assert mine.query("SELECT a, getSetting('max_block_size') FROM kept").first_row == (7, 1234)
        with pytest.raises(DatabaseError, match="UNKNOWN_TABLE"):
            other.query("SELECT * FROM kept")


def test_the_client_chooses_its_database(port: int, table: str) -> None:
    with clickhouse_connect.get_client(host=LOOPBACK, port=port, database="app") as client:
        client.insert("t", [[1, "a"]], column_names=["id", "name"])
        assert client.query("SELECT currentDatabase(), count() FROM t").first_row == ("app", 1)


def test_many_clients_work_at_the_same_time(port: int, table: str) -> None:
    start = threading.Barrier(6)

    def work(worker: int) -> int:
        with clickhouse_connect.get_client(host=LOOPBACK, port=port) as client:
            start.wait(timeout=20)
            for batch in range(8):
                first = worker * 1_000 + batch * 100
                rows = [[number, "n"] for number in range(first, first + 100)]
                client.insert(table, rows, column_names=["id", "name"])
            own_rows = f"SELECT count() FROM {table} WHERE id >= {worker * 1_000} AND id < {(worker + 1) * 1_000}"
            return int(client.command(own_rows))  # type: ignore[arg-type]

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(work, range(6))) == [800] * 6


@MODULE_LOOP
async def test_the_async_client_runs_queries_side_by_side(async_client: AsyncClient) -> None:
    await async_client.command("CREATE TABLE app.side (id UInt32) ENGINE = MergeTree ORDER BY id")
    batches = [[[worker * 100 + number] for number in range(100)] for worker in range(10)]
    await asyncio.gather(*(async_client.insert("app.side", rows, column_names=["id"]) for rows in batches))
    counts = await asyncio.gather(*(async_client.query("SELECT uniqExact(id) FROM app.side") for _ in range(10)))
    assert [count.first_row for count in counts] == [(1_000,)] * 10


@MODULE_LOOP
async def test_the_async_client_streams(async_client: AsyncClient) -> None:
    rows = 0
    async with await async_client.query_row_block_stream("SELECT number FROM numbers(200000)") as stream:
        async for block in stream:
            rows += len(block)
    assert rows == 200_000


def test_the_driver_tells_server_errors_from_transport_errors(client: Client) -> None:
    with pytest.raises(DatabaseError) as caught:
        client.query("SELECT * FROM app.nope")
    assert not isinstance(caught.value, OperationalError)
    assert (caught.value.code, caught.value.name) == (60, "UNKNOWN_TABLE")
    with pytest.raises(OperationalError) as refused:
        clickhouse_connect.get_client(host=LOOPBACK, port=free_port())
    assert refused.value.code is None


def test_an_error_in_mid_stream_reaches_the_driver(client: Client) -> None:
    sql = "SELECT number, throwIf(number = 900000, 'broken in the middle') FROM numbers(1000000)"
    with (
        pytest.raises(OperationalError, match="broken in the middle"),
        client.query_rows_stream(sql) as stream,
    ):
        for _row in stream:
            pass


def test_migrations_apply_once_and_in_order(port: int, client: Client, tmp_path: Path) -> None:
    (tmp_path / "001_events.sql").write_text(
        "CREATE TABLE app_m.events (id UInt32) ENGINE = MergeTree ORDER BY id;\nINSERT INTO app_m.events VALUES (1);"
    )
    (tmp_path / "002_view.sql").write_text("CREATE VIEW app_m.total AS SELECT count() AS n FROM app_m.events;")
    cluster = ClickhouseCluster(LOOPBACK, "default", "", db_port=str(port), driver="clickhouse-connect")
    for _ in range(2):
        cluster.migrate("app_m", tmp_path, create_db_if_no_exists=True, multi_statement=True)
    assert client.command("SELECT n FROM app_m.total") == 1


def test_a_client_does_not_share_its_session_between_threads(port: int) -> None:
    """A learning test: why our sinks ask for `autogenerate_session_id=False`."""
    with clickhouse_connect.get_client(host=LOOPBACK, port=port) as shared, ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(shared.query, "SELECT sleep(0.3)") for _ in range(4)]
        errors = [run.exception() for run in runs]
    assert any(isinstance(error, ProgrammingError) for error in errors)
