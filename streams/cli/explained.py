"""Definitions and explanations of figures as people read them, and as JSON.

What customers and outside systems wrote is shown as it is, never read as markup.
"""

from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from streams.alerts.amounts import money
from streams.catalogue.metric import Language, Metric
from streams.catalogue.sources import topic_of
from streams.cli.answers import shown
from streams.cli.explaining import Explanation, Row

_PAYLOAD_SHOWN = 80


def print_definition(console: Console, metric: Metric, language: Language) -> None:
    """Everything the catalogue says of a figure."""
    console.print(f"\n[bold]{metric.name}[/bold]  {metric.title.in_language(language)}", highlight=False)
    console.print(_listed(_definition(metric, language)))


def print_rows(console: Console, rows: list[Row]) -> None:
    """Rows of a view."""
    if not rows:
        console.print("the view has no rows yet")
        return
    console.print(_table(rows, list(rows[0])))


def print_policy(console: Console, profile: str, policy: dict[str, Any], doubt: str | None) -> None:
    """The settings that change a figure, as the profile behind it has them."""
    console.print(f"\n[bold]profile[/bold] {shown(profile)}", highlight=False)
    if doubt:
        console.print(f"[yellow]{shown(doubt)}[/yellow]", highlight=False)
    console.print(
        _listed({path: shown(_cell(value)) for path, value in policy.items()} or {"": "no setting changes it"})
    )


def print_explanation(
    console: Console,
    found: Explanation,
    language: Language,
    profile: str,
    policy: dict[str, Any],
    doubt: str | None,
) -> None:
    """A figure of a customer, from its value down to the events."""
    metric = found.metric
    console.print(
        f"\n[bold]{metric.name}[/bold]  {metric.title.in_language(language)}: [bold]{shown(value_words(found))}[/bold]",
        highlight=False,
    )
    revision = "" if found.revision is None else f", revision {found.revision}"
    console.print(
        f"customer {shown(found.customer_id)}, day {found.day}, as of {_instant(found.as_of)} UTC{revision}",
        highlight=False,
    )
    rows = _definition(metric, language)
    rows.pop("profile", None)  # with its values below
    console.print(_listed(rows))
    print_policy(console, profile, policy, doubt)
    if found.parts:
        console.print("\n[bold]made of[/bold]")
        console.print(_table(found.parts, [name for name in found.parts[0] if name != "family"]))
    if metric.events:
        _print_inputs(console, found)


def _print_inputs(console: Console, found: Explanation) -> None:
    total = sum(row["events"] for row in found.inputs)
    since = f"from {found.first_day}" if found.first_day else "since the beginning"
    console.print(f"\n[bold]made of[/bold] {total:,} events, {since}, window {found.metric.window}", highlight=False)
    if found.inputs:
        console.print(_table(found.inputs, ["type", "events", "first_at", "last_at"]))
    if found.newest:
        console.print(f"\nthe newest {len(found.newest)}:")
        cut = [{**row, "payload": _cut(str(row["payload"]))} for row in found.newest]
        console.print(_table(cut, ["occurred_at", "type", "event_id", "source", "payload"]))


def value_words(found: Explanation) -> str:
    """A value as people are told it."""
    value, metric = found.value, found.metric
    if value is None:
        return f"not defined yet: null {metric.null}" if metric.null else "not defined"
    if isinstance(value, datetime):
        return _instant(value)
    if metric.unit == "money":
        return f"{money(value, found.row.get('currency'), 'en')} ({value:,} in minor units)"
    if isinstance(value, float):
        return f"{value:.6g} {metric.unit}"
    return f"{value} {metric.unit}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def to_json(
    found: Explanation, definition: dict[str, Any], profile: str, policy: dict[str, Any], doubt: str | None
) -> dict[str, Any]:
    """The object `zelo metrics explain --json` prints."""
    return {
        "metric": definition,
        "customer_id": found.customer_id,
        "value": found.value,
        "day": found.day,
        "as_of": found.as_of,
        "revision": found.revision,
        "profile": profile,
        "profile_doubt": doubt,
        "policy": policy,
        "first_day": found.first_day,
        "inputs": found.inputs,
        "newest": found.newest,
        "parts": found.parts,
    }


def _definition(metric: Metric, language: Language) -> dict[str, str]:
    scale = metric.range.words() or ", ".join(metric.one_of)
    better = "" if metric.better == "neutral" else f"{metric.better} is better"
    topics = sorted({topic_of(event) for event in metric.events})
    where = f"view {metric.table}" if metric.portfolio else f"table {metric.table}"
    rows = {
        "definition": metric.definition,
        "null": metric.null or "never",
        "unit": ", ".join(filter(None, (metric.unit, scale, better))),
        "window": metric.window,
        "events": f"{', '.join(metric.events)} on {', '.join(topics)}" if metric.events else "",
        "formula": metric.formula,
        "computed by": metric.code,
        "profile": ", ".join(metric.policy),
        "stands in": f"{where}, column {metric.column}" if metric.column else "the topic metrics.v1 only",
        "names": " | ".join(metric.title.in_language(other) for other in ("en", "pt", "es") if other != language),
    }
    return {name: shown(said) for name, said in rows.items() if said}


def _listed(rows: dict[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, said in rows.items():
        table.add_row(f"[dim]{name}[/dim]", said)
    return table


def _table(rows: list[Row], columns: list[str]) -> Table:
    table = Table(*columns, box=None, pad_edge=False, header_style="dim")
    for row in rows:
        table.add_row(*(shown(_cell(row.get(column))) for column in columns))
    return table


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, datetime):
        return _instant(value)
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{name}={_cell(one)}" for name, one in value.items())
    return str(value)


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S")


def _cut(text: str) -> str:
    return text if len(text) <= _PAYLOAD_SHOWN else f"{text[:_PAYLOAD_SHOWN]}…"
