"""How long a worker will be at what waits for it, from how fast it has been of late.

How late it is already (lateness.py) shows only once time has passed; by then what was published in the meantime has to
be rendered again. A backlog is seen as soon as the pace of the work is known; a very large one before, since nobody is
as fast as would be needed.
"""

from collections import deque
from collections.abc import Callable, Mapping
from time import monotonic

from faust.types import TP

from streams.engine.watchdog import Sight

#: Of work without a break, before anything is said; and what the pace is taken from at most. Both chosen.
_LEAST_SECONDS = 0.25
_MOST_SECONDS = 8.0
#: Records a second: the pace until one is known. Chosen: more than a worker has been seen to do.
_FASTEST = 50_000


class Backlog:
    """Notes of how much was done when.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._tps: frozenset[TP] = frozenset()
        self._done: deque[tuple[float, int]] = deque()

    def look(self, sights: Mapping[TP, Sight]) -> float:
        """Seconds until everything that waits now is done; at the least so many while the pace is not known."""
        known = {tp: sight for tp, sight in sights.items() if sight.committable is not None}
        lag = sum(sight.lag for sight in known.values())
        done = sum(sight.committable or 0 for sight in known.values())
        notes, now = self._done, self._clock()
        if lag <= 0 or known.keys() != self._tps or (notes and done < notes[-1][1]):
            self._tps = frozenset(known)
            notes.clear()
        notes.append((now, done))
        while notes[0][0] < now - _MOST_SECONDS:
            notes.popleft()
        since, before = notes[0]
        if lag <= 0 or now - since < _LEAST_SECONDS or done == before:
            return max(0, lag) / _FASTEST
        return lag * (now - since) / (done - before)
