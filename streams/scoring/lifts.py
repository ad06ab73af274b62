"""How the scoring table was stored by older releases, and the way from there (shape.py).

Version 2 (after 0.1.0) stores a card in a fifth of the bytes: values, snapshots of churn features and the card itself
without names, and what two instants have in common once.
"""

from collections.abc import Mapping

from msgspec import Struct, field
from msgspec.structs import asdict

from schemas.metrics import Values
from schemas.scores import Band, FactorName
from streams.metrics.health import HealthMemory
from streams.scoring import stored, weekly
from streams.scoring.card import Card, Held
from streams.scoring.tallying import Past
from streams.scoring.weekly import Observed
from streams.shape import Lift, Shape


class HeldOf1(Struct):
    """Values of one domain in version 1."""

    values: Values
    as_of: int
    event_at: int | None
    event_id: str | None
    restated: bool = False


class MemoryOf1(Struct):
    """What a health score leaves for the next in version 1."""

    day: int
    score: float | None
    band: Band
    earned: dict[FactorName, float]


class CardOf1(Struct):
    """A card in version 1: domains by name, every instant whole."""

    newest: dict[str, HeldOf1] = {}
    waiting: dict[int, dict[str, HeldOf1]] = {}
    aligned: dict[str, HeldOf1] = {}
    memory: MemoryOf1 | None = None
    paying: bool = False
    version: int = -1
    past: Past = field(default_factory=Past)
    at_risk: bool | None = None
    observed: list[tuple[int, dict[str, float]]] = []


def card_of_1(old: CardOf1) -> Card:
    """The same card in this release's coding."""
    newest = _held(old.newest)

    def instant(held: Mapping[str, HeldOf1]) -> dict[int, Held | None]:
        return {number: None if one == newest.get(number) else one for number, one in _held(held).items()}

    memory, packed = old.memory, b""
    for day, features in reversed(old.observed):
        packed = weekly.added(packed, Observed(day, features), len(old.observed))
    return Card(
        newest=newest,
        waiting={day: instant(held) for day, held in old.waiting.items()},
        last=instant(old.aligned),
        memory=None if memory is None else HealthMemory(**asdict(memory)),
        paying=old.paying,
        version=old.version,
        past=old.past,
        at_risk=old.at_risk,
        weekly=packed,
        scored=old.paying,
    )


def _held(old: Mapping[str, HeldOf1]) -> dict[int, Held]:
    return {
        stored.NUMBERS[domain]: Held(stored.pack(one.values), one.as_of, one.event_at, one.event_id, one.restated)
        for domain, one in old.items()
    }


#: What the scoring table stores of a customer.
CARD: Shape[Card] = Shape(Card, 2, {1: Lift(CardOf1, card_of_1)})
