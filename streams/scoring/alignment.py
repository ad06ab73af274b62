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

    @property
    def got_to(self) -> int | None:
        """The last day scored: what the engine takes for progress while days are scored in pieces."""
        return self.aligned

    def ready(self, domain: Domain, day: int) -> range:
        """The days that a marker makes ready, in order; say so with `score` for each, then `close`.

        The first aligned day is the latest of the domains' first closed days: before it, a domain had no time yet.
        A marker that comes again (a replay) makes nothing ready.
        """
        closed = {**self.closed, domain: day}
        if self.has(domain, day) or len(closed) < len(DOMAINS):
            return range(0)
        start = max({domain: day, **self.first}.values()) if self.aligned is None else self.aligned + 1
        return range(start, min(closed.values()) + 1)

    def has(self, domain: Domain, day: int) -> bool:
        """Whether a marker was noted before, or a later one."""
        return day <= self.closed.get(domain, day - 1)

    def score(self, day: int) -> None:
        """Notes that a day was scored."""
        self.aligned = day

    def close(self, domain: Domain, day: int) -> None:
        """Notes a marker."""
        if not self.has(domain, day):
            self.first.setdefault(domain, day)
            self.closed[domain] = day
