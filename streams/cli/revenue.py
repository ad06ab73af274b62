"""`zelo revenue compare`: one set of billing events under every preset, without Kafka or ClickHouse."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from schemas import registry
from streams.alerts.amounts import money
from streams.cli.demo import PLAIN_WIDTH
from streams.config import load_settings
from streams.intake.importer import BadRow, Importer, Produced
from streams.intake.jsonl import JsonLines
from streams.intake.ravenstack import Ravenstack
from streams.metrics.compare import Comparison, Difference, compare
from streams.metrics.days import Days
from streams.metrics.portfolio import FIGURES, MonthFigures, open_books
from streams.metrics.revenue_policy import SWITCHES

app = typer.Typer(help="Revenue under different definitions.", no_args_is_help=True)
_SHARES = frozenset({"customer_churn", "nrr", "nrr_movements", "grr"})


@app.callback()
def _revenue() -> None:
    """Keeps `compare` a word of its own while it is the only one."""


@app.command("compare")
def compare_command(
    path: Annotated[Path, typer.Argument(help="file or folder of events")],
    kind: Annotated[Literal["jsonl", "ravenstack"], typer.Option("--format", help="what it holds")] = "jsonl",
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object instead of tables")] = False,
) -> None:
    """Show billing events under every revenue preset, and the policy behind each difference."""
    settings = load_settings()
    bad: list[BadRow] = []
    importer: Importer = Ravenstack() if kind == "ravenstack" else JsonLines()
    books = open_books(_billing(importer, path, bad), Days(settings.timezone))
    comparison = compare(books)
    if as_json:
        found = {"customers": len(books.customers), "bad_rows": len(bad), **_plain(comparison)}
        typer.echo(msgspec.json.encode(found).decode())
        return
    console = Console()
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    _print(console, comparison)
    for row in bad:
        Console(stderr=True).print(f"{row.file}:{row.line}: {row.reason}", markup=False, highlight=False)


def _billing(importer: Importer, path: Path, bad: list[BadRow]) -> Iterator[Any]:
    """The billing events of a file; what could not be read is kept apart."""
    for item in importer.read(path):
        if isinstance(item, BadRow):
            bad.append(item)
        elif isinstance(item, Produced) and item.topic == registry.BILLING.name:
            yield item.event


def _plain(comparison: Comparison) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(comparison)
    return found


def _print(console: Console, comparison: Comparison) -> None:
    """One table per currency and month: a line per figure, a column per preset."""
    _print_policies(console, comparison)
    presets = list(comparison.figures)
    lines = {(f.currency, f.month, name): f for name in presets for f in comparison.figures[name]}
    causes = {(d.currency, d.month, d.figure, d.preset) for d in comparison.differences}
    for currency, month in sorted({(currency, month) for currency, month, _ in lines}):
        table = Table(title=f"{month} {currency}", title_justify="left", box=None, pad_edge=False, header_style="dim")
        table.add_column("figure")
        for name in presets:
            table.add_column(name, justify="right")
        for figure in FIGURES:
            shown = [_shown(lines.get((currency, month, name)), figure) for name in presets]
            styles = ["bold" if (currency, month, figure, name) in causes else "" for name in presets]
            table.add_row(figure, *(Text(text, style) for text, style in zip(shown, styles, strict=True)))
        console.print(table)
        of_month = [d for d in comparison.differences if (d.currency, d.month) == (currency, month)]
        _print_causes(console, of_month)
    if not lines:
        console.print("no billing events")


def _print_policies(console: Console, comparison: Comparison) -> None:
    """What every preset decides otherwise than the default."""
    base = comparison.policies["default"]
    for name, policy in comparison.policies.items():
        apart = [f"{one} = {getattr(policy, one)}" for one in SWITCHES if getattr(policy, one) != getattr(base, one)]
        console.print(f"{name}: {', '.join(apart) or 'as the default'}", markup=False, highlight=False, soft_wrap=True)
    console.print()


def _print_causes(console: Console, differences: Sequence[Difference]) -> None:
    """Why figures differ from the default's: by preset, those of the same causes together."""

    def key(difference: Difference) -> tuple[str, tuple[str, ...]]:
        return difference.preset, difference.causes

    for (preset, policies), same in groupby(sorted(differences, key=key), key):
        figures = ", ".join(difference.figure for difference in same)
        cause = f"  {preset}: {', '.join(policies)} changes {figures}"
        console.print(cause, markup=False, highlight=False, soft_wrap=True)
    console.print()


def _shown(line: MonthFigures | None, figure: str) -> str:
    value = None if line is None else getattr(line, figure)
    if line is None or value is None:
        return "–"
    if figure in _SHARES:
        return f"{value:.1%}"
    if figure.endswith("_minor"):
        return money(round(value), line.currency, "en")
    return f"{value:.2f}" if isinstance(value, float) else f"{value:,}"
