"""A domain machine over a toy fold, in memory, with a record of all it sent."""

from typing import Any, ClassVar

import msgspec

from schemas.envelope import Heartbeat
from schemas.metrics import DayClosed, MetricsMessage, MetricValues, Movement, UsageValues
from schemas.usage_events import FeatureUsed
from streams.metrics.days import DAY_MS, Days
from streams.metrics.domain import Customer, DomainMachine, TimePolicy
from streams.metrics.ledger import Ledger
from streams.metrics.partition import Emitted, MemoryPartition

DAY = DAY_MS
_DECODE = msgspec.json.Decoder(MetricsMessage).decode


def at(day: int, minute: int = 0) -> int:
    return day * DAY + minute * 60_000


NOON = 720


def used(event_id: str, day: int, minute: int = NOON, customer: str = "c1", quantity: int = 1) -> FeatureUsed:
    when = at(day, minute)
    return FeatureUsed(event_id=event_id, customer_id=customer, occurred_at=when, quantity=quantity)


def beat(day: int) -> Heartbeat:
    return Heartbeat(event_id=f"beat{day}", customer_id="_clock", occurred_at=at(day))


class Log(msgspec.Struct):
    """State of the toy fold: when something was used."""

    times: list[int] = []


class ToyFold:
    """Counts events; the customer's first use is its only movement."""

    domain: ClassVar[Any] = "usage"
    state_type = Log

    def __init__(self, daily: bool, movements: bool) -> None:
        self.daily = daily
        self.moves_money = movements

    def new(self) -> Log:
        return Log()

    def apply(self, state: Log, event: FeatureUsed, at: int) -> None:
        state.times = sorted([*state.times, at])

    def values(self, state: Log, day: int, as_of: int) -> UsageValues:
        return UsageValues(events_28d=sum(t < as_of for t in state.times))

    def forget(self, state: Log, before: int) -> None:
        state.times = [t for t in state.times if t >= before * DAY]

    def movements(self, customer_id: str, state: Log, since: int = 0) -> list[Movement]:
        if not self.moves_money or not state.times:
            return []
        return [
            Movement(
                customer_id=customer_id,
                effective_at=state.times[0],
                currency="USD",
                movement="new",
                amount_minor=5,
                mrr_before_minor=0,
                mrr_after_minor=5,
            )
        ]


class Rig:
    """Feeds events and looks at what was sent."""

    def __init__(
        self, horizon_days: int = 90, dedup_days: int = 90, daily: bool = True, movements: bool = False
    ) -> None:
        self.fold = ToyFold(daily, movements)
        policy = TimePolicy(horizon_days=horizon_days, dedup_days=dedup_days)
        self.machine = DomainMachine(self.fold, Days(), policy, "usage.v1", "metrics.v1")
        self.sent: list[MetricsMessage] = []
        self.part: MemoryPartition[Customer[Log], Ledger] = MemoryPartition(
            0, Ledger(), self.machine.render, self._record
        )
        self._next = 0

    def _record(self, emitted: Emitted) -> None:
        assert emitted.value is not None
        self.sent.append(_DECODE(emitted.value))

    def feed(self, *events: FeatureUsed | Heartbeat) -> None:
        for event in events:
            self.machine.step(self.part, self._next, event)
            self._next += 1

    def of(self, kind: type) -> list[Any]:
        return [message for message in self.sent if isinstance(message, kind)]

    def values(self, customer: str, kind: str) -> list[MetricValues]:
        return [m for m in self.of(MetricValues) if m.customer_id == customer and m.kind == kind]

    def day_values(self, customer: str, day: int) -> list[Any]:
        return [m for m in self.values(customer, "day") if m.day == day]

    def live(self, customer: str) -> Any:
        self.part.flush()
        return self.values(customer, "live")[-1]

    def closed_days(self) -> list[int]:
        return [m.day for m in self.of(DayClosed)]

    def counts(self) -> tuple[int, int, int, int, int]:
        ledger = self.part.meta
        return ledger.read, ledger.applied, ledger.duplicate, ledger.late, ledger.dead

    def table(self) -> dict[str, Customer[Log]]:
        return self.part.states
