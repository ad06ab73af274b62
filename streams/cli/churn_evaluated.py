"""An evaluation of the churn model as people read it."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from streams.backtest.churn.baselines import PACKAGES, REFIT_DAYS
from streams.backtest.churn.figures import Figure, Figures, Part
from streams.backtest.churn.report import START_DAYS, Evaluation
from streams.backtest.churn.targets import MODEL, Target
from streams.intake.importer import BadRow

_COLUMNS = {
    "roc_auc": "ROC AUC",
    "pr_auc": "PR AUC",
    "log_loss": "log loss",
    "brier": "Brier",
    "ece": "ECE",
    "ratio": "predicted/observed",
    "top_decile": "top tenth holds",
    "top_ratio": "predicted/observed there",
}
_PERCENT = frozenset({"top_decile"})
_RATIOS = frozenset({"ratio", "top_ratio"})


def print_evaluation(console: Console, evaluation: Evaluation, bad: Sequence[BadRow], seconds: float) -> None:
    """Prints the figures of each part, the targets, and what stands behind them."""
    console.print(f"[bold]{escape(evaluation.model)}[/], P(lost within {evaluation.horizon_days} days)")
    console.print(f"{evaluation.events:,} events, {evaluation.bad_lines:,} bad lines left out")
    for row in bad:
        console.print(escape(f"  {row.file}:{row.line} {row.field}: {row.reason}"), soft_wrap=True)
    if evaluation.judged is not None:
        _print_part(console, f"After the first {START_DAYS} days", evaluation.judged)
    if evaluation.start is not None:
        _print_part(console, f"First {START_DAYS} days, no history behind them", evaluation.start)
    _print_part(console, "All of it", evaluation.whole)
    _print_targets(console, evaluation.targets)
    for days, part in evaluation.horizons.items():
        _print_part(console, f"Within {days} days, after the first {START_DAYS} days", part)
    for name in evaluation.without:
        console.print(
            f"without {name}: {PACKAGES[name]} is not installed (pip install 'zelo\\[bench]')", soft_wrap=True
        )
    console.print(
        "Every snapshot was scored before anything of its day was learned; only labels whose "
        f"{evaluation.horizon_days} days have passed count. Opponents are refit every {REFIT_DAYS} days on the labels "
        f"mature by then. In brackets the middle 95 % of {evaluation.draws} draws of customers; a target is met or "
        "missed within chance where they reach across its bound.",
        style="dim",
        soft_wrap=True,
    )
    console.print(f"{seconds:.0f} s; nothing was published or stored")


def _print_part(console: Console, title: str, part: Part) -> None:
    console.print(f"\n[bold]{title}[/]: {part.since} to {part.until}", soft_wrap=True)
    console.print(
        f"{part.snapshots:,} snapshots of {part.customers:,} customers; {part.positives:,} of them positive, from "
        f"{part.customers_churned:,} customers that were lost (the sample size)",
        soft_wrap=True,
    )
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("")
    for label in _COLUMNS.values():
        table.add_column(label, justify="right")
    for name, figures in part.models.items():
        table.add_row(name, *(_cell(figures, field) for field in _COLUMNS), style="bold" if name == MODEL else None)
    console.print(table)
    for name, against in part.against.items():
        points, share = _told(against.roc_auc, "{:+.3f}"), _told(against.log_loss, "{:+.1%}")
        console.print(f"model less {name}: ROC AUC {points}, log loss {share}", highlight=False, soft_wrap=True)


def _cell(figures: Figures, field: str) -> str:
    figure: Figure = getattr(figures, field)
    shape = "{:.1%}" if field in _PERCENT else "{:.2f}" if field in _RATIOS else "{:.4f}"
    return _told(figure, shape, "\n")


def _told(figure: Figure, shape: str, between: str = " ") -> str:
    if figure.value is None:
        return "–"
    if figure.low is None or figure.high is None:
        return shape.format(figure.value)
    return f"{shape.format(figure.value)}{between}[{shape.format(figure.low)}, {shape.format(figure.high)}]".replace(
        "[", "\\["
    )


def _print_targets(console: Console, targets: Sequence[Target]) -> None:
    if not targets:
        return
    table = Table(title="\nTargets", title_justify="left", box=None, pad_edge=False, header_style="dim")
    for column in ("", "target", "measured", ""):
        table.add_column(column)
    for target in targets:
        table.add_row(target.name, _bounds(target), _told(target.measured, "{:.4f}"), verdict(target))
    console.print(table)


def verdict(target: Target) -> str:
    """Whether a target holds, for people."""
    if target.met is None:
        return "–"
    told = "met" if target.met else "[red]missed[/]"
    return f"{told}, within chance" if target.beyond_chance is False else told


def _bounds(target: Target) -> str:
    if target.least is not None and target.most is not None:
        return f"{target.least:g} to {target.most:g}"
    return f"at least {target.least:g}" if target.least is not None else f"at most {target.most:g}"
