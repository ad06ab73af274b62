"""What a domain machine sends: values, movements, restated days and its accounting, all to one topic."""

from typing import Any, Generic, TypeVar

from schemas.codec import encode
from schemas.envelope import CLOCK_CUSTOMER
from schemas.metrics import DayClosed, MetricValues, Movement, Values
from streams.metrics.customer import Customer
from streams.metrics.days import Days
from streams.metrics.fold import Fold
from streams.metrics.ledger import Ledger
from streams.metrics.partition import Partition
from streams.metrics.restating import Restating
from streams.metrics.told import progress, told_anew

S = TypeVar("S")
_CLOCK_KEY = CLOCK_CUSTOMER.encode()


class Telling(Generic[S]):
    """The outputs of a domain.

    Args:
        fold: the domain's logic.
        days: calendar of the company.
        horizon_days: how far back days are restated.
        source: name of the input topic, for the accounting.
        metrics_topic: where values go, to the same partition number.
    """

    def __init__(self, fold: Fold[S, Any], days: Days, horizon_days: int, source: str, metrics_topic: str) -> None:
        self.fold = fold
        self._restating = Restating(fold, days, horizon_days)
        self._days = days
        self._source = source
        self._topic = metrics_topic

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

    def _send_marker(self, part: Partition[Customer[S], Ledger], day: int, as_of: int, offset: int) -> None:
        marker = DayClosed(domain=self.fold.domain, day=day, version=offset)
        part.emit(self._topic, _CLOCK_KEY, encode(marker), timestamp_ms=as_of)

    def _send_progress(self, part: Partition[Customer[S], Ledger]) -> None:
        part.emit(self._topic, _CLOCK_KEY, encode(progress(self._source, part.number, part.meta, part.offset)))
