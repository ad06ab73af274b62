"""Points of a score that sum exactly: shares counted in whole micro-points, all of them making 100 points."""

MICRO = 1_000_000  # micro-points in a point
WHOLE = 100 * MICRO  # what all weights sum to


def decimal(number: float) -> float:
    """The number with six decimal places; much faster than `round` with digits."""
    return round(number * MICRO) / MICRO


def whole(raw: list[float]) -> list[int]:
    """Weights in micro-points that sum to 100 points, or all 0; the largest takes what rounding leaves.

    Example:
        >>> whole([1.0, 2.0, 0.0])
        [33333333, 66666667, 0]
    """
    total = sum(raw)
    if total == 0:
        return [0] * len(raw)
    weights = [round(weight / total * WHOLE) for weight in raw]
    weights[weights.index(max(weights))] += WHOLE - sum(weights)
    return weights
