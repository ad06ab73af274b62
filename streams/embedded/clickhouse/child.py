"""The ClickHouse endpoint as a supervised child process. Imports neither chdb nor the server."""

import secrets
import sys
from pathlib import Path

from aiohttp import ClientError, ClientSession, ClientTimeout

import streams
from streams.embedded.ports import LOOPBACK
from streams.embedded.supervise import Child, Restart

NAME_HEADER = "X-ClickHouse-Server-Display-Name"
_SOURCE_ROOT = Path(streams.__path__[0]).resolve().parent


def clickhouse_child(
    data_path: Path, port: int, log_path: Path, *, host: str = LOOPBACK, restart: Restart | None = None
) -> Child:
    """The ClickHouse endpoint as a child of a supervisor.

    Args:
        data_path: the engine's directory; one process at a time.
        port: TCP port of the HTTP interface.
        log_path: file for its output.
        host: address it listens on.
        restart: whether a dead endpoint is started again; its data survives.
    """
    # Under this name /ping answers only for this very process, not for another one on the same port.
    name = f"zelo-{secrets.token_hex(8)}"
    argv = [sys.executable, "-m", "streams.embedded.clickhouse", "--path", str(data_path.resolve())]
    argv += ["--host", host, "--port", str(port), "--name", name]

    async def ready() -> bool:
        return await answering_name(f"http://{host}:{port}") == name

    return Child(
        name="clickhouse",
        argv=argv,
        ready=ready,
        log_path=log_path,
        cwd=_SOURCE_ROOT,
        ready_seconds=90,
        grace_seconds=15,
        restart=restart,
    )


async def answering_name(url: str) -> str | None:
    """The display name of the server that answers /ping below the URL; None if none does."""
    try:
        async with (
            ClientSession(timeout=ClientTimeout(total=3)) as session,
            session.get(f"{url}/ping") as reply,
        ):
            return reply.headers.get(NAME_HEADER) if reply.status == 200 else None
    except (ClientError, TimeoutError):
        return None
