"""Keeps co-partitioned topics within a bounded distance in event time.

The consumer asks a gate before it drains a partition. `SkewGate` holds a partition back while it is
more than `max_skew_ms` ahead of a sibling (same number, another topic of the group) that still has
records to read. It can never stop everything: the slowest sibling is always free, a caught-up one
steps aside at once, and one that does not move steps aside after a patience.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

from faust.types import TP


class Gate(Protocol):
    """A predicate: may this partition be drained now?"""

    def __call__(self, tp: TP) -> bool: ...


class Standing(Protocol):
    """What a gate may ask about a partition."""

    def __call__(self, tp: TP) -> tuple[int | None, bool]:
        """Position after the last delivered batch, and whether anything is left to read or to process."""
        ...


def always_open(tp: TP) -> bool:
    """The gate of an app without co-partitioned inputs."""
    return True


@dataclass(slots=True)
class _Sibling:
    watermark_ms: int | None = None
    position: int | None = None
    moved_at: float = 0.0
    pending: bool = False


class SkewGate:
    """Holds back partitions that run ahead of their slowest sibling.

    Args:
        topics: the co-partitioned input topics.
        max_skew_ms: allowed distance of watermarks.
        patience_seconds: after this long without movement a sibling holds nobody back.
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
        self._assigned: frozenset[TP] = frozenset()
        self._standing: Standing | None = None

    def attach(self, standing: Standing) -> None:
        """Called by the consumer: how to ask where a partition stands."""
        self._standing = standing

    def assigned(self, tps: Iterable[TP]) -> None:
        """Called by the consumer: the partitions of this worker; others are forgotten."""
        self._assigned = frozenset(tp for tp in tps if tp.topic in self.topics)
        self._siblings = {tp: self._siblings.get(tp) or self._new() for tp in self._assigned}

    def advance(self, tp: TP, watermark_ms: int) -> None:
        """Called by the agent after each batch with the partition's watermark; it never moves back."""
        sibling = self._siblings.get(tp)
        if sibling is not None and (sibling.watermark_ms is None or watermark_ms > sibling.watermark_ms):
            sibling.watermark_ms = watermark_ms
            sibling.moved_at = self._clock()

    def __call__(self, tp: TP) -> bool:
        own = self._siblings.get(tp)
        if own is None or own.watermark_ms is None or self._standing is None:
            return True
        return not any(self._holds(own.watermark_ms, other) for other in self._others(tp))

    def _others(self, tp: TP) -> Iterable[TP]:
        return (o for o in self._assigned if o.partition == tp.partition and o.topic != tp.topic)

    def _holds(self, watermark_ms: int, other: TP) -> bool:
        assert self._standing is not None
        sibling = self._siblings[other]
        position, pending = self._standing(other)
        if position != sibling.position or pending != sibling.pending:
            sibling.position, sibling.pending, sibling.moved_at = position, pending, self._clock()
        if not pending or self._clock() - sibling.moved_at > self.patience_seconds:
            return False
        return sibling.watermark_ms is None or watermark_ms - sibling.watermark_ms > self.max_skew_ms

    def _new(self) -> _Sibling:
        return _Sibling(moved_at=self._clock())
