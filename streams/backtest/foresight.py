"""Warnings against what happened: how early, how often in time, how often for nothing.

Every figure comes with its sample size, and is None where nothing was there to be measured.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import quantiles
from typing import NamedTuple

from msgspec import Struct

from streams.backtest.track import Churned, Spell


class Span(NamedTuple):
    """Days that are judged.

    Attributes:
        since, until: first and last day, inclusive.
        known: last day of the history; what follows a warning is known up to it.
    """

    since: int
    until: int
    known: int


class Windows(Struct, frozen=True, kw_only=True):
    """How far a warning and a churn may lie apart. Chosen, not measured.

    Attributes:
        lookback_days: a churn was warned of when a warning stood on one of so many days before it.
        horizon_days: a warning was right when the customer left within so many days after it began.
    """

    lookback_days: int = 90
    horizon_days: int = 90


class Foresight(Struct, frozen=True, kw_only=True):
    """How good one kind of warning was.

    Attributes:
        churns: how many left in the span; `warned` of them stood under a warning in the lookback.
        recall: warned / churns.
        lead_days: for each warned churn the days from the first day under warning within the lookback to the churn,
            rising; so at most the lookback.
        lead_lower, lead_median, lead_upper: its quartiles.
        warnings: how many began in the span; `mature` of them so long ago that their whole horizon is known, and
            `followed` of these by a churn within it.
        precision: followed / mature.
        customers: distinct customers behind the mature warnings, the honest sample size; `customers_churned` of them
            left within the horizon of one.
        customer_precision: customers_churned / customers.
    """

    signal: str
    churns: int
    warned: int
    recall: float | None
    lead_days: list[int]
    lead_lower: float | None
    lead_median: float | None
    lead_upper: float | None
    warnings: int
    mature: int
    followed: int
    precision: float | None
    customers: int
    customers_churned: int
    customer_precision: float | None


def foresight(
    signal: str, spells: Sequence[Spell], churned: Iterable[Churned], span: Span, windows: Windows
) -> Foresight:
    """Judges the warnings of one signal.

    Args:
        signal: its name.
        spells: days under warning.
        churned: everybody who left in the history, also after the span.
        span: churns and beginnings of warnings within it count.
        windows: how far both may lie apart.

    Example:
        >>> found = foresight("red", [Spell("a", 10, 14)], [Churned(20, "a")], Span(0, 30, 120), Windows())
        >>> found.lead_median, found.recall, found.precision
        (10.0, 1.0, 1.0)
    """
    left: defaultdict[str, list[int]] = defaultdict(list)
    for day, customer in sorted(churned):
        left[customer].append(day)
    leads = [
        _lead(spells_of, day, windows.lookback_days)
        for customer, spells_of in _by_customer(spells, left).items()
        for day in left[customer]
        if span.since <= day <= span.until
    ]
    early = sorted(lead for lead in leads if lead is not None)
    lower, median, upper = _quartiles(early)
    begun = [spell for spell in spells if span.since <= spell.start <= span.until]
    mature = [spell for spell in begun if spell.start + windows.horizon_days <= span.known]
    followed = [spell for spell in mature if _followed(spell, left.get(spell.customer_id, []), windows.horizon_days)]
    customers, right = ({spell.customer_id for spell in found} for found in (mature, followed))
    return Foresight(
        signal=signal,
        churns=len(leads),
        warned=len(early),
        recall=_share(len(early), len(leads)),
        lead_days=early,
        lead_lower=lower,
        lead_median=median,
        lead_upper=upper,
        warnings=len(begun),
        mature=len(mature),
        followed=len(followed),
        precision=_share(len(followed), len(mature)),
        customers=len(customers),
        customers_churned=len(right),
        customer_precision=_share(len(right), len(customers)),
    )


def _by_customer(spells: Iterable[Spell], customers: Iterable[str]) -> dict[str, list[Spell]]:
    """The spells of these customers, none for those who have none."""
    found: dict[str, list[Spell]] = {customer: [] for customer in customers}
    for spell in spells:
        if spell.customer_id in found:
            found[spell.customer_id].append(spell)
    return found


def _lead(spells: Iterable[Spell], churn_day: int, lookback_days: int) -> int | None:
    """Days from the first day under warning within the lookback to the churn; the day of the churn is too late."""
    first = churn_day - lookback_days
    days = [
        max(spell.start, first)
        for spell in spells
        if spell.start < churn_day and (spell.end is None or spell.end > first)
    ]
    return churn_day - min(days) if days else None


def _followed(spell: Spell, churn_days: list[int], horizon_days: int) -> bool:
    """Whether the first churn after the day a warning began came within the horizon."""
    place = bisect_left(churn_days, spell.start + 1)
    return place < len(churn_days) and churn_days[place] <= spell.start + horizon_days


def _quartiles(values: Sequence[int]) -> tuple[float | None, float | None, float | None]:
    """Quartiles, linear between the values of the sample."""
    if not values:
        return None, None, None
    if len(values) == 1:
        only = float(values[0])
        return only, only, only
    lower, median, upper = quantiles(values, n=4, method="inclusive")
    return lower, median, upper


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
