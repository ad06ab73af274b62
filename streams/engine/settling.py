"""The end of a backlog: until all that it leaves is through the worker.

A worker that ceases to be late publishes what it has held back. Some of its tables read that again, through a topic:
whatever they render before comes out anew right behind it, perhaps more than once. So what those tables have marked
waits until everything that is here has been read and sent, for a share of the longest pause. What comes may make the
worker late again, a day that closes for all customers, say: that belongs to it, for as long again as the pause was. An
estimate of how long a backlog will last may be wild: never is it longer than the worker really was late, and who was so
for a moment waits for a share of that.

Near its limits a worker may be late again and again. Whatever it is that they wait for, what those tables have marked
waits no longer than a pause since it was first left out.
"""

from collections.abc import Callable
from math import inf
from time import monotonic

from streams.engine.rhythm import Rhythm

#: Of the pause of a late worker. Chosen: little against what it is already, and long enough for a day that closes.
_SHARE = 0.25
#: Chosen: who was late for less than that has held back little, whatever was estimated.
_MOMENT_SECONDS = 2.0


class Settling:
    """Notes of when the worker was late last.

    Args:
        rhythm: says whether it is.
        clock: monotonic seconds.
    """

    def __init__(self, rhythm: Rhythm, clock: Callable[[], float] = monotonic) -> None:
        self._rhythm = rhythm
        self._clock = clock
        self._longest = 0.0
        self._late = False
        self._late_since = self._left_out_since = inf
        self._until = self._end = -inf

    def look(self) -> None:
        """Notes how things are; to be called several times a second."""
        late, now = self._rhythm.late, self._clock()
        if now < self._until:
            if late:
                self._until = max(self._until, min(now + _SHARE * self._longest, self._end))
        elif late:
            self._longest = max(self._rhythm.publication_pause(0.0), self._longest if self._late else 0.0)
            self._late = True
        elif self._late:
            share, really = _SHARE * self._longest, now - self._late_since
            self._longest = min(self._longest, really)
            self._until = now + (min(share, really) if really >= _MOMENT_SECONDS else _SHARE * self._longest)
            self._end = now + self._longest
            self._late = False
        self._late_since = min(self._late_since, now) if late else inf

    @property
    def holds(self) -> bool:
        """Whether the worker was late a short time ago, and has not been through since."""
        return self._clock() < self._until

    @property
    def lasts(self) -> bool:
        """The same, or it is late now."""
        return self._late or self.holds

    def leaves_out(self, behind: bool) -> bool:
        """Whether what comes last is to wait now.

        Args:
            behind: the worker is late, and conflates what it still has to read.
        """
        if not self.holds and (behind or not self.lasts):
            return False
        return self._clock() - self._left_out_since < self._longest

    def rendered(self, last: bool) -> None:
        """A round begins, with what comes last or without."""
        self._left_out_since = inf if last else min(self._left_out_since, self._clock())

    def through(self) -> None:
        """Everything is read and sent: it is over, until the worker is seen to be late again."""
        self._late, self._late_since, self._until = False, inf, -inf
