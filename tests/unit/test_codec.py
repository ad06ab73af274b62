"""The codec: one pass from bytes to a typed event, and an error that names the field."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas import events, usage_events
from schemas.codec import MAX_EVENT_BYTES, EventDecoder, MessageDecoder, SchemaError, encode
from schemas.envelope import Heartbeat, epoch_ms, epochs_ms, optional_ms
from schemas.metrics import DayClosed, MetricsMessage
from schemas.models import ModelSnapshot

NOW = 1_795_328_660_000
NPS: dict[str, Any] = {
    "type": "survey_answered",
    "event_id": "e1",
    "customer_id": "c1",
    "occurred_at": "2026-01-02T03:04:05.678Z",
    "response_id": "r1",
    "survey": "nps",
    "score": 9,
}
surveys = EventDecoder[Any](events.SurveyEvent)
billing = EventDecoder[Any](events.BillingEvent)


def read(changes: dict[str, Any] | None = None, key: bytes | None = b"c1", raw: bytes | None = None) -> Any:
    value = json.dumps({**NPS, **(changes or {})}).encode() if raw is None else raw
    return surveys(key, value, (), NOW)


def test_an_event_is_decoded_to_its_type() -> None:
    event = read()
    assert isinstance(event, events.SurveyAnswered)
    assert epoch_ms(event.occurred_at) == 1_767_323_045_678


def test_times_may_be_epoch_milliseconds_or_rfc3339_with_an_offset() -> None:
    assert epoch_ms(read({"occurred_at": 1_767_323_045_678}).occurred_at) == 1_767_323_045_678
    assert epoch_ms(read({"occurred_at": "2026-01-02T00:04:05.678-03:00"}).occurred_at) == 1_767_323_045_678
    assert optional_ms(None) is None


@pytest.mark.parametrize("words", [(), (1,), (0, 1, 2)])
def test_times_of_many_events_are_those_of_each(words: tuple[int, ...]) -> None:
    instants = [datetime(2026, 1, 2, 3, 4, 5, 678_999, UTC) if place in words else place for place in range(3)]
    assert epochs_ms(instants) == [epoch_ms(instant) for instant in instants]
    assert epochs_ms([]) == []


def test_messages_together_are_those_of_each() -> None:
    read = MessageDecoder[Any](MetricsMessage)
    values = [encode(DayClosed(domain="usage", day=number)) for number in range(2)]
    assert read.many([values[0], None, values[1]]) == [read(values[0]), None, read(values[1])]
    with pytest.raises(SchemaError, match="Expected"):
        read.many([values[0], b"[]"])


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"score": 11}, "expected a score from 0 to 10, got 11 - at `$.score`"),
        ({"score": -1}, "expected a score from 0 to 10"),
        ({"score": 7.5}, "expected a whole NPS score, got 7.5 - at `$.score`"),
        ({"score": "9"}, "Expected `float`, got `str` - at `$.score`"),
        ({"occurred_at": "2026-01-02T03:04:05"}, "$.occurred_at"),
        ({"occurred_at": "3000-01-01T00:00:00Z"}, "between 2000 and 2100 - at `$.occurred_at`"),
        ({"occurred_at": "2027-01-01T00:00:00Z"}, "expected a time not after"),
        ({"occurred_at": None}, "$.occurred_at"),
        ({"type": "nothing_known"}, "Invalid value 'nothing_known' - at `$.type`"),
        ({"event_id": ""}, "$.event_id"),
        ({"event_id": "a\x00b"}, "$.event_id"),
        ({"customer_id": "x" * 201}, "$.customer_id"),
        ({"reason": "a\x00b"}, "$.reason"),
        ({"schema": 2}, "$.schema"),
        ({"survey": "ces", "scale_min": 1.0, "scale_max": 7.0, "score": 3}, "expected polarity"),
        ({"survey": "csat", "scale_max": 5.0, "score": 3}, "expected the ends of the scale on a csat answer, got none"),
        ({"survey": "thumbs", "scale_min": 0.0, "score": 1}, "at `$.scale_max`"),
        (
            {"survey": "csat", "scale_min": 5.0, "scale_max": 5.0, "score": 5},
            "expected scale_min under scale_max",
        ),
        ({"customer_id": "_clock"}, "reserved customer_id _clock"),
        ({"customer_id": "_company"}, "reserved customer_id _company"),
        ({"customer_id": "_portfolio"}, "reserved customer_id _portfolio"),
        ({"customer_id": "_portfolios"}, "reserved customer_id _portfolios"),
        ({"customer_id": "_segment:smb"}, "reserved customer_id _segment:smb"),
        ({"customer_id": "_model"}, "reserved customer_id _model"),
    ],
)
def test_an_impossible_field_is_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(SchemaError) as error:
        read(changes)
    assert said in str(error.value)


@pytest.mark.parametrize("field", ["event_id", "customer_id", "occurred_at", "response_id", "survey", "score"])
def test_a_missing_field_is_named(field: str) -> None:
    with pytest.raises(SchemaError, match=field):
        read(raw=json.dumps({k: v for k, v in NPS.items() if k != field}).encode())


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"not json",
        b"\xff\xfe\x00",
        b"null",
        b"[1]",
        b"[" * 200_000,
        b'{"a":' * 100_000,
        json.dumps({**NPS, "event_id": "a\ud800"}).encode(),
        json.dumps({**NPS, "score": float("nan")}).encode(),
        b'{"type":"survey_answered"',
    ],
    ids=["empty", "text", "bytes", "null", "list", "deep list", "deep object", "surrogate", "nan", "cut"],
)
def test_hostile_bytes_are_a_schema_error(raw: bytes) -> None:
    with pytest.raises(SchemaError):
        read(raw=raw)


@given(st.text(max_size=20), st.booleans(), st.sampled_from(["event_id", "reason", "respondent_id"]))
@example("c\n", True, "event_id")
@example("c\x7f", False, "respondent_id")
@example("\x00", True, "reason")
def test_control_characters_are_refused_however_they_are_written(text: str, escaped: bool, field: str) -> None:
    allowed = "\x00" not in text if field == "reason" else text != "" and not re.search(r"[\x00-\x1f\x7f]", text)
    raw = json.dumps({**NPS, field: text}, ensure_ascii=escaped).encode("utf-8", "replace")
    if allowed:
        assert getattr(read(raw=raw), field) == json.loads(raw)[field]
    else:
        with pytest.raises(SchemaError, match=rf"`\$\.{field}`"):
            read(raw=raw)


def test_the_patterns_stand_in_the_published_schema() -> None:
    fields = msgspec.json.schema(usage_events.FeatureUsed)["$defs"]["FeatureUsed"]["properties"]
    assert fields["event_id"]["pattern"] == fields["feature"]["anyOf"][0]["pattern"] == r"^[^\x00-\x1f\x7f]*$"


def test_no_value_and_too_large_values_are_refused() -> None:
    with pytest.raises(SchemaError, match="without value"):
        surveys(b"c1", None, (), NOW)
    with pytest.raises(SchemaError, match="at most"):
        read({"reason": "x" * MAX_EVENT_BYTES})


@pytest.mark.parametrize("key", [None, b"", b"c2", b"\xff"])
def test_the_key_must_be_the_customer(key: bytes | None) -> None:
    with pytest.raises(SchemaError, match="record key"):
        read(key=key)


def test_a_heartbeat_needs_no_key_but_the_clock_as_customer() -> None:
    beat = {"type": "heartbeat", "event_id": "h", "customer_id": "_clock", "occurred_at": NOW}
    assert isinstance(surveys(None, json.dumps(beat).encode(), (), NOW), Heartbeat)
    with pytest.raises(SchemaError, match="_clock"):
        surveys(None, json.dumps({**beat, "customer_id": "c1"}).encode(), (), NOW)


def test_what_is_spent_on_nobody_in_particular_has_the_company_for_a_customer() -> None:
    spent = {"type": "spend_recorded", "event_id": "s1", "customer_id": "_company", "occurred_at": 1_767_323_045_678}
    value = json.dumps({**spent, "amount_minor": 5, "currency": "EUR"}).encode()
    spend = EventDecoder[Any](events.SpendEvent)
    assert spend(b"_company", value, (), NOW).amount_minor == 5
    with pytest.raises(SchemaError, match="record key"):
        spend(b"c1", value, (), NOW)
    with pytest.raises(SchemaError, match="reserved customer_id _company"):
        read({"customer_id": "_company"}, key=b"_company")


RATE = {"type": "exchange_rate_set", "event_id": "r1", "customer_id": "_company", "occurred_at": NOW}


def read_rate(**changes: Any) -> Any:
    said = {**RATE, "currency": "BRL", "to": "USD", "rate": 0.2, **changes}
    return EventDecoder[Any](events.SpendEvent)(said["customer_id"].encode(), json.dumps(said).encode(), (), NOW)


def test_an_exchange_rate_is_said_by_the_company_in_whole_units() -> None:
    assert (read_rate().to, read_rate().rate, read_rate(rate=5).rate) == ("USD", 0.2, 5.0)


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"rate": 0}, "$.rate"),
        ({"rate": -1.0}, "$.rate"),
        ({"rate": 2e9}, "$.rate"),
        ({"rate": "0.2"}, "$.rate"),
        ({"to": "usd"}, "$.to"),
        ({"to": "BRL"}, "expected another currency than BRL - at `$.to`"),
        ({"customer_id": "c1"}, "expected customer_id _company on an exchange rate, got c1"),
    ],
)
def test_an_impossible_exchange_rate_is_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(SchemaError) as error:
        read_rate(**changes)
    assert said in str(error.value)


def test_amount_times_quantity_stays_countable() -> None:
    huge = {
        "type": "subscription_set",
        "event_id": "e",
        "customer_id": "c1",
        "occurred_at": NOW,
        "subscription_id": "s",
        "amount_minor": 10**15,
        "currency": "USD",
    }
    assert billing(b"c1", json.dumps(huge).encode(), (), NOW).amount_minor == 10**15
    with pytest.raises(SchemaError, match="quantity"):
        billing(b"c1", json.dumps({**huge, "quantity": 2}).encode(), (), NOW)


def test_cloudevents_in_binary_mode() -> None:
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"e1"),
        ("ce_source", b"/crm"),
        ("ce_type", b"survey_answered"),
        ("ce_time", b"2026-01-02T03:04:05Z"),
        ("ce_subject", b"customer/c1"),
        ("content-type", b"application/json"),
    ]
    data = {"response_id": "r1", "survey": "nps", "score": 9}
    event = surveys(b"c1", json.dumps(data).encode(), headers, NOW)
    assert (event.event_id, event.customer_id, event.source) == ("e1", "c1", "/crm")


def test_cloudevents_in_structured_mode() -> None:
    outer = {
        "specversion": "1.0",
        "id": "e1",
        "source": "/crm",
        "type": "survey_answered",
        "time": "2026-01-02T03:04:05Z",
        "partitionkey": "c1",
        "data": {"response_id": "r1", "survey": "nps", "score": 9},
    }
    headers = [("Content-Type", b"application/cloudevents+json; charset=UTF-8")]
    assert surveys(b"c1", json.dumps(outer).encode(), headers, NOW).customer_id == "c1"
    for broken in (
        json.dumps({**outer, "data": 5}).encode(),
        b"[]",
        b"{",
        json.dumps({**outer, "id": None}).encode(),
    ):
        with pytest.raises(SchemaError):
            surveys(b"c1", broken, headers, NOW)


def test_other_headers_do_not_make_a_cloudevent() -> None:
    assert surveys(b"c1", json.dumps(NPS).encode(), [("traceparent", b"00-1-2-01")], NOW).event_id == "e1"


@pytest.mark.parametrize("value", [b'{"type":"\x80"}', b'{"a":' * 100_000, b'{"' + b"\xff" * 3 + b'":1}'])
def test_a_message_that_is_no_text_or_nested_without_end_is_refused(value: bytes) -> None:
    with pytest.raises(SchemaError):
        MessageDecoder[MetricsMessage](MetricsMessage)(value)
    with pytest.raises(SchemaError):
        MessageDecoder[ModelSnapshot](ModelSnapshot)(value)


def test_our_messages_round_trip() -> None:
    decode = MessageDecoder[MetricsMessage](MetricsMessage)
    message = DayClosed(domain="usage", day=3)
    assert decode(encode(message)) == message
    for wrong in (None, b"{", b'{"type":"day_closed"}'):
        with pytest.raises(SchemaError):
            decode(wrong)


def test_text_that_is_no_unicode_cannot_be_encoded() -> None:
    with pytest.raises(SchemaError, match="Unicode"):
        encode(Heartbeat(event_id="a\ud800", customer_id="_clock", occurred_at=NOW))


def test_every_event_type_decodes_from_its_own_encoding() -> None:
    samples: dict[type, dict[str, Any]] = {
        usage_events.FeatureUsed: {},
        events.TicketReplied: {"ticket_id": "t", "author": "bot"},
        events.InvoiceIssued: {"invoice_id": "i", "amount_minor": 1, "currency": "BRL", "due_at": NOW},
        events.AccountSet: {"name": "ACME", "locale": "pt", "country": "BR"},
    }
    for kind, own in samples.items():
        event = kind(event_id="e", customer_id="c", occurred_at=NOW, **own)
        assert msgspec.json.decode(encode(event), type=kind) == event


@pytest.mark.parametrize(
    "event, field",
    [
        ({"type": "subscription_set", "subscription_id": "s", "amount_minor": 1, "currency": "EUR"}, "term_ends_at"),
        ({"type": "cancellation_scheduled", "subscription_id": "s"}, "ends_at"),
        ({"type": "subscription_cancelled", "subscription_id": "s"}, "ends_at"),
        ({"type": "invoice_issued", "invoice_id": "i", "amount_minor": 1, "currency": "EUR"}, "due_at"),
    ],
)
@pytest.mark.parametrize("when", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
def test_a_time_that_no_calendar_can_follow_is_refused_in_every_field(
    event: dict[str, Any], field: str, when: str
) -> None:
    """A term until the year 9999 ended the worker in time zones east or west of Greenwich."""
    common = {"event_id": "e", "customer_id": "c1", "occurred_at": NOW, "due_at": NOW} | event
    if event["type"] != "invoice_issued":
        del common["due_at"]
    with pytest.raises(SchemaError, match=rf"between 2000 and 2100 - at `\$\.{field}`"):
        billing(b"c1", json.dumps(common | {field: when}).encode(), (), NOW)


def test_the_list_price_is_bounded_like_the_price() -> None:
    event = {
        "type": "subscription_set",
        "event_id": "e",
        "customer_id": "c1",
        "occurred_at": NOW,
        "subscription_id": "s",
        "amount_minor": 1,
        "list_amount_minor": 10**15,
        "quantity": 2,
        "currency": "EUR",
    }
    with pytest.raises(SchemaError, match="at most 10"):
        billing(b"c1", json.dumps(event).encode(), (), NOW)
