"""The board as people read it."""

from typing import Any

from rich.console import Console
from rich.table import Table

from streams.alerts.amounts import money
from streams.cli.board import Board
from streams.intake.importer import ImportReport
from streams.metrics.nps import nps_interval

_BAND_COLOURS = {"red": "red", "yellow": "yellow", "green": "green", "unknown": "dim"}
_FACTORS_SHOWN = 2


def print_board(console: Console, board: Board, report: ImportReport, seconds: float) -> None:
    """Prints everything the demo has to tell."""
    _head(console, f"Health at the end of {board.as_of}, {board.customers} customers")
    console.print("  ".join(f"[{_BAND_COLOURS[band]}]{band} {n}[/]" for band, n in board.bands.items()))
    _people(console, "Worst, paying", board.worst, _worst_reason)
    _people(console, "Falling fastest, 28 days", board.falling, _falling_reason)
    _print_feedback_and_money(console, board)
    _print_churn(console, board)
    _print_alerts(console, board)
    _print_counts(console, board, report)
    console.print(f"\nall of it in {seconds:.0f} s; nothing is left running")


def _head(console: Console, text: str) -> None:
    console.print(f"\n[bold]{text}[/bold]")


def _people(console: Console, title: str, people: list[dict[str, Any]], reason: Any) -> None:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="dim")
    for column, justify in (
        ("customer", "left"),
        ("name", "left"),
        ("score", "right"),
        ("band", "left"),
        ("why", "left"),
    ):
        table.add_column(column, justify="right" if justify == "right" else "left")
    for person in people:
        band = person["band"]
        table.add_row(
            person["customer_id"],
            person["name"] or "",
            f"{person['score']:.1f}",
            f"[{_BAND_COLOURS[band]}]{band}[/]",
            reason(person),
        )
    console.print(table)


def _worst_reason(person: dict[str, Any]) -> str:
    missed = sorted(person["missed"], key=lambda pair: -pair[1])[:_FACTORS_SHOWN]
    return ", ".join(f"{factor} loses {points:.1f}" for factor, points in missed)


def _falling_reason(person: dict[str, Any]) -> str:
    lost = [pair for pair in sorted(person["changes"], key=lambda pair: pair[1]) if pair[1] < 0][:_FACTORS_SHOWN]
    change = f"{person['change']:+.1f} from {person['score_before']:.1f}: "
    return change + ", ".join(f"{factor} {points:+.1f}" for factor, points in lost)


def _print_feedback_and_money(console: Console, board: Board) -> None:
    nps = board.nps
    _head(console, "Feedback and revenue")
    said = "no answers" if nps["nps"] is None else f"{nps['nps']:+.1f}"
    interval = nps_interval(nps["promoters"], nps["passives"], nps["detractors"]) if nps["answers"] else None
    if interval is not None:
        said += f" (95 %: {interval[0]:+.0f} to {interval[1]:+.0f})"
    console.print(
        f"NPS {said} from {nps['answers']} answers in 90 days (generated sample answers: the data set has none)"
    )
    console.print(f"MRR {money(board.mrr_minor, board.currency, 'en')}")
    for name, step in board.movements.items():
        console.print(f"  {name:<13}{step['count']:>6} × {money(step['amount_minor'], board.currency, 'en'):>20}")


def _print_churn(console: Console, board: Board) -> None:
    quality = board.quality
    _head(console, "Highest churn risk within 30 days")
    for risk in board.risks:
        reasons = (
            ", ".join(f"{r['code'].replace('_', ' ')} ×{r['odds_ratio']:.2f}" for r in risk["raising"])
            or "nothing stands out"
        )
        console.print(f"  {risk['customer_id']}  {risk['name'] or '':<14}{risk['probability']:>7.1%}  {reasons}")
    if not quality:
        console.print("no model yet")
        return
    auc = "not defined" if quality["roc_auc"] is None else f"{quality['roc_auc']:.3f}"
    prior = " (still the expert prior: too few labels)" if quality["is_prior"] else ""
    console.print(
        f"model v{quality['model_version']}{prior}, tested before it learned each label: ROC AUC {auc} on "
        f"{quality['labelled']} labelled of {quality['observations']} weekly snapshots, "
        f"{quality['positives']} followed by churn of {quality['customers_churned']} customers"
    )
    if quality["log_loss"] is not None:
        console.print(
            f"log loss {quality['log_loss']:.4f} against {quality['log_loss_constant']:.4f} of a constant guess; "
            f"{quality['customers_churned']} customers are the sample size, few enough to doubt both figures"
            if quality["is_prior"]
            else f"log loss {quality['log_loss']:.4f} against {quality['log_loss_constant']:.4f} of a constant guess"
        )


def _print_alerts(console: Console, board: Board) -> None:
    _head(console, "Alerts opened")
    console.print("  ".join(f"{rule} {n}" for rule, n in board.alerts.items()) or "none")
    for message in board.slack:
        console.print(f"[dim]Slack, {message['at'][:10]}:[/dim] {message['text']}", highlight=False)


def _print_counts(console: Console, board: Board, report: ImportReport) -> None:
    _head(console, "Dirt found in the files, handled by rule")
    for name, rule in report.rules.items():
        if rule.count:
            console.print(f"  {rule.count:>6}  {name}")
    _head(console, "Rows in ClickHouse")
    console.print("  ".join(f"{table} {n:,}" for table, n in board.rows.items()))
    _head(console, "Every record accounted for")
    e = board.events
    console.print(
        f"read {e['read']:,} = applied {e['applied']:,} + duplicate {e['duplicate']:,} + late {e['late']:,} "
        f"+ dead {e['dead']:,}"
    )
