"""The columns of input events: nine of ten rows are events, and most runs of them of one type. Pure."""

from collections.abc import Sequence
from functools import cache
from operator import attrgetter

from schemas.envelope import Event, epochs_ms
from streams.metrics.days import Days
from streams.sinks.record import Record, payload, person, person_fields
from streams.sinks.tables import EVENTS, MAX_UINT64

_headers = attrgetter("headers")
_COLUMNS = (
    "event_id",
    "type",
    "customer_id",
    "user_id",
    "occurred_at",
    "day",
    "source",
    "payload",
    "topic",
    "partition",
    "offset",
    "row_version",
)
assert EVENTS.column_names == list(_COLUMNS)


def event_columns(records: Sequence[Record], events: Sequence[Event], topic: str, days: Days) -> list[Sequence[object]]:
    """The columns of `EVENTS`, as the table's own read them one by one.

    Args:
        records: as they came.
        events: decoded, one for each of them.
        topic: name in the registry.
        days: calendar of the company.
    """
    times = epochs_ms([event.occurred_at for event in events])
    kinds = [*map(type, events)]
    one = kinds[0] if len(set(kinds)) == 1 else None
    offsets = [record.offset for record in records]
    return [
        [event.event_id for event in events],
        [*map(_tag, kinds)] if one is None else [_tag(one)] * len(events),
        [event.customer_id for event in events],
        _persons(events, one),
        times,
        _days(times, days),
        [event.source for event in events],
        _payloads(records, events),
        [topic] * len(events),
        [record.partition for record in records],
        offsets,
        [MAX_UINT64 - offset for offset in offsets],
    ]


@cache
def _tag(kind: type[Event]) -> object:
    return kind.__struct_config__.tag


def _persons(events: Sequence[Event], kind: type[Event] | None) -> list[str | None]:
    fields = None if kind is None else person_fields(kind)
    if fields is None or len(fields) > 1:
        return [*map(person, events)]
    return [*map(attrgetter(fields[0]), events)] if fields else [None] * len(events)


def _days(times: Sequence[int], days: Days) -> list[int]:
    """The day of each instant; a later instant lies on no earlier day."""
    first = days.of(min(times)) if times else 0
    return [first] * len(times) if times and days.of(max(times)) == first else [*map(days.of, times)]


def _payloads(records: Sequence[Record], events: Sequence[Event]) -> list[bytes]:
    if any(map(_headers, records)):
        return [payload(record, event) for record, event in zip(records, events, strict=True)]
    return [record.value or b"" for record in records]
