"""`zelo import ...`: files to events on any broker."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from streams.cli.answers import shown
from streams.cli.folding import AS_ARRIVED
from streams.config import load_settings
from streams.intake.importer import Importer, ImportReport
from streams.intake.jsonl import JsonLines
from streams.intake.produce import Target, import_into
from streams.intake.ravenstack import Ravenstack
from streams.kafka import client_options, require_access
from streams.metrics.days import Days

app = typer.Typer(help="Read files and send them as events.", no_args_is_help=True)
Rate = Annotated[float | None, typer.Option(help="events per second; default: as fast as it goes")]


@app.command("ravenstack")
def ravenstack(
    directory: Annotated[Path, typer.Argument(help="folder with the five CSV files")], rate: Rate = None
) -> None:
    """Import the RavenStack data set."""
    _import(Ravenstack(), directory, rate)


@app.command("jsonl")
def jsonl(
    file: Annotated[Path, typer.Argument(help="one event in envelope form per line, .gz or plain")],
    rate: Rate = None,
    as_arrived: Annotated[bool, typer.Option("--as-arrived", help=AS_ARRIVED)] = False,
) -> None:
    """Import a file of events."""
    _import(JsonLines(), file, rate, as_arrived)


def _import(importer: Importer, path: Path, rate: float | None, as_arrived: bool = False) -> None:
    settings = load_settings()
    console = Console()
    target = Target(settings.kafka_bootstrap, settings.topic_prefix, client_options(settings))
    asyncio.run(require_access(settings))
    with Progress(console=console) as bars:
        task = bars.add_task("events", total=None)

        def show(sent: int, total: int) -> None:
            bars.update(task, completed=sent, total=total)

        report = asyncio.run(import_into(target, importer, path, Days(settings.timezone), rate, show, as_arrived))
    print_report(console, report)


def print_report(console: Console, report: ImportReport) -> None:
    """Counts of what was read, by rule; bad rows with their lines."""
    console.print(f"{report.event_count:,} events, {report.bad_row_count:,} bad rows")
    for name, rule in report.rules.items():
        if rule.count:
            console.print(f"  {rule.count:>6}  {name}")
    for bad in report.first_bad_rows[:20]:
        console.print(shown(f"  {bad.file}:{bad.line} {bad.field}: {bad.reason}"))
