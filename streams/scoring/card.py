"""What the scoring table holds of a customer: newest values, days still waiting, the last aligned day."""

from typing import Any

from msgspec import Struct

from schemas.metrics import CustomerValues, MetricValues, Values
from streams.metrics.health import HealthMemory


class Held(Struct, frozen=True):
    """Values of one domain, the instant they describe and the newest event they include."""

    values: Values
    as_of: int
    event_at: int | None
    event_id: str | None


class Card(Struct):
    """State of one customer.

    Attributes:
        newest: by domain, for live scores.
        waiting: revision 0 values by day and domain, until the day is aligned.
        aligned: by domain, values of the last aligned day.
        memory: what the last aligned health score leaves for the next (hysteresis, change by factor).
        paying: on the last aligned day.
        version: offset of the newest record included.
    """

    newest: dict[str, Held] = {}
    waiting: dict[int, dict[str, Held]] = {}
    aligned: dict[str, Held] = {}
    memory: HealthMemory | None = None
    paying: bool = False
    version: int = -1

    def take(self, message: MetricValues, aligned: int | None) -> None:
        """Takes values in; older ones change nothing. `aligned` is the partition's last aligned day."""
        domain = str(message.values.__struct_config__.tag)
        values = Held(message.values, message.as_of, message.event_at, message.event_id)
        held = self.newest.get(domain)
        if held is None or message.as_of >= held.as_of:
            self.newest[domain] = values
        day = message.day
        if message.kind == "day" and message.revision == 0 and (aligned is None or day > aligned):
            self.waiting.setdefault(day, {})[domain] = values

    def align(self, day: int) -> bool:
        """Moves the aligned values on to `day`; False while nothing is known of the customer.

        Days are aligned one by one, so only the first time older ones may wait.
        """
        for past in (day,) if self.aligned else sorted(d for d in self.waiting if d <= day):
            self.aligned.update(self.waiting.pop(past, {}))
        return bool(self.aligned)


def as_of(held: dict[str, Held]) -> int:
    """The instant the newest of these values describe, epoch ms."""
    return max(values.as_of for values in held.values())


def trigger(held: dict[str, Held]) -> str | None:
    """The newest event among these values."""
    dated = [(values.event_at or 0, values.event_id) for values in held.values() if values.event_id]
    return max(dated)[1] if dated else None


def together(held: dict[str, Held]) -> CustomerValues:
    """Values by domain as one value, each in its own field."""
    by_domain: dict[str, Any] = {domain: one.values for domain, one in held.items()}
    return CustomerValues(**by_domain)
