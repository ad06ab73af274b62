"""The tree of commands, and the one place where an error becomes an exit status."""

import asyncio
import sys

import typer
from rich.console import Console
from rich.markup import escape

from streams.cli import (
    backtest,
    churn,
    dead_letters,
    demo,
    folding,
    generate,
    importing,
    inspection,
    metrics,
    reconcile,
    revenue,
    up,
    worker,
)
from streams.errors import ZeloError

app = typer.Typer(
    name="zelo",
    help="Real-time customer success on a company's own event streams.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.command)
app.command("up")(up.command)
app.command("worker")(worker.command)
app.add_typer(importing.app, name="import")
app.add_typer(metrics.app, name="metrics")
app.add_typer(revenue.app, name="revenue")
app.add_typer(churn.app, name="churn")
app.command("fold")(folding.command)
app.command("generate")(generate.command)
app.command("backtest")(backtest.command)
app.command("migrate")(inspection.migrate_command)
app.command("topics")(inspection.topics_command)
app.command("doctor")(inspection.doctor_command)
app.command("config")(inspection.config_command)
app.command("dead-letters")(dead_letters.list_command)
app.command("reconcile")(reconcile.command)
app.add_typer(dead_letters.replay, name="replay")


def main() -> None:
    """Runs a command; 2 for what the caller can mend, 130 after Ctrl-C."""
    try:
        app()
    except ZeloError as error:
        Console(stderr=True).print(f"[red]error:[/red] {escape(str(error))}", highlight=False)
        sys.exit(2)
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)
