"""Bytes to typed messages and back, with errors that name the field.

Input events come as flat JSON, or as CloudEvents 1.0 in binary mode (`ce_*` headers) or structured mode
(content type `application/cloudevents+json`). One pass of msgspec decodes and validates.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Generic, TypeVar, cast

import msgspec
import orjson

from schemas.envelope import CLOCK_CUSTOMER, COMPANY_CUSTOMER, EARLIEST_MS, LATEST_MS, Event, Heartbeat, epoch_ms
from schemas.events import (
    AccountSet,
    CancellationScheduled,
    ExchangeRateSet,
    InvoiceIssued,
    SpendRecorded,
    SubscriptionCancelled,
    SubscriptionSet,
    SurveyAnswered,
)

MAX_EVENT_BYTES = 1_000_000
_RESERVED = frozenset({CLOCK_CUSTOMER, COMPANY_CUSTOMER})
Headers = Sequence[tuple[str, bytes]]
E = TypeVar("E", bound=Event)
M = TypeVar("M")


class SchemaError(ValueError):
    """A message that can never be read: what was expected, what came, at which field."""


class EventDecoder(Generic[E]):
    """Decodes and validates the input events of one topic.

    Args:
        union: the topic's tagged union of events (`schemas.events`).
        max_future_ms: how far `occurred_at` may lie after `now_ms`.
    """

    def __init__(self, union: Any, max_future_ms: int = 86_400_000) -> None:
        self._union = union
        self._decode = msgspec.json.Decoder(union).decode
        self._max_future_ms = max_future_ms

    def __call__(self, key: bytes | None, value: bytes | None, headers: Headers, now_ms: int) -> E:
        """The event in a record.

        Raises:
            SchemaError: not JSON, wrong type or field, impossible value, key not the customer.
        """
        if value is None:
            raise SchemaError("expected an event, got a record without value")
        if len(value) > MAX_EVENT_BYTES:
            raise SchemaError(f"expected at most {MAX_EVENT_BYTES} bytes, got {len(value)}")
        event = self._read(value, headers)
        if key != event.customer_id.encode() or event.customer_id in _RESERVED:
            _check_key(key, event)
        at, latest = epoch_ms(event.occurred_at), now_ms + self._max_future_ms
        if at < EARLIEST_MS or at > LATEST_MS:
            raise SchemaError("expected a time between 2000 and 2100 - at `$.occurred_at`")
        if at > latest:
            raise SchemaError(f"expected a time not after {latest} (now + allowance), got {at} - at `$.occurred_at`")
        check = _MEANING.get(type(event))
        if check is not None:
            check(event)
        return event

    def _read(self, value: bytes, headers: Headers) -> E:
        try:
            flat = _flatten_cloudevent(value, headers) if headers else None
            event: E = self._decode(value) if flat is None else msgspec.convert(flat, self._union)
            if flat is not None or b"\\" in value or b"\x7f" in value:  # else JSON holds no control characters
                _check_text(event)
        except msgspec.ValidationError as error:
            raise SchemaError(str(error)) from error
        except (msgspec.DecodeError, orjson.JSONDecodeError, UnicodeError) as error:
            raise SchemaError(f"expected JSON: {error}") from error
        except RecursionError as error:
            raise SchemaError("expected a flat object, got one nested too deeply") from error
        return event


def encode(message: Any) -> bytes:
    """JSON bytes of a message.

    Raises:
        SchemaError: the message holds text that is not valid Unicode.
    """
    try:
        return _ENCODER.encode(message)
    except UnicodeError as error:
        raise SchemaError(f"expected Unicode text: {error}") from error


class MessageDecoder(Generic[M]):
    """Decodes our own messages of one topic; raises SchemaError like `EventDecoder`."""

    def __init__(self, union: Any) -> None:
        self._decode = msgspec.json.Decoder(union).decode

    def __call__(self, value: bytes | None) -> M:
        if value is None:
            raise SchemaError("expected a message, got a record without value")
        try:
            message: M = self._decode(value)
        except msgspec.MsgspecError as error:
            raise SchemaError(str(error)) from error
        return message


_ENCODER = msgspec.json.Encoder()


def _check_text(event: Event) -> None:
    for name, pattern in _patterns(type(event)):
        text = getattr(event, name)
        if text is not None and pattern.fullmatch(text) is None:
            raise SchemaError(f"Expected `str` matching regex {pattern.pattern!r} - at `$.{name}`")


@cache
def _patterns(kind: type[Event]) -> list[tuple[str, re.Pattern[str]]]:
    """Fields of a type whose texts must match a pattern, and the pattern."""
    schema = msgspec.json.schema(kind)["$defs"][kind.__name__]["properties"]
    found = [(name, *_of(one, "pattern")) for name, one in schema.items()]
    return [(name, re.compile(patterns[0])) for name, *patterns in found if patterns]


def _of(schema: Mapping[str, Any], word: str) -> list[str]:
    """The values of a word in a field's schema, also in one of its alternatives."""
    return [one[word] for one in (schema, *schema.get("anyOf", ())) if word in one]


