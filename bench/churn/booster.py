"""The command: `python -m bench.churn.booster`; what the boosted challenger costs the trainer.

Rows of a full table are drawn from a seed: what they say does not matter, how many they are does.
"""

import argparse
import random
from collections.abc import Callable, Iterator
from time import process_time
from typing import NamedTuple

import msgspec

from streams.churn.booster import TREES_KEY, Boosting, Shadow
from streams.churn.booster_fit import load
from streams.churn.booster_labels import MOST_ROWS
from streams.churn.features import BY_NAME
from streams.churn.labels import CustomerRecords, Pending
from streams.churn.places import pack
from streams.churn.policy import ChurnPolicy
from streams.metrics.partition import MemoryPartition

_MONDAY, _WEEK = 4, 7
_ROUNDS = 5


class Costs(NamedTuple):
    """CPU of one processor.

    Attributes:
        test_us, keep_us: for a snapshot tested, and for a label that matures.
        fit_ms: a whole fit; longest_ms: the longest of its pieces, the library loaded.
        day_bytes, trees_bytes: of a full day's labels, and of the trees, as stored.
    """

    test_us: float
    keep_us: float
    fit_ms: float
    longest_ms: float
    day_bytes: int
    trees_bytes: int


def costs(weeks: int, customers: int) -> Costs:
    """The costs in a company of so many customers, with so many weeks of labels kept."""
    source, part, state = random.Random(1), _table(), Boosting()
    shadow = Shadow(ChurnPolicy(), wanted=True)
    rows = [(f"c{number:06d}", [_pending(source)]) for number in range(customers)]
    for week in range(weeks):
        shadow.keep(part, state, _MONDAY + week * _WEEK, rows)
    load()
    pieces = shadow.due(part, state, None, _MONDAY + weeks * _WEEK)
    assert pieces is not None
    took = _each(pieces)
    taken = [pending for _, snapshots in rows for pending in snapshots]
    last = state.days[-1].day
    return Costs(
        test_us=1e6 * _best(lambda: shadow.test(part, state, taken)) / customers,
        keep_us=1e6 * _best(lambda: shadow.keep(_table(), Boosting(), last, rows)) / customers,
        fit_ms=1e3 * sum(took),
        longest_ms=1e3 * max(took),
        day_bytes=len(msgspec.msgpack.encode(part.get(f"\x00labels:{last}"))),
        trees_bytes=len(msgspec.msgpack.encode(part.get(TREES_KEY))),
    )


def _table() -> MemoryPartition[CustomerRecords, None]:
    return MemoryPartition(0, None, lambda *_: None, lambda _: None)


def _pending(source: random.Random) -> Pending:
    features = {name: round(source.gauss(0, 1), 3) for name in BY_NAME if source.random() < 0.8}
    left = source.random() < 0.005 * 2 ** (3 * features.get("usage_trend", 0.0))
    return Pending(0, pack(features), 0.03, 1, 3 if left else None)


def _each(pieces: Iterator[None]) -> list[float]:
    took: list[float] = []
    began = process_time()
    for _ in pieces:
        took.append(process_time() - began)
        began = process_time()
    return [*took, process_time() - began]


def _best(do: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(_ROUNDS):
        began = process_time()
        do()
        best = min(best, process_time() - began)
    return best


def main() -> None:
    """Prints the costs."""
    parser = argparse.ArgumentParser(prog="python -m bench.churn.booster", description=__doc__)
    parser.add_argument("--weeks", type=int, default=26)
    parser.add_argument("--customers", type=int, default=MOST_ROWS)
    options = parser.parse_args()
    for name, value in costs(options.weeks, options.customers)._asdict().items():
        print(f"{name:12} {value:10,.1f}")


if __name__ == "__main__":
    main()
