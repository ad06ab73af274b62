"""Keeps co-partitioned topics within a bounded distance in event time.

The consumer asks a gate before it drains a partition. `SkewGate` holds a partition back while it is
more than `max_skew_ms` ahead of a sibling (same number, another topic of the group) that still has
records to read. It can never stop everything: the slowest sibling is always free, a caught-up one
steps aside at once, and one that stands still steps aside after a patience. In a busy worker a partition may
wait long for its turn; so a sibling stands still only when nothing of the worker moves either, or for
ten times as long.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from time import monotonic
from typing import NamedTuple, Protocol

from faust.types import TP

from streams.engine.density import Density


class Gate(Protocol):
    """Tells which partitions may be drained now: asked of all at once, as often as something may have changed."""

    def __call__(self, tps: Iterable[TP]) -> set[TP]: ...


class Standing(NamedTuple):
    """Where a partition stands.

    Attributes:
        position: after the last batch handed to agents; None when not known.
        pending: whether anything is left to read or to process.
        in_flight: batches handed to agents and not done.
        applied: records taken by tables, and pieces of work; moves within a batch.
    """

    position: int | None
    pending: bool
    in_flight: int = 0
    applied: int = 0


#: Batches in flight whose time is not known yet, while a sibling is behind: one in work, one waiting.
_BATCHES_AHEAD = 2
#: Of the distance allowed; so much time may one batch bring.
_BATCH_SHARE = 1 / 7
#: The patience with a sibling that does not move is this much longer while the worker does.
_WHILE_BUSY = 10


def always_open(tps: Iterable[TP]) -> set[TP]:
    """The gate of an app without co-partitioned inputs."""
    return set(tps)


@dataclass(slots=True)
class _Sibling:
    density: Density
    watermark_ms: int | None = None
    standing: Standing | None = None
    moved_at: float = 0.0


class SkewGate:
    """Holds back partitions that run ahead of their slowest sibling.

    Args:
        topics: the co-partitioned input topics.
        max_skew_ms: allowed distance of watermarks.
        patience_seconds: after this long without movement, of the worker too, a sibling holds nobody back.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        topics: Iterable[str],
        max_skew_ms: int,
        patience_seconds: float = 5.0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.topics = frozenset(topics)
        self.max_skew_ms = max_skew_ms
        self.patience_seconds = patience_seconds
        self._clock = clock
        self._siblings: dict[TP, _Sibling] = {}
        self._others: dict[TP, list[tuple[TP, _Sibling]]] = {}
        self._standing: Callable[[TP], Standing] | None = None
        self._activity: Callable[[], int] = int
        self._seen = 0
        self._busy_at = clock()

    def attach(self, standing: Callable[[TP], Standing], activity: Callable[[], int]) -> None:
        """Called by the engine: how to ask where a partition stands, and whether the worker moves.

        Args:
            standing: of a partition.
            activity: a number that changes whenever anything of the worker moves.
        """
        self._standing, self._activity = standing, activity

    def assigned(self, tps: Iterable[TP]) -> None:
        """Called by the consumer: the partitions of this worker; others are forgotten."""
        ours = [tp for tp in tps if tp.topic in self.topics]
        self._siblings = siblings = {tp: self._siblings.get(tp) or self._new() for tp in ours}
        self._others = {
            tp: [(other, siblings[other]) for other in ours if other.partition == tp.partition and other != tp]
            for tp in ours
        }

    def batch_records(self, tp: TP, most: int) -> int:
        """How many records of a partition a batch may have, so that it takes none too far ahead."""
        sibling = self._siblings.get(tp)
        return most if sibling is None else sibling.density.batch(most)

    def advance(self, tp: TP, watermark_ms: int, offset: int) -> None:
        """Called by the agent after each run with the watermark, which never moves back, and the last offset."""
        sibling = self._siblings.get(tp)
        if sibling is None:
            return
        sibling.density.note(offset, watermark_ms)
        if sibling.watermark_ms is None or watermark_ms > sibling.watermark_ms:
            sibling.watermark_ms = watermark_ms
            sibling.moved_at = self._clock()

    def __call__(self, tps: Iterable[TP]) -> set[TP]:
        if self._standing is None:
            return set(tps)
        self._look_at_worker()
        standing = cache(self._standing)  # each is asked once, though all its siblings want to know
        busy = cache(lambda tp: self._is_busy(self._siblings[tp], standing(tp)))
        return {tp for tp in tps if tp not in self._siblings or self._is_open(tp, standing, busy)}

    def _is_open(self, tp: TP, standing: Callable[[TP], Standing], busy: Callable[[TP], bool]) -> bool:
        slow = [sibling for other, sibling in self._others[tp] if busy(other)]
        if slow and standing(tp).in_flight >= _BATCHES_AHEAD:
            return False
        return all(self._is_near(self._siblings[tp], sibling) for sibling in slow)

    def _look_at_worker(self) -> None:
        activity = self._activity()
        if activity != self._seen:
            self._seen, self._busy_at = activity, self._clock()

    def _is_busy(self, sibling: _Sibling, now: Standing) -> bool:
        clock, seen = self._clock(), sibling.standing
        if seen is None or (now.position, now.pending, now.applied) != (seen.position, seen.pending, seen.applied):
            sibling.moved_at = clock
        sibling.standing = now
        quiet = clock - max(sibling.moved_at, self._busy_at) > self.patience_seconds
        stuck = clock - sibling.moved_at > _WHILE_BUSY * self.patience_seconds
        return now.pending and not quiet and not stuck

    def _is_near(self, own: _Sibling, other: _Sibling) -> bool:
        if own.watermark_ms is None:
            return True
        return other.watermark_ms is not None and own.watermark_ms - other.watermark_ms <= self.max_skew_ms

    def _new(self) -> _Sibling:
        return _Sibling(Density(round(self.max_skew_ms * _BATCH_SHARE)), moved_at=self._clock())
