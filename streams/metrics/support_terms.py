"""A company's terms applied to one ticket: working time, when a limit is broken, when a solution may be judged.

All answers are instants and lengths, so a ticket is judged once, when a fact about it comes in, and whoever asks at an
instant only compares. `mark` tells the judgements of one set of terms from those of another.
"""

from collections.abc import Sequence
from hashlib import blake2b

import msgspec

from schemas.events import Priority
from streams.metrics.business_time import BusinessTime
from streams.metrics.calendar_policy import holidays_version
from streams.metrics.days import MINUTE_MS
from streams.metrics.support_policy import SupportPolicy

#: From when to when something ran, epoch ms; None: it runs still.
Clock = tuple[int, int | None]

#: Raised whenever tickets are read by other rules, so that those read before are read again.
_RULES = 2


class Terms:
    """The terms of a company.

    Args:
        policy: hours, holidays, limits.
        zone: the company's time zone, of the calendar too where the policy names none.

    Attributes:
        mark: 32 bits that differ, but for an accident in 4 billion, between different terms; never 0.
        promises: whether there is any limit to break.
    """

    def __init__(self, policy: SupportPolicy, zone: str) -> None:
        self._sla = policy.sla
        self._review_days = policy.fcr_review_days
        self._time = BusinessTime(policy.calendar, zone)
        self.promises = policy.sla.promises
        spelled = msgspec.json.encode([_RULES, policy, zone, holidays_version(policy.calendar)])
        self.mark = int.from_bytes(blake2b(spelled, digest_size=4).digest()) or 1

    def business_ms(self, start: int, end: int) -> int | None:
        """Working time between two instants, ms; None without working hours."""
        return self._time.between(start, end) if self._time.works else None

    def review_ends_at(self, solved_at: int) -> int:
        """From when on it is known whether a solution lasted, epoch ms."""
        return self._time.days_after(solved_at, self._review_days)

    def breached_at(self, priority: Priority | None, responses: Sequence[Clock], resolution: Clock) -> int | None:
        """The first instant behind which a limit of the priority was broken or will be, epoch ms; None: none can be."""
        if not self.promises:
            return None
        limits = self._sla.of(priority)
        due = [self._due(response, limits.response_minutes) for response in responses]
        due.append(self._due(resolution, limits.resolution_minutes))
        return min([at for at in due if at is not None], default=None)

    def _due(self, clock: Clock, minutes: float | None) -> int | None:
        """When a clock reaches its limit; None when it never does."""
        if minutes is None:
            return None
        start, end = clock
        length_ms = int(minutes * MINUTE_MS)
        due = start + length_ms if self._sla.time == "calendar" else self._time.after(start, length_ms)
        return due if end is None or end > due else None
