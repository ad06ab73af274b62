"""The domain machine: one customer topic's records in, metric values, movements and closed days out.

Theory of operation. A record is classified first: duplicate (its id was seen on its day), late (older than the
watermark less the horizon) or applied. Before it is applied, the time it brings may close days: when the watermark
passes the end of day D, the values of D of every known customer go out as revision 0, then the marker. This happens
between two records, so it depends on the topic's order alone, not on batches, other topics or workers. An event of a
closed day is applied all the same: the closed days whose values it changes go out again with a higher revision.

Invariants:
 D1 read = applied + duplicate + late + dead, after every record.
 D2 days close in order, each once, and the marker follows all values of its day.
 D3 a duplicate, a late or a dead record changes no value.
 D4 the newest revision of a day equals the values computed from all applied events before the day's end.
"""

from typing import Any, Generic, Literal, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from schemas.codec import encode
from schemas.envelope import CLOCK_CUSTOMER, Event, Heartbeat, epoch_ms
from schemas.metrics import DayClosed, MetricValues, Movement, Progress, Values
from streams.metrics.customer import Customer, fingerprint
from streams.metrics.days import DAY_MS, Days
from streams.metrics.fold import Fold
from streams.metrics.ledger import Ledger
from streams.metrics.partition import Partition

S = TypeVar("S")
PROGRESS = "\x00progress"
_CLOCK_KEY = CLOCK_CUSTOMER.encode()
_PRUNE_EVERY_DAYS = 7  # pruning touches every state; weekly keeps that off the daily path


class TimePolicy(Struct, frozen=True, kw_only=True):
    """How the machine treats time.

    Attributes:
        lateness_ms: how much an event may be out of order before its day is closed.
        horizon_days: how far back a late event still restates; older ones are counted late.
        dedup_days: how long ids are remembered; at least the horizon.
    """

    lateness_ms: int = 3_600_000
    horizon_days: int = 90
    dedup_days: int = 90


