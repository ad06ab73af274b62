"""Events of one partition taken in together, customer by customer, where that comes to the same as one by one.

Theory of operation. A stretch of a run is taken together when none of its records can do more than change its own
customer's state: no heartbeat, no event of a closed day or of one beyond the horizon, none that closes a day; and all
lie on one day, whose fingerprints stand together. The events of a customer keep their order, customers are put down in
the order of their first event that was applied, and the ledger counts what it would have counted. So state, outputs and
their order are the same to the bit as after `DomainMachine.step` with each (tests/property/test_together.py). A
customer's state is looked for, compared and marked once, however many of the events are its own, and is in the caches.

What a stretch leaves alone goes through `step`: whatever is rare is decided there alone.
"""

from collections import defaultdict
from collections.abc import Sequence
from heapq import heappop, heappush
from typing import Any, Generic, TypeAlias, TypeVar

from schemas.envelope import Event, Heartbeat, epochs_ms
from streams.metrics.customer import Customer, fingerprints
from streams.metrics.days import DAY_MS, Days
from streams.metrics.fold import Fold, TakesRuns
from streams.metrics.ledger import PROGRESS, Ledger
from streams.metrics.partition import Partition

S = TypeVar("S")


#: An event of a run: its offset, itself, its time (epoch ms), its fingerprint.
Row: TypeAlias = tuple[int, Event, int, bytes]

#: A customer, its key and the offset of its first event of a stretch.
_Taken: TypeAlias = tuple[int, str, Customer[S]]


def rows_of(offsets: Sequence[int], events: Sequence[Event]) -> list[Row]:
    """The rows of events that follow one another."""
    times = epochs_ms([event.occurred_at for event in events])
    marks = fingerprints([event.event_id for event in events])
    return list(zip(offsets, events, times, marks, strict=True))


class Together(Generic[S]):
    """Takes stretches of runs in.

    Args:
        fold: the domain's logic: one that publishes daily and tells no movements.
        days: calendar of the company.
        lateness_ms, horizon_days: the machine's.
    """

    def __init__(self, fold: Fold[S, Any], days: Days, lateness_ms: int, horizon_days: int) -> None:
        self._fold = fold
        self._apply = fold.apply_run if isinstance(fold, TakesRuns) else self._apply_each
        self._days = days
        self._lateness_ms = lateness_ms
        self._horizon_ms = horizon_days * DAY_MS

    def take(self, part: Partition[Customer[S], Ledger], rows: Sequence[Row], start: int) -> int:
        """Takes in what it can of rows that follow one another in the log, from `start` on.

        Returns:
            How many; 0 when the first one is to be looked at by itself.
        """
        ledger = part.meta
        if ledger.closed_day is None or ledger.watermark is None:
            return 0
        day = self._days.of(rows[start][2])
        if day <= ledger.closed_day:
            return 0
        by_customer, end = self._stretch(ledger.closed_day, ledger.watermark, rows, start, day)
        if end - start < 2:
            return 0
        part.offset = rows[end - 1][0]
        part.publish(PROGRESS)
        repeated = self._take_customers(part, by_customer, day)
        ledger.read += end - start
        ledger.duplicate += len(repeated)
        ledger.applied += end - start - len(repeated)
        times = [at for offset, _, at, _ in rows[start:end] if offset not in repeated]
        ledger.watermark = max(ledger.watermark, max(times, default=0) - self._lateness_ms)
        return end - start

    def _stretch(
        self, closed: int, watermark: int, rows: Sequence[Row], start: int, day: int
    ) -> tuple[dict[str, list[Row]], int]:
        """Each customer's rows, and where the stretch ends."""
        closes = self._days.start(closed + 2) + self._lateness_ms  # an event of then closes the next day
        before = min(self._days.start(day + 1), closes)
        # However far the stretch moves the watermark, nothing from here on is late.
        since = max(self._days.start(day), max(watermark, before - self._lateness_ms) - self._horizon_ms)
        by_customer: defaultdict[str, list[Row]] = defaultdict(list)
        for place in range(start, len(rows)):
            row = rows[place]
            _, event, at, _ = row
            if not since <= at < before or type(event) is Heartbeat:
                return by_customer, place
            by_customer[event.customer_id].append(row)
        return by_customer, len(rows)

    def _take_customers(
        self, part: Partition[Customer[S], Ledger], by_customer: dict[str, list[Row]], day: int
    ) -> set[int]:
        """Takes the customers' events in; gives the offsets of those they had before."""
        new, apply = self._fold.new, self._apply
        waiting: list[_Taken[S]] = []
        repeated: set[int] = set()
        for key, rows in by_customer.items():
            offsets, events, times, marks = zip(*rows, strict=True)
            customer = part.get(key)
            if customer is None:
                customer = Customer(new(), times[0])
            if waiting:
                _put(part, waiting, offsets[0])
            # What it held already after a torn flush its memory of ids may have let go since.
            if part.ahead(key, offsets[0]) or not customer.seen.take(day, marks):
                left = self._not_had(part, key, customer, rows, day, repeated)
                if not left:
                    continue
                offsets, events, times, marks = zip(*left, strict=True)
            apply(customer.facts, events, times, day)
            customer.had_all(events, times, offsets[-1])
            if offsets[0] == rows[0][0]:
                part.put(key, customer)
                part.publish(key)
            else:  # its turn comes behind others that are still to be taken in
                heappush(waiting, (offsets[0], key, customer))
        _put(part, waiting)
        return repeated

    @staticmethod
    def _not_had(
        part: Partition[Customer[S], Ledger],
        key: str,
        customer: Customer[S],
        rows: Sequence[Row],
        day: int,
        repeated: set[int],
    ) -> list[Row]:
        """What the customer has not had of its rows; `repeated` gets the offsets of duplicates."""
        found: list[Row] = []
        for row in rows:
            offset, _, _, mark = row
            if part.ahead(key, offset):
                continue  # taken in before a crash
            if customer.seen.has(day, mark):
                repeated.add(offset)
            else:
                customer.seen.add(day, mark)
                found.append(row)
        return found

    def _apply_each(self, state: S, events: Sequence[Event], times: Sequence[int], day: int) -> None:
        for event, at in zip(events, times, strict=True):
            self._fold.apply(state, event, at)


def _put(part: Partition[Customer[S], Ledger], waiting: list[_Taken[S]], before: int | None = None) -> None:
    """Puts down those whose turn is before an offset, in that order; all of them unless told."""
    while waiting and (before is None or waiting[0][0] < before):
        _, key, customer = heappop(waiting)
        part.put(key, customer)
        part.publish(key)
