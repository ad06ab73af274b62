"""The portfolio machine: the sums of every partition in, figures of all customers and of segments out, by day.

Theory of operation. The tallies of a partition wait until its marker says that the day is whole; then they enter the
day's page. When every partition has closed the day, its figures go out. A change of a day enters its page at once, and
a day that went out goes out again, conflated. A partition that began later had no customers before. A portfolio whose
customers are all gone the day after has an empty page there, once: its last figures are not those of today.

Invariants:
 P1 a page holds Σ tallies + Σ changes of the partitions that closed its day, each once, whatever comes again;
 P2 the last figures of a day depend on the records of each partition alone, not on how partitions interleave;
 P3 read = applied + duplicate + late + dead, after every record.
Pages are kept for the horizon behind the slowest partition; where one never closes a day, nothing goes out.
"""

from collections.abc import Iterator
from typing import assert_never

from msgspec import Struct

from schemas.codec import encode
from schemas.portfolio import (
    DayChange,
    PortfolioFigures,
    PortfolioMessage,
    Tally,
    TallyChanged,
    TallyClosed,
    segment_of,
)
from streams.metrics.days import Days
from streams.metrics.partition import Partition
from streams.metrics.sums import Sums, figures, merge

METRICS_PARTITION = 0


class Waiting(Struct, array_like=True):
    """A tally whose day is not whole yet."""

    sums: Sums
    restated: int


class Page(Struct, array_like=True):
    """A portfolio on a day.

    Attributes:
        sums: of the partitions that closed the day.
        restated: restatements included.
        waiting: by partition.
        version: offset of the newest record included.
        empty: nobody was tallied; the page follows one of the day before, and none follows it.
    """

    sums: Sums = {}
    restated: int = 0
    waiting: dict[int, Waiting] = {}
    version: int = -1
    empty: bool = False


