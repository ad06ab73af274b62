"""Net Promoter Score: classes, score and its uncertainty (METRICS.md section 4)."""

from math import sqrt
from typing import Literal

NpsClass = Literal["promoter", "passive", "detractor"]

_PROMOTER_FROM = 9
_PASSIVE_FROM = 7
_Z_95 = 1.959964
# Rocks (2016), "Interval Estimation for the Net Promoter Score", The American Statistician 70(4): adding 3
# answers, 3/4 promoters and 3/4 detractors, before a Wald interval covers best of the closed forms.
_PSEUDO_EACH = 0.75
_PSEUDO_ANSWERS = 3.0


def nps_class(score: int) -> NpsClass:
    """9-10 promoter, 7-8 passive, 0-6 detractor.

    Example:
        >>> [nps_class(score) for score in (10, 9, 8, 7, 6, 0)]
        ['promoter', 'promoter', 'passive', 'passive', 'detractor', 'detractor']
    """
    if score >= _PROMOTER_FROM:
        return "promoter"
    return "passive" if score >= _PASSIVE_FROM else "detractor"


def nps(promoters: int, passives: int, detractors: int) -> float | None:
    """Share of promoters less share of detractors, in points.

    Args:
        promoters: respondents who gave 9 or 10.
        passives: respondents who gave 7 or 8.
        detractors: respondents who gave 0 to 6.

    Returns:
        -100 to 100; None when nobody answered.

    Example:
        >>> nps(promoters=5, passives=3, detractors=2)
        30.0
    """
    answers = promoters + passives + detractors
    return 100.0 * (promoters - detractors) / answers if answers else None


def nps_interval(promoters: int, passives: int, detractors: int) -> tuple[float, float] | None:
    """95 % confidence interval of `nps` in points, by the adjusted Wald method of Rocks (2016).

    It is cut to -100..100, and widened where it must be to hold the score itself (few answers, all alike).

    Returns:
        Lower and upper bound; None when nobody answered.

    Example:
        >>> low, high = nps_interval(promoters=50, passives=30, detractors=20)
        >>> round(low, 1), round(high, 1)
        (14.1, 44.2)
    """
    score = nps(promoters, passives, detractors)
    if score is None:
        return None
    answers = promoters + passives + detractors + _PSEUDO_ANSWERS
    up, down = (promoters + _PSEUDO_EACH) / answers, (detractors + _PSEUDO_EACH) / answers
    center = 100.0 * (up - down)
    margin = 100.0 * _Z_95 * sqrt((up + down - (up - down) ** 2) / answers)
    return max(-100.0, min(score, center - margin)), min(100.0, max(score, center + margin))
