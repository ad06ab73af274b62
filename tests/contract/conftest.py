"""Fixtures of the ClickHouse contract tests: an endpoint with a database for each module, a table for each test."""

from collections.abc import AsyncIterator, Iterator

import clickhouse_connect
import pytest
import pytest_asyncio
from clickhouse_connect.driver.client import Client
from clickhouse_rig import WINDOW, running_endpoint

from streams.embedded.ports import LOOPBACK


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def port(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[int]:
    async with running_endpoint(tmp_path_factory.mktemp("clickhouse")) as number:
        yield number


@pytest.fixture(scope="module")
def client(port: int) -> Iterator[Client]:
    with clickhouse_connect.get_client(host=LOOPBACK, port=port, autogenerate_session_id=False) as client:
        client.command("CREATE DATABASE app")
        yield client


@pytest.fixture
def table(client: Client) -> Iterator[str]:
    client.command(f"CREATE TABLE app.t (id UInt32, name String) ENGINE = MergeTree ORDER BY id {WINDOW}")
    yield "app.t"
    client.command("DROP TABLE app.t")
