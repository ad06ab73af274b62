"""`zelo import ...`: files to events on any broker, or to a file of events."""

import asyncio
import gzip
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated, cast

import typer
from rich.console import Console
from rich.progress import Progress

from schemas.codec import encode
from streams.cli.answers import shown
from streams.cli.folding import AS_ARRIVED
from streams.config import load_settings
from streams.errors import ConfigurationError
from streams.intake.crm5 import Crm5
from streams.intake.importer import Importer, ImportReport, Item, Produced, Tally
from streams.intake.jsonl import JsonLines
from streams.intake.produce import Target, import_into
from streams.intake.ravenstack import Ravenstack
from streams.kafka import client_options, require_access
from streams.metrics.days import Days

app = typer.Typer(help="Read files and send them as events.", no_args_is_help=True)
_COMPRESSION = 6
Rate = Annotated[float | None, typer.Option(help="events per second; default: as fast as it goes")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="write the events to this file instead; .gz compresses")
]


@app.command("ravenstack")
def ravenstack(
    directory: Annotated[Path, typer.Argument(help="folder with the five CSV files")],
    output: Output = None,
    rate: Rate = None,
) -> None:
    """Import the RavenStack data set."""
    _send_or_write(Ravenstack(), directory, output, rate)


@app.command("jsonl")
def jsonl(
    file: Annotated[Path, typer.Argument(help="one event in envelope form per line, .gz or plain")],
    rate: Rate = None,
    as_arrived: Annotated[bool, typer.Option("--as-arrived", help=AS_ARRIVED)] = False,
) -> None:
    """Import a file of events."""
    _import(JsonLines(), file, rate, as_arrived)


@app.command("crm5")
def crm5(
    directory: Annotated[Path, typer.Argument(help="folder with the two CSV files and the Parquet file")],
    share: Annotated[float, typer.Option(help="of the customers, above 0 and at most 1; always the same ones")] = 1.0,
    output: Output = None,
    rate: Rate = None,
) -> None:
    """Import the crm5 churn benchmark."""
    _send_or_write(Crm5(share), directory, output, rate)


def _send_or_write(importer: Importer, directory: Path, output: Path | None, rate: float | None) -> None:
    if output is None:
        _import(importer, directory, rate)
    else:
        print_report(Console(), write_events(importer.read(directory), Tally(importer.rules), output))


def write_events(items: Iterable[Item], tally: Tally, path: Path) -> ImportReport:
    """Writes the events among `items` to a file that `zelo import jsonl` reads, one a line, as they come.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    try:
        with _written(path) as file:
            for item in items:
                tally.add(item)
                if isinstance(item, Produced):
                    file.write(encode(item.event) + b"\n")
    except OSError as error:
        raise ConfigurationError(f"expected a file that can be written at {path}: {error}") from error
    return tally.report()


@contextmanager
def _written(path: Path) -> Iterator[IO[bytes]]:
    """A file to write; a compressed one holds no name and no time, so that the same events are the same bytes."""
    with path.open("wb") as file:
        if not path.name.endswith(".gz"):
            yield file
            return
        with gzip.GzipFile("", "wb", _COMPRESSION, file, mtime=0) as compressed:
            yield cast("IO[bytes]", compressed)


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
