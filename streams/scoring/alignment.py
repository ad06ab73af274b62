"""When the past may be spoken of: the day every domain of a partition has closed.

Domains close days on their own (each by its topic's order). What joins several domains waits for the slowest, so it
never mixes usage of December with billing of March, however the topics were interleaved.
"""

from msgspec import Struct

from schemas.metrics import DOMAINS, Domain
from streams.metrics.acquisition import EDITION, WITH_CHURN


class Alignment(Struct):
    """Partition-level state of the scoring table.

    Attributes:
        first: first day closed, by domain.
        closed: last day closed, by domain.
        aligned: last day that all domains have closed, None before the first that is scored.
        older: last day a release that tallied less had closed in any domain, so that it took restatements of it in by
            its own rules; None while that is not known, under every day where there was no such release.
        uncosted: the same of a release that tallied no campaigns and no margins of those that left.
    """

    first: dict[str, int] = {}
    closed: dict[str, int] = {}
    aligned: int | None = None
    older: int | None = None
    uncosted: int | None = None

    def begin(self) -> None:
        """Finds out how far older releases were; before anything else of this one."""
        if self.uncosted is None:
            self.uncosted = max(self.closed.values(), default=-1)
            self.older = self.uncosted if self.older is None else self.older

    def edition(self, day: int) -> int:
        """Which names the sums of a day have, that may hold what an older release took in; known once it began."""
        if self.older is not None and day <= self.older:
            return 0
        return WITH_CHURN if self.uncosted is not None and day <= self.uncosted else EDITION

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
