"""What can go wrong in a message, for every input topic, beside an event of the topic that is right."""

from typing import Any, NamedTuple

import orjson

from schemas.registry import ACCOUNTS, BILLING, SPEND, SURVEYS, TICKETS, USAGE, Topic

AT = 1_738_411_200_000  # 2025-02-01 12:00 UTC, after the sample


class Hostile(NamedTuple):
    """A record that can never be read."""

    name: str
    key: bytes | None
    value: bytes | None


#: By topic: the fields of a right event beside the envelope, and what makes them impossible.
EVENTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    USAGE.name: ({"type": "feature_used", "feature": "export"}, {"quantity": -1}),
    TICKETS.name: ({"type": "ticket_opened", "ticket_id": "t"}, {"priority": "galactic"}),
    BILLING.name: (
        {
            "type": "subscription_set",
            "subscription_id": "s",
            "amount_minor": 100,
            "currency": "EUR",
            "interval": "month",
        },
        {"amount_minor": -1},
    ),
    SURVEYS.name: ({"type": "survey_answered", "survey": "nps", "response_id": "r", "score": 9}, {"score": 11}),
    ACCOUNTS.name: ({"type": "account_set", "name": "Good Ltd", "seats": 3}, {"seats": -3}),
    SPEND.name: (
        {"type": "spend_recorded", "channel": "ads", "amount_minor": 100, "currency": "EUR"},
        {"amount_minor": -100},
    ),
}


def event(topic: Topic, number: int, **changes: Any) -> dict[str, Any]:
    """An event of a topic that is right, but for the changes."""
    fields, _ = EVENTS[topic.name]
    envelope = {"event_id": f"good-{number}", "customer_id": "good", "occurred_at": AT + number}
    return {**envelope, **fields, **changes}


def good(topic: Topic, number: int, padding: int = 0) -> bytes:
    """Bytes of an event that is right, however long."""
    return orjson.dumps(event(topic, number)) + b" " * padding


def hostile(topic: Topic) -> list[Hostile]:
    """Everything hostile, for one topic."""
    _, impossible = EVENTS[topic.name]
    right = event(topic, 5_000)
    missing = {name: value for name, value in right.items() if name != "event_id"}
    text = orjson.dumps(right).decode()
    deep = '"x":' + '{"x":' * 50_000 + "1" + "}" * 50_000
    values: dict[str, bytes | None] = {
        "not JSON": b"\xff\x00{",
        "half of it": text[:-7].encode(),
        "a list": b"[1, 2]",
        "wrong type": orjson.dumps({**right, "customer_id": 5}),
        "missing field": orjson.dumps(missing),
        "unknown type": orjson.dumps({**right, "type": "nonsense"}),
        "no type": orjson.dumps({name: value for name, value in right.items() if name != "type"}),
        "impossible value": orjson.dumps({**right, **impossible}),
        "year 3000": orjson.dumps({**right, "occurred_at": "3000-01-01T00:00:00Z"}),
        "years ahead": orjson.dumps({**right, "occurred_at": "2099-01-01T00:00:00Z"}),
        "before all": orjson.dumps({**right, "occurred_at": -1}),
        "without zone": orjson.dumps({**right, "occurred_at": "2025-02-01T12:00:00"}),
        "NaN": text.replace(str(right["occurred_at"]), "NaN").encode(),
        "infinity": text.replace(str(right["occurred_at"]), "1e999").encode(),
        "2 MB": good(topic, 5_000, padding=2_000_000),
        "NUL byte": text.replace("good-5000", "good\x005000").encode(),
        "NUL escaped": text.replace("good-5000", "good\\u00005000").encode(),
        "lone surrogate": text.replace("good-5000", "good\\ud8005000").encode(),
        "lone surrogate in UTF-8": text.encode().replace(b"good-5000", b"good\xed\xa0\x805000"),
        "deep list": b"[" * 100_000,
        "deep object": (text[:-1] + "," + deep + "}").encode(),
        "empty": b"",
        "null": b"null",
        "no value": None,
        "a heartbeat of a customer": orjson.dumps({**right, "type": "heartbeat"}),
        "the clock's name": orjson.dumps({**right, "customer_id": "_clock"}),
    }
    bad = [Hostile(name, b"good", value) for name, value in values.items()]
    other_keys = {"wrong key": b"other", "no key": None, "key not UTF-8": b"\xff\xfe", "empty key": b""}
    return bad + [Hostile(name, key, text.encode()) for name, key in other_keys.items()]
