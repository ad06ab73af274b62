"""A backtest as people read it."""

from datetime import timedelta

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from streams.alerts.amounts import money
from streams.backtest.foresight import Foresight
from streams.backtest.report import BANDS, Moved, Report, Side

_DAYS_SHOWN = 12
_CUSTOMERS_SHOWN = 20
_FACTORS_SHOWN = 3
_LEAST_POINTS = 0.05


def print_report(console: Console, report: Report, seconds: float) -> None:
    """Prints all of it; of the days, some, and of the customers those that moved most."""
    sides = (report.present, report.changed)
    console.print(f"[bold]{escape(report.present.profile)} (present) and {escape(report.changed.profile)} (changed)[/]")
    console.print(f"{report.since} to {report.until}, {report.customers:,} customers; history ends {report.known}")
    _print_bands(console, report)
    _print_moved(console, report)
    _print_alerts(console, sides)
    _print_foresight(console, report)
    for note in report.notes:
        console.print(escape(note), soft_wrap=True)
    console.print(f"\n{seconds:.0f} s; nothing was published or stored")


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="dim")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    return table


def _print_bands(console: Console, report: Report) -> None:
    """Customers by band on some days, evenly apart, the last one among them: `present > changed`."""
    table = _table("\nCustomers by band, present > changed", "day", *BANDS)
    length = (report.until - report.since).days
    step = max(1, -(-length // _DAYS_SHOWN))
    for back in range(length // step, -1, -1):
        day = report.until - timedelta(days=back * step)
        before, after = (side.bands.get(day, {}) for side in (report.present, report.changed))
        cells = [f"{before.get(band, 0):,} > {after.get(band, 0):,}" for band in BANDS]
        table.add_row(day.isoformat(), *cells)
    console.print(table)


def _print_moved(console: Console, report: Report) -> None:
    title = f"\nIn another band on {report.until}: {len(report.moved):,} customers"
    if not report.moved:
        console.print(title)
        return
    table = _table(title, "customer", "MRR", "present", "changed", "why")
    table.columns[-1].justify = "left"
    for moved in report.moved[:_CUSTOMERS_SHOWN]:
        mrr = money(moved.mrr_minor, moved.currency, "en")
        stands = [f"{_score(side.score)} {side.band}" for side in (moved.present, moved.changed)]
        table.add_row(escape(moved.customer_id), mrr, *stands, _why(moved))
    console.print(table)
    if len(report.moved) > _CUSTOMERS_SHOWN:
        console.print(f"and {len(report.moved) - _CUSTOMERS_SHOWN:,} more; --json has them all")


def _why(moved: Moved) -> str:
    """The factors that moved most; without any, the bounds of the bands did."""
    most = [factor for factor in moved.factors if abs(factor.moved) >= _LEAST_POINTS][:_FACTORS_SHOWN]
    if most:
        return ", ".join(f"{factor.factor} {factor.moved:+.1f}" for factor in most)
    if moved.present.coverage != moved.changed.coverage:
        return f"coverage {moved.present.coverage:.2f} > {moved.changed.coverage:.2f}"
    return "same score, other bounds"


def _print_alerts(console: Console, sides: tuple[Side, Side]) -> None:
    table = _table("\nAlerts opened", "rule", "present", "changed")
    for rule in sorted({rule for side in sides for rule in side.alerts}):
        table.add_row(rule, *(f"{side.alerts.get(rule, 0):,}" for side in sides))
    console.print(table if table.row_count else "\nAlerts opened: none")


def _print_foresight(console: Console, report: Report) -> None:
    windows = report.windows
    columns = ("warning", "profile", "left", "of them warned", "lead days", "begun", "followed by churn", "customers")
    table = _table("\nWarnings and churn", *columns)
    table.columns[1].justify = "left"
    for pair in zip(report.present.foresight, report.changed.foresight, strict=True):
        for side, found in zip((report.present, report.changed), pair, strict=True):
            table.add_row(found.signal, escape(side.profile), *_figures(found))
    console.print(table)
    console.print(
        f"warned: under the warning within {windows.lookback_days} days before leaving; lead days: median (quartiles). "
        f"Followed: left within {windows.horizon_days} days, of the warnings old enough to tell; customers: the same, "
        "each counted once.",
        style="dim",
        soft_wrap=True,
    )


def _figures(found: Foresight) -> tuple[str, ...]:
    lead = "–"
    if found.lead_median is not None:
        lead = f"{found.lead_median:.0f} ({found.lead_lower:.0f}-{found.lead_upper:.0f})"
    return (
        f"{found.churns:,}",
        _part(found.recall, found.warned, found.churns),
        lead,
        f"{found.warnings:,}",
        _part(found.precision, found.followed, found.mature),
        _part(found.customer_precision, found.customers_churned, found.customers),
    )


def _part(share: float | None, part: int, whole: int) -> str:
    return "–" if share is None else f"{share:.1%} ({part:,} of {whole:,})"


def _score(score: float | None) -> str:
    return "–" if score is None else f"{score:.1f}"