def _check_key(key: bytes | None, event: Event) -> None:
    if isinstance(event, Heartbeat):
        return  # whatever its key, it was sent to a partition by number
    company = event.customer_id == COMPANY_CUSTOMER and not isinstance(event, SpendRecorded | ExchangeRateSet)
    if company or event.customer_id == CLOCK_CUSTOMER:
        raise SchemaError(f"expected a customer, got the reserved customer_id {event.customer_id}")
    expected = event.customer_id.encode()
    if key != expected:
        got = "none" if key is None else repr(key[:60])
        raise SchemaError(f"expected the record key to be the customer_id {event.customer_id!r}, got {got}")


def _check_clock(event: Heartbeat) -> None:
    if event.customer_id != CLOCK_CUSTOMER:
        raise SchemaError(f"expected customer_id {CLOCK_CUSTOMER} on a heartbeat, got {event.customer_id}")


def _check_price(event: SubscriptionSet) -> None:
    if max(event.amount_minor, event.list_amount_minor or 0) * event.quantity > 10**15:
        raise SchemaError("expected amount_minor times quantity of at most 10^15 - at `$.quantity`")
    _check_time("term_ends_at", event.term_ends_at)


def _check_time(name: str, instant: datetime | int | None) -> None:
    """Times in words, like those in numbers, lie where every calendar and time zone can follow."""
    if instant is not None and not EARLIEST_MS <= epoch_ms(instant) <= LATEST_MS:
        raise SchemaError(f"expected a time between 2000 and 2100 - at `$.{name}`")


def _check_rate(event: ExchangeRateSet) -> None:
    if event.customer_id != COMPANY_CUSTOMER:
        raise SchemaError(f"expected customer_id {COMPANY_CUSTOMER} on an exchange rate, got {event.customer_id}")
    if event.currency == event.to:
        raise SchemaError(f"expected another currency than {event.currency} - at `$.to`")


def _check_answer(event: SurveyAnswered) -> None:
    low, high = (0.0, 10.0) if event.survey == "nps" else (event.scale_min, event.scale_max)
    if not low < high:
        raise SchemaError(f"expected scale_min under scale_max, got {low} and {high} - at `$.scale_max`")
    if not low <= event.score <= high:
        raise SchemaError(f"expected a score from {low:g} to {high:g}, got {event.score:g} - at `$.score`")
    if event.survey == "nps" and event.score != int(event.score):
        raise SchemaError(f"expected a whole NPS score, got {event.score:g} - at `$.score`")
    if event.survey == "ces" and event.polarity is None:
        raise SchemaError("expected polarity on a CES answer, got none - at `$.polarity`")


#: Rules that span the fields of a type.
_MEANING: Mapping[type, Callable[[Any], None]] = {
    Heartbeat: _check_clock,
    SurveyAnswered: _check_answer,
    SubscriptionSet: _check_price,
    CancellationScheduled: lambda event: _check_time("ends_at", event.ends_at),
    SubscriptionCancelled: lambda event: _check_time("ends_at", event.ends_at),
    InvoiceIssued: lambda event: _check_time("due_at", event.due_at),
    AccountSet: lambda event: _check_time("signed_up_at", event.signed_up_at),
    ExchangeRateSet: _check_rate,
}


def _flatten_cloudevent(value: bytes, headers: Headers) -> dict[str, Any] | None:
    """The flat event in a CloudEvent of either mode, None for a plain record."""
    known = {name.lower(): content for name, content in headers}
    if known.get("content-type", b"").lower().startswith(b"application/cloudevents"):
        outer = _object(value)
        return _flat(outer, outer.get("data"))
    if "ce_specversion" in known:
        attributes = {name[3:]: _text(content) for name, content in known.items() if name.startswith("ce_")}
        return _flat(attributes, _object(value))
    return None


def _flat(attributes: Mapping[str, Any], data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise SchemaError("expected an object - at `$.data`")
    subject = str(attributes.get("subject", ""))
    envelope = {
        "type": attributes.get("type"),
        "event_id": attributes.get("id"),
        "occurred_at": attributes.get("time"),
        "source": attributes.get("source"),
        "customer_id": subject.removeprefix("customer/") or attributes.get("partitionkey"),
    }
    return {**data, **{name: content for name, content in envelope.items() if content is not None}}


def _object(value: bytes) -> dict[str, Any]:
    loaded: dict[str, Any] | Any = orjson.loads(value)
    if not isinstance(loaded, dict):
        raise SchemaError("expected an object - at `$`")
    return cast(dict[str, Any], loaded)


def _text(content: bytes) -> str:
    return content.decode("utf-8")
