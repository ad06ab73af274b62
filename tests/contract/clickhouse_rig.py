"""Starts the endpoint that the ClickHouse contract tests talk to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from streams.embedded.clickhouse.child import clickhouse_child
from streams.embedded.ports import LOOPBACK, free_port
from streams.embedded.supervise import Supervisor

#: Of a table that knows repeated blocks.
WINDOW = "SETTINGS non_replicated_deduplication_window = 1000"


@asynccontextmanager
async def running_endpoint(directory: Path) -> AsyncIterator[int]:
    """An endpoint with an empty data directory; gives its port."""
    port = free_port()
    async with Supervisor([clickhouse_child(directory / "data", port, directory / "log")]):
        yield port


def url_of(port: int) -> str:
    return f"http://{LOOPBACK}:{port}/"
