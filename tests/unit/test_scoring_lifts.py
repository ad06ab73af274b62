"""Cards of older releases."""

from typing import Any

from msgspec import msgpack

from schemas.metrics import AccountValues, UsageValues
from streams.engine.states import ShapeCodec
from streams.metrics.health import HealthMemory
from streams.scoring.card import Card, together
from streams.scoring.lifts import CARD
from streams.scoring.stored import NUMBERS, pack
from streams.scoring.tallying import Past
from streams.scoring.weekly import Observed

DAY, END = 19_700, 1_702_166_400_000
CODEC = ShapeCodec[Card](CARD, "a card")


def held(values: dict[str, Any], as_of: int = END, **more: Any) -> dict[str, Any]:
    return {"values": values, "as_of": as_of, "event_at": 5, "event_id": "e", **more}


#: A card as version 1 stored it, names and all; values have the fields there were.
PROFILE = held({"domain": "account", "name": "n", "segment": None, "seats": 3})
OLD = {
    "newest": {"account": PROFILE, "usage": held({"domain": "usage", "events_28d": 4}, END + 9, restated=True)},
    "waiting": {DAY + 1: {"account": PROFILE}},
    "aligned": {"account": PROFILE, "usage": held({"domain": "usage", "events_28d": 3})},
    "memory": {"day": DAY, "score": 50.0, "band": "yellow", "earned": {"trend": 1.5}},
    "paying": True,
    "version": 7,
    "past": [DAY, [], {}, {}],
    "at_risk": True,
    "observed": [[DAY, {"usage_trend": 0.5, "gone_since": 2.0}]],
}


def test_a_card_of_version_1_is_the_same_in_this_one() -> None:
    card = CODEC.decode(msgpack.encode(OLD))
    account, usage = NUMBERS["account"], NUMBERS["usage"]
    now, then = together(card.newest), together(card.aligned)
    assert now.account is not None
    assert (now.account.name, now.account.seats) == ("n", 3)
    assert now.usage is not None
    assert now.usage.events_28d == 4
    assert then.usage is not None
    assert then.usage.events_28d == 3
    assert (card.newest[usage].restated, card.aligned[usage].restated) == (True, False)
    assert (card.waiting, card.last[account]) == ({DAY + 1: {account: None}}, None)
    assert card.memory == HealthMemory(day=DAY, score=50.0, band="yellow", earned={"trend": 1.5})
    assert (card.paying, card.version, card.past, card.at_risk) == (True, 7, Past(known_since=DAY), True)
    assert card.observed == [Observed(DAY, {"usage_trend": 0.5, "gone_since": 2.0})]


def test_a_card_of_version_1_is_written_in_this_one_to_the_byte() -> None:
    written = CODEC.encode(CODEC.decode(b"\xc1\x01" + msgpack.encode(OLD)))
    now, then = pack(UsageValues(events_28d=4)), pack(UsageValues(events_28d=3))
    fields = [
        {4: [pack(AccountValues(name="n", seats=3)), END, 5, "e", False], 0: [now, END + 9, 5, "e", True]},
        {DAY + 1: {4: None}},
        {4: None, 0: [then, END, 5, "e", False]},
        [DAY, 50.0, "yellow", {"trend": 1.5}],
        True,
        7,
        [DAY, [], {}, {}, None, {}],
        True,
        msgpack.encode([[DAY, [[None, None, 0.5], {"gone_since": 2.0}]]]),
        True,
        None,
    ]
    assert written == b"\xc1\x02" + msgpack.encode(fields)
    assert CODEC.decode(written) == CODEC.decode(msgpack.encode(OLD))


def test_a_card_without_anything_yet() -> None:
    assert CODEC.decode(msgpack.encode({})) == Card()