class PortfolioLedger(Struct):
    """Partition-level state.

    Attributes:
        first, closed: first and last day closed, by partition.
        changed: `version` of the newest change, by partition.
        waiting: keys of the pages with a waiting tally, by partition.
        ready: last day that went out.
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


PortfolioPartition = Partition[Page, PortfolioLedger]


class PortfolioMachine:
    """Steps over the one partition of the sums.

    Args:
        partitions: how many tally.
        days: calendar of the company.
        horizon_days: how far back days are restated.
        metrics_topic: where figures go.
    """

    def __init__(self, partitions: int, days: Days, horizon_days: int, metrics_topic: str) -> None:
        self._partitions = partitions
        self._days = days
        self._kept_days = horizon_days + 2  # a restated day may lie so far behind one that is just closing
        self._topic = metrics_topic

    def step(self, part: PortfolioPartition, offset: int, message: PortfolioMessage) -> None:
        """Takes the message at `offset` in."""
        part.offset = offset
        ledger = part.meta
        ledger.read += 1
        if not 0 <= message.partition < self._partitions:
            ledger.dead += 1
            return
        match message:
            case Tally():
                self._tally(part, message)
            case TallyClosed():
                self._close(part, message)
            case TallyChanged():
                self._change(part, message)
            case _:
                assert_never(message)

    def dead(self, part: PortfolioPartition, offset: int) -> None:
        """Counts the record at `offset`, which could not be read."""
        part.offset = offset
        part.meta.read += 1
        part.meta.dead += 1

    def render(self, part: PortfolioPartition, key: str) -> None:
        """Sends a page as it is now."""
        page = part.get(key)
        if page is None:
            return
        day, portfolio = _place(key)
        as_of = self._days.start(day + 1)
        message = PortfolioFigures(
            portfolio=portfolio,
            segment=segment_of(portfolio),
            as_of=as_of,
            day=day,
            values=figures(page.sums),
            revision=page.restated,
            reason="restated" if page.restated else "closed",
            version=page.version,
        )
        part.emit(self._topic, portfolio.encode(), encode(message), partition=METRICS_PARTITION, timestamp_ms=as_of)

    def _tally(self, part: PortfolioPartition, tally: Tally) -> None:
        ledger, number = part.meta, tally.partition
        key = _key(tally.day, tally.portfolio)
        page = part.get(key) or Page()
        if tally.day <= ledger.closed.get(number, tally.day - 1) or key in ledger.waiting.get(number, ()):
            ledger.duplicate += 1
            return
        ledger.applied += 1
        if part.ahead(key, part.offset):
            ledger.waiting.setdefault(number, []).append(key)
            return
        page.waiting[number] = Waiting(tally.sums, tally.restated)
        ledger.waiting.setdefault(number, []).append(key)
        part.put(key, page)

    def _close(self, part: PortfolioPartition, marker: TallyClosed) -> None:
        ledger, number, day = part.meta, marker.partition, marker.day
        if day <= ledger.closed.get(number, day - 1):
            ledger.duplicate += 1
            return
        ledger.applied += 1
        for key in ledger.waiting.pop(number, []):
            self._enter(part, key, number)
        ledger.first.setdefault(number, day)
        ledger.closed[number] = day
        if len(ledger.closed) == self._partitions:
            self._publish(part, min(ledger.closed.values()))

    def _enter(self, part: PortfolioPartition, key: str, number: int) -> None:
        if part.ahead(key, part.offset):
            return
        page = part.get(key)
        assert page is not None  # it was put with the key
        waiting = page.waiting.pop(number)
        self._add(part, key, page, waiting.sums, waiting.restated)

    def _change(self, part: PortfolioPartition, message: TallyChanged) -> None:
        ledger, number = part.meta, message.partition
        if message.version <= ledger.changed.get(number, -1):
            ledger.duplicate += 1
            return
        ledger.changed[number] = message.version
        known = [change for change in message.changes if self._is_known(ledger, number, change)]
        ledger.applied += bool(known)
        ledger.late += not known
        for change in known:
            key = _key(change.day, change.portfolio)
            if not part.ahead(key, part.offset):
                self._add(part, key, part.get(key) or Page(), change.sums, change.restated)
            if ledger.ready is not None and change.day <= ledger.ready:
                for sent in (key, *self._follow(part, key)):
                    part.publish(sent)

    def _is_known(self, ledger: PortfolioLedger, number: int, change: DayChange) -> bool:
        """Whether the partition has tallied the day, and its page is still kept."""
        first, closed = ledger.first.get(number), ledger.closed.get(number)
        if first is None or closed is None or not first <= change.day <= closed:
            return False
        return ledger.ready is None or change.day >= ledger.ready - self._kept_days

    def _add(self, part: PortfolioPartition, key: str, page: Page, sums: Sums, restated: int) -> None:
        merge(page.sums, sums)
        page.restated += restated
        page.version = part.offset
        page.empty = False
        part.put(key, page)

    def _publish(self, part: PortfolioPartition, ready: int) -> None:
        """Sends the days up to `ready` that have not gone out, and forgets those no longer restated."""
        before = part.meta.ready
        if before is not None and ready <= before:
            return
        part.meta.ready = ready
        made = {following for key in list(part.keys()) for following in self._follow(part, key)}
        for key in list(part.keys()):
            day, _ = _place(key)
            if key in made or (day <= ready and (before is None or before < day)):
                self.render(part, key)
            elif day < ready - self._kept_days:
                self._forget(part, key)

    def _follow(self, part: PortfolioPartition, key: str) -> Iterator[str]:
        """Makes the empty page of a portfolio that nobody is in on the next day, once that is whole; yields its key."""
        day, portfolio = _place(key)
        page, ready, following = part.get(key), part.meta.ready, _key(day + 1, portfolio)
        if page is None or page.empty or ready is None or day >= ready:
            return
        if part.get(following) is None:
            part.put(following, Page(version=part.offset, empty=True))
            yield following

    def _forget(self, part: PortfolioPartition, key: str) -> None:
        page = part.get(key)
        if page is not None and page.restated:
            self.render(part, key)  # a change may not have gone out yet
        part.delete(key)


def _key(day: int, portfolio: str) -> str:
    return f"{day:06d}/{portfolio}"


def _place(key: str) -> tuple[int, str]:
    day, _, portfolio = key.partition("/")
    return int(day), portfolio
