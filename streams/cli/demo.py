"""`zelo demo`: the whole path on real sample data, from CSV rows to explained scores, alerts and ClickHouse rows."""

import asyncio
import json
from contextlib import nullcontext
from pathlib import Path
from time import monotonic
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from streams.app import Role
from streams.cli import running
from streams.cli.board import Board, read_board
from streams.cli.flow import Standing, drained
from streams.cli.render import print_board
from streams.cli.stack import LocalStack, local_stack
from streams.config import Settings, load_settings
from streams.errors import ConfigurationError
from streams.intake.importer import ImportReport
from streams.intake.produce import Target, import_into
from streams.intake.ravenstack import Ravenstack
from streams.logs import configure_logging
from streams.metrics.days import Days

#: History, not the present: the log alone moves time, two years of ids are remembered, nobody waits for a single score.
DEMO_SETTINGS: dict[str, Any] = {
    "clock": "log",
    "dedup_days": 1100,
    "profile": "demo",
    "publish_interval_seconds": 1.0,
    "commit_interval_seconds": 5.0,
    "rescore_seconds": 2.0,
    "fetch_wait_seconds": 0.2,
}
PLAIN_WIDTH = 110  # where there is no terminal to ask
_QUIET_SECONDS = 4.0  # longer than re-scoring, publication and commit together
_LABELS: dict[Role, str] = {"stream": "folds, scores, model", "archive": "ClickHouse", "notify": "Slack"}


def command(
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object instead of the board")] = False,
    data: Annotated[Path | None, typer.Option(help="folder with the RavenStack CSV files")] = None,
) -> None:
    """Run everything on the sample data, show what comes out, and leave nothing running."""
    settings = load_settings(**DEMO_SETTINGS)
    folder = data or sample_data()
    console = Console(stderr=as_json)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    started = monotonic()
    configure_logging("WARNING", settings.log_format)
    board, report = running.run(run(settings, folder, console))
    seconds = monotonic() - started
    if as_json:
        typer.echo(json.dumps(board.to_json(seconds)))
    else:
        print_board(console, board, report, seconds)


def sample_data() -> Path:
    """The sample data of the repository.

    Raises:
        ConfigurationError: this is not a checkout of the repository.
    """
    folder = Path(__file__).resolve().parents[2] / "demo" / "ravenstack"
    if not folder.is_dir():
        raise ConfigurationError(f"expected the sample data in {folder}; run from a checkout or name it with --data")
    return folder


async def run(settings: Settings, folder: Path, console: Console) -> tuple[Board, ImportReport]:
    """Starts the stack, imports, waits until all has flowed through, reads the board, stops the stack."""
    with console.status("") if console.is_terminal else nullcontext() as status:

        def say(text: str) -> None:
            if status is not None:
                status.update(text)
            else:
                console.print(text)

        async with local_stack(settings, None, say) as stack:
            if status is not None:
                status.stop()
            report = await flow(stack, folder, console)
            board = await asyncio.to_thread(read_board, stack.settings)
    return board, report


async def flow(stack: LocalStack, folder: Path, console: Console) -> ImportReport:
    """Imports and follows the records through every role, with bars."""
    settings = stack.settings
    columns = (TextColumn("{task.description:<22}"), BarColumn(40), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bars:
        importing = bars.add_task("events imported", total=None)
        roles = {role: bars.add_task(label, total=None) for role, label in _LABELS.items()}

        def show(found: dict[Role, Standing]) -> None:
            for role, standing in found.items():
                bars.update(roles[role], completed=standing.done, total=standing.total)

        def imported(sent: int, total: int) -> None:
            bars.update(importing, completed=sent, total=total)

        target = Target(settings.kafka_bootstrap, settings.topic_prefix)
        report = await import_into(target, Ravenstack(), folder, Days(settings.timezone), progress=imported)
        waiting = asyncio.ensure_future(drained(settings, _QUIET_SECONDS, show))
        failing = asyncio.ensure_future(stack.embedded.supervisor.wait())
        await asyncio.wait({waiting, failing}, return_when=asyncio.FIRST_COMPLETED)
        if failing.done():
            waiting.cancel()
            failing.result()
        failing.cancel()
        await waiting
    return report
