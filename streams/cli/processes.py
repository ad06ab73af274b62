"""Which processes a worker command runs: names, pages and folders of their own, one line about each.

A process has one event loop, so it uses about one core: a machine runs as many of the stream role as it has cores
to give, and Kafka spreads the partitions over all that are there, here and elsewhere.
"""

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import aiohttp

from streams.app import ROLES, Role
from streams.config import Settings, child_environment
from streams.embedded.ports import LOOPBACK, free_port
from streams.embedded.supervise import Child, Restart
from streams.errors import ConfigurationError

#: A worker is ready when its tables are recovered; one that takes longer than the engine allows ends itself.
_READY_SECONDS = 1000.0
_GRACE_SECONDS = 20.0
#: Half a second to half a minute apart, so about three minutes in a row, then the command ends with the last words.
PATIENT = Restart(attempts=10)
#: Where somebody who listens everywhere is reached from here.
_EVERYWHERE = {"0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104 - compared, not listened on


def worker_children(
    settings: Settings, logs: Path, restart: Restart | None = None, counts: Mapping[Role, int] | None = None
) -> list[Child]:
    """Child processes with a page and a data folder each.

    Args:
        settings: with a port for pages, they get that one and those after it; without, free ones.
        logs: folder of one log for each.
        restart: what happens to a dead one.
        counts: how many of each role; one of each by default.

    Raises:
        ConfigurationError: `http_host` is no address of this machine.
    """
    number_of: Mapping[Role, int] = dict.fromkeys(ROLES, 1) if counts is None else counts
    members = [(role, _name(role, number)) for role, count in number_of.items() for number in range(1, count + 1)]
    ports = _ports(settings, len(members))
    return [
        _child(settings, role, name, port, logs, restart or Restart())
        for (role, name), port in zip(members, ports, strict=True)
    ]


def _name(role: Role, number: int) -> str:
    return role if number == 1 else f"{role}-{number}"


def _ports(settings: Settings, count: int) -> list[int]:
    if first := settings.http_port:
        return list(range(first, first + count))
    found: dict[int, None] = {}
    while len(found) < count:
        try:
            found[free_port(settings.http_host)] = None
        except OSError as error:
            raise ConfigurationError(
                f"ZELO_HTTP_HOST: expected a name or an address of this machine, it was {settings.http_host!r}: {error}"
            ) from error
    return list(found)


def _child(settings: Settings, role: Role, name: str, port: int, logs: Path, restart: Restart) -> Child:
    own = settings.model_copy(update={"http_port": port, "data_dir": settings.data_dir / "workers" / name})
    page = page_url(own)
    return Child(
        name=name,
        argv=[sys.executable, "-m", "streams.cli", "worker", "--role", role],
        env=child_environment(own),
        ready=ready_probe(page),
        log_path=logs / f"{name}.log",
        ready_seconds=_READY_SECONDS,
        restart=restart,
        grace_seconds=_GRACE_SECONDS,
    )


def page_url(settings: Settings) -> str:
    """Address of a worker's page; one that listens everywhere is asked on the loopback interface."""
    return _url(settings.http_host, settings.http_port)


def _url(host: str, port: int | str) -> str:
    asked = _EVERYWHERE.get(host, host)
    return f"http://[{asked}]:{port}" if ":" in asked else f"http://{asked}:{port}"


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


def pages_of(children: Sequence[Child]) -> dict[str, str]:
    """Addresses of the pages of `worker_children`, by name."""
    return {child.name: _page_of(child) for child in children}


def page_line(name: str, page: str) -> str:
    """What people are told of a worker's page."""
    return f"{name:<11} {page}/readyz  {page}/metrics"


def _page_of(child: Child) -> str:
    env = child.env or {}
    return _url(env["ZELO_HTTP_HOST"], env["ZELO_HTTP_PORT"])
