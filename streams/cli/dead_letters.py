"""`zelo dead-letters` lists what could not be read; `zelo replay dead-letters` sends it to its topic again."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from streams.cli.answers import kafka_errors, shown
from streams.config import load_settings
from streams.intake.dead_letters import read_dead_letters, replay_dead_letters

replay = typer.Typer(help="Send things again.", no_args_is_help=True)


def list_command(
    limit: Annotated[int, typer.Option(help="how many of the newest")] = 20,
) -> None:
    """List dead letters: where each came from and why it could not be read."""
    settings = load_settings()
    with kafka_errors(settings):
        letters = asyncio.run(read_dead_letters(settings))
    table = Table("source", "reason", "key", "value", "replays", box=None)
    for letter in letters[-limit:]:
        source = f"{letter.topic}[{letter.partition}]@{letter.offset}"
        cells = (source, letter.reason, _text(letter.key), _text(letter.value), str(letter.retries))
        table.add_row(*map(shown, cells))
    console = Console(width=160)
    console.print(table)
    console.print(f"{len(letters)} dead letters")


@replay.command("dead-letters")
def replay_command(
    topic: Annotated[str | None, typer.Option(help="only those of this source topic")] = None,
) -> None:
    """Send dead letters to their topic again; those still unreadable come back with a higher count."""
    settings = load_settings()
    with kafka_errors(settings):
        sent = asyncio.run(replay_dead_letters(settings, topic))
    Console().print(f"{sent} dead letters sent again")


def _text(content: bytes | None, length: int = 60) -> str:
    if content is None:
        return ""
    text = content[:length].decode("utf-8", "backslashreplace")
    return text + "…" if len(content) > length else text
