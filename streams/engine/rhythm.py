"""How often waiting outputs are published and state is saved.

Both conflate: a customer that changes ten times in between costs one output and one saved state. While the worker keeps
up, nothing is gained by waiting longer than the intervals people chose. While it is late, everything waits in the log
anyway, so a pause as long as that adds little to what is seen, and gives back most of what updates cost.
"""

from collections.abc import Callable
from time import monotonic

from mode import Service

from streams.engine.counters import Counters
from streams.engine.settings import EngineSettings

#: Chosen: of the time, at most a tenth goes into publications, until the pause is as long as it may be.
_SHARE = 0.1
_SHORTEST = 0.25  # of the interval
#: Lateness is looked at once a second, so less than two of them say nothing.
_LATE_SECONDS = 2.0
#: Of a pause: then it is asked again whether it may still be so long.
_STEP_SECONDS = 0.25


def publication_pause(took_seconds: float, interval_seconds: float, longest_seconds: float) -> float:
    """Seconds until the next publication, after one that took so long.

    Conflation pays under load alone: then a publication is large, or has to wait, and takes long. While there is
    little to publish, values go out four times as often as the interval says.

    Args:
        took_seconds: of the last publication.
        interval_seconds: between two under load.
        longest_seconds: what the interval may become, see `stretched`.

    Example:
        >>> (
        ...     publication_pause(0.002, 0.25, 0.25),
        ...     publication_pause(0.015, 0.25, 0.25),
        ...     publication_pause(2.0, 0.25, 5.0),
        ... )
        (0.0625, 0.15, 5.0)
    """
    return min(longest_seconds, max(interval_seconds * _SHORTEST, took_seconds / _SHARE))


def stretched(interval_seconds: float, late_seconds: float, longest_seconds: float) -> float:
    """An interval while the worker is so late: as long as it is late, up to the longest.

    Example:
        >>> stretched(0.25, 1.0, 5.0), stretched(0.25, 3.0, 5.0), stretched(0.25, 60.0, 5.0), stretched(8.0, 60.0, 5.0)
        (0.25, 3.0, 5.0, 8.0)
    """
    if late_seconds < _LATE_SECONDS:
        return interval_seconds
    return max(interval_seconds, min(late_seconds, longest_seconds))


class Rhythm:
    """The pauses of one worker, from its settings and its present lateness.

    Args:
        settings: intervals, and how long they may become.
        counters: `late_seconds`.
    """

    def __init__(self, settings: EngineSettings, counters: Counters) -> None:
        self._settings = settings
        self._counters = counters

    def publication_pause(self, took_seconds: float) -> float:
        """Seconds between the end of a publication that took so long and the next."""
        interval = self._settings.publish_interval_seconds
        return publication_pause(took_seconds, interval, self._stretched(interval))

    def commit_pause(self) -> float:
        """Seconds between two commits."""
        return self._stretched(self._settings.commit_interval_seconds)

    def _stretched(self, interval: float) -> float:
        late = max(self._counters.late_seconds.values(), default=0.0)
        return stretched(interval, late, self._settings.catch_up_seconds)


async def rest(service: Service, pause: Callable[[], float], since: Callable[[], float] = lambda: 0.0) -> None:
    """Sleeps as long as `pause` says, which is asked again on the way: who has caught up waits no longer.

    Args:
        service: whose end also ends this.
        pause: in seconds.
        since: when the pause began, in seconds of `time.monotonic()`, if it begins anew on the way.
    """
    began = monotonic()
    while not service.should_stop and (left := max(began, since()) + pause() - monotonic()) > 0:
        await service.sleep(min(left, _STEP_SECONDS))
