"""What the customers of a partition add up to on an aligned day, in all and by segment, and what restatements change.

Theory of operation. The day that is scored is tallied on the way, customer by customer, from the values it is scored
from (revision 0). A restatement brings the values it replaces, so what it changes is known without any memory of the
day: of a day that is tallied it goes out as a change, of a day still open it waits with the customer and enters the
day's own tally. A customer counts in the segment it was in on that day, as its profile of the aligned day said.

Invariants:
 Y1 tally + changes of a day = the parts of its customers' newest values, however the topics interleave;
 Y2 every restatement that changes a sum is counted once, in the tally or in a change.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct, field

from schemas.codec import encode
from schemas.metrics import CustomerValues, MetricValues
from schemas.portfolio import PORTFOLIO, DayChange, Tally, TallyChanged, TallyClosed, segment_key
from streams.metrics.health import HealthMemory
from streams.metrics.partition import Partition
from streams.metrics.sums import CUSTOMERS, Sums, add_health, add_upsell, add_values, change, merge, new_sums

PORTFOLIO_PARTITION = 0


class Restated(Struct, array_like=True):
    """What restatements of a day that is not tallied yet will add: how many, and the sums."""

    count: int = 0
    sums: Sums = {}


class Past(Struct, array_like=True):
    """What a card remembers of its customer for restatements.

    Attributes:
        known_since: first day on which the customer counts.
        segments: first day in each, in order; before the first it was in none.
        marks: by domain the version and day of the newest restatement taken in.
        waiting: restatements of days not tallied yet, by day.
        exact_since: first day the sums hold the customer of in every currency; None where an older release tallied it.
    """

    known_since: int | None = None
    segments: list[tuple[int, str | None]] = []
    marks: dict[str, tuple[int, int]] = {}
    waiting: dict[int, Restated] = field(default_factory=dict[int, Restated])
    exact_since: int | None = None

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

    def add_restated(self, tally: DayTally, past: Past) -> bool:
        """Adds a customer that had no values before a restatement gave it some; False when none did."""
        since = [*past.waiting] if past.known_since is None else [*past.waiting, past.known_since]
        if tally.day < min(since, default=tally.day + 1):
            return False
        self._count(tally, past, past.segment(tally.day))
        return True

    def close(self, part: Partition[Any, Any], tally: DayTally, at: int) -> None:
        """Sends the sums of a day, then the marker; `at` is its end."""
        everybody, restated = new_sums(), sum(tally.restated.values())
        for sums in tally.sums.values():
            merge(everybody, sums)
        found = [(PORTFOLIO, everybody, restated)] if tally.sums else []
        named = sorted((name, sums) for name, sums in tally.sums.items() if name is not None)
        found += [(segment_key(name), sums, tally.restated[name]) for name, sums in named]
        for portfolio, sums, count in found:
            message = Tally(
                partition=part.number,
                day=tally.day,
                portfolio=portfolio,
                sums={name: amount for name, amount in sums.items() if amount},
                restated=count,
                version=part.offset,
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
            waiting = past.waiting.setdefault(day, Restated())
            waiting.count += 1
            merge(waiting.sums, sums)
            return
        changes = [*self._newly_known(past, day, tallied), *_in_both(day, past.segment(day), sums, 1)]
        self._send(part, TallyChanged(partition=part.number, version=part.offset, changes=changes), message.as_of)

    def _count(self, tally: DayTally, past: Past, segment: str | None) -> None:
        """Counts the customer, and adds the restatements that waited for the day.

        They are forgotten with the next day only: a worker that dies before this one is closed tallies it again.
        """
        day, sums = tally.day, tally.sums[segment]
        sums[CUSTOMERS] += 1
        past.begin(day)
        if past.known_since is None:
            past.known_since = day
        for gone in [waited for waited in past.waiting if waited < day]:
            del past.waiting[gone]
        restated = past.waiting.get(day)
        if restated is not None:
            merge(sums, restated.sums)
            tally.restated[segment] += restated.count

    def _newly_known(self, past: Past, day: int, tallied: int) -> Iterator[DayChange]:
        """Days that were tallied without the customer, which it counts on now."""
        if past.known_since is None:
            past.begin(day)
        until = tallied + 1 if past.known_since is None else past.known_since
        for known in range(day, until):
            yield from _in_both(known, past.segment(known), {CUSTOMERS: 1}, 0)
        past.known_since = min(day, until)

    def _send(self, part: Partition[Any, Any], message: Tally | TallyClosed | TallyChanged, at: int) -> None:
        key = str(part.number).encode()
        part.emit(self._topic, key, encode(message), partition=PORTFOLIO_PARTITION, timestamp_ms=at)


def _in_both(day: int, segment: str | None, sums: Mapping[str, int], restated: int) -> Iterator[DayChange]:
    """The same change for all customers, and for the segment if there is one."""
    names = [PORTFOLIO] if segment is None else [PORTFOLIO, segment_key(segment)]
    for name in names:
        yield DayChange(day=day, portfolio=name, sums=dict(sums), restated=restated)
