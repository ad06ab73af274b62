"""How often waiting outputs are published and state is saved, and how long an agent works before others do.

Publications and saves conflate: a customer that changes ten times in between costs one output and one saved state.
While the worker keeps up, nothing is gained by waiting longer than the intervals people chose. While it is late, or
will be before it is through, everything waits in the log anyway, so a pause as long as that adds little to what is
seen, and gives back most of what updates cost, here and in everybody who reads them. Nor does anybody wait for a turn
then: agents work longer at a stretch, more events of a customer meet in it, and are taken in together.
"""

from collections.abc import Callable
from time import monotonic

from mode import Service

from streams.engine.counters import Counters
from streams.engine.settings import EngineSettings

#: Chosen: of the time, at most a tenth goes into publications, until the pause is as long as the interval.
_SHARE = 0.1
_SHORTEST = 0.25  # of the interval
#: A worker may be busy for a second without being late: less than two of them say nothing, nor does so short a backlog.
_LATE_SECONDS = 2.0
#: Chosen: so wrong may an estimate of the end be. What is published just before the end comes out again behind it.
_SPARE = 1.25
#: Chosen: long against the cost of a turn of the loop (under 0.1 ms), short against the publication interval.
_RUN_SECONDS = 0.02
#: The same while the worker is late. Chosen: a rebalance, or a commit, waits for a run at every step of its way.
_LATE_RUN_SECONDS = 0.05
#: Of a pause: then it is asked again whether it may still be so long.
_STEP_SECONDS = 0.25


def publication_pause(took_seconds: float, interval_seconds: float) -> float:
    """Seconds until the next publication, after one that took so long, while the worker is not late.

    Conflation pays under load alone: then a publication is large, or has to wait, and takes long. While there is
    little to publish, values go out four times as often as the interval says.

    Args:
        took_seconds: of the last publication.
        interval_seconds: between two under load.

    Example:
        >>> publication_pause(0.002, 0.25), publication_pause(0.015, 0.25), publication_pause(2.0, 0.25)
        (0.0625, 0.15, 0.25)
    """
    return min(interval_seconds, max(interval_seconds * _SHORTEST, took_seconds / _SHARE))


def stretched(
    interval_seconds: float, late_seconds: float, longest_seconds: float, backlog_seconds: float = 0.0
) -> float:
    """An interval while the worker is so late: as long as it will have been late behind the end, up to the longest.

    Args:
        interval_seconds: while it keeps up.
        late_seconds: for how long the oldest of what it has to do has waited.
        longest_seconds: what the interval may become.
        backlog_seconds: until it will have done all that waits now.

    Example:
        >>> stretched(0.25, 1.0, 5.0), stretched(0.25, 3.0, 5.0), stretched(0.25, 60.0, 5.0), stretched(8.0, 60.0, 5.0)
        (0.25, 3.0, 5.0, 8.0)
        >>> stretched(0.25, 1.0, 30.0, 1.0), stretched(0.25, 1.0, 30.0, 20.0)
        (0.25, 26.25)
    """
    if not _is_late(late_seconds, backlog_seconds):
        return interval_seconds
    until_the_end = _SPARE * (late_seconds + backlog_seconds) if backlog_seconds > 0.0 else late_seconds
    return max(interval_seconds, min(until_the_end, longest_seconds))


def _is_late(late_seconds: float, backlog_seconds: float) -> bool:
    return max(late_seconds, backlog_seconds) >= _LATE_SECONDS


class Rhythm:
    """The pauses of one worker, from its settings and its present lateness.

    Args:
        settings: intervals, and how long they may become.
        counters: `late_seconds`, `backlog_seconds`.
    """

    def __init__(self, settings: EngineSettings, counters: Counters) -> None:
        self._settings = settings
        self._counters = counters

    def publication_pause(self, took_seconds: float) -> float:
        """Seconds between the end of a publication that took so long and the next."""
        interval = self._settings.publish_interval_seconds
        return self._stretched(interval) if self.late else publication_pause(took_seconds, interval)

    def commit_pause(self) -> float:
        """Seconds between two commits."""
        return self._stretched(self._settings.commit_interval_seconds)

    @property
    def run_seconds(self) -> float:
        """Seconds of work of one agent, about, before all others have their turn."""
        return _LATE_RUN_SECONDS if self.late else _RUN_SECONDS

    @property
    def late(self) -> bool:
        """Whether pauses are longer than the intervals, to conflate more."""
        return self._settings.catch_up_seconds > 0.0 and _is_late(self._late_seconds, self._counters.backlog_seconds)

    @property
    def _late_seconds(self) -> float:
        return max(self._counters.late_seconds.values(), default=0.0)

    def _stretched(self, interval: float) -> float:
        longest, backlog = self._settings.catch_up_seconds, self._counters.backlog_seconds
        return stretched(interval, self._late_seconds, longest, backlog)


async def rest(service: Service, pause: Callable[[], float], since: Callable[[float], float] = float) -> None:
    """Sleeps as long as `pause` says, which is asked again on the way: who has caught up waits no longer.

    Args:
        service: whose end also ends this.
        pause: in seconds.
        since: when the pause began, in seconds of `time.monotonic()`, if not now; given now, and asked again, too.
    """
    began = monotonic()
    while not service.should_stop and (left := since(began) + pause() - monotonic()) > 0:
        await service.sleep(min(left, _STEP_SECONDS))
