"""Figures over the tickets of a window: medians of their clocks, counts by label."""

from collections.abc import Sequence
from typing import NamedTuple

from streams.metrics.days import HOUR_MS, MINUTE_MS
from streams.metrics.support_clocks import Reading


class Medians(NamedTuple):
    """Medians of the clocks of tickets; None where none is defined."""

    response_minutes: float | None = None
    resolution_hours: float | None = None
    business_minutes: float | None = None
    full_hours: float | None = None


_NONE = Medians()


def medians(tickets: Sequence[Reading]) -> Medians:
    """Of all clocks of these tickets, each over those that have stopped."""
    if not tickets:
        return _NONE
    return Medians(
        _median([t.first_response_ms for t in tickets], MINUTE_MS),
        _median([t.first_resolution_ms for t in tickets], HOUR_MS),
        _median([t.first_response_business_ms for t in tickets], MINUTE_MS),
        _median([t.full_resolution_ms for t in tickets], HOUR_MS),
    )


def _median(lengths_ms: list[int | None], unit_ms: int) -> float | None:
    """The middle one, or the mean of the middle two, of those that are defined."""
    defined = [length for length in lengths_ms if length is not None]
    if not defined:
        return None
    defined.sort()
    middle = len(defined) // 2
    if len(defined) % 2:
        return defined[middle] / unit_ms
    return (defined[middle - 1] + defined[middle]) / 2 / unit_ms


def counts(labels: Sequence[str | None]) -> dict[str, int]:
    """How many of each, in the order of the names."""
    found: dict[str, int] = {}
    for label in labels:
        name = label or "unknown"
        found[name] = found.get(name, 0) + 1
    return dict(sorted(found.items())) if len(found) > 1 else found
