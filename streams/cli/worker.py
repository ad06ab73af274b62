"""`zelo worker`: one role in this process, or several processes, supervised."""

import asyncio
import signal
import sys
from collections.abc import Sequence
from typing import Annotated, Literal, assert_never

import typer

from streams.app import Role
from streams.cli.processes import PATIENT, page_line, pages_of, worker_children
from streams.config import load_settings
from streams.embedded.supervise import Child, Supervisor
from streams.logs import configure_logging

RoleOption = Literal["stream", "archive", "notify", "all"]


def command(
    role: Annotated[RoleOption, typer.Option(help="which agents to run; all: one process for each role")] = "all",
    workers: Annotated[
        int, typer.Option(min=1, help="processes of this role, with all: of the stream role; one per core is right")
    ] = 1,
) -> None:
    """Run a worker against the Kafka and ClickHouse of the settings."""
    settings = load_settings()
    if role != "all" and workers == 1:
        from streams.worker import run_worker  # noqa: PLC0415 - pulls in Faust; `zelo --help` need not

        sys.exit(run_worker(settings, role))
    if workers > settings.partitions:
        typer.echo(
            f"only {settings.partitions} of {workers} can have work: ZELO_PARTITIONS={settings.partitions}", err=True
        )
    configure_logging(settings.log_level, settings.log_format)
    children = worker_children(settings, settings.data_dir / "logs", PATIENT, _counts(role, workers))
    asyncio.run(_supervise(children))


def _counts(role: RoleOption, workers: int) -> dict[Role, int]:
    match role:
        case "all":
            return {"stream": workers, "archive": 1, "notify": 1}
        case "stream" | "archive" | "notify":
            return {role: workers}
        case _:
            assert_never(role)


async def _supervise(children: Sequence[Child]) -> None:
    """Runs the children until a signal, also one that comes while they start; then ends all of them at once."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    for name, page in pages_of(children).items():
        typer.echo(page_line(name, page))
    async with Supervisor() as supervisor:
        stopped = asyncio.ensure_future(stop.wait())
        running = asyncio.ensure_future(_run(supervisor, children))
        await asyncio.wait({stopped, running}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        ended = running.done()
        running.cancel()
        (outcome,) = await asyncio.gather(running, return_exceptions=True)
        # each would otherwise hand its partitions to the others, which end next
        await asyncio.gather(*(supervisor.stop(child.name) for child in children if supervisor.runs(child.name)))
        if ended and isinstance(outcome, BaseException):
            raise outcome


async def _run(supervisor: Supervisor, children: Sequence[Child]) -> None:
    """Starts all at once (one rebalance, not one for each); ends with the error of one that is dead for good."""
    try:
        async with asyncio.TaskGroup() as group:
            for child in children:
                group.create_task(supervisor.start(child))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None  # the others' end follows from it
    await supervisor.wait()
