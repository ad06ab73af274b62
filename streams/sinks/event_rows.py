"""Rows of input events, a column at a time: nine of ten rows are events, and most runs of them of one type. Pure."""

from collections.abc import Iterator, Sequence
from functools import cache
from operator import attrgetter
from typing import Any

from schemas.envelope import Event, epoch_ms
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


def event_rows(
    records: Sequence[Record], events: Sequence[Event], topic: str, days: Days
) -> Iterator[tuple[object, ...]]:
    """The values of `EVENTS` for each event, as the table's own columns read them.

    Args:
        records: as they came.
        events: decoded, one for each of them.
        topic: name in the registry.
        days: calendar of the company.
    """
    times = [epoch_ms(event.occurred_at) for event in events]
    offsets = [record.offset for record in records]
    return zip(
        [event.event_id for event in events],
        _types(events),
        [event.customer_id for event in events],
        _persons(events),
        times,
        _days(times, days),
        [event.source for event in events],
        _payloads(records, events),
        [topic] * len(events),
        [record.partition for record in records],
        offsets,
        [MAX_UINT64 - offset for offset in offsets],
        strict=True,
    )


def _types(events: Sequence[Event]) -> list[Any]:
    return [_tag(kind) for kind in map(type, events)]


@cache
def _tag(kind: type[Event]) -> Any:
    return kind.__struct_config__.tag


def _persons(events: Sequence[Event]) -> list[str | None]:
    kinds = set(map(type, events))
    fields = person_fields(kinds.pop()) if len(kinds) == 1 else None
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
