"""The board as people read it. Names and texts of customers are shown as they are, never read as markup."""

from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from streams.alerts.amounts import money
from streams.churn.reasons.words import reason_text
from streams.cli.board import Board
from streams.intake.importer import ImportReport
from streams.metrics.nps import nps_interval

_BAND_COLOURS = {"red": "red", "yellow": "yellow", "green": "green", "unknown": "dim"}
_FACTORS_SHOWN = 2
_REASONS_SHOWN = 2


def print_board(console: Console, board: Board, report: ImportReport, seconds: float) -> None:
    """Prints everything the demo has to tell."""
    when = f"at the end of {board.as_of}" if board.as_of else "(no day is closed yet)"
    _head(console, f"Health {when}, {board.customers:,} customers")
    console.print("  ".join(f"{_band(band)} {n:,}" for band, n in board.bands.items()) or "no scores")
    _people(console, "Worst, paying", board.worst, _worst_reason)
    _people(console, "Falling fastest, 28 days", board.falling, _falling_reason)
    _print_feedback_and_money(console, board)
    _print_churn(console, board)
    _print_alerts(console, board)
    _print_counts(console, board, report)
    console.print(f"\nall of it in {seconds:.0f} s; nothing is left running")


def _head(console: Console, text: str) -> None:
    console.print(f"\n[bold]{text}[/bold]")


def _band(band: str) -> str:
    return f"[{_BAND_COLOURS.get(band, 'dim')}]{escape(band)}[/]"


def _people(
    console: Console, title: str, people: list[dict[str, Any]], reason: Callable[[dict[str, Any]], str]
) -> None:
    if not people:
        console.print(f"[italic]{title}[/italic]: nobody")
        return
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="dim")
    for column in ("customer", "name", "score", "band", "why"):
        table.add_column(column, justify="right" if column == "score" else "left")
    for person in people:
        score = "–" if person["score"] is None else f"{person['score']:.1f}"
        names = (escape(person["customer_id"]), escape(person["name"] or ""))
        table.add_row(*names, score, _band(person["band"]), escape(reason(person)))
    console.print(table)


def _worst_reason(person: dict[str, Any]) -> str:
    missed = sorted(person["missed"], key=lambda pair: -pair[1])[:_FACTORS_SHOWN]
    return ", ".join(f"{factor} loses {points:.1f}" for factor, points in missed)


def _falling_reason(person: dict[str, Any]) -> str:
    lost = [pair for pair in sorted(person["changes"], key=lambda pair: pair[1]) if pair[1] < 0][:_FACTORS_SHOWN]
    parts = ", ".join(f"{factor} {points:+.1f}" for factor, points in lost)
    return f"{person['change']:+.1f} from {person['score_before']:.1f}" + (f": {parts}" if parts else "")


def _print_feedback_and_money(console: Console, board: Board) -> None:
    _head(console, "Feedback and revenue")
    console.print(_nps(board.nps))
    console.print(f"MRR {money(board.mrr_minor, board.currency, 'en')}")
    for name, step in board.movements.items():
        console.print(f"  {name:<13}{step['count']:>6} × {money(step['amount_minor'], board.currency, 'en'):>20}")
    if not board.movements:
        console.print("  no movements")


def _nps(nps: dict[str, Any]) -> str:
    if nps["nps"] is None:
        return "NPS: nobody answered in 90 days"
    low, high = nps_interval(nps["promoters"], nps["passives"], nps["detractors"]) or (-100.0, 100.0)
    generated = nps["generated_customers"]
    of_them = f"; those of {generated} customers are made up, the sample data have none" if generated else ""
    interval = f"(95 %: {low:+.0f} to {high:+.0f})"
    return f"NPS {nps['nps']:+.1f} {interval} from {nps['answers']} answers in 90 days{of_them}"


def _print_churn(console: Console, board: Board) -> None:
    _head(console, "Highest churn risk within 30 days")
    for risk in board.risks:
        customer = f"  {risk['customer_id']}  {risk['name'] or '':<14}{risk['probability']:>7.1%}"
        console.print(escape(f"{customer}  {_why_at_risk(risk)}"))
    if not board.risks:
        console.print("  nobody pays")
    for line in _quality(board.quality):
        console.print(line)


def _why_at_risk(risk: dict[str, Any]) -> str:
    """The strongest reasons, in the board's language whatever the customer's is."""
    raising = [
        f"{reason_text(r['code'], r['values'], 'en', risk['currency'])} ×{r['odds_ratio']:.2f}"
        for r in risk["raising"][:_REASONS_SHOWN]
    ]
    return "; ".join(raising) or "nothing stands out"


def _quality(quality: dict[str, Any]) -> list[str]:
    """How far to trust the probabilities."""
    if not quality:
        return ["no model yet: probabilities are the expert prior's"]
    prior = ", still the expert prior: too few labels" if quality["is_prior"] else ""
    lines = [
        f"model v{quality['model_version']}{prior}. Of {quality['observations']:,} weekly snapshots the outcome of "
        f"{quality['labelled']:,} is known: {quality['positives']:,} were followed by churn, "
        f"of {quality['customers_churned']:,} customers"
    ]
    if quality["roc_auc"] is None or quality["log_loss"] is None:
        return [*lines, "quality is not defined before both outcomes were seen"]
    return [
        *lines,
        f"tested before it learned each label: ROC AUC {quality['roc_auc']:.3f}, log loss {quality['log_loss']:.4f} "
        f"(a constant guess {quality['log_loss_constant']:.4f}); mean predicted {quality['mean_predicted']:.2%}, "
        f"observed {quality['mean_observed']:.2%}",
        *_doubt(quality),
    ]


def _doubt(quality: dict[str, Any]) -> list[str]:
    """What to hold against the figures while few customers have left."""
    if not quality["is_prior"]:
        return []
    return [f"{quality['customers_churned']} customers are the sample size, few enough to doubt these figures"]


def _print_alerts(console: Console, board: Board) -> None:
    _head(console, "Alerts opened")
    console.print("  ".join(f"{rule} {n:,}" for rule, n in board.alerts.items()) or "none")
    for message in board.slack:
        console.print(f"[dim]Slack, {message['at'][:10]}:[/dim] {escape(message['text'])}", highlight=False)


def _print_counts(console: Console, board: Board, report: ImportReport) -> None:
    _head(console, "Dirt found in the files, handled by rule")
    for name, rule in report.rules.items():
        if rule.count:
            console.print(f"  {rule.count:>6,}  {name}")
    console.print(f"  {report.bad_row_count:>6,}  bad rows: no event could be made of them")
    _head(console, "Rows in ClickHouse")
    console.print("  ".join(f"{table} {n:,}" for table, n in board.rows.items()) or "no tables")
    _head(console, "Every record accounted for")
    e = board.events
    console.print(
        f"read {e['read']:,} = applied {e['applied']:,} + duplicate {e['duplicate']:,} + late {e['late']:,} "
        f"+ dead {e['dead']:,}"
    )
