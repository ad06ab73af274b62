"""Other windows than the one learned, by discrete-time survival: a chance of leaving in each, one after the other.

P(leaves within several windows) = 1 - (1 - h1)(1 - h2)... The learned probability is the first chance. The later ones
are what the same model says of the customer with its calendar moved on (`scoring`): a renewal that is due in this
window is over in the next, one that is due in the next is not due yet. All else is taken to stay as it is, which is
the simplest thing to say of it. Within a window the hazard is constant.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

from streams.churn.exact import exp, log

_SURVIVED_BY_NONE = -700.0


def windows(learned_days: int, days: int) -> int:
    """How many windows `days` need, the last one perhaps not whole."""
    return -(-days // learned_days)


def at_horizon(chances: Sequence[float], learned_days: int, days: int) -> float:
    """The probability of leaving within `days`.

    Args:
        chances: of leaving in each window, when the ones before were survived, each in (0, 1); at least as many as
            `windows` says.
        learned_days: length of a window, >= 1.
        days: length of the window asked for, >= 1.

    Example:
        >>> round(at_horizon([0.1, 0.2], 30, 60), 2)
        0.28
    """
    whole, rest = divmod(days, learned_days)
    if whole == 1 and not rest:
        return chances[0]
    survived = [_survived(chance) for chance in chances[:whole]]
    if rest:
        survived.append(_survived(chances[whole]) * (rest / learned_days))
    return 1.0 - exp(max(math.fsum(survived), _SURVIVED_BY_NONE))


@lru_cache(maxsize=16)  # the windows of a customer mostly have the same chance, and every horizon begins with the first
def _survived(chance: float) -> float:
    """Log of the chance of staying through a window."""
    return log(1.0 - chance)
