"""What a tree of the product needs for a stream of records, by part: run by bench/catalogue.py in a process of its own.

    python -P catalogue_cost.py RECORDS PARTITIONS PUBLISH_EVERY

`PYTHONPATH` says which tree; so this imports nothing of `bench`, and of the product only what earlier releases have,
too. RECORDS is a pickle of (topic, partition, key, value) tuples in order. The records are folded twice by the whole
product in memory (streams/offline.py): once as they are, for the CPU time in all, and once with a watch at the borders
of the parts. A part's time is without that of the parts it calls: a fold's output is scored inside its step.
"""

import gc
import json
import pickle
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import streams
from schemas.codec import EventDecoder, MessageDecoder
from streams.alerts.machine import AlertMachine
from streams.churn.trainer import TrainerMachine
from streams.metrics.days import Days
from streams.metrics.domain import DomainMachine, TimePolicy
from streams.metrics.profile import load_profile
from streams.offline import Input, Offline
from streams.scoring.machine import ScoringMachine

#: Borders of the parts, where a tree has them.
BORDERS = (
    (EventDecoder, "__call__", "decode"),
    (DomainMachine, "step", "step"),
    (DomainMachine, "render", "render live"),
    (DomainMachine, "_close_customer", "day close"),
    (MessageDecoder, "__call__", "score"),
    (ScoringMachine, "step", "score"),
    (ScoringMachine, "render", "score"),
    (AlertMachine, "step", "alerts, churn model"),
    (TrainerMachine, "step", "alerts, churn model"),
    (TrainerMachine, "render", "alerts, churn model"),
)
_REST = "rest"
_YEARS_AHEAD_MS = 10 * 365 * 86_400_000


class Watch:
    """CPU seconds by part; the part called last is the one that runs.

    Example:
        >>> clock = iter((0.0, 1.0, 3.0, 4.0)).__next__
        >>> watch = Watch(clock)
        >>> outer = watch.around(watch.around(lambda: None, "inner"), "outer")
        >>> outer(), dict(watch.seconds)
        (None, {'rest': 0.0, 'outer': 2.0, 'inner': 2.0})
    """

    def __init__(self, clock: Callable[[], float] = process_time) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._clock = clock
        self._running = [_REST]
        self._since: float | None = None

    def around(self, work: Callable[..., Any], part: str) -> Callable[..., Any]:
        """The same work, its time counted for `part`."""
        running = self._running

        def watched(*arguments: Any, **named: Any) -> Any:
            self._note()
            running.append(part)
            try:
                return work(*arguments, **named)
            finally:
                self._note()
                running.pop()

        return watched

    def _note(self) -> None:
        now = self._clock()
        self.seconds[self._running[-1]] += 0.0 if self._since is None else now - self._since
        self._since = now


def fold(records: list[Input], partitions: int, publish_every: int) -> float:
    """CPU seconds of the whole product in memory; it publishes live values after every so many records."""
    latest = max(json.loads(record.value or b"{}")["occurred_at"] for record in records)
    product = Offline(load_profile("default"), partitions, TimePolicy(), Days(), latest + _YEARS_AHEAD_MS)
    began = process_time()
    for start in range(0, len(records), publish_every):
        product.feed(records[start : start + publish_every])
        product.flush()
    return process_time() - began


def main() -> None:
    path, partitions, publish_every = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    records = [Input(*record) for record in pickle.loads(path.read_bytes())]
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)  # as a worker does (streams/engine/collector.py)
    whole = fold(records, partitions, publish_every)
    gc.collect()
    watch = Watch()
    for kind, method, part in BORDERS:
        if hasattr(kind, method):
            setattr(kind, method, watch.around(getattr(kind, method), part))
    watch.around(fold, _REST)(records, partitions, publish_every)
    print(json.dumps({"tree": str(Path(streams.__file__).parents[1]), "whole": whole, "parts": watch.seconds}))


if __name__ == "__main__":
    main()
