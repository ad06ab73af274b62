"""The portfolio machine: the sums of every partition in, figures of all customers and of segments out, by day.

Theory of operation. The tallies of a partition wait until its marker says that the day is whole; then they enter the
day's page. When every partition has closed the day, its figures go out. A change of a day enters its page at once, and
a day that went out goes out again, conflated. A partition that began later had no customers before. A portfolio whose
customers are all gone the day after has an empty page there, once: its last figures are not those of today.

What was spent comes on a topic of its own, which may be behind, or empty for ever: no other figure waits for it. It
enters pages like tallies and changes do, and is told once the day is over for it in every partition that has said of
any day that it is: then the pages that were waiting go out again. Segments share what campaigns cost by the customers
they won of all, so a change of either sends all segments of the day out again. What a customer is worth takes the
churn of five earlier windows, too, so a change of churn also sends the days out again that have that window among
theirs.

Invariants:
 P1 a page holds Σ tallies + Σ changes of the partitions that closed its day, each once, whatever comes again;
 P2 the last figures of a day depend on the records of each partition alone, not on how partitions interleave, nor on
    when spend comes, if the first of all is behind by less than the horizon;
 P3 read = applied + duplicate + late + dead, after every record.
Pages are kept for the horizon behind the slowest partition and its spend, what is needed of them for the churn of later
days five windows longer; where a partition never closes a day, nothing goes out.
"""

from collections.abc import Iterator, Sequence
from typing import assert_never

from schemas.codec import encode
from schemas.portfolio import (
    PORTFOLIO,
    DayChange,
    PortfolioMessage,
    SpendClosed,
    Tally,
    TallyChanged,
    TallyClosed,
)
from streams.metrics.acquisition import (
    EDITION,
    WINDOW_DAYS,
    WINDOWS,
    WITH_CHURN,
    has_spend,
    moves_churn,
    moves_costs,
    only_churn,
)
from streams.metrics.days import Days
from streams.metrics.portfolio_pages import (
    Page,
    PortfolioLedger,
    PortfolioPartition,
    Waiting,
    by_day,
    keep,
    key_of,
    place_of,
)
from streams.metrics.portfolio_told import company_of, earlier, figures_of, was_told
from streams.metrics.sums import merge

METRICS_PARTITION = 0


