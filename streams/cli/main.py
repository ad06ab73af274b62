"""The tree of commands, and the one place where an error becomes an exit status."""

import asyncio
import sys

from streams.cli.lazy import LazyCommand, lazy_group, part
from streams.errors import ZeloError

app = lazy_group(
    LazyCommand(
        "demo",
        lambda: part("demo").command,
        "Run everything on the sample data, show what comes out, and leave nothing running.",
    ),
    LazyCommand(
        "up",
        lambda: part("up").command,
        "Run broker, ClickHouse and workers on this machine, print their addresses, stop all with Ctrl-C.",
    ),
    LazyCommand(
        "worker",
        lambda: part("worker").command,
        "Run a worker against the Kafka and ClickHouse of the settings.",
    ),
    LazyCommand(
        "fold",
        lambda: part("folding").command,
        "Fold files in memory and print one JSON object, with the keys and the figures of `zelo demo --json`.",
    ),
    LazyCommand(
        "generate",
        lambda: part("generate").command,
        "Write the events of a made-up company, in order of arrival, with every hard case in them.",
    ),
    LazyCommand(
        "backtest",
        lambda: part("backtest").command,
        "Replay stored history under a changed profile: bands, alerts, lead time before churn, precision.",
    ),
    LazyCommand(
        "migrate",
        lambda: part("inspection").migrate_command,
        "Bring the ClickHouse database to this version's schema.",
    ),
    LazyCommand("topics", lambda: part("inspection").topics_command, "List the topics, or create them."),
    LazyCommand(
        "doctor",
        lambda: part("inspection").doctor_command,
        "Check versions, connections, topics, schema and accounting; say how to mend what is wrong.",
    ),
    LazyCommand("config", lambda: part("inspection").config_command, "Show every setting in force, secrets masked."),
    LazyCommand(
        "dead-letters",
        lambda: part("dead_letters").list_command,
        "List dead letters: where each came from and why it could not be read.",
    ),
    LazyCommand(
        "reconcile",
        lambda: part("reconcile").command,
        "Recount figures from the raw events by SQL, and compare; exit 1 where they differ.",
    ),
    LazyCommand("import", lambda: part("importing").app, "Read files and send them as events."),
    LazyCommand(
        "metrics",
        lambda: part("metrics").app,
        "List every figure Zelo publishes: its id, name, unit and domain.",
    ),
    LazyCommand("revenue", lambda: part("revenue").app, "Revenue under different definitions."),
    LazyCommand("churn", lambda: part("churn").group, ""),
    LazyCommand("replay", lambda: part("dead_letters").replay, "Send things again."),
    name="zelo",
    help="Real-time customer success on a company's own event streams.",
    no_args_is_help=True,
)


def main() -> None:
    """Runs a command; 2 for what the caller can mend, 130 after Ctrl-C."""
    try:
        app()
    except ZeloError as error:
        from rich.console import Console  # noqa: PLC0415 - a worker that starts well needs no colours
        from rich.markup import escape  # noqa: PLC0415

        Console(stderr=True).print(f"[red]error:[/red] {escape(str(error))}", highlight=False)
        sys.exit(2)
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)
