"""A whole Zelo as processes of their own, with topics, groups and a database of its own on a shared stack."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any, cast

import aiohttp
from system_oracle import PARTITIONS, Rows, by_key, differences, oracle

from streams.app import changelog_specs
from streams.cli.flow import drained
from streams.cli.processes import worker_children
from streams.cli.stack import EMBEDDED_TIMEOUTS
from streams.config import Settings
from streams.embedded import EmbeddedStack
from streams.embedded.supervise import Child, Restart
from streams.engine.topics import create_topics
from streams.intake.ordering import PreparedImport, Record
from streams.intake.produce import Target, produce
from streams.sinks.clickhouse import connect
from streams.sinks.migrate import migrate
from streams.sinks.table import Table
from streams.sinks.tables import TABLES
from streams.topics import topic_specs

#: Restarted at once and for as long as a test likes to kill.
RESTART = Restart(attempts=50, first_delay_seconds=0.05, max_delay_seconds=0.05)
#: Longer than publication, re-scoring and commit together.
QUIET_SECONDS = 2.5


@dataclass(frozen=True)
class System:
    """A running system with topics, groups and a database of its own.

    Attributes:
        children: its workers by role.
    """

    stack: EmbeddedStack
    settings: Settings
    children: dict[str, Child]

    async def send(self, records: Sequence[Record]) -> None:
        """Sends records with the product's own producer."""
        target = Target(self.settings.kafka_bootstrap, self.settings.topic_prefix)
        await produce(target, cast(PreparedImport, records))

    async def drained(self, quiet_seconds: float = QUIET_SECONDS, deadline_seconds: float = 100.0) -> None:
        """Waits until everything has flowed through; a worker that is dead for good ends the wait."""
        waiting = asyncio.ensure_future(drained(self.settings, quiet_seconds, lambda _: None, deadline_seconds))
        failing = asyncio.ensure_future(self.stack.supervisor.wait())
        await asyncio.wait({waiting, failing}, return_when=asyncio.FIRST_COMPLETED)
        failing.cancel()
        if failing.done() and not failing.cancelled():
            waiting.cancel()
            failing.result()
        await waiting

    def pid(self, role: str) -> int:
        """Process id of a worker."""
        return self.stack.supervisor.pid(self.children[role].name)

    async def partitions_of(self, role: str) -> int:
        """How many partitions a worker reads, as its page says."""
        env = self.children[role].env or {}
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{env['ZELO_HTTP_PORT']}/readyz") as page,
        ):
            return int((await page.json())["partitions"])

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Rows of a query."""
        with connect(self.settings) as client:
            return list(client.query(sql, tz_mode="aware").named_results())

    async def differences(self, records: Sequence[Record], seconds: float = 30.0) -> list[str]:
        """How the tables differ from what the oracle says after these records.

        Looked at again for a while if they do: some figures are due by time, and a busy machine is late.
        """
        expected, end = await asyncio.to_thread(oracle, tuple(records)), monotonic() + seconds
        while (found := differences(await self.tables(), expected)) and monotonic() < end:
            await asyncio.sleep(0.5)
        return found

    async def tables(self) -> dict[str, Rows]:
        """The rows of every table that stand, by key, comparable."""
        return await asyncio.to_thread(lambda: {table.name: self._rows(table) for table in TABLES})

    def _rows(self, table: Table) -> Rows:
        with connect(self.settings) as client:
            found = client.query(
                f"SELECT * FROM {table.name} FINAL", query_formats={"String": "bytes"}, tz_mode="aware"
            )
            return by_key(table, found.named_results())


@asynccontextmanager
async def running(
    stack: EmbeddedStack, name: str, *, stream_workers: int = 1, **overrides: Any
) -> AsyncIterator[System]:
    """Topics, a database and the workers of one system on a stack; the workers are gone at the end."""
    settings = system_settings(stack, name, **overrides)
    await prepare(settings)
    logs = stack.data_dir / "logs" / name
    children = {child.name: child for child in worker_children(settings, logs, RESTART)}
    for number in range(2, stream_workers + 1):
        twin = next(c for c in worker_children(settings, logs / str(number), RESTART) if c.name == "stream")
        children[f"stream-{number}"] = twin
    children = {role: replace(child, name=f"{name}-{role}") for role, child in children.items()}
    started = await asyncio.gather(
        *(stack.supervisor.start(child) for child in children.values()), return_exceptions=True
    )
    try:
        for outcome in started:
            if isinstance(outcome, BaseException):
                raise outcome
        yield System(stack, settings, children)
    finally:
        alive = [child.name for child in children.values() if stack.supervisor.runs(child.name)]
        await asyncio.gather(*(stack.supervisor.stop(one) for one in alive))


def system_settings(stack: EmbeddedStack, name: str, **overrides: Any) -> Settings:
    """Settings of a system with names of its own on a shared stack."""
    chosen: dict[str, Any] = {
        **EMBEDDED_TIMEOUTS,
        "kafka_bootstrap": stack.bootstrap,
        "clickhouse_url": stack.clickhouse_url,
        "clickhouse_database": f"zelo_{name}",
        "data_dir": stack.data_dir / name,
        "app_id": name,
        "topic_prefix": f"{name}.",
        "partitions": PARTITIONS,
        "clock": "log",
        "dedup_days": 1100,
        "profile": "demo",
        "rescore_seconds": 0.5,
        "commit_interval_seconds": 0.5,
        "archive_seconds": 0.5,
        **overrides,
    }
    return Settings(**chosen)


async def prepare(settings: Settings) -> None:
    """The database and all topics."""
    await asyncio.to_thread(migrate, settings)
    await create_topics(settings.kafka_bootstrap, [*topic_specs(settings), *changelog_specs(settings)])


async def until(come_to_pass: Callable[[], Any], what: str, seconds: float = 90.0) -> Any:
    """Polls until something true comes, and gives it."""
    end = monotonic() + seconds
    while not (found := await asyncio.to_thread(come_to_pass)):
        assert monotonic() < end, f"it did not come to pass within {seconds:g} s: {what}"
        await asyncio.sleep(0.1)
    return found
