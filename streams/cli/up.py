"""`zelo up`: the whole stack on this machine until Ctrl-C."""

import asyncio
import signal
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from streams.cli.board import read_summary
from streams.cli.demo import DEMO_SETTINGS, flow, sample_data
from streams.cli.flow import standings
from streams.cli.processes import page_line
from streams.cli.stack import LocalStack, local_stack
from streams.config import load_settings
from streams.embedded import BrokerKind
from streams.logs import configure_logging

_EVERY_SECONDS = 2.0


def command(
    sample: Annotated[
        bool, typer.Option("--sample", help="import the sample data first, with the demo's settings")
    ] = False,
    data_dir: Annotated[
        Path | None, typer.Option(help="folder for ClickHouse data and logs; default: a temporary one")
    ] = None,
    broker: Annotated[
        BrokerKind,
        typer.Option(help="embedded: in memory, nothing to install; kafka: Apache Kafka, durable, needs Java"),
    ] = "embedded",
    kafka_port: Annotated[
        int,
        typer.Option(
            min=0, max=65_535, help="port of the broker; 0: the one of earlier starts in --data-dir, or a free one"
        ),
    ] = 0,
) -> None:
    """Run broker, ClickHouse and workers on this machine, print their addresses, stop all with Ctrl-C."""
    overrides: dict[str, Any] = DEMO_SETTINGS if sample else {}
    settings = load_settings(**overrides)
    configure_logging("WARNING", settings.log_format)
    console = Console()

    def say(text: str) -> None:
        console.print(f"[dim]{text}[/dim]")

    asyncio.run(_run(local_stack(settings, data_dir, say, broker, kafka_port), sample, console))


async def _run(starting: AbstractAsyncContextManager[LocalStack], sample: bool, console: Console) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with starting as stack:
        _print_addresses(console, stack)
        if sample:
            await _until(stop, flow(stack, sample_data(), console))
        if not stop.is_set():
            await _follow(stack, stop, console)
        console.print("[dim]stopping[/dim]")


def _print_addresses(console: Console, stack: LocalStack) -> None:
    settings = stack.settings
    console.print(f"Kafka       {settings.kafka_bootstrap}")
    console.print(f"ClickHouse  {settings.clickhouse_url}  database {settings.clickhouse_database}")
    for name, page in stack.pages.items():
        console.print(page_line(name, page))
    console.print(f"logs        {stack.embedded.data_dir / 'logs'}")
    console.print("Ctrl-C stops everything")


async def _follow(stack: LocalStack, stop: asyncio.Event, console: Console) -> None:
    """One line, renewed, until told to stop or a child is dead for good."""

    async def line(live: Live) -> None:
        while True:
            summary = await asyncio.to_thread(read_summary, stack.settings)
            behind = {role: s.total - s.done for role, s in (await standings(stack.settings)).items()}
            live.update(Text(f"{summary}  behind: " + " ".join(f"{role} {n}" for role, n in behind.items())))
            await asyncio.sleep(_EVERY_SECONDS)

    with Live(Text("..."), console=console, auto_refresh=True, transient=False) as live:
        await _until(stop, line(live), stack.embedded.supervisor.wait())


async def _until(stop: asyncio.Event, *work: Any) -> None:
    """Runs until the first ends or `stop` is set; the first error is raised."""
    tasks = [asyncio.ensure_future(one) for one in work]
    stopped = asyncio.ensure_future(stop.wait())
    await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    done = [task for task in tasks if task.done()]
    for task in [stopped, *tasks]:
        task.cancel()
    await asyncio.gather(stopped, *tasks, return_exceptions=True)
    for task in done:
        task.result()
