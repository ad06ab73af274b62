"""Ends a worker that is alive but stuck: lag, and a partition that commits nothing.

Faust only logs in this case ("agents slowly die", ENGINE.md bugs 13 and 16). A crashed process is
restarted by whoever runs it and goes on at the committed offsets.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import NamedTuple

from faust.types import TP

from streams.errors import TransientError


class StuckError(TransientError):
    """A partition has records to read and has not moved for too long."""


class Sight(NamedTuple):
    """One look at a partition.

    Attributes:
        committable: offset that may be committed, or where reading began; None before that is known.
        lag: distance to the end of the partition's log.
        held: a gate holds the partition back, which is no fault of its own.
    """

    committable: int | None
    lag: int
    held: bool = False


@dataclass(slots=True)
class _Since:
    committable: int | None
    at: float


class Watchdog:
    """Remembers when each partition last moved.

    Args:
        stuck_after_seconds: without movement, with lag.
        clock: monotonic seconds.
    """

    def __init__(self, stuck_after_seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self.stuck_after_seconds = stuck_after_seconds
        self._clock = clock
        self._since: dict[TP, _Since] = {}

    def look(self, sights: Mapping[TP, Sight], excused: bool = False) -> None:
        """Compares with the look before.

        Args:
            sights: every source partition of this worker; others are forgotten.
            excused: nothing can be said now (rebalance, recovery, an agent waits for something outside).

        Raises:
            StuckError: a partition is stuck.
        """
        now = self._clock()
        for gone in self._since.keys() - sights.keys():
            del self._since[gone]
        for tp, sight in sights.items():
            since = self._since.get(tp)
            if since is None or excused or sight.held or sight.lag <= 0 or sight.committable != since.committable:
                self._since[tp] = _Since(sight.committable, now)
            elif now - since.at > self.stuck_after_seconds:
                raise StuckError(
                    f"{tp.topic}[{tp.partition}] stands at {sight.committable}, {sight.lag} from the end of "
                    f"its log, for {now - since.at:.0f} s"
                )
