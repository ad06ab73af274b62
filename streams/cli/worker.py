"""`zelo worker`: one role in this process, or all three as supervised children."""

import asyncio
import signal
import sys
from typing import Annotated, Literal

import typer

from streams.cli.stack import page_line, pages_of, worker_children
from streams.config import Settings, load_settings
from streams.embedded.supervise import Supervisor

RoleOption = Literal["stream", "archive", "notify", "all"]


def command(
    role: Annotated[RoleOption, typer.Option(help="which agents to run; all: one process for each role")] = "all",
) -> None:
    """Run a worker against the Kafka and ClickHouse of the settings."""
    settings = load_settings()
    if role == "all":
        asyncio.run(_run_all(settings))
        return
    from streams.worker import run_worker  # noqa: PLC0415 - pulls in Faust; `zelo --help` need not

    sys.exit(run_worker(settings, role))


async def _run_all(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    children = worker_children(settings, settings.data_dir / "logs")
    async with Supervisor(children) as supervisor:
        for role, page in pages_of(children).items():
            typer.echo(page_line(role, page))
        stopped = asyncio.ensure_future(stop.wait())
        died = asyncio.ensure_future(supervisor.wait())
        await asyncio.wait({stopped, died}, return_when=asyncio.FIRST_COMPLETED)
        if died.done():
            died.result()
        died.cancel()
