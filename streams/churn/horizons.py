"""Other horizons than the one learned, by constant hazard.

Discrete-time survival with the same hazard h every day: P(leaves within n days) = 1 - (1 - h)^n, and the learned
probability gives h. It costs nothing and rises with n; it cannot know what changes within the window.
"""

from streams.churn.exact import exp, log


def at_horizon(probability: float, learned_days: int, days: int) -> float:
    """The probability within `days`, of the one within `learned_days`.

    Args:
        probability: in (0, 1).
        learned_days: length of its window, >= 1.
        days: length of the window asked for, >= 1.

    Example:
        >>> round(at_horizon(0.1, 30, 60), 2)
        0.19
    """
    if days == learned_days:
        return probability
    return 1.0 - exp(log(1.0 - probability) * (days / learned_days))
