"""The envelope every input event carries, and the constrained field types events are built from.

An event is one flat JSON object: the envelope's fields, `type` as the tag of the union, and the type's own fields.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, cast

from msgspec import Meta, Struct

CLOCK_CUSTOMER = "_clock"
COMPANY_CUSTOMER = "_company"
#: How no customer's id may begin: what we publish of many customers, and of models, stands under such keys.
RESERVED_PREFIXES = ("_portfolio", "_segment:", "_model")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

EARLIEST_MS = 946_684_800_000  # 2000-01-01, chosen: no product's event stream is older
LATEST_MS = 4_102_444_800_000  # 2100-01-01

# Looked for by the codec where they can occur at all: a pattern in the decoder would cost more than all the rest of it.
NO_CONTROL = r"^[^\x00-\x1f\x7f]*$"
_NO_CONTROL = {"pattern": NO_CONTROL}
_NO_ZERO = {"pattern": r"^[^\x00]*$"}

Id = Annotated[str, Meta(min_length=1, max_length=200, extra_json_schema=_NO_CONTROL, description="an identifier")]
Name = Annotated[str, Meta(min_length=1, max_length=200, extra_json_schema=_NO_CONTROL, description="a short name")]
Text = Annotated[str, Meta(max_length=10_000, extra_json_schema=_NO_ZERO, description="free text of a person")]
Count = Annotated[int, Meta(ge=0, le=1_000_000_000, description="a count")]
Quantity = Annotated[int, Meta(ge=1, le=1_000_000_000, description="how many, at least one")]
Minor = Annotated[int, Meta(ge=0, le=10**15, description="money in minor units of its currency")]
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}$", description="ISO 4217 code")]
Seconds = Annotated[float, Meta(ge=0, le=10**9, description="seconds")]
Instant = (
    Annotated[datetime, Meta(tz=True, description="RFC 3339 with an offset")]
    | Annotated[int, Meta(ge=EARLIEST_MS, le=LATEST_MS, description="epoch milliseconds UTC")]
)


class Event(Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of every input event.

    Attributes:
        event_id: unique per event; the same event sent twice carries the same id.
        customer_id: the paying account, also the record's key. `_clock` for heartbeats, `_company` for spend on no
            customer in particular and for exchange rates. None that begins with one of `RESERVED_PREFIXES`.
        occurred_at: when it happened, RFC 3339 with an offset or epoch milliseconds.
        source: the system that sent it; `generated` marks made-up data.
        schema: version of the type's fields.
    """

    event_id: Id
    customer_id: Id
    occurred_at: Instant
    source: Name = "unknown"
    schema: Annotated[int, Meta(ge=1, le=1)] = 1


class Heartbeat(Event, frozen=True, kw_only=True, tag="heartbeat"):
    """Promise of a producer: nothing older than `occurred_at` will come on this partition.

    Sent to every partition of a topic explicitly; it moves the partition's watermark and nothing else.
    """


def epoch_ms(instant: datetime | int) -> int:
    """Milliseconds since 1970-01-01 UTC of either form of an `Instant`.

    Example:
        >>> epoch_ms(datetime(2024, 1, 1, tzinfo=UTC))
        1704067200000
    """
    if isinstance(instant, int):
        return instant
    return (instant - _EPOCH) // _MILLISECOND


def epochs_ms(instants: list[datetime | int]) -> list[int]:
    """`epoch_ms` of many; most producers write numbers, which are looked through faster than asked one by one."""
    return [*map(epoch_ms, instants)] if datetime in set(map(type, instants)) else cast(list[int], instants)


def optional_ms(instant: datetime | int | None) -> int | None:
    """`epoch_ms` that lets None pass."""
    return None if instant is None else epoch_ms(instant)
