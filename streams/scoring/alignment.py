"""When the past may be spoken of: the day every domain of a partition has closed.

Domains close days on their own (each by its topic's order). What joins several domains waits for the slowest, so it
never mixes usage of December with billing of March, however the topics were interleaved.
"""

from msgspec import Struct

from schemas.metrics import DOMAINS, Domain


class Alignment(Struct):
    """Partition-level state of the scoring table.

    Attributes:
        first: first day closed, by domain.
        closed: last day closed, by domain.
        aligned: last day that all domains have closed, None before the first that is scored.
    """

    first: dict[str, int] = {}
    closed: dict[str, int] = {}
    aligned: int | None = None

    def close(self, domain: Domain, day: int) -> range:
        """Notes a marker; gives the days that are now ready, in order.

        The first aligned day is the latest of the domains' first closed days: before it, a domain had no time yet.
        A marker that comes again (a replay) makes nothing ready.
        """
        if day <= self.closed.get(domain, day - 1):
            return range(0)
        self.first.setdefault(domain, day)
        self.closed[domain] = day
        if len(self.closed) < len(DOMAINS):
            return range(0)
        start = max(self.first.values()) if self.aligned is None else self.aligned + 1
        ready = range(start, min(self.closed.values()) + 1)
        if ready:
            self.aligned = ready[-1]
        return ready
