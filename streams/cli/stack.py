"""The local stack of `zelo demo` and `zelo up`: embedded broker and ClickHouse, schema, topics, the three workers."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from streams.app import ROLES, Role, changelog_specs
from streams.config import Settings, child_environment
from streams.embedded import EmbeddedStack
from streams.embedded.ports import free_port
from streams.embedded.supervise import Child, Restart
from streams.engine.topics import create_topics
from streams.errors import ConfigurationError
from streams.sinks.migrate import migrate
from streams.topics import topic_specs

#: Short timeouts: the embedded broker answers a join only after the whole rebalance timeout.
EMBEDDED_TIMEOUTS: dict[str, Any] = {"rebalance_timeout_seconds": 3.0, "session_timeout_seconds": 6.0}


@dataclass(frozen=True)
class LocalStack:
    """A running stack.

    Attributes:
        settings: with the addresses of this stack.
        pages: health and metrics pages by role.
        embedded: broker, ClickHouse and the supervisor of all children.
    """

    settings: Settings
    pages: dict[Role, str]
    embedded: EmbeddedStack


def worker_children(settings: Settings, logs: Path, restart: Restart | None = None) -> list[Child]:
    """One child process for each role, with a free port for its page."""
    return [_child(settings, role, logs, restart or Restart()) for role in ROLES]


def _child(settings: Settings, role: Role, logs: Path, restart: Restart) -> Child:
    own = settings.model_copy(update={"http_port": free_port()})
    page = page_url(own)
    return Child(
        name=role,
        argv=[sys.executable, "-m", "streams.cli", "worker", "--role", role],
        env=child_environment(own),
        ready=ready_probe(page),
        log_path=logs / f"{role}.log",
        restart=restart,
        grace_seconds=20.0,
    )


def page_url(settings: Settings) -> str:
    """Address of a worker's page."""
    return f"http://{settings.http_host}:{settings.http_port}"


def ready_probe(page: str) -> Callable[[], Awaitable[bool]]:
    """Asks `/readyz` of a worker."""

    async def ready() -> bool:
        timeout = aiohttp.ClientTimeout(total=2)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            try:
                async with session.get(f"{page}/readyz") as response:
                    return response.status == 200
            except aiohttp.ClientError:
                return False

    return ready


@asynccontextmanager
async def local_stack(settings: Settings, data_dir: Path | None, say: Callable[[str], None]) -> Any:
    """Starts everything, gives a `LocalStack`, stops everything.

    Args:
        settings: whose addresses are replaced by those of the stack.
        data_dir: kept; None for a temporary folder.
        say: told each step.
    """
    if data_dir is not None and (data_dir / "clickhouse").exists():
        raise ConfigurationError(
            f"{data_dir}: holds the rows of an earlier stack, whose broker (and offsets) lived in memory and is gone; "
            "name a new folder, or remove this one"
        )
    say("starting the embedded broker and ClickHouse")
    async with EmbeddedStack(data_dir) as embedded:
        settings = settings.model_copy(
            update={
                **EMBEDDED_TIMEOUTS,
                "kafka_bootstrap": embedded.bootstrap,
                "clickhouse_url": embedded.clickhouse_url,
                "clickhouse_user": "default",
                "data_dir": embedded.data_dir,
            }
        )
        say("applying migrations and creating topics")
        await asyncio.to_thread(migrate, settings)
        await create_topics(settings.kafka_bootstrap, [*topic_specs(settings), *changelog_specs(settings)])
        say("starting the workers")
        children = worker_children(settings, embedded.data_dir / "logs")
        await asyncio.gather(*(embedded.supervisor.start(child) for child in children))
        yield LocalStack(settings, pages_of(children), embedded)


def pages_of(children: Sequence[Child]) -> dict[Role, str]:
    """Addresses of the pages of `worker_children`, by role."""
    return {role: _page_of(child) for role, child in zip(ROLES, children, strict=True)}


def page_line(role: Role, page: str) -> str:
    """What people are told of a worker's page."""
    return f"{role:<11} {page}/readyz  {page}/metrics"


def _page_of(child: Child) -> str:
    env = child.env or {}
    return f"http://{env['ZELO_HTTP_HOST']}:{env['ZELO_HTTP_PORT']}"
