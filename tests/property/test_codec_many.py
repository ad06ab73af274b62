"""Records decoded together give what each gives by itself, and are refused together when one of them is."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.codec import MAX_EVENT_BYTES, EventDecoder, SchemaError
from schemas.envelope import CLOCK_CUSTOMER, COMPANY_CUSTOMER, EARLIEST_MS, LATEST_MS, Event
from schemas.events import SpendEvent, SurveyEvent, UsageEvent
from streams.engine.guard import Poison, judged, readable

NOW = 1_795_328_660_000
DAY_MS = 86_400_000
DECODERS: dict[str, EventDecoder[Any]] = {
    "usage": EventDecoder(UsageEvent),
    "surveys": EventDecoder(SurveyEvent),
    "spend": EventDecoder(SpendEvent),
}
CUSTOMERS = st.sampled_from(("c1", "c2", "kundë", "_own", "_portfolio", "_segment:x", CLOCK_CUSTOMER, COMPANY_CUSTOMER))
TIMES = st.sampled_from(
    (
        NOW,
        NOW - 5 * DAY_MS,
        "2026-01-02T03:04:05.678Z",
        "2026-01-02T00:04:05-03:00",
        EARLIEST_MS,
        NOW + DAY_MS,
        NOW + DAY_MS + 1,
        EARLIEST_MS - 1,
        LATEST_MS,
        "1999-12-31T23:59:59Z",
    )
)
TEXTS = st.sampled_from(("f1", "a\\b", "a\nb", "a\x7fb", "ü", "\ud800", ""))
FIELDS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "feature_used": {"feature": TEXTS, "user_id": st.none() | TEXTS, "quantity": st.integers(0, 3)},
    "heartbeat": {},
    "survey_answered": {"score": st.sampled_from((9, 7.5, 11, "x")), "reason": TEXTS},
    "spend_recorded": {"amount_minor": st.integers(-1, 5), "channel": TEXTS},
    "exchange_rate_set": {"currency": st.sampled_from(("USD", "EUR", "usd")), "to": st.just("EUR"), "rate": st.just(2)},
}
NEEDED: dict[str, dict[str, Any]] = {
    "survey_answered": {"response_id": "r1", "survey": "nps", "score": 9},
    "spend_recorded": {"amount_minor": 5, "currency": "EUR"},
    "exchange_rate_set": {"currency": "USD", "to": "EUR", "rate": 2.0},
}


@st.composite
def _records(draw: st.DrawFn) -> Any:
    kind = draw(st.sampled_from(sorted(FIELDS)))
    flat = {
        "type": kind,
        "event_id": draw(st.sampled_from(("e1", "e2", "e\\3"))),
        "customer_id": draw(CUSTOMERS),
        "occurred_at": draw(TIMES),
        **NEEDED.get(kind, {}),
    }
    changed = {name: draw(values) for name, values in FIELDS[kind].items() if draw(st.booleans())}
    value: bytes | None = json.dumps({**flat, **changed}, ensure_ascii=draw(st.booleans())).encode(errors="replace")
    key: bytes | None = flat["customer_id"].encode()
    headers: list[tuple[str, bytes]] = []
    match draw(st.sampled_from(("", "", "", "", "", "bytes", "no value", "key", "no key", "foreign", "cloud"))):
        case "bytes":
            value = draw(st.binary(max_size=20))
        case "no value":
            value = None
        case "key":
            key = b"c9"
        case "no key":
            key = None
        case "foreign":
            headers = [("trace", b"1")]
        case "cloud":
            names = {"type": "type", "event_id": "id", "customer_id": "subject", "occurred_at": "time"}
            outer = {names.get(name, name): content for name, content in flat.items()}
            value = json.dumps({"specversion": "1.0", **outer, "data": changed}).encode(errors="replace")
            headers = [("content-type", b"application/cloudevents+json")]
        case _:
            pass
    return SimpleNamespace(key=key, value=value, headers=headers)


def _used(**changes: Any) -> Any:
    flat = {"type": "feature_used", "event_id": "e1", "customer_id": "c1", "occurred_at": NOW, **changes}
    value = json.dumps({name: content for name, content in flat.items() if name != "key"}).encode()
    return SimpleNamespace(key=changes.get("key", flat["customer_id"].encode()), value=value, headers=[])


@pytest.mark.parametrize("topic", sorted(DECODERS))
@given(st.lists(_records(), max_size=6))
@example([_used(), _used(customer_id="c2"), _used(occurred_at="2026-01-02T03:04:05Z"), _used(feature="a\\b")])
@example([_used(), _used(feature="a\nb")])
@example([_used(), _used(feature="a\x7fb")])
@example([_used(), _used(key=b"c2")])
@example([_used(key=b"c1\nc1"), _used(key=None)])
@example([_used(), _used(type="heartbeat", customer_id=CLOCK_CUSTOMER, key=None)])
@example([_used(), _used(type="heartbeat")])
@example([_used(occurred_at="1999-12-31T23:59:59Z"), _used()])
@example([_used(), _used(occurred_at=NOW + DAY_MS + 1)])
@example([_used(), SimpleNamespace(key=b"c1", value=b"[" * 200_000, headers=[])])
def test_together_is_one_by_one(topic: str, records: list[Any]) -> None:
    decoder = DECODERS[topic]
    alone = [_alone(decoder, record) for record in records]
    refused = any(event is None for event in alone)
    if refused:
        with pytest.raises(SchemaError):
            decoder.many(records, NOW)
    else:
        assert decoder.many(records, NOW) == alone
    together = readable(records, lambda run: decoder.many(run, NOW))
    assert together == (None if refused else alone)
    found = judged(records, lambda record: _read(decoder, record))
    assert [None if isinstance(event, Poison) else event for _, event in found] == alone


def test_no_records_are_no_events() -> None:
    assert DECODERS["usage"].many([], NOW) == []


def test_a_backslash_is_no_control_character_and_does_not_hide_one() -> None:
    events = DECODERS["usage"].many([_used(), _used(feature="a\\b")], NOW)
    assert events[1].feature == "a\\b"
    with pytest.raises(SchemaError, match="feature"):
        DECODERS["usage"].many([_used(feature="a\\b"), _used(feature="a\nb")], NOW)


@pytest.mark.parametrize("more", [0, 1])
def test_a_value_may_be_as_large_together_as_alone(more: int) -> None:
    small = _used()
    large = _used()
    large.value = large.value[:-1] + b" " * (MAX_EVENT_BYTES + more - len(large.value)) + b"}"
    if more:
        with pytest.raises(SchemaError, match="expected at most 1000000 bytes, got 1000001"):
            DECODERS["usage"].many([small, large], NOW)
    else:
        assert len(DECODERS["usage"].many([small, large], NOW)) == 2


def _read(decoder: EventDecoder[Any], record: Any) -> Event:
    event: Event = decoder(record.key, record.value, record.headers, NOW)
    return event


def _alone(decoder: EventDecoder[Any], record: Any) -> Event | None:
    try:
        return _read(decoder, record)
    except SchemaError:
        return None
