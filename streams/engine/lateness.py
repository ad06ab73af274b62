"""How late a worker is, in seconds: for how long the oldest record that it has not done, or not committed, has waited.

Timestamps of records do not tell that: events of the past are imported, and clocks differ. So this worker notes where a
partition's log ended and when; what was there by then is late by now. At the start what already waits counts from now.
"""

from collections import deque
from collections.abc import Callable, Mapping
from time import monotonic

from faust.types import TP

from streams.engine.watchdog import Sight

#: Beyond this many notes of one partition every second one is dropped: the answer is then up to twice as coarse.
_NOTES = 256


class Lateness:
    """Notes of where each partition ended.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._ends: dict[TP, deque[tuple[int, float]]] = {}

    def look(self, sights: Mapping[TP, Sight]) -> dict[TP, float]:
        """Seconds of each partition now, 0 when nothing lies behind where the sight stands."""
        now = self._clock()
        self._ends = {tp: self._ends.get(tp, deque()) for tp in sights}
        return {tp: self._seconds(self._ends[tp], sight, now) for tp, sight in sights.items()}

    def _seconds(self, ends: deque[tuple[int, float]], sight: Sight, now: float) -> float:
        if sight.committable is None or sight.lag <= 0:
            ends.clear()
            return 0.0
        end = sight.committable + sight.lag
        if not ends or end > ends[-1][0]:
            ends.append((end, now))
        while ends[0][0] <= sight.committable:
            ends.popleft()
        if len(ends) > _NOTES:
            # of two neighbours the later end with the earlier time: rather too late than too early
            notes = list(ends)
            ends.clear()
            ends.extend((later[0], earlier[1]) for earlier, later in zip(notes[::2], notes[1::2], strict=False))
            ends.extend(notes[len(notes) // 2 * 2 :])
        return now - ends[0][1]
