"""Ends a worker that is alive but stuck: lag, and a partition in which nothing moves.

A busy worker is not stuck: one batch can make a hundred times its size in outputs, and a partition waits for its
turn. As long as anything of the worker moves, a partition may stand still ten times as long. Records move a partition,
and days that close; the pieces in which a day closes do not, for there could be no end to them.

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
        applied: records taken by tables, and days closed on the way; moves within a batch.
        held: a gate holds the partition back, which is no fault of its own.
        committed: offset that the group has, or where reading began; None before that is known.
    """

    committable: int | None
    lag: int
    applied: int = 0
    held: bool = False
    committed: int | None = None

    @property
    def of_the_group(self) -> "Sight":
        """The same from where the group stands: what is done and not yet committed is to be done still."""
        if self.committable is None or self.committed is None:
            return self
        return self._replace(committable=self.committed, lag=self.lag + self.committable - self.committed)


@dataclass(slots=True)
class _Since:
    place: tuple[int | None, int]
    at: float


#: The limit is this much longer for a partition while others of the worker move.
_WHILE_BUSY = 10


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
        self._activity = -1
        self._busy_at = clock()

    def look(self, sights: Mapping[TP, Sight], activity: int = 0, excused: bool = False) -> None:
        """Compares with the look before.

        Args:
            sights: every source partition of this worker; others are forgotten.
            activity: a number that changes whenever anything of the worker moves.
            excused: nothing can be said now (rebalance, recovery, an agent waits for something outside).

        Raises:
            StuckError: a partition is stuck.
        """
        now = self._clock()
        if excused or activity != self._activity:
            self._activity, self._busy_at = activity, now
        for gone in self._since.keys() - sights.keys():
            del self._since[gone]
        for tp, sight in sights.items():
            since, place = self._since.get(tp), (sight.committable, sight.applied)
            if since is None or excused or sight.held or sight.lag <= 0 or place != since.place:
                self._since[tp] = _Since(place, now)
            elif self._is_stuck(now, since.at):
                raise StuckError(
                    f"{tp.topic}[{tp.partition}] stands at {sight.committable}, {sight.lag} from the end of "
                    f"its log, for {now - since.at:.0f} s"
                )

    def _is_stuck(self, now: float, moved_at: float) -> bool:
        limit = self.stuck_after_seconds
        return now - max(moved_at, self._busy_at) > limit or now - moved_at > _WHILE_BUSY * limit
