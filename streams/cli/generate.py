"""`zelo generate`: a made-up company's events in a file that `zelo import jsonl` and `zelo fold` read."""

import gzip
import json
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from streams.errors import ConfigurationError
from streams.intake.generate.company import DEFAULT_START, DEFAULT_ZONE, Request, generate

_COMPRESSION = 6  # said here, as the bytes must not follow a default


def command(
    output: Annotated[Path, typer.Option("--output", "-o", help="file to write; compressed when its name ends in .gz")],
    customers: Annotated[int, typer.Option(help="how many, at least 1")] = 200,
    days: Annotated[int, typer.Option(help="calendar days, at least 1")] = 180,
    seed: Annotated[int, typer.Option(help="another seed, another company; the same one, the same bytes")] = 1,
    start: Annotated[str, typer.Option(help="first day, YYYY-MM-DD")] = DEFAULT_START.isoformat(),
    timezone: Annotated[str, typer.Option(help="the company's; fold with the same ZELO_TIMEZONE")] = DEFAULT_ZONE,
    report: Annotated[
        bool, typer.Option("--report", help="print JSON: how many of each hard case were planted")
    ] = False,
) -> None:
    """Write the events of a made-up company, in order of arrival, with every hard case in them."""
    request = Request(customers=customers, days=days, seed=seed, start=_day(start), timezone=timezone)
    made = generate(request)
    _write(output, made.lines)
    if report:
        typer.echo(json.dumps({"events": len(made.lines), "planted": made.planted}))
    else:
        typer.echo(f"{len(made.lines):,} events in {output}")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError(f"expected --start as YYYY-MM-DD, got {text!r}") from error


def _write(path: Path, lines: Iterable[bytes]) -> None:
    """One line each; a compressed file holds no name and no time, so that the same lines are the same bytes."""
    content = b"".join(line + b"\n" for line in lines)
    if path.name.endswith(".gz"):
        content = gzip.compress(content, _COMPRESSION, mtime=0)
    try:
        path.write_bytes(content)
    except OSError as error:
        raise ConfigurationError(f"expected a file that can be written at {path}: {error}") from error
