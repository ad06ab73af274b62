"""What was measured, kept: every figure of the latest run, and the summary that is committed.

`bench/results/latest.json` holds all single measurements; a run with `--continue` adds to it. `bench/results.json`
holds medians and ratios of complete runs, one part for each kind of broker.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from bench.check import Ratios
from bench.contestants import BASELINE, CONTESTANTS
from bench.pipeline import Pipeline
from bench.recovery import Recovery
from bench.report import FLOOR, Row, ratios

LATEST = Path(__file__).parent / "results" / "latest.json"
SUMMARY = Path(__file__).parent / "results.json"
_REPEATS = 3


@dataclass
class Latest:
    """A run, or several that were added up.

    Attributes:
        broker: kind of it.
        machine: what the figures depend on.
        options: of the command, of the last one where there were several.
        seconds: how long all took.
        others_cores: mean number of cores in use by others meanwhile.
        rows: of the table.
        pipelines: runs of the whole product.
        recoveries: of a table from its changelog; measured only when asked for.
        checks: the ratios the regression check compares, measured its own way.
    """

    broker: str
    machine: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    others_cores: float = 0.0
    rows: list[Row] = field(default_factory=list)
    pipelines: list[Pipeline] = field(default_factory=list)
    recoveries: list[Recovery] = field(default_factory=list)
    checks: list[Ratios] = field(default_factory=list)

    def row(self, name: Any, customers: int) -> Row:
        """The row of this contestant with so many customers; made when there is none."""
        found = next((row for row in self.rows if (row.name, row.customers) == (name, customers)), None)
        if found is None:
            found = Row(name, customers)
            order = [one.name for one in CONTESTANTS]
            self.rows.append(found)
            self.rows.sort(key=lambda row: (row.customers, order.index(row.name)))
        return found

    def took(self, seconds: float, others_cores: float) -> None:
        """So much more time, with so many cores in use by others."""
        total = self.seconds + seconds
        self.others_cores = (self.others_cores * self.seconds + others_cores * seconds) / total
        self.seconds = total

    @property
    def complete(self) -> bool:
        """Whether everything was measured, often enough to be committed."""
        names = {row.name for row in self.rows}
        return (
            names == {one.name for one in CONTESTANTS}
            and all(row.faults or len(row.throughputs) >= _REPEATS for row in self.rows)
            and all(row.faults or row.kills for row in self.rows if row.latencies)
            and any(row.latencies for row in self.rows)
            and bool(self.pipelines and self.checks and all(run.workers == 1 for run in self.pipelines))
        )


def read_latest() -> Latest:
    """The latest run."""
    return msgspec.json.decode(LATEST.read_bytes(), type=Latest)


def write(latest: Latest) -> bool:
    """Keeps a run; whether its summary was committed, too."""
    LATEST.parent.mkdir(exist_ok=True)
    LATEST.write_bytes(msgspec.json.format(msgspec.json.encode(latest)) + b"\n")
    if latest.complete:
        kept = json.loads(SUMMARY.read_text()) if SUMMARY.exists() else {}
        kept[latest.broker] = summary(latest)
        SUMMARY.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
    return latest.complete


def summary(latest: Latest) -> dict[str, Any]:
    """Medians and ratios, short enough to read in a diff."""
    return {
        "baseline": BASELINE,
        "floor": FLOOR,
        "machine": latest.machine | {"others_cores": round(latest.others_cores, 2)},
        "minutes": round(latest.seconds / 60, 1),
        "rows": [_row(row, latest.rows) for row in latest.rows],
        "pipeline": _pipeline(latest.pipelines),
        "check": {
            name: _short(median(getattr(one, name) for one in latest.checks)) for name in Ratios.__dataclass_fields__
        },
    }


def _row(row: Row, rows: list[Row]) -> dict[str, Any]:
    return {
        "contestant": row.name,
        "customers": row.customers,
        "events": row.throughputs[0].events if row.throughputs else 0,
        "repeats": len(row.throughputs),
        "medians": {name: _short(spread.median) for name, spread in row.figures().items()},
        "times_better_than_baseline": {name: _short(ratio) for name, ratio in ratios(row, rows).items()},
        "cpu_of_floor": _short(row.cpu_of(rows, FLOOR)),
        "after_kill": [str(one) for one in row.kills],
        **({"faults": row.faults} if row.faults else {}),
    }


def _pipeline(runs: Iterable[Pipeline]) -> dict[str, Any]:
    done = sorted(runs, key=lambda one: one.cpu_seconds_per_million)
    if not done:
        return {}
    middle = msgspec.to_builtins(done[len(done) // 2])
    return {"runs": len(done)} | {
        name: {role: _short(used) for role, used in value.items()} if isinstance(value, dict) else _short(value)
        for name, value in middle.items()
    }


def _short(value: float | None) -> float | None:
    return value if value is None else float(f"{value:.3g}") if value < 1000 else round(value)
