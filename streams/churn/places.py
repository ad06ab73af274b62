"""Churn features of a snapshot as tables store them: numbers by their place in a list of names.

A name takes twice the bytes of its number. Features come and go with releases: one that has no place is stored under
its name, and a place stays that of its name when the registry knows the feature no more.

Invariant: `PLACES` is only ever appended to.
"""

from collections.abc import Mapping
from math import copysign

from msgspec import Raw
from msgspec.msgpack import Decoder, Encoder

# fmt: off
PLACES: tuple[str, ...] = (
    "active_days_28d", "days_since_last_use", "usage_trend", "usage_change", "quantity_28d", "features_used_28d",
    "active_users_28d", "seats_used", "usage_per_user", "error_share", "tenure_days", "not_activated",
    "onboarding_progress", "onboarding_overdue", "mrr", "mrr_per_user", "mrr_change", "days_overdue", "renewal_due",
    "renewal_due_term", "renewal_due_level", "renewal_due_use", "renewal_due_price", "renewal_by_hand", "ending_share",
    "cancellation_reported", "subscriptions_active", "tickets_open", "tickets_open_urgent", "tickets_opened_28d",
    "escalations_28d", "reopenings_28d", "sla_breaches_28d", "first_response_hours", "first_resolution_hours_90d",
    "oldest_open_hours", "questions_28d", "nps", "csat", "ces", "follow_ups_open",
)
# fmt: on
_PLACED = frozenset(PLACES)
_EXACT = 2**53

# Values by place, up to the last that is known, and what has no place.
_ENCODE = Encoder().encode
_FEATURES: Decoder[tuple[list[float | None], dict[str, float]]] = Decoder(tuple[list[float | None], dict[str, float]])


def pack(features: Mapping[str, float]) -> bytes:
    """Features as they are stored.

    Example:
        >>> pack({"active_days_28d": 12.0, "usage_trend": 0.5}).hex(" ")
        '92 93 0c c0 cb 3f e0 00 00 00 00 00 00 80'
    """
    # A whole number takes one byte or two instead of nine, and is read as the same float.
    placed = [
        int(value)
        if value is not None
        and value % 1.0 == 0.0
        and -_EXACT < value < _EXACT
        and (value or copysign(1.0, value) > 0.0)
        else value
        for value in map(features.get, PLACES)
    ]
    while placed and placed[-1] is None:
        placed.pop()
    return _ENCODE((placed, {name: value for name, value in features.items() if name not in _PLACED}))


def unpack(packed: bytes | Raw) -> dict[str, float]:
    """Features from what is stored, in the order of their places.

    Raises:
        msgspec.ValidationError: it is nothing that `pack` made.
    """
    placed, named = _FEATURES.decode(packed)
    # Places that a newer release appended have no name here: its features are none of ours.
    known = {name: value for name, value in zip(PLACES, placed, strict=False) if value is not None}
    return known | named if named else known
