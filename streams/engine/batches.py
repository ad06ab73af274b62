"""Positions and acknowledgements of the batches in flight: the invariants I1-I8, without any I/O.

The consumer (consumer.py) asks `Positions.judge` about every batch that was fetched, hands on what is
accepted, and asks `Positions.committable` what may be committed. A `Track` is the life of a partition
between two seeks: a seek or a revocation replaces it (I4), so a late ack of the old one can only touch an
object that nobody reads any more.
"""

import logging
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from faust.types.tuples import TP, ConsumerMessage

from streams.engine.counters import Counters
from streams.errors import ConfigurationError

logger = logging.getLogger(__name__)


class LogTruncatedError(ConfigurationError):
    """The broker's log ends before what was already read: the topic was deleted, or records were lost."""


class RawBatch(NamedTuple):
    """What one drain of the fetcher took from one partition.

    `start` and `end` are the fetch position before and after the drain, read in the same synchronous
    step (I1). Offsets inside that carry no record are holes of the broker (compaction, markers).
    """

    start: int
    end: int
    records: list[Any]

    def since(self, offset: int) -> "RawBatch":
        """What of it begins at `offset`."""
        return RawBatch(offset, self.end, [record for record in self.records if record.offset >= offset])

    def runs(self) -> Iterable[list[Any]]:
        """Its records, in pieces as they are at hand."""
        return (self.records,) if self.records else ()


class BatchMessage(ConsumerMessage):
    """A Faust message that stands for a whole batch: `value` is the list of its records.

    `reached` is the offset up to which a table has taken it in, when nobody else has to acknowledge it; 0 before.
    """

    __slots__ = ("end", "reached", "track")

    end: int
    reached: int
    track: "Track"


@dataclass(slots=True, eq=False)
class Track:
    """One partition between two seeks.

    Attributes:
        applied: records that tables took in, and what pieces of work have finished on the way to the next.
        pieces: of work that were gone through.
    """

    begin: int | None = None
    expected: int | None = None
    safe: int | None = None
    applied: int = 0
    pieces: int = 0
    inflight: deque[BatchMessage] = field(default_factory=deque)


class Reread(NamedTuple):
    """The batch starts after the expected position: something in this process dropped records."""

    offset: int


class Positions:
    """Where each partition stands, what is in flight, what may be committed.

    Example:
        >>> positions = Positions(Counters())
        >>> tp = TP("usage", 0)
        >>> positions.sought(tp, 100)
        >>> positions.judge(tp, RawBatch(105, 110, []), high_watermark=200)
        Reread(offset=100)
    """

    def __init__(self, counters: Counters) -> None:
        self.counters = counters
        self._tracks: dict[TP, Track] = {}

    def track(self, tp: TP) -> Track:
        """The present life of a partition; begins one when there is none."""
        track = self._tracks.get(tp)
        if track is None:
            track = self._tracks[tp] = Track()
        return track

    def tracks(self) -> dict[TP, Track]:
        """The present life of every partition."""
        return dict(self._tracks)

    def is_current(self, message: Any) -> bool:
        """Whether the batch of `message` belongs to the present life of its partition."""
        return self._tracks.get(message.tp) is getattr(message, "track", None)

    def sought(self, tp: TP, offset: int) -> None:
        """A seek begins a new life with a known position (I4, I5)."""
        self._tracks[tp] = Track(begin=offset, expected=offset)

    def forget(self, tps: Iterable[TP] | None = None) -> None:
        """Ends the lives of some partitions, or of all (I4)."""
        for tp in list(self._tracks) if tps is None else tps:
            self._tracks.pop(tp, None)

    def judge(self, tp: TP, batch: RawBatch, high_watermark: int | None) -> RawBatch | Reread | None:
        """Accepts a batch, perhaps cut, or asks for a re-read (I2); None when it is to be ignored.

        Accepted is only what continues where the partition is known to stand, so it does not matter when
        the batch was fetched.

        Raises:
            LogTruncatedError: the log ends before the expected position.
        """
        expected = self.track(tp).expected
        if expected is None:
            self.counters.stale += 1  # a seek will come, and find it again
            return None
        if batch.start == expected:
            return batch
        if batch.start > expected:
            self.counters.reseeks += 1
            return Reread(expected)
        if high_watermark is not None and high_watermark < expected:
            raise LogTruncatedError(
                f"{tp.topic}[{tp.partition}] ends at offset {high_watermark}, but {expected} was read "
                "before: the topic was deleted and created again, or its broker lost records. "
                "Raise the engine's version to begin anew from what is there."
            )
        self.counters.overlaps += 1
        if batch.end <= expected:
            return None
        return batch.since(expected)

    def gone(self, tp: TP, expected: int, begin: int) -> None:
        """Retention deleted what we had not read: the log now begins later. What is in flight stays so."""
        self.passed(tp, begin)
        self.counters.lost += begin - expected
        logger.error("%s[%d]: offsets %d to %d are gone", tp.topic, tp.partition, expected, begin - 1)

    def delivered(self, message: BatchMessage, acked: bool = False) -> None:
        """A batch was handed to agents; `acked` for one that nobody has to acknowledge."""
        track = self.track(message.tp)
        message.track, message.reached = track, 0
        track.expected = message.end
        if not acked:
            track.inflight.append(message)

    def passed(self, tp: TP, end: int) -> None:
        """Only holes up to `end`: nothing to process, still committable."""
        track = self.track(tp)
        track.expected = end
        if track.inflight:
            track.inflight[-1].end = end
        else:
            track.safe = end

    def committable(self, tp: TP) -> int | None:
        """End of the longest acknowledged prefix, in order of delivery (I3).

        What a table has taken in of the batch behind it counts, too: a batch that takes long, as when days close in
        it, holds up no commit.
        """
        track = self._tracks.get(tp)
        if track is None:
            return None
        while track.inflight and track.inflight[0].acked:
            track.safe = track.inflight.popleft().end
        if track.inflight and track.inflight[0].reached:
            track.safe = track.inflight[0].reached
        return track.safe

    def stands(self, tp: TP) -> int | None:
        """Where the partition would be read from after a commit now; None before its first seek."""
        done = self.committable(tp)
        track = self._tracks.get(tp)
        return done if done is not None or track is None else track.begin
