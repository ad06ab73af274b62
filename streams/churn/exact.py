"""Elementary functions built from IEEE basic operations alone: the same bits on every machine.

The exp and log1p of C libraries differ in the last bit between versions and processors, and one bit in one
prediction is enough to make two replays of the same log end in different weights. These are accurate to a few
units in the last place (tested against `math`) and cost about a microsecond.
"""

from functools import lru_cache
from math import factorial, frexp, ldexp

_LOG2_E = 1.4426950408889634
# ln 2 in two parts: the first has trailing zero bits, so that k * _LN2_HIGH is exact for |k| < 2**11.
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_SQRT_HALF = 0.7071067811865476
# Taylor coefficients 1/13! ... 1/0! of exp: remainder under 1e-17 for |r| <= ln(2)/2.
_EXP = tuple(1.0 / factorial(n) for n in range(13, -1, -1))
# atanh series 1/23 ... 1/3: remainder under 1e-18 for s**2 <= 0.0295.
_LOG = tuple(1.0 / n for n in range(23, 1, -2))
_LOGIT_LIMIT = 30.0


def exp(x: float) -> float:
    """e**x for -700 <= x <= 700.

    Example:
        >>> exp(0.0)
        1.0
    """
    k = round(x * _LOG2_E)
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    total = 0.0
    for coefficient in _EXP:
        total = total * r + coefficient
    return ldexp(total, k)


def log(x: float) -> float:
    """Natural logarithm of a finite x > 0.

    Example:
        >>> log(1.0)
        0.0
    """
    m, e = frexp(x)
    if m < _SQRT_HALF:
        m, e = m * 2.0, e - 1
    s = (m - 1.0) / (m + 1.0)
    square = s * s
    total = 0.0
    for coefficient in _LOG:
        total = total * square + coefficient
    return e * _LN2_HIGH + (e * _LN2_LOW + 2.0 * (s + s * square * total))


@lru_cache(maxsize=65_536)  # counts repeat: most calls are answered from here
def signed_log(x: float) -> float:
    """sign(x) * ln(1 + |x|): tames heavy tails, keeps 0 at 0 and the sign.

    Example:
        >>> signed_log(-3.0) == -signed_log(3.0)
        True
    """
    return log(1.0 + x) if x >= 0.0 else -log(1.0 - x)


def logistic(logit: float) -> float:
    """Probability of log-odds, which are bounded to +-30 first.

    Example:
        >>> logistic(0.0)
        0.5
    """
    bounded = min(max(logit, -_LOGIT_LIMIT), _LOGIT_LIMIT)
    return 1.0 / (1.0 + exp(-bounded))


def logit(probability: float) -> float:
    """Log-odds of a probability in (0, 1).

    Example:
        >>> logit(0.5)
        0.0
    """
    return log(probability) - log(1.0 - probability)
