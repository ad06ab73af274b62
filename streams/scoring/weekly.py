"""A customer's weekly snapshots of churn features as its card stores them."""

from msgspec import Raw, Struct
from msgspec.msgpack import Decoder, Encoder

from streams.churn import places


class Observed(Struct, frozen=True):
    """Churn features of the end of a day, as in the snapshot of that day."""

    day: int
    features: dict[str, float]


# A snapshot is stored as its day and its features.
_ENCODE = Encoder().encode
_DAYS: Decoder[list[tuple[int, Raw]]] = Decoder(list[tuple[int, Raw]])


def added(packed: bytes, snapshot: Observed, keep: int) -> bytes:
    """A snapshot in front of those that are stored, of which so many are kept in all.

    Example:
        >>> added(b"", Observed(19_700, {"active_days_28d": 12.0, "usage_trend": 0.5}), 2).hex(" ")
        '91 92 cd 4c f4 92 93 0c c0 cb 3f e0 00 00 00 00 00 00 80'
    """
    return _ENCODE([(snapshot.day, Raw(places.pack(snapshot.features))), *_days(packed)[: keep - 1]])


def unpack(packed: bytes) -> list[Observed]:
    """Snapshots from what is stored, the features of each in the order of their places.

    Raises:
        msgspec.ValidationError: it is nothing that `added` made.
    """
    return [Observed(day, places.unpack(features)) for day, features in _days(packed)]


def before(packed: bytes, day: int) -> tuple[Observed | None, int | None]:
    """The first snapshot of a day before, and the day of the one that stands in front of it; None for none."""
    behind: int | None = None
    for observed, features in _days(packed):
        if observed < day:
            return Observed(observed, places.unpack(features)), behind
        behind = observed
    return None, behind


def _days(packed: bytes) -> list[tuple[int, Raw]]:
    return _DAYS.decode(packed) if packed else []
