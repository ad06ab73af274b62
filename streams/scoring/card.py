"""What the scoring table holds of a customer: newest values, days still waiting, the last aligned day.

A card holds up to three times the values of five domains, and most of what touches it needs few of them or none: a day
that closes changes one domain after the other. So values stay as they are stored until somebody reads them, and once
encoded they are copied from card to card as bytes.
"""

from typing import Any, Self

from msgspec import Raw, Struct, field
from msgspec.msgpack import Decoder, Encoder

from schemas.metrics import CustomerValues, MetricValues, Values
from streams.metrics.health import HealthMemory
from streams.scoring.tallying import Past

_ENCODE = Encoder().encode
_DECODE: Decoder[Values] = Decoder(Values)


class Held(Struct, frozen=True, dict=True):
    """Values of one domain, the instant they describe and the newest event they include.

    Attributes:
        packed: the values in msgpack, stored as `values`.
    """

    packed: Raw = field(name="values")
    as_of: int
    event_at: int | None
    event_id: str | None

    @classmethod
    def of(cls, message: MetricValues) -> Self:
        """What a message says."""
        held = cls(Raw(_ENCODE(message.values)), message.as_of, message.event_at, message.event_id)
        vars(held)["decoded"] = message.values  # live scores read them at once
        return held

    @property
    def values(self) -> Values:
        """The values, decoded once; a `cached_property` would take a lock each time."""
        decoded: Values | None = vars(self).get("decoded")
        if decoded is None:
            decoded = vars(self)["decoded"] = _DECODE.decode(self.packed)
        return decoded


_DECODE_HELD: Decoder[dict[str, Held]] = Decoder(dict[str, Held])


class Observed(Struct, frozen=True, array_like=True):
    """Churn features of the end of a day, as in the snapshot of that day."""

    day: int
    features: dict[str, float]


_DECODE_OBSERVED: Decoder[list[Observed]] = Decoder(list[Observed])
_OBSERVED_KEPT = 2  # a score of the last snapshot's own day is compared with the one before
_NONE_OBSERVED = Raw(b"\x90")


class Card(Struct, dict=True):
    """State of one customer.

    Attributes:
        newest: by domain, for live scores.
        waiting: revision 0 values by day and domain, until the day is aligned.
        packed: `aligned` in msgpack, stored under that name.
        memory: what the last aligned health score leaves for the next (hysteresis, change by factor).
        paying: on the last aligned day.
        version: offset of the newest record included.
        past: what restatements of days gone by need.
        at_risk: could still be lost on the last aligned day; None in cards from before there was such a thing.
        weekly: `observed` in msgpack, stored under that name.
    """

    newest: dict[str, Held] = {}
    waiting: dict[int, dict[str, Held]] = {}
    packed: Raw = field(name="aligned", default=Raw(b"\x80"))
    memory: HealthMemory | None = None
    paying: bool = False
    version: int = -1
    past: Past = field(default_factory=Past)
    at_risk: bool | None = None
    weekly: Raw = field(name="observed", default=_NONE_OBSERVED)

    @property
    def aligned(self) -> dict[str, Held]:
        """By domain, values of the last aligned day; to be changed by `align` alone."""
        decoded: dict[str, Held] | None = vars(self).get("decoded")
        if decoded is None:
            decoded = vars(self)["decoded"] = _DECODE_HELD.decode(self.packed)
        return decoded

    @property
    def observed(self) -> list[Observed]:
        """The newest snapshots of churn features, newest first."""
        return [] if self.weekly == _NONE_OBSERVED else _DECODE_OBSERVED.decode(self.weekly)

    def observe(self, snapshot: Observed | None) -> None:
        """Notes the snapshot of a day, or that none was taken on a day for it: what was before is of no use then."""
        kept = [] if snapshot is None else [snapshot, *self.observed][:_OBSERVED_KEPT]
        self.weekly = Raw(_ENCODE(kept))

    def take(self, message: MetricValues, aligned: int | None) -> None:
        """Takes values in; older ones change nothing. `aligned` is the partition's last aligned day."""
        domain = str(message.values.__struct_config__.tag)
        values = Held.of(message)
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
        aligned = self.aligned
        due = [day] if aligned else sorted(past for past in self.waiting if past <= day)
        waited = [self.waiting.pop(past) for past in due if past in self.waiting]
        for values in waited:
            aligned.update(values)
        if waited:
            self.packed = Raw(_ENCODE(aligned))
        return bool(aligned)


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