class DomainMachine(Generic[S]):
    """Steps over one partition of one input topic.

    Args:
        fold: the domain's logic.
        days: calendar of the company.
        policy: lateness, horizon, dedup memory.
        source: name of the input topic, for the accounting.
        metrics_topic: where values go, to the same partition number.
    """

    def __init__(self, fold: Fold[S, Any], days: Days, policy: TimePolicy, source: str, metrics_topic: str) -> None:
        self.fold = fold
        self._days = days
        self._policy = policy
        self._source = source
        self._topic = metrics_topic
        self._horizon_ms = policy.horizon_days * DAY_MS

    def step(self, part: Partition[Customer[S], Ledger], offset: int, event: Event) -> None:
        """Takes the event at `offset` in."""
        ledger = part.meta
        part.offset = offset
        ledger.read += 1
        part.publish(PROGRESS)
        at = epoch_ms(event.occurred_at)
        if isinstance(event, Heartbeat):
            moved = self._advance(part, at)
            ledger.applied += moved
            ledger.duplicate += not moved
            return
        customer = part.get(event.customer_id)
        day, mark = self._days.of(at), fingerprint(event.event_id)
        if part.ahead(event.customer_id, offset):
            ledger.applied += 1
            self._advance(part, at - self._policy.lateness_ms)  # the others' days close where they did
            self._changed(part, event.customer_id)
        elif customer is not None and customer.seen.has(day, mark):
            ledger.duplicate += 1
        elif ledger.is_late(at, self._horizon_ms):
            ledger.late += 1
        else:
            ledger.applied += 1
            self._advance(part, at - self._policy.lateness_ms)
            self._apply(part, event, at, day, mark)

    def dead(self, part: Partition[Customer[S], Ledger], offset: int) -> None:
        """Counts the record at `offset`, which could not be read."""
        part.offset = offset
        part.meta.read += 1
        part.meta.dead += 1
        part.publish(PROGRESS)

    def render(self, part: Partition[Customer[S], Ledger], key: str) -> None:
        """Sends the newest values of a customer, or the partition's accounting."""
        if key == PROGRESS:
            self._send_progress(part)
            return
        customer = part.get(key)
        if customer is None:
            return
        closed = part.meta.closed_day
        as_of = customer.newest_at + 1
        if closed is not None:
            as_of = max(as_of, self._days.start(closed + 1))
        day = self._days.of(as_of - 1)
        values = self.fold.values(customer.facts, day, as_of)
        self._send(part, key, _message(customer, key, "live", as_of, day, values, 0, customer.version))

    def _apply(self, part: Partition[Customer[S], Ledger], event: Event, at: int, day: int, mark: bytes) -> None:
        key = event.customer_id
        known = part.get(key)
        customer: Customer[S] = Customer(self.fold.new(), at) if known is None else known
        closed = part.meta.closed_day
        restated = range(day, closed + 1) if closed is not None and self.fold.daily else range(0)
        # Days before the customer's first event were not published: they go out whether or not this one shows there.
        published = [] if known is None else [d for d in restated if self._days.start(d + 1) > customer.first_at]
        before = {d: self._values_at_end(customer, d) for d in published}
        movements = self.fold.movements(key, customer.facts)

        self.fold.apply(customer.facts, event, at)
        customer.seen.add(day, mark)
        customer.version = part.offset
        customer.first_at = min(customer.first_at, at)
        if (at, event.event_id) > (customer.newest_at, customer.event_id or ""):
            customer.newest_at, customer.event_id = at, event.event_id

        self._send_movements(part, key, movements, customer, event.event_id)
        for d in restated:
            self._restate(part, key, customer, d, before.get(d))
        self._changed(part, key)
        part.put(key, customer)
        part.publish(key)

    def _changed(self, part: Partition[Customer[S], Ledger], key: str) -> None:
        if not self.fold.daily and key not in part.meta.changed:
            part.meta.changed.append(key)

    def _values_at_end(self, customer: Customer[S], day: int) -> Values:
        return self.fold.values(customer.facts, day, self._days.start(day + 1))

    def _restate(
        self,
        part: Partition[Customer[S], Ledger],
        key: str,
        customer: Customer[S],
        day: int,
        before: Values | None,
    ) -> None:
        values = self._values_at_end(customer, day)
        if values == before:
            return
        revision = customer.revisions[day] = customer.revisions.get(day, 0) + 1
        as_of = self._days.start(day + 1)
        self._send(part, key, _message(customer, key, "day", as_of, day, values, revision, part.offset))

    def _advance(self, part: Partition[Customer[S], Ledger], watermark: int) -> bool:
        """Moves time; closes every day it passes."""
        ledger = part.meta
        if not ledger.move(watermark):
            return False
        last = self._days.of(watermark) - 1
        first = last if ledger.closed_day is None else ledger.closed_day + 1
        for day in range(first, last + 1):
            self._close(part, day)
        return True

    def _close(self, part: Partition[Customer[S], Ledger], day: int) -> None:
        ledger = part.meta
        as_of = self._days.start(day + 1)
        keys = list(part.keys() if self.fold.daily else ledger.changed)
        prune = day % _PRUNE_EVERY_DAYS == 0
        ledger.changed = []
        for key in keys:
            customer = part.get(key)
            assert customer is not None  # both lists hold keys of the table
            if not self.fold.daily and customer.newest_at >= as_of:
                ledger.changed.append(key)  # its newest change belongs to a day still open
            if customer.first_at >= as_of or part.ahead(key, part.offset):
                continue
            values = self.fold.values(customer.facts, day, as_of)
            message = _message(customer, key, "day", as_of, day, values, 0, part.offset)
            self._send(part, key, message)
            if prune:
                self._prune(customer, day)
                part.put(key, customer)
        ledger.closed_day = day
        marker = DayClosed(domain=self.fold.domain, day=day, version=part.offset)
        part.emit(self._topic, _CLOCK_KEY, encode(marker), timestamp_ms=as_of)

    def _prune(self, customer: Customer[S], day: int) -> None:
        customer.seen.forget(day - self._policy.dedup_days - 1)
        oldest = day - self._policy.horizon_days - 1
        for restated in [d for d in customer.revisions if d < oldest]:
            del customer.revisions[restated]
        self.fold.forget(customer.facts, oldest)

    def _send(self, part: Partition[Customer[S], Ledger], key: str, message: MetricValues) -> None:
        part.emit(self._topic, key.encode(), encode(message), timestamp_ms=message.as_of)

    def _send_movements(
        self,
        part: Partition[Customer[S], Ledger],
        key: str,
        before: list[Movement],
        customer: Customer[S],
        event_id: str,
    ) -> None:
        after = self.fold.movements(key, customer.facts)
        if after == before:
            return
        kept = {(m.currency, m.effective_at) for m in after}
        undone = [m for m in before if (m.currency, m.effective_at) not in kept]
        for movement in [m for m in after if m not in before] + undone:
            removed = movement in undone
            message = replace(movement, event_id=event_id, removed=removed, version=part.offset)
            part.emit(self._topic, key.encode(), encode(message), timestamp_ms=message.effective_at)

    def _send_progress(self, part: Partition[Customer[S], Ledger]) -> None:
        ledger = part.meta
        message = Progress(
            topic=self._source,
            partition=part.number,
            read=ledger.read,
            applied=ledger.applied,
            duplicate=ledger.duplicate,
            late=ledger.late,
            dead=ledger.dead,
            watermark=ledger.watermark,
            closed_day=ledger.closed_day,
            version=part.offset,
        )
        part.emit(self._topic, _CLOCK_KEY, encode(message))


def _message(
    customer: Customer[Any],
    key: str,
    kind: Literal["live", "day"],
    as_of: int,
    day: int,
    values: Values,
    revision: int,
    version: int,
) -> MetricValues:
    return MetricValues(
        customer_id=key,
        kind=kind,
        as_of=as_of,
        day=day,
        values=values,
        revision=revision,
        version=version,
        event_id=customer.event_id,
        event_at=customer.newest_at,
    )
