"""What the metric catalogue costs: CPU time per event of this tree against an earlier commit, part by part.

    python -m bench.catalogue                           # about 2 minutes
    python -m bench.catalogue --baseline v1.0.0 --repeats 5 --json

Both trees fold the same stream (bench/product_stream.py) in memory, each run in a process of its own, by turns, so that
what else the machine does hits both alike; the least of the repeats counts. The earlier tree comes from
`git archive`; an event it cannot read yet costs it less, so the stream holds none. "folds" are decoding, step, live
values and day close: what the catalogue may make at most 1.5 times as dear. The default baseline is the last commit
before the catalogue.
"""

import argparse
import json
import os
import pickle
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.product_stream import product_stream

BASELINE = "c57e5f6"
TARGET = 1.5
FOLDS = ("decode", "step", "render live", "day close")
PARTITIONS = 4
_HERE = Path(__file__).resolve().parents[1]

#: Microseconds per event by part.
Costs = dict[str, float]


@contextmanager
def tree_of(commit: str) -> Iterator[Path]:
    """The sources of a commit in a folder that goes away."""
    packed = subprocess.run(
        ("git", "archive", "--format=tar", commit), cwd=_HERE, capture_output=True, check=True
    ).stdout
    with TemporaryDirectory(prefix="zelo-baseline-") as folder:
        with tarfile.open(fileobj=BytesIO(packed)) as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder)


def run(tree: Path, records: Path, publish_every: int) -> dict[str, Any]:
    """One run of bench/catalogue_cost.py on a tree: CPU seconds in all and by part."""
    script = _HERE / "bench" / "catalogue_cost.py"
    command = (sys.executable, "-P", str(script), str(records), str(PARTITIONS), str(publish_every))
    told = subprocess.run(
        command, cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)}, stdout=subprocess.PIPE, check=True
    )
    found: dict[str, Any] = json.loads(told.stdout)
    if Path(found["tree"]) != tree.resolve():
        raise SystemExit(f"expected the product of {tree}, got that of {found['tree']}")
    return found


def least(runs: list[dict[str, Any]], events: int) -> Costs:
    """Microseconds per event of the cheapest run, part by part, and of the folds and in all.

    Example:
        >>> runs = [{"whole": 3.0, "parts": {"step": 1.0, "score": 1.5}}, {"whole": 2.0, "parts": {"step": 1.2}}]
        >>> least(runs, 1_000_000)
        {'step': 1.0, 'score': 1.5, 'folds': 1.0, 'all': 2.0}
    """
    each = 1e6 / events
    names = dict.fromkeys(name for one in runs for name in one["parts"])
    costs = {name: each * min(one["parts"][name] for one in runs if name in one["parts"]) for name in names}
    costs["folds"] = each * min(sum(one["parts"].get(name, 0.0) for name in FOLDS) for one in runs)
    costs["all"] = each * min(one["whole"] for one in runs)
    return costs


def lines(before: Costs, now: Costs) -> list[str]:
    """A table: each part before and now, and how many times as much it is.

    Example:
        >>> print("\\n".join(lines({"step": 8.0, "rest": 0.0}, {"step": 10.0, "rest": 0.1})))
        us per event             before      now   ratio
        step                       8.00    10.00    1.25
        rest                       0.00     0.10       -
    """
    found = [f"{'us per event':22} {'before':>8} {'now':>8} {'ratio':>7}"]
    for name, cost in now.items():
        old = before.get(name, 0.0)
        ratio = f"{cost / old:7.2f}" if old else f"{'-':>7}"
        found.append(f"{name:22} {old:8.2f} {cost:8.2f} {ratio}")
    return found


def main() -> int:
    options = _options()
    stream = product_stream(options.events, options.customers, options.days, PARTITIONS)
    records = [(one.topic, one.partition, one.key, one.value) for one in stream]
    runs: dict[str, list[dict[str, Any]]] = {"before": [], "now": []}
    with TemporaryDirectory(prefix="zelo-stream-") as folder, tree_of(options.baseline) as earlier:
        path = Path(folder, "records.pickle")
        path.write_bytes(pickle.dumps(records))
        for _ in range(options.repeats):
            runs["before"].append(run(earlier, path, options.publish_every))
            runs["now"].append(run(_HERE, path, options.publish_every))
    before, now = least(runs["before"], len(records)), least(runs["now"], len(records))
    ratio = now["folds"] / before["folds"]
    if options.json:
        print(json.dumps({"options": vars(options), "before": before, "now": now, "ratio": ratio, "runs": runs}))
    else:
        print("\n".join(lines(before, now)))
        print(f"folds: {ratio:.2f} times {options.baseline}, at most {TARGET:g} wanted")
    return 0 if ratio <= TARGET else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--baseline", default=BASELINE, help="commit or tag compared with (default %(default)s)")
    add("--events", type=int, default=100_000, help="besides profiles and subscriptions (default %(default)s)")
    add("--customers", type=int, default=400, help="(default %(default)s)")
    add("--days", type=int, default=14, help="the events are spread over (default %(default)s)")
    add("--publish-every", type=int, default=10_000, help="records between live values (default %(default)s)")
    add("--repeats", type=int, default=3, help="runs of each tree (default %(default)s)")
    add("--json", action="store_true", help="all runs as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
