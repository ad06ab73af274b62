"""Bytes to typed messages and back, with errors that name the field.

Input events come as flat JSON, or as CloudEvents 1.0 in binary mode (`ce_*` headers) or structured mode
(content type `application/cloudevents+json`). One pass of msgspec decodes and validates.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any, Generic, Protocol, TypeVar, cast

import msgspec
import orjson

from schemas.cloudevents import Headers, flatten_cloudevent
from schemas.envelope import (
    CLOCK_CUSTOMER,
    COMPANY_CUSTOMER,
    EARLIEST_MS,
    LATEST_MS,
    RESERVED_PREFIXES,
    Event,
    Heartbeat,
    epoch_ms,
    epochs_ms,
)
from schemas.errors import SchemaError
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

__all__ = ("MAX_EVENT_BYTES", "EventDecoder", "MessageDecoder", "SchemaError", "encode")

MAX_EVENT_BYTES = 1_000_000
_BACKSLASH, _DELETE = b"\\\x7f"
_headers = attrgetter("headers")
E = TypeVar("E", bound=Event)
M = TypeVar("M")


class Keyed(Protocol):
    """What of a record makes an event."""

    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Any: ...


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
        _check_sizes((value,))
        event = self._read(value, headers)
        if key != event.customer_id.encode() or event.customer_id.startswith("_"):
            _check_key(key, event)
        at = epoch_ms(event.occurred_at)
        self._check_times(at, at, now_ms)
        check = _MEANING.get(type(event))
        if check is not None:
            check(event)
        return event

    def many(self, records: Sequence[Keyed], now_ms: int) -> list[E]:
        """The events of records as `__call__` gives them, at half the cost: what all have in common is checked once.

        Raises:
            SchemaError: one of the records cannot be read; which one is found by `__call__`.
        """
        values = [record.value for record in records]
        if None in values or any(map(_headers, records)):
            return [self(record.key, record.value, record.headers, now_ms) for record in records]
        events = self._read_many(cast(list[bytes], values))
        _check_keys(records, events)
        times = epochs_ms([event.occurred_at for event in events])
        if times:
            self._check_times(min(times), max(times), now_ms)
        if not _MEANING.keys().isdisjoint(map(type, events)):
            for event in events:
                _MEANING.get(type(event), _no_rule)(event)
        return events

    def _check_times(self, first: int, last: int, now_ms: int) -> None:
        if first < EARLIEST_MS or last > LATEST_MS:
            raise SchemaError("expected a time between 2000 and 2100 - at `$.occurred_at`")
        latest = now_ms + self._max_future_ms
        if last > latest:
            raise SchemaError(f"expected a time not after {latest} (now + allowance), got {last} - at `$.occurred_at`")

    def _read_many(self, values: Sequence[bytes]) -> list[E]:
        text = b"".join(values)
        if len(text) > MAX_EVENT_BYTES:
            _check_sizes(values)
        try:
            events: list[E] = list(map(self._decode, values))
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise SchemaError(str(error)) from error
        if _may_hold_control(text):
            for value, event in zip(values, events, strict=True):
                if _may_hold_control(value):
                    _check_text(event)
        return events

    def _read(self, value: bytes, headers: Headers) -> E:
        try:
            flat = flatten_cloudevent(value, headers) if headers else None
            event: E = self._decode(value) if flat is None else msgspec.convert(flat, self._union)
            if flat is not None or _may_hold_control(value):
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
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise SchemaError(str(error)) from error
        return message

    def many(self, values: Sequence[bytes | None]) -> list[M | None]:
        """The messages in values, None for none.

        Raises:
            SchemaError: one of them cannot be read; which one is found by `__call__`.
        """
        read = self._decode
        try:
            return [None if value is None else read(value) for value in values]
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise SchemaError(str(error)) from error


_ENCODER = msgspec.json.Encoder()


def _check_sizes(values: Sequence[bytes]) -> None:
    largest = max(map(len, values))
    if largest > MAX_EVENT_BYTES:
        raise SchemaError(f"expected at most {MAX_EVENT_BYTES} bytes, got {largest}")


def _may_hold_control(text: bytes) -> bool:
    """False when JSON that was read can hold no control character; a number is found faster than bytes."""
    return _BACKSLASH in text or _DELETE in text


def _no_rule(event: Event) -> None:
    """Most types have none that spans fields."""


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


def _check_keys(records: Sequence[Keyed], events: Sequence[Event]) -> None:
    keys = [record.key or b"" for record in records]
    # No id holds a line break: so one look tells whether all keys are right, and one finds what is reserved ("_").
    customers = "\n".join([event.customer_id for event in events])
    if b"\n".join(keys) != customers.encode() or "\n_" in "\n" + customers:
        for record, event in zip(records, events, strict=True):
            _check_key(record.key, event)


def _check_key(key: bytes | None, event: Event) -> None:
    if isinstance(event, Heartbeat):
        return  # whatever its key, it was sent to a partition by number
    company = event.customer_id == COMPANY_CUSTOMER and not isinstance(event, SpendRecorded | ExchangeRateSet)
    if company or event.customer_id == CLOCK_CUSTOMER or event.customer_id.startswith(RESERVED_PREFIXES):
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
    if low is None or high is None:
        missing = "scale_min" if low is None else "scale_max"
        raise SchemaError(f"expected the ends of the scale on a {event.survey} answer, got none - at `$.{missing}`")
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
