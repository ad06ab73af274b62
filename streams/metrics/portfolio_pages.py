"""What the portfolio machine keeps: a page for each portfolio and day, and how far each partition is."""

from msgspec import Struct

from streams.metrics.partition import Partition
from streams.metrics.sums import Sums


class Waiting(Struct, array_like=True):
    """A tally whose day is not whole yet."""

    sums: Sums
    restated: int
    edition: int = 0
    churned: int = 0
    costed: int = 0


class Page(Struct, array_like=True):
    """A portfolio on a day.

    Attributes:
        sums: of the partitions that closed the day.
        restated: restatements included.
        waiting: by partition.
        version: offset of the newest record included.
        empty: nobody was tallied; the page follows one of the day before, and none follows it.
        edition: which names the sums have, the least of the tallies; 0 in pages of older releases.
        churned: those of the restatements that changed churn by currency.
        faded: no longer restated, kept for the churn of its window alone.
        churn_target: that of the profile when the day went out.
        changed: took in what came behind the tallies.
        costed: those of the restatements that changed what winning a customer costs; of all customers alone.
    """

    sums: Sums = {}
    restated: int = 0
    waiting: dict[int, Waiting] = {}
    version: int = -1
    empty: bool = False
    edition: int = 0
    churned: int = 0
    faded: bool = False
    churn_target: float | None = None
    changed: bool = False
    costed: int = 0


class PortfolioLedger(Struct, dict=True):
    """Partition-level state; beside it, not stored, which pages there are (`by_day`).

    Attributes:
        first, closed: first and last day closed, by partition.
        changed: `version` of the newest change, by partition.
        waiting: keys of the pages with a waiting tally, by partition.
        ready: last day that went out.
        spent: last day that is over for spend, by partition; of those that have said so.
        spent_version: offset of the newest marker that let spend in.
        faded: pages of earlier days have faded; None where that is not known.
    """

    first: dict[int, int] = {}
    closed: dict[int, int] = {}
    changed: dict[int, int] = {}
    waiting: dict[int, list[str]] = {}
    ready: int | None = None
    read: int = 0
    applied: int = 0
    duplicate: int = 0
    late: int = 0
    dead: int = 0
    spent: dict[int, int] = {}
    spent_version: int = -1
    faded: int | None = None

    def is_out(self, day: int) -> bool:
        """Whether the figures of a day have gone out."""
        return self.ready is not None and day <= self.ready

    def is_spent(self, day: int) -> bool:
        """Whether a day is over for spend in every partition that has told of any day."""
        return bool(self.spent) and day <= min(self.spent.values())

    def kept_since(self, days: int) -> int:
        """The first day whose pages are kept, so many days behind the last that is out and over for spend.

        Spend may come long after the days it belongs to have gone out: in an import that is sent in one go.
        """
        since = 0 if self.ready is None else min((self.ready, *self.spent.values())) - days
        return max(since, self.faded or 0)


PortfolioPartition = Partition[Page, PortfolioLedger]


def key_of(day: int, portfolio: str) -> str:
    """The key of a page."""
    return f"{day:06d}/{portfolio}"


def place_of(key: str) -> tuple[int, str]:
    """Day and portfolio of a key.

    Example:
        >>> place_of(key_of(19_701, "_segment:a/b"))
        (19701, '_segment:a/b')
    """
    day, _, portfolio = key.partition("/")
    return int(day), portfolio


def by_day(part: PortfolioPartition) -> dict[int, set[str]]:
    """The keys of all pages by day: kept up by `keep`, made of the pages again where it is missing."""
    found: dict[int, set[str]] | None = vars(part.meta).get("_by_day")
    if found is None:
        found = vars(part.meta)["_by_day"] = {}
        for key in list(part.keys()):
            found.setdefault(place_of(key)[0], set()).add(key)
    return found


def keep(part: PortfolioPartition, key: str, page: Page) -> None:
    """Puts a page that may be new."""
    by_day(part).setdefault(place_of(key)[0], set()).add(key)
    part.put(key, page)
