"""Fixtures: one migrated archive in one embedded ClickHouse for all tests that only fill tables and ask views.

To start a server and to migrate it costs more than most of these tests. What they put in is taken out after each
(`client`); whoever tests the server itself, migrations, or a server that fails, starts one of its own
(clickhouse_server.py).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import date, datetime
from itertools import count
from typing import Any

import pytest
import pytest_asyncio
from clickhouse_connect.driver.client import Client
from clickhouse_server import running
from sink_samples import Rec, rows

from streams.config import Settings
from streams.metrics.days import from_date
from streams.sinks.clickhouse import ClickHouse, connect
from streams.sinks.migrate import migrate
from streams.sinks.tables import TABLES

Put = Callable[..., None]
"""Stores records as the archive would, each row twice, as deliveries may be."""
View = Callable[[str], list[dict[str, Any]]]
"""All rows of a view."""


def empty(client: Client) -> None:
    """Takes everything out of every table."""
    for table in TABLES:
        client.command(f"TRUNCATE TABLE {table.name}")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def archive(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Settings]:
    """Settings that point at it; whoever fills it by these alone empties it."""
    async with running(tmp_path_factory.mktemp("archive")) as settings:
        await asyncio.to_thread(migrate, settings)
        yield settings


@pytest.fixture
def client(archive: Settings) -> Iterator[Client]:
    with connect(archive) as client:
        yield client
        empty(client)


@pytest.fixture
def put(archive: Settings, client: Client) -> Iterator[Put]:
    backend = ClickHouse(archive)
    tokens = count()

    def put(*records: Rec) -> None:
        for row in rows(*records) * 2:
            backend.insert(row.table, [row.values], f"token {next(tokens)}")

    yield put
    backend.close()


@pytest.fixture
def view(client: Client) -> View:
    return lambda name: list(client.query(f"SELECT * FROM {name}").named_results())


def comparable(value: Any) -> Any:
    """A value as it was put in, however a database gives it back."""
    match value:
        case datetime():
            return round(value.timestamp() * 1000)
        case date():
            return from_date(value)
        case str():
            return value.encode()
        case list() | tuple():
            return [comparable(part) for part in value]
        case dict():
            return {comparable(name): part for name, part in value.items()}
        case _:
            return value