class PortfolioMachine:
    """Steps over the one partition of the sums.

    Args:
        partitions: how many tally.
        days: calendar of the company.
        horizon_days: how far back days are restated.
        metrics_topic: where figures go.
        churn_target: the company's own, of a month, told with the figures; a day keeps that which it went out with.
    """

    def __init__(
        self, partitions: int, days: Days, horizon_days: int, metrics_topic: str, churn_target: float | None = None
    ) -> None:
        self._partitions = partitions
        self._days = days
        self._kept_days = horizon_days + 2  # a restated day may lie so far behind one that is just closing
        self._topic = metrics_topic
        self._churn_target = churn_target

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
            case SpendClosed():
                self._spent(part, message)
            case _:
                assert_never(message)

    def dead(self, part: PortfolioPartition, offset: int) -> None:
        """Counts the record at `offset`, which could not be read."""
        part.offset = offset
        part.meta.read += 1
        part.meta.dead += 1

    def render(self, part: PortfolioPartition, keys: Sequence[str]) -> None:
        """Sends pages as they are now, once their days are out."""
        for key in keys:
            self._render_page(part, key)

    def _render_page(self, part: PortfolioPartition, key: str) -> None:
        page, (day, portfolio) = part.get(key), place_of(key)
        if page is None or page.faded or not part.meta.is_out(day) or was_told(part, key):
            return
        as_of = self._days.start(day + 1)
        value = encode(figures_of(part, key, page, as_of))
        part.emit(self._topic, portfolio.encode(), value, partition=METRICS_PARTITION, timestamp_ms=as_of)

    def _tally(self, part: PortfolioPartition, tally: Tally) -> None:
        ledger, number = part.meta, tally.partition
        key = key_of(tally.day, tally.portfolio)
        page = part.get(key) or self._new_page(ledger, tally.day)
        if tally.day <= ledger.closed.get(number, tally.day - 1) or key in ledger.waiting.get(number, ()):
            ledger.duplicate += 1
            return
        ledger.applied += 1
        if part.ahead(key, part.offset):
            ledger.waiting.setdefault(number, []).append(key)
            return
        page.waiting[number] = Waiting(tally.sums, tally.restated, tally.edition, tally.churned, tally.costed)
        ledger.waiting.setdefault(number, []).append(key)
        keep(part, key, page)

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
        page.edition = min(page.edition, waiting.edition)
        self._add(part, key, page, waiting)

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
            key = key_of(change.day, change.portfolio)
            churned = change.restated if moves_churn(change.sums) else 0
            costs = change.portfolio == PORTFOLIO and moves_costs(change.sums)
            if not part.ahead(key, part.offset):
                page = part.get(key) or self._new_page(ledger, change.day)
                page.changed = True
                costed = change.restated if costs else 0
                self._add(part, key, page, Waiting(change.sums, change.restated, churned=churned, costed=costed))
            if ledger.is_out(change.day):
                others = sorted(by_day(part).get(change.day, ())) if costs else ()
                for sent in (key, *self._follow(part, key), *others):
                    part.publish(sent)
            if churned:
                self._publish_later(part, key)

    def _spent(self, part: PortfolioPartition, marker: SpendClosed) -> None:
        """Lets the spend of days in that are over for it now, or out of those a partition says it is behind with."""
        ledger, number, day = part.meta, marker.partition, marker.day
        if day <= ledger.spent.get(number, day - 1):
            ledger.duplicate += 1
            return
        ledger.applied += 1
        before = min(ledger.spent.values(), default=None)
        ledger.spent[number] = day
        now = min(ledger.spent.values())
        if now == before:
            return
        ledger.spent_version = part.offset
        first, last = (0, now) if before is None else (min(before, now) + 1, max(before, now))
        for key in list(part.keys()):
            found, _ = place_of(key)
            if first <= found <= last and ledger.is_out(found) and self._has_costs(part, key):
                part.publish(key)

    def _has_costs(self, part: PortfolioPartition, key: str) -> bool:
        """Whether something was spent in the window of a page, on its customers or on campaigns."""
        pages = part.get(key), company_of(part, key)
        return any(page is not None and has_spend(page.sums) for page in pages)

    def _publish_later(self, part: PortfolioPartition, key: str) -> None:
        """Sends the days again that have the window of a page among theirs."""
        day, portfolio = place_of(key)
        for number in range(1, WINDOWS):
            later = day + number * WINDOW_DAYS
            if part.meta.is_out(later):
                part.publish(key_of(later, portfolio))

    def _is_known(self, ledger: PortfolioLedger, number: int, change: DayChange) -> bool:
        """Whether the partition has tallied the day, and its page is still kept."""
        first, closed = ledger.first.get(number), ledger.closed.get(number)
        if first is None or closed is None or not first <= change.day <= closed:
            return False
        return change.day >= ledger.kept_since(self._kept_days)

    def _add(self, part: PortfolioPartition, key: str, page: Page, more: Waiting) -> None:
        merge(page.sums, more.sums)
        page.restated += more.restated
        page.churned += more.churned
        page.costed += more.costed
        page.version = part.offset
        page.empty = False
        keep(part, key, page)

    def _publish(self, part: PortfolioPartition, ready: int) -> None:
        """Sends the days up to `ready` that have not gone out, and forgets those no longer restated."""
        ledger, keys = part.meta, list(part.keys())
        before = ledger.ready
        if before is not None and ready <= before:
            return
        ledger.ready = ready
        recent = [key for key in keys if before is None or before <= place_of(key)[0]]  # changes see to others
        made = [following for key in recent for following in self._follow(part, key)]
        for key in keys:
            if (before is None or before < place_of(key)[0]) and ledger.is_out(place_of(key)[0]):
                self._go_out(part, key)
        for key in made:
            self._render_page(part, key)
        if before is not None:  # what goes out now fades the next time
            self._forget(part, min(before + 1, ledger.kept_since(self._kept_days)))

    def _forget(self, part: PortfolioPartition, before: int) -> None:
        """Fades the pages of days before one that have not faded, and deletes those that no window needs any more."""
        since, part.meta.faded = part.meta.faded, before
        found = by_day(part)
        days = sorted(day for day in found if day < before)
        for day in days:
            if since is None or since <= day:
                for key in sorted(found[day], reverse=True):  # segments, which share its costs, before all customers
                    self._fade(part, key)
        for day in days:  # not before: the days that fade go out with the churn of these
            if day < before - (WINDOWS - 1) * WINDOW_DAYS:
                for key in sorted(found.pop(day)):
                    part.delete(key)

    def _go_out(self, part: PortfolioPartition, key: str) -> None:
        """Sends a page for the first time, with the target in force."""
        page = part.get(key)
        assert page is not None  # its key is there
        if page.churn_target != self._churn_target and not part.ahead(key, part.offset):
            page.churn_target = self._churn_target
            part.put(key, page)
        self._render_page(part, key)

    def _new_page(self, ledger: PortfolioLedger, day: int) -> Page:
        """A page without customers, of this release; with the target in force if its day is out."""
        return Page(edition=EDITION, churn_target=self._churn_target if ledger.is_out(day) else None)

    def _follow(self, part: PortfolioPartition, key: str) -> Iterator[str]:
        """Makes the empty page of a portfolio that nobody is in on the next day, once that is whole; yields its key."""
        page, (day, portfolio) = part.get(key), place_of(key)
        if page is None or page.empty or page.faded or not part.meta.is_out(day + 1):
            return
        following = key_of(day + 1, portfolio)
        if part.get(following) is None:
            made = self._new_page(part.meta, day + 1)
            made.version, made.empty = part.offset, True
            keep(part, following, made)
            yield following

    def _fade(self, part: PortfolioPartition, key: str) -> None:
        """Keeps of a page that is no longer restated the churn of its window."""
        page = part.get(key)
        if page is None or page.faded:
            return
        company = company_of(part, key)
        churned = any(one is not None and one.churned for one in earlier(part, key))
        changed = page.changed or (company is not None and company.changed)
        if changed or page.empty or churned or self._has_costs(part, key):
            self._render_page(part, key)  # it, a change of it, or of an earlier one may not have gone out yet
        left = only_churn(page.sums) if page.edition >= WITH_CHURN else {}
        part.put(key, Page(left, version=page.version, edition=page.edition, churned=page.churned, faded=True))
