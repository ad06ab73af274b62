"""Tells people of one alert after another: paced, patient, and never twice what is known to be told.

An alert is passed over only when it was told before, is too old to be news, ends what nobody heard of, or is
refused for ever; everything else waits until it is delivered. While it waits it may become too old.
"""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from time import monotonic

import structlog

from schemas.alerts import Alert
from streams.errors import PoisonError, TransientError
from streams.sinks.delivered import Delivered
from streams.sinks.delivery import RetryPolicy
from streams.sinks.slack import Delivery

_log = structlog.get_logger(__name__)

Sleep = Callable[[float], Awaitable[None]]


class Pace:
    """Keeps deliveries apart.

    Args:
        seconds: between two of them.
        clock: monotonic seconds.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._next_at = clock()

    def wait_seconds(self) -> float:
        """How long to wait before the next one."""
        return max(0.0, self._next_at - self._clock())

    def sent(self) -> None:
        """One was tried just now."""
        self._next_at = self._clock() + self._seconds


class Notifier:
    """Delivers alerts one at a time.

    Args:
        way: to the people.
        oldest: what happened before this instant is no news any more, epoch ms.
        retry: pauses after failures; what the way itself asks for is the least.
        random: spreads the pauses.
        pace: of deliveries.
        sleep: waits; given by whoever has to know that we wait.
    """

    def __init__(
        self,
        way: Delivery,
        oldest: Callable[[], int],
        retry: RetryPolicy,
        random: Random,
        pace: Pace,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._way = way
        self._oldest = oldest
        self._retry = retry
        self._random = random
        self._pace = pace
        self._sleep = sleep

    async def tell(self, alert: Alert, held: Delivered, ours: Callable[[], bool]) -> Delivered | None:
        """Tells of an alert, however long that takes.

        Args:
            alert: to be told.
            held: what was delivered to its customer.
            ours: False once another worker has the partition, and tells.

        Returns:
            What is delivered now; None when it is not ours any more.
        """
        attempt = 0
        while ours():
            verdict = held.verdict(alert, self._oldest())
            if verdict != "tell":
                _log.debug("alert_passed_over", alert=alert.alert_id, why=verdict)
                return held
            wait = self._pace.wait_seconds()
            if wait > 0:
                await self._sleep(wait)
                continue
            pause, after = await self._attempt(alert, held, attempt)
            if after is not None:
                return after
            await self._sleep(pause)
            attempt += 1
        return None

    async def _attempt(self, alert: Alert, held: Delivered, attempt: int) -> tuple[float, Delivered | None]:
        posted = held.posted.get(alert.episode_id)
        try:
            posted = await self._way.deliver(alert, posted)
        except TransientError as error:
            pause = self._retry.wait_seconds(attempt, error.retry_after_seconds, self._random.random())
            _log.warning("slack_waits", reason=str(error), seconds=round(pause, 1), attempt=attempt + 1)
            return pause, None
        except PoisonError as error:
            _log.error("slack_refused", alert=alert.alert_id, reason=str(error))
        finally:
            self._pace.sent()
        return 0.0, held.after(alert, posted)
