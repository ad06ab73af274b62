"""What the customers of a partition add up to on an aligned day, in all and by segment, and what restatements change.

Theory of operation. The day that is scored is tallied on the way, customer by customer, from the values it is scored
from (revision 0). A restatement brings the values it replaces, so what it changes is known without any memory of the
day: of a day that is tallied it goes out as a change, of a day still open it waits with the customer and enters the
day's own tally. A customer counts in the segment it was in on that day, as its profile of the aligned day said.

What was spent is told by a domain that no score waits for. So the values of its days go the same two ways, a first one
counted as no restatement; and it makes nobody a customer: money is spent on many that never come, and on nobody.

Invariants:
 Y1 tally + changes of a day = the parts of its customers' newest values, however the topics interleave;
 Y2 every restatement that changes a sum is counted once, in the tally or in a change.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct, field

from schemas.codec import encode
from schemas.envelope import COMPANY_CUSTOMER
from schemas.metrics import CustomerValues, MetricValues
from schemas.portfolio import (
    PORTFOLIO,
    DayChange,
    PortfolioMessage,
    SpendClosed,
    Tally,
    TallyChanged,
    TallyClosed,
    segment_key,
)
from streams.metrics.acquisition import EDITION, campaigns, moves_churn, moves_costs
from streams.metrics.health import HealthMemory
from streams.metrics.partition import Partition
from streams.metrics.sums import CUSTOMERS, Sums, add_health, add_upsell, add_values, change, merge, new_sums

PORTFOLIO_PARTITION = 0


class Restated(Struct, array_like=True):
    """What restatements of a day that is not tallied yet will add: how many, sums, how many changed churn, or costs."""

    count: int = 0
    sums: Sums = {}
    churned: int = 0
    costed: int = 0

    def take(self, sums: Sums, restated: int) -> None:
        """Adds values of the day."""
        self.count += restated
        self.churned += restated if moves_churn(sums) else 0
        self.costed += restated if moves_costs(sums) else 0
        merge(self.sums, sums)


class Past(Struct, array_like=True):
    """What a card remembers of its customer for restatements.

    Attributes:
        known_since: first day on which the customer counts.
        segments: first day in each, in order; before the first it was in none.
        marks: by domain the version and day of the newest restatement taken in.
        waiting: restatements of days not tallied yet, by day.
        exact_since: first day the sums hold the customer of in every currency; None where an older release tallied it.
        spent: what was spent on it by the end of days not tallied yet, by day.
    """

    known_since: int | None = None
    segments: list[tuple[int, str | None]] = []
    marks: dict[str, tuple[int, int]] = {}
    waiting: dict[int, Restated] = field(default_factory=dict[int, Restated])
    exact_since: int | None = None
    spent: dict[int, Restated] = field(default_factory=dict[int, Restated])

    def begin(self, day: int) -> None:
        """Notes that a day is tallied in every currency; of a customer in no sums yet, all days will be."""
        if self.exact_since is None:
            self.exact_since = 0 if self.known_since is None else day

    def is_older(self, day: int) -> bool:
        """Whether the sums hold the customer on a day as an older release tallied it."""
        return self.known_since is not None and (self.exact_since is None or day < self.exact_since)

    def segment(self, day: int) -> str | None:
        """The segment of a tallied day."""
        return next((name for since, name in reversed(self.segments) if since <= day), None)

    def enter(self, day: int, segment: str | None, oldest: int) -> None:
        """Notes the segment of a day, the newest tallied; what was before `oldest` is forgotten."""
        now = self.segments[-1][1] if self.segments else None
        if segment != now:
            self.segments.append((day, segment))
        while len(self.segments) > 1 and self.segments[1][0] <= oldest:
            del self.segments[0]

    def is_repeated(self, message: MetricValues) -> bool:
        """Whether a restatement was taken in before; those of a domain come in the order of version and day."""
        domain, mark = str(message.values.__struct_config__.tag), (message.version, message.day)
        if mark <= self.marks.get(domain, (-1, -1)):
            return True
        self.marks[domain] = mark
        return False


class DayTally:
    """The sums of one day of one partition, while its customers are gone through."""

    def __init__(self, day: int) -> None:
        self.day = day
        self.sums: defaultdict[str | None, Sums] = defaultdict(new_sums)
        self.restated: defaultdict[str | None, int] = defaultdict(int)
        self.churned: defaultdict[str | None, int] = defaultdict(int)
        self.costed = 0

    def add(self, segment: str | None, waited: Restated) -> None:
        """Adds what waited for the day."""
        merge(self.sums[segment], waited.sums)
        self.restated[segment] += waited.count
        self.churned[segment] += waited.churned
        self.costed += waited.costed


class Tallying:
    """Adds customers up.

    Args:
        topic: where sums go.
        horizon_days: how far back days are restated.
    """

    def __init__(self, topic: str, horizon_days: int) -> None:
        self._topic = topic
        self._horizon_days = horizon_days

    def add(
        self, tally: DayTally, past: Past, values: CustomerValues, memory: HealthMemory, ready: float | None
    ) -> None:
        """Adds a customer as it stands on the day, with its health and readiness."""
        day, account = tally.day, values.account
        past.enter(day, (account.segment or None) if account else None, day - self._horizon_days - 1)
        segment = past.segment(day)
        sums = tally.sums[segment]
        for one in (values.usage, values.support, values.revenue, values.feedback):
            if one is not None:
                add_values(sums, one)
        add_health(sums, memory.score, memory.band, values.revenue)
        add_upsell(sums, ready)
        self._count(tally, past, segment)
        self._add_spent(tally, past)

    def add_unscored(self, tally: DayTally, past: Past, key: str) -> bool:
        """Adds one that has no values but those restatements gave it, or what was spent on it; False for neither.

        `key`: its id, or that of the company, whose spend is for campaigns.
        """
        if key == COMPANY_CUSTOMER and (waited := past.spent.get(tally.day)) is not None:
            merge(tally.sums[None], campaigns(waited.sums))
            tally.costed += waited.count
        since = [*past.waiting] if past.known_since is None else [*past.waiting, past.known_since]
        counts = tally.day >= min(since, default=tally.day + 1)
        if counts:
            self._count(tally, past, past.segment(tally.day))
        return self._add_spent(tally, past) or counts

    def _add_spent(self, tally: DayTally, past: Past) -> bool:
        """Adds what was spent on a customer, or on nobody; forgotten as in `_count`. False when nothing waited."""
        waited = past.spent.get(tally.day)
        gone = _forget(past.spent, tally.day)
        if waited is not None:
            tally.add(past.segment(tally.day), waited)
        return gone or waited is not None

    def close(self, part: Partition[Any, Any], tally: DayTally, at: int, edition: int = EDITION) -> None:
        """Sends the sums of a day, then the marker; `at` is its end, `edition` that of the release that began it."""
        everybody = new_sums()
        restated, churned = sum(tally.restated.values()), sum(tally.churned.values())
        for sums in tally.sums.values():
            merge(everybody, sums)
        found = [(PORTFOLIO, everybody, restated, churned, tally.costed)] if tally.sums else []
        named = sorted((name, sums) for name, sums in tally.sums.items() if name is not None)
        found += [(segment_key(name), sums, tally.restated[name], tally.churned[name], 0) for name, sums in named]
        for portfolio, sums, count, moved, costed in found:
            message = Tally(
                partition=part.number,
                day=tally.day,
                portfolio=portfolio,
                sums={name: amount for name, amount in sorted(sums.items()) if amount},
                restated=count,
                version=part.offset,
                edition=edition,
                churned=moved,
                costed=costed,
            )
            self._send(part, message, at)
        self._send(part, TallyClosed(partition=part.number, day=tally.day, version=part.offset), at)

    def restate(self, part: Partition[Any, Any], past: Past, message: MetricValues, tallied: int | None) -> None:
        """Takes restated values of a day in; `tallied` is the newest day that was."""
        if past.is_repeated(message):
            return
        day = message.day
        was_tallied = tallied is not None and day <= tallied
        sums = change(message.before, message.values, older=was_tallied and past.is_older(day))
        if not sums:
            return
        if tallied is None or day > tallied:
            past.waiting.setdefault(day, Restated()).take(sums, 1)
            return
        changes = [*self._newly_known(past, day, tallied), *_in_both(day, past.segment(day), sums, 1)]
        self._send(part, TallyChanged(partition=part.number, version=part.offset, changes=changes), message.as_of)

    def spend(self, part: Partition[Any, Any], past: Past, message: MetricValues, tallied: int | None) -> bool:
        """Takes in what was spent by the end of a day; False where that changes nothing."""
        day, restated = message.day, int(message.revision > 0)
        sums = change(message.before, message.values)
        if not sums or past.is_repeated(message):
            return False
        if tallied is None or day > tallied:
            past.spent.setdefault(day, Restated()).take(sums, restated)
        else:
            if message.customer_id == COMPANY_CUSTOMER:
                sums |= campaigns(sums)
            changes = list(_in_both(day, past.segment(day), sums, restated))
            self._send(part, TallyChanged(partition=part.number, version=part.offset, changes=changes), message.as_of)
        return True

    def close_spend(self, part: Partition[Any, Any], day: int, at: int) -> None:
        """Says that all that was spent by the end of a day has been taken in; `at` is its end."""
        self._send(part, SpendClosed(partition=part.number, day=day, version=part.offset), at)

    def _count(self, tally: DayTally, past: Past, segment: str | None) -> None:
        """Counts the customer, and adds the restatements that waited for the day.

        They are forgotten with the next day only: a worker that dies before this one is closed tallies it again.
        """
        day, sums = tally.day, tally.sums[segment]
        sums[CUSTOMERS] += 1
        past.begin(day)
        if past.known_since is None:
            past.known_since = day
        _forget(past.waiting, day)
        restated = past.waiting.get(day)
        if restated is not None:
            tally.add(segment, restated)

    def _newly_known(self, past: Past, day: int, tallied: int) -> Iterator[DayChange]:
        """Days that were tallied without the customer, which it counts on now."""
        if past.known_since is None:
            past.begin(day)
        until = tallied + 1 if past.known_since is None else past.known_since
        for known in range(day, until):
            yield from _in_both(known, past.segment(known), {CUSTOMERS: 1}, 0)
        past.known_since = min(day, until)

    def _send(self, part: Partition[Any, Any], message: PortfolioMessage, at: int) -> None:
        key = str(part.number).encode()
        part.emit(self._topic, key, encode(message), partition=PORTFOLIO_PARTITION, timestamp_ms=at)


def _forget(waiting: dict[int, Restated], before: int) -> bool:
    """Forgets what waited for days before one; False when nothing did."""
    gone = [day for day in waiting if day < before]
    for day in gone:
        del waiting[day]
    return bool(gone)


def _in_both(day: int, segment: str | None, sums: Mapping[str, int], restated: int) -> Iterator[DayChange]:
    """The same change for all customers, and for the segment if there is one."""
    names = [PORTFOLIO] if segment is None else [PORTFOLIO, segment_key(segment)]
    for name in names:
        yield DayChange(day=day, portfolio=name, sums=dict(sums), restated=restated)
