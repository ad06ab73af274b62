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
 D5 the newest values of a customer are the last of those with the largest `as_of`, be they live or of a day.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from msgspec import Struct

from schemas.envelope import Event, Heartbeat, epoch_ms
from streams.metrics.customer import Customer, fingerprint
from streams.metrics.days import DAY_MS, Days
from streams.metrics.fold import Fold, MovesWithTime
from streams.metrics.ledger import PROGRESS, Ledger
from streams.metrics.partition import Partition
from streams.metrics.telling import Telling
from streams.metrics.together import Together, rows_of
from streams.metrics.told import POLICY_CHANGED, values_of

S = TypeVar("S")
_FEW = 4  # in a run of fewer events customers rarely meet, and looking for them costs more
MOST_ALONE = 1000  # stepped with one by one in a run: such an event may take a millisecond, and all others wait
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


class DomainMachine(Telling[S]):
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
        super().__init__(fold, days, policy.horizon_days, source, metrics_topic)
        self._timed = fold if isinstance(fold, MovesWithTime) else None
        self._policy = policy
        self._piece = piece
        self._lateness_ms = policy.lateness_ms
        self._horizon_ms = policy.horizon_days * DAY_MS
        together = Together(fold, days, policy.lateness_ms, policy.horizon_days)
        self._together = together if fold.daily and not fold.moves_money and self._timed is None else None

    def steps(
        self, part: Partition[Customer[S], Ledger], offsets: Sequence[int], events: Sequence[Event]
    ) -> tuple[int, Iterator[None]] | None:
        """Does with events that follow one another in the log what `step` does with each, at less cost.

        Returns:
            None when all are taken in; else how many are, and pieces due before the next (none: a turn for others).
        """
        together = None if len(events) < _FEW else self._together
        rows = [] if together is None else rows_of(offsets, events)
        place = alone = 0
        while place < len(events):
            taken = 0 if together is None else together.take(part, rows, place)
            if not taken:
                pieces = iter(()) if alone == MOST_ALONE else self.step(part, offsets[place], events[place])
                if pieces is not None:
                    return place, pieces
                alone += 1
            place += taken or 1
        return None

    def step(self, part: Partition[Customer[S], Ledger], offset: int, event: Event) -> Iterator[None] | None:
        """Takes the event at `offset` in.

        Returns:
            None; or pieces, when days close first and take long: run through all of them and call again.
        """
        ledger = part.meta
        at = epoch_ms(event.occurred_at)
        if type(event) is Heartbeat:
            return self._beat(part, offset, at)
        key = event.customer_id
        day, mark = self._days.of(at), fingerprint(event.event_id)
        ahead, customer, closed = part.ahead(key, offset), part.get(key), ledger.closed_day
        known = not ahead and customer is not None and customer.seen.has(day, mark)
        watermark, until = ledger.watermark, at - self._lateness_ms
        moves = watermark is None or until > watermark  # as most do
        late = not (moves or known or ahead) and ledger.is_late(at, self._horizon_ms)
        if moves and not known and (pieces := self._advance(part, offset, until)) is not None:
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
            if not self.fold.daily:
                ledger.note(key)
        else:
            ledger.applied += 1
            if ledger.closed_day != closed:
                customer = part.get(key)  # closing a day may have changed it
            self._apply(part, event, customer, at, day, mark)
        return None

    def _beat(self, part: Partition[Customer[S], Ledger], offset: int, at: int) -> Iterator[None] | None:
        ledger = part.meta
        moves = ledger.watermark is None or at > ledger.watermark
        if moves and (pieces := self._advance(part, offset, at)) is not None:
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

    def render(self, part: Partition[Customer[S], Ledger], keys: Sequence[str]) -> None:
        """Sends the newest values of customers, and the partition's accounting."""
        closed = part.meta.closed_day
        least = 0 if closed is None else self._days.start(closed + 1)
        for key in keys:
            if key == PROGRESS:
                self._send_progress(part)
            elif (customer := part.get(key)) is not None:
                as_of = max(customer.newest_at + 1, least)
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
        fold, closed = self.fold, part.meta.closed_day
        customer: Customer[S] = Customer(fold.new(), at) if known is None else known
        if (closed is None or day > closed or not fold.daily) and not self._may_move(customer.facts, event):
            fold.apply(customer.facts, event, at)
            customer.had(event, at, day, mark, part.offset)
        else:
            self._apply_to_told(part, event, customer, at, day, mark, is_new=known is None)
        key = event.customer_id
        if not fold.daily:
            part.meta.note(key)
        part.put(key, customer)
        part.publish(key)

    def _may_move(self, facts: S, event: Event) -> bool:
        """Whether movements may have to be told, or another policy followed."""
        return self.fold.moves_money if self._timed is None else self._timed.may_move(facts, event)

    def _apply_to_told(
        self,
        part: Partition[Customer[S], Ledger],
        event: Event,
        customer: Customer[S],
        at: int,
        day: int,
        mark: bytes,
        is_new: bool,
    ) -> None:
        """Takes an event in that may change what was told: closed days, movements."""
        key, fold, closed = event.customer_id, self.fold, part.meta.closed_day
        restated = range(day, closed + 1) if closed is not None and day <= closed and fold.daily else ()
        since = 0 if self._timed is None else self._timed.first_moved(customer.facts, at)
        movements = fold.movements(key, customer.facts, since) if fold.moves_money else []
        told, others = self._restating.follow(customer, closed)
        days = sorted({*restated, *others}) if others else restated
        before = self._restating.published(told, customer.first_at, days) if days and not is_new else {}

        fold.apply(customer.facts, event, at)
        if self._timed is not None and closed is not None:
            self._timed.pass_time(customer.facts, self._days.start(closed + 1))  # its steps in closed days are told now
        customer.had(event, at, day, mark, part.offset)
        if fold.moves_money:
            self._send_movements(part, key, movements, customer, event.event_id, part.offset, since)
        for d in days:
            by = event.event_id if d >= day else POLICY_CHANGED
            self._restate(part, key, customer, d, before.get(d), by, part.offset)

    def _advance(self, part: Partition[Customer[S], Ledger], offset: int, watermark: int) -> Iterator[None] | None:
        """Moves time forward and closes every day it passes; gives the pieces instead when they are several."""
        ledger = part.meta
        closed = ledger.closed_day
        if closed is None or watermark >= self._days.start(closed + 2):
            last = self._days.of(watermark) - 1
            pieces = self._close(part, offset, range(last if closed is None else closed + 1, last + 1))
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
            self._send_marker(part, day, as_of, offset)

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
            if self.fold.daily and customer.newest_at < as_of:
                part.withdraw(key)  # live values would repeat these
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
