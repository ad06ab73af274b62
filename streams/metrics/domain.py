"""The domain machine: one customer topic's records in, metric values, movements and closed days out.

Theory of operation. A record is classified first: duplicate (its id was seen on its day), late (older than the
watermark less the horizon) or applied. Before it is applied, the time it brings may close days: when the watermark
passes the end of day D, the values of D of every known customer go out as revision 0, then the marker. This happens
between two records, so it depends on the topic's order alone, not on batches, other topics or workers. An event of a
closed day is applied all the same: the closed days whose values it changes go out again with a higher revision. So do
those of the horizon that another policy changes, before a customer's next day closes, or with its next event.

A day of a large partition closes in pieces, so that whoever drives the machine can let others go on in between: `step`
then leaves the record alone and gives the pieces. What a piece sends is the same whenever it runs again, and the day
counts as closed when the last one is through, so a crash between two pieces costs nothing but their repetition.

Invariants:
 D1 read = applied + duplicate + late + dead, after every record.
 D2 days close in order, each once, and the marker follows all values of its day.
 D3 a duplicate, a late or a dead record changes no value.
 D4 the newest revision of a day equals the values computed from all applied events before the day's end.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar

from msgspec import Struct

from schemas.codec import encode
from schemas.envelope import CLOCK_CUSTOMER, Event, Heartbeat, epoch_ms
from schemas.metrics import DayClosed, MetricValues, Movement, Values
from streams.metrics.customer import Customer, fingerprint
from streams.metrics.days import DAY_MS, Days
from streams.metrics.fold import Fold, MovesWithTime
from streams.metrics.ledger import Ledger
from streams.metrics.partition import Partition
from streams.metrics.restating import Restating
from streams.metrics.told import POLICY_CHANGED, progress, told_anew, values_of

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
        piece: customers of a day that close in one piece; None for all.
    """

    def __init__(
        self,
        fold: Fold[S, Any],
        days: Days,
        policy: TimePolicy,
        source: str,
        metrics_topic: str,
        piece: int | None = None,
    ) -> None:
        self.fold = fold
        self._timed = fold if isinstance(fold, MovesWithTime) else None
        self._restating = Restating(fold, days, policy.horizon_days)
        self._days = days
        self._policy = policy
        self._source = source
        self._topic = metrics_topic
        self._piece = piece
        self._lateness_ms = policy.lateness_ms
        self._horizon_ms = policy.horizon_days * DAY_MS

    def step(self, part: Partition[Customer[S], Ledger], offset: int, event: Event) -> Iterator[None] | None:
        """Takes the event at `offset` in.

        Returns:
            None; or pieces, when days close first and take long: then nothing is taken in yet. Run through all of them
            and call again.
        """
        ledger = part.meta
        at = epoch_ms(event.occurred_at)
        if isinstance(event, Heartbeat):
            return self._beat(part, offset, at)
        key = event.customer_id
        day, mark = self._days.of(at), fingerprint(event.event_id)
        ahead, customer, closed = part.ahead(key, offset), part.get(key), ledger.closed_day
        known = not ahead and customer is not None and customer.seen.has(day, mark)
        late = not ahead and not known and ledger.is_late(at, self._horizon_ms)
        if not known and not late and (pieces := self._advance(part, offset, at - self._lateness_ms)) is not None:
            return pieces
        part.offset = offset
        ledger.read += 1
        part.publish(PROGRESS)
        if known:
            ledger.duplicate += 1
        elif late:
            ledger.late += 1
        elif ahead:
            ledger.applied += 1  # the others' days have closed where they did
            self._changed(part, key)
        else:
            ledger.applied += 1
            if ledger.closed_day != closed:
                customer = part.get(key)  # closing a day may have changed it
            self._apply(part, event, customer, at, day, mark)
        return None

    def _beat(self, part: Partition[Customer[S], Ledger], offset: int, at: int) -> Iterator[None] | None:
        ledger = part.meta
        moves = ledger.watermark is None or at > ledger.watermark
        if (pieces := self._advance(part, offset, at)) is not None:
            return pieces
        part.offset = offset
        ledger.read += 1
        part.publish(PROGRESS)
        ledger.applied += moves
        ledger.duplicate += not moves
        return None

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
        self._send(part, key, values_of(customer, key, "live", as_of, day, values, 0, customer.version))

    def _apply(
        self,
        part: Partition[Customer[S], Ledger],
        event: Event,
        known: Customer[S] | None,
        at: int,
        day: int,
        mark: bytes,
    ) -> None:
        key, fold, closed = event.customer_id, self.fold, part.meta.closed_day
        customer: Customer[S] = Customer(fold.new(), at) if known is None else known
        restated = range(day, closed + 1) if closed is not None and day <= closed and fold.daily else ()
        since = 0 if self._timed is None else self._timed.first_moved(customer.facts, at)
        movements = fold.movements(key, customer.facts, since) if fold.moves_money else []
        told, others = self._restating.follow(customer, closed)
        days = sorted({*restated, *others}) if others else restated
        before = self._restating.published(told, customer.first_at, days) if days and known is not None else {}

        fold.apply(customer.facts, event, at)
        if self._timed is not None and closed is not None:
            self._timed.pass_time(customer.facts, self._days.start(closed + 1))  # its steps in closed days are told now
        customer.seen.add(day, mark)
        customer.version = part.offset
        customer.first_at = min(customer.first_at, at)
        newest = customer.newest_at
        if at > newest or (at == newest and event.event_id > (customer.event_id or "")):
            customer.newest_at, customer.event_id = at, event.event_id

        if fold.moves_money:
            self._send_movements(part, key, movements, customer, event.event_id, part.offset, since)
        for d in days:
            by = event.event_id if d >= day else POLICY_CHANGED
            self._restate(part, key, customer, d, before.get(d), by, part.offset)
        if not fold.daily:
            self._changed(part, key)
        part.put(key, customer)
        part.publish(key)

    def _restate(
        self,
        part: Partition[Customer[S], Ledger],
        key: str,
        customer: Customer[S],
        day: int,
        before: Values | None,
        by: str,
        version: int,
    ) -> None:
        message = self._restating.restated(key, customer, day, before, by, version)
        if message is not None:
            self._send(part, key, message)

    def _changed(self, part: Partition[Customer[S], Ledger], key: str) -> None:
        if not self.fold.daily:
            part.meta.note(key)

    def _advance(self, part: Partition[Customer[S], Ledger], offset: int, watermark: int) -> Iterator[None] | None:
        """Moves time and closes every day it passes; gives the pieces instead when they are several."""
        ledger = part.meta
        if ledger.watermark is not None and watermark <= ledger.watermark:
            return None
        last = self._days.of(watermark) - 1
        first = last if ledger.closed_day is None else ledger.closed_day + 1
        if first <= last:
            pieces = self._close(part, offset, range(first, last + 1))
            for _ in pieces:
                return pieces  # the first is done
        ledger.watermark = watermark
        return None

    def _close(self, part: Partition[Customer[S], Ledger], offset: int, days: Iterable[int]) -> Iterator[None]:
        """Closes days; stops behind every piece but the last."""
        ledger, done = part.meta, 0
        for day in days:
            as_of = self._days.start(day + 1)
            still_open: list[str] = []
            for key in list(part.keys() if self.fold.daily else ledger.changed):
                if self._piece is not None and done >= self._piece:
                    done = 0
                    yield
                is_still_open, restated = self._close_customer(part, key, day, as_of, offset)
                if is_still_open:
                    still_open.append(key)
                done += 1 + restated
            ledger.keep(still_open)
            ledger.closed_day = day
            marker = DayClosed(domain=self.fold.domain, day=day, version=offset)
            part.emit(self._topic, _CLOCK_KEY, encode(marker), timestamp_ms=as_of)

    def _close_customer(
        self, part: Partition[Customer[S], Ledger], key: str, day: int, as_of: int, offset: int
    ) -> tuple[bool, int]:
        """Sends a customer's values of the day.

        Returns:
            Whether its newest change belongs to a day still open; of how many days the values were made anew.
        """
        customer, others = part.get(key), range(0)
        assert customer is not None  # both lists hold keys of the table
        if customer.first_at < as_of and not part.ahead(key, offset):
            if self._timed is not None and self._timed.is_due(customer.facts, as_of):
                before = self.fold.movements(key, customer.facts)
                facts, others = self._restating.follow(customer, day - 1 if part.meta.closed_day is not None else None)
                published = self._restating.published(facts, customer.first_at, others)
                self._timed.pass_time(customer.facts, as_of)
                # Of what came before the record that closes the day: should that one take a movement back, it is newer.
                self._send_movements(part, key, before, customer, customer.event_id, offset - 1)
                for d in others:
                    self._restate(part, key, customer, d, published.get(d), POLICY_CHANGED, offset)
                part.put(key, customer)
            values = self.fold.values(customer.facts, day, as_of)
            self._send(part, key, values_of(customer, key, "day", as_of, day, values, 0, offset))
            if day % _PRUNE_EVERY_DAYS == 0:
                self._prune(customer, day)
                part.put(key, customer)
        return not self.fold.daily and customer.newest_at >= as_of, len(others)

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
        event_id: str | None,
        version: int,
        since: int = 0,
    ) -> None:
        for movement in told_anew(before, self.fold.movements(key, customer.facts, since), event_id, version):
            part.emit(self._topic, key.encode(), encode(movement), timestamp_ms=movement.effective_at)

    def _send_progress(self, part: Partition[Customer[S], Ledger]) -> None:
        part.emit(self._topic, _CLOCK_KEY, encode(progress(self._source, part.number, part.meta, part.offset)))
