"""An embedded ClickHouse of its own for tests, and settings that point at it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from streams.config import Settings
from streams.embedded.clickhouse.child import clickhouse_child
from streams.embedded.ports import LOOPBACK, free_port
from streams.embedded.supervise import Supervisor


@asynccontextmanager
async def running(directory: Path) -> AsyncIterator[Settings]:
    """A server with empty data until the block ends."""
    port = free_port()
    async with Supervisor([clickhouse_child(directory / "data", port, directory / "log")]):
        yield at(port)


def at(port: int, database: str = "zelo") -> Settings:
    """Settings for a server on this machine."""
    return Settings(clickhouse_url=f"http://{LOOPBACK}:{port}", clickhouse_database=database)
