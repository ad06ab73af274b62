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


class Held(Struct, frozen=True, dict=True, omit_defaults=True):
    """Values of one domain, the instant they describe and the newest event they include.

    Attributes:
        packed: the values in msgpack, stored as `values`.
        restated: values of this instant were restated, so they are not the first that were told of it.
    """

    packed: Raw = field(name="values")
    as_of: int
    event_at: int | None
    event_id: str | None
    restated: bool = False

    @classmethod
    def of(cls, message: MetricValues, known: "Held | None") -> Self:
        """What a message says, after what was known."""
        packed = Raw(_ENCODE(message.values))
        again = known is not None and known.as_of == message.as_of and (known.restated or known.packed != packed)
        restated = again or message.revision > 0
        held = cls(packed, message.as_of, message.event_at, message.event_id, restated)
        vars(held)["decoded"] = message.values  # live scores read them at once
        return held

    def says(self, other: "Held") -> bool:
        """Whether another says the same, be it of another instant, and neither was restated."""
        same_event = self.event_id == other.event_id and self.event_at == other.event_at
        return same_event and not (self.restated or other.restated) and self.packed == other.packed

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
_DECODE_DAYS: Decoder[list[tuple[int, Raw]]] = Decoder(list[tuple[int, Raw]])
_DECODE_FEATURES: Decoder[dict[str, float]] = Decoder(dict[str, float])
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

    def observed_before(self, day: int) -> tuple[Observed | None, int | None]:
        """The newest snapshot of a day before, and the day of the one behind it; None where there is none."""
        behind: int | None = None
        for observed, packed in _DECODE_DAYS.decode(self.weekly):
            if observed < day:
                return Observed(observed, _DECODE_FEATURES.decode(packed)), behind
            behind = observed
        return None, behind

    @property
    def notes(self) -> dict[str, Any]:
        """What was found out of the card and may be forgotten: not stored, gone when the card is decoded again."""
        return vars(self)

    def observe(self, snapshot: Observed | None) -> None:
        """Notes the snapshot of a day, or that none was taken on a day for it: what was before is of no use then."""
        kept = [] if snapshot is None else [snapshot, *self.observed][:_OBSERVED_KEPT]
        self.weekly = Raw(_ENCODE(kept))

    def take(self, message: MetricValues, aligned: int | None) -> None:
        """Takes values in; older ones change nothing. `aligned` is the partition's last aligned day."""
        domain = str(message.values.__struct_config__.tag)
        held = self.newest.get(domain)
        values = Held.of(message, held)
        if held is None or message.as_of >= held.as_of:
            self.newest[domain] = values
        day = message.day
        if message.kind == "day" and message.revision == 0 and (aligned is None or day > aligned):
            self.waiting.setdefault(day, {})[domain] = values

    def align(self, day: int) -> bool:
        """Moves the aligned values on to `day`; False while nothing is known of the customer.

        Days are aligned one by one. Older ones wait the first time, and where a late record of an earlier owner of the
        partition undid the day before.
        """
        aligned = self.aligned
        due = sorted(past for past in self.waiting if past <= day)
        waited = [self.waiting.pop(past) for past in due]
        for values in waited:
            aligned.update(values)
        if waited:
            self.packed = Raw(_ENCODE(aligned))
        return bool(aligned)

    def is_settled(self, end: int) -> bool:
        """Whether nothing newer is known than the day that was aligned last, which ended at `end`, epoch ms."""
        newest = self.newest
        if as_of(newest) != end or newest.keys() != self.aligned.keys():
            return False
        return all(held.says(self.aligned[domain]) for domain, held in newest.items())


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
