"""What one customer's events are written into: numbered, kept within the time told of, and sent as badly as in life.

Most events arrive when they happened. Some are late, some are sent twice, as the shares below say (chosen, not
measured). What is planted here is counted where it is planted, so the report is exact by construction.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeVar

from msgspec.structs import replace

from schemas.codec import encode
from schemas.envelope import EARLIEST_MS, Event
from schemas.usage_events import FeatureUsed
from streams.intake.generate.draws import Draw
from streams.metrics.days import DAY_MS, MINUTE_MS

E = TypeVar("E", bound=Event)
GENERATED = "generated"
HORIZON_DAYS = 90
_BEYOND_DAYS = 100  # far enough behind that no partition's watermark still reaches it
_SETTLED_DAYS = 2  # a partition has a watermark by then

_SHARE_OUT_OF_ORDER = 0.01
_SHARE_LATE = 0.005
_SHARE_DUPLICATE = 0.006
_SHARE_OTHER_BYTES = 0.3  # of the duplicates of uses


class Line(NamedTuple):
    """An event as it arrives; lines are sorted by the first three."""

    arrives_at: int
    customer: int
    number: int
    value: bytes


class Diary:
    """The events of one customer.

    Args:
        customer_id: whose.
        number: of the customer, part of its events' ids.
        begin, end: nothing is told from `end` on, and nothing arrives late before it could (epoch ms).
        draw: decides what is sent badly.
        counts: of the cases planted, over all customers.
    """

    def __init__(self, customer_id: str, number: int, begin: int, end: int, draw: Draw, counts: Counter[str]) -> None:
        self.customer_id = customer_id
        self.begin, self.end = begin, end
        self.lines: list[Line] = []
        self._number = number
        self._draw = draw
        self._counts = counts
        self._told = 0

    def plant(self, case: str) -> None:
        """Counts a case."""
        self._counts[case] += 1

    def tell(self, kind: Callable[..., E], at: int, case: str | None = None, /, **fields: Any) -> bool:
        """Writes an event down and counts its case; False, and nothing is written, when it lies outside the time."""
        if not self.begin <= at < self.end:
            return False
        event = self._event(kind, at, fields)
        if case is not None:
            self.plant(case)
        self._send(event, at, self._arrival(at))
        return True

    def tell_too_late(self, kind: Callable[..., Event], arrives_at: int, /, **fields: Any) -> None:
        """An event of `_BEYOND_DAYS` ago, which no figure may count any more."""
        at = arrives_at - _BEYOND_DAYS * DAY_MS
        if self.begin + _SETTLED_DAYS * DAY_MS <= arrives_at < self.end and at >= EARLIEST_MS:
            self.plant("late_beyond_horizon")
            self._add(self._event(kind, at, fields), arrives_at)

    def _event(self, kind: Callable[..., E], at: int, fields: dict[str, Any]) -> E:
        self._told += 1
        event_id = f"g{self._number}-{self._told}"
        return kind(event_id=event_id, customer_id=self.customer_id, occurred_at=at, source=GENERATED, **fields)

    def _arrival(self, at: int) -> int:
        lot = self._draw.share()
        if lot < _SHARE_LATE:
            arrival = at + self._draw.between(DAY_MS, HORIZON_DAYS // 2 * DAY_MS)
            return self._delayed("late_within_horizon", at, arrival)
        if lot < _SHARE_LATE + _SHARE_OUT_OF_ORDER:
            arrival = at + self._draw.between(5 * MINUTE_MS, 50 * MINUTE_MS)
            return self._delayed("out_of_order", at, arrival)
        return at

    def _delayed(self, case: Literal["late_within_horizon", "out_of_order"], at: int, arrival: int) -> int:
        """The arrival, unless all is over by then: an event nobody waits for is not late."""
        if arrival >= self.end:
            return at
        self.plant(case)
        return arrival

    def _send(self, event: Event, at: int, arrives_at: int) -> None:
        self._add(event, arrives_at)
        if self._draw.share() >= _SHARE_DUPLICATE:
            return
        again = arrives_at + self._draw.between(1, 2 * DAY_MS)
        if isinstance(event, FeatureUsed) and self._draw.chance(_SHARE_OTHER_BYTES):
            self.plant("duplicate_other_bytes")
            self._add(replace(event, quantity=event.quantity + 100), again)
        else:
            self.plant("duplicate")
            self._add(event, again)

    def _add(self, event: Event, arrives_at: int) -> None:
        self.lines.append(Line(arrives_at, self._number, len(self.lines), encode(event)))
