"""The only places that read the wall clock. Everything else takes time as an argument or a `Clock`."""

import time
from typing import Protocol


class Clock(Protocol):
    """Source of the present, epoch milliseconds UTC."""

    def now_ms(self) -> int: ...


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


class ManualClock:
    """A clock that stands still until told.

    Example:
        >>> clock = ManualClock(1_000)
        >>> clock.advance(250)
        >>> clock.now_ms()
        1250
    """

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def advance(self, by_ms: int) -> None:
        """Moves the clock forward."""
        self._now_ms += by_ms
