"""Customers that left before they had earned what winning one costs, of many customers (METRICS.md section 5). Pure.

A customer that left within the window counts at its margin to date, taken down to three digits: so there are few sums
however many leave, and they hold for any cost. The cost is that of the same window, which is told with them: what the
company would pay for another one now. What winning a customer itself did cost, in its own month, is in `v_payback`.
"""

from collections.abc import Mapping, MutableMapping

from schemas.metrics import RevenueValues

_DIGITS = 3
_EARNED, _UNKNOWN = "lost_at", "lost_unknown"


def rounded_down(minor: int) -> int:
    """An amount taken down to three digits; 0 for less than nothing.

    Example:
        >>> rounded_down(1_239_99), rounded_down(999), rounded_down(-5)
        (123000, 999, 0)
    """
    if minor <= 0:
        return 0
    unit = int(10 ** max(0, len(str(minor)) - _DIGITS))
    return minor // unit * unit


def add_lost(sums: MutableMapping[str, int], values: RevenueValues, then: Mapping[str, int]) -> None:
    """Adds a customer that left within the window, in its own currency, as its margin is.

    Args:
        sums: a name that is not there is 0.
        values: at the end of a day.
        then: MRR by currency at the start of the window.
    """
    if then and not values.paying:
        earned = values.margin_to_date_minor
        known = f"{_EARNED}:{values.currency}:{rounded_down(earned or 0)}"
        sums[f"{_UNKNOWN}:{values.currency}" if earned is None else known] += 1


def without_margins(sums: Mapping[str, int]) -> dict[str, int]:
    """The sums that are no margins of those that left: few, so whatever is looked for among them is found at once.

    Example:
        >>> without_margins({"lost_at:BRL:900": 2, "lost:BRL": 2})
        {'lost:BRL': 2}
    """
    start = f"{_EARNED}:"
    return {name: amount for name, amount in sums.items() if not name.startswith(start)}


def lost_before_payback(sums: Mapping[str, int], costs: Mapping[str, float]) -> dict[str, int]:
    """How many left before their margin covered a cost, by their own currency.

    Where none left it is 0; where the margin is known of none that left, there is no entry.

    Args:
        sums: of the day the window ends with.
        costs: of winning a customer, in minor units; where there is none, there is no entry.

    Example:
        >>> lost_before_payback({"lost_at:BRL:900": 2, "lost_at:BRL:2000": 1, "lost_unknown:BRL": 1}, {"BRL": 2000.0})
        {'BRL': 2}
    """
    known: dict[str, int] = {}
    for name, count in sums.items():
        if name.startswith(f"{_EARNED}:") and count:
            _, currency, margin = name.split(":")
            if currency in costs:
                known[currency] = known.get(currency, 0) + (count if int(margin) < costs[currency] else 0)
    return {code: known.get(code, 0) for code in costs if code in known or not sums.get(f"{_UNKNOWN}:{code}")}
