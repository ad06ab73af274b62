"""What the scoring table holds of a customer: newest values, days still waiting, the last aligned day.

A card speaks of up to three instants of five domains, and mostly they are one: what a day brought is the newest there
is until something happens, and becomes the aligned day as it is. So values are stored once: a waiting or an aligned day
says "as the newest" until there is something newer. And most of what touches a card needs few of its values or none: so
they stay as they are stored until somebody reads them, and once encoded they are copied from card to card as bytes.

Domains go by their number (stored.py).
"""

from typing import Any, Self

from msgspec import Struct, field

from schemas.metrics import CustomerValues, MetricValues, RevenueValues, Values
from streams.metrics.health import HealthMemory
from streams.scoring import stored, weekly
from streams.scoring.tallying import Past
from streams.scoring.weekly import Observed


class Held(Struct, frozen=True, array_like=True, dict=True):
    """Values of one domain, the instant they describe and the newest event they include.

    Attributes:
        packed: the values as they are stored.
        restated: values of this instant were restated, so they are not the first that were told of it.
    """

    packed: bytes
    as_of: int
    event_at: int | None
    event_id: str | None
    restated: bool = False

    @classmethod
    def of(cls, message: MetricValues, known: "Held | None") -> Self:
        """What a message says, after what was known."""
        packed = stored.pack(message.values)
        again = known is not None and known.as_of == message.as_of and (known.restated or known.packed != packed)
        restated = again or message.revision > 0
        held = cls(packed, message.as_of, message.event_at, message.event_id, restated)
        vars(held)["decoded"] = message.values  # live scores read them at once
        return held

    def says(self, other: "Held") -> bool:
        """Whether another says the same, be it of another instant, and neither was restated."""
        if self.restated or other.restated:
            return False
        return self is other or (
            self.event_id == other.event_id and self.event_at == other.event_at and self.packed == other.packed
        )

    @property
    def values(self) -> Values:
        """The values, decoded once; a `cached_property` would take a lock each time."""
        decoded: Values | None = vars(self).get("decoded")
        if decoded is None:
            decoded = vars(self)["decoded"] = stored.unpack(self.packed)
        return decoded


#: Values by domain; None where they are the newest.
Instant = dict[int, Held | None]

_OBSERVED_KEPT = 2  # a score of the last snapshot's own day is compared with the one before
_NAMES = tuple(stored.NUMBERS)
_REVENUE = stored.NUMBERS["revenue"]


class Card(Struct, dict=True, array_like=True):
    """State of one customer; fields are only ever appended.

    Attributes:
        newest: by domain, for live scores.
        waiting: revision 0 values by day and domain, until the day is aligned.
        last: by domain, of the last aligned day; to be read through `aligned`.
        memory: what the last aligned health score leaves for the next (hysteresis, change by factor).
        paying: on the last aligned day.
        version: offset of the newest record included.
        past: what restatements of days gone by need.
        at_risk: could still be lost on the last aligned day; None in cards from before there was such a thing.
        weekly: `observed` as it is stored.
        scored: a churn score of it may stand in the topic: its newest values said so, or those of the last aligned day.
        lost: day on which it was lost, until it is an example again, or censored.
    """

    newest: dict[int, Held] = {}
    waiting: dict[int, Instant] = {}
    last: Instant = {}
    memory: HealthMemory | None = None
    paying: bool = False
    version: int = -1
    past: Past = field(default_factory=Past)
    at_risk: bool | None = None
    weekly: bytes = b""
    scored: bool = False
    lost: int | None = None

    @property
    def pays(self) -> bool:
        """By the newest values."""
        revenue = self.newest.get(_REVENUE)
        return revenue is not None and is_paying(revenue.values)

    @property
    def aligned(self) -> dict[int, Held]:
        """By domain, values of the last aligned day."""
        newest = self.newest
        return {number: newest[number] if held is None else held for number, held in self.last.items()}

    @property
    def observed(self) -> list[Observed]:
        """The newest snapshots of churn features, newest first."""
        return weekly.unpack(self.weekly)

    def observed_before(self, day: int) -> tuple[Observed | None, int | None]:
        """The newest snapshot of a day before, and the day of the one behind it; None where there is none."""
        return weekly.before(self.weekly, day)

    @property
    def notes(self) -> dict[str, Any]:
        """What was found out of the card and may be forgotten: not stored, gone when the card is decoded again."""
        return vars(self)

    def observe(self, day: int, features: dict[str, float] | None) -> None:
        """Notes the snapshot of a day, or that none was taken on a day for it: what was before is of no use then."""
        self.weekly = b"" if features is None else weekly.added(self.weekly, Observed(day, features), _OBSERVED_KEPT)

    def take(self, message: MetricValues, aligned: int | None) -> bool:
        """Takes values in; older ones change nothing that is newest.

        Args:
            message: of one domain.
            aligned: the partition's last aligned day.

        Returns:
            Whether something newer is known now, or something else of the same instant.
        """
        number = stored.NUMBERS[str(message.values.__struct_config__.tag)]
        known = self.newest.get(number)
        held = Held.of(message, known)
        is_newest = known is None or held.as_of >= known.as_of
        news = known is None or (is_newest and (held.as_of > known.as_of or not held.says(known)))
        if news:
            if known is not None and known != held:
                self._keep(number, known)
            self.newest[number] = held
            self.scored = self.scored or is_paying(message.values)
        day = message.day
        if message.kind == "day" and message.revision == 0 and (aligned is None or day > aligned):
            self.waiting.setdefault(day, {})[number] = None if is_newest else held
        return news

    def _keep(self, number: int, held: Held) -> None:
        """What was the newest of a domain stays what it is of the instants that say so."""
        for instant in (self.last, *self.waiting.values()):
            if instant.get(number, held) is None:
                instant[number] = held

    def align(self, day: int) -> bool:
        """Moves the aligned values on to `day`; False while nothing is known of the customer.

        Days are aligned one by one. Older ones wait the first time, and where a late record of an earlier owner of the
        partition undid the day before.
        """
        waited: Instant = {}
        for past in sorted(past for past in self.waiting if past <= day):
            waited |= self.waiting.pop(past)
        if waited:
            self.last |= waited
        return bool(self.last)

    def is_settled(self, end: int) -> bool:
        """Whether nothing newer is known than the day that was aligned last, which ended at `end`, epoch ms."""
        newest, last = self.newest, self.last
        if as_of(newest) != end or newest.keys() != last.keys():
            return False
        return all(held.says(last[number] or held) for number, held in newest.items())


def is_paying(values: Values | None) -> bool:
    """Whether these are values of revenue, of a customer that pays."""
    return isinstance(values, RevenueValues) and values.paying


def as_of(held: dict[int, Held]) -> int:
    """The instant the newest of these values describe, epoch ms."""
    return max([values.as_of for values in held.values()])


def trigger(held: dict[int, Held]) -> str | None:
    """The newest event among these values."""
    dated = [(values.event_at or 0, values.event_id) for values in held.values() if values.event_id]
    return max(dated)[1] if dated else None


def together(held: dict[int, Held]) -> CustomerValues:
    """Values by domain as one value, each in its own field."""
    by_domain: dict[str, Any] = {_NAMES[number]: one.values for number, one in held.items()}
    return CustomerValues(**by_domain)
