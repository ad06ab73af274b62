"""What winning customers costs and what they are worth, of many customers (METRICS.md section 5). Pure.

Windows are 28 days, as in all streamed figures. A window is `WINDOW_MONTHS` of a month of 365.25 / 12 days, the month
that MRR is of, so a customer that brings A a month and leaves at a rate of c per window is worth

    A x gross margin x WINDOW_MONTHS / c

where c is the mean churn of six windows that end with the day, one behind the other. Each of them is the window of a
day of its own: its churn is what that day's sums say, restated with them.
"""

from collections.abc import Mapping, MutableMapping, Sequence
from statistics import fmean

from msgspec.structs import replace

from schemas.metrics import RevenueValues, SpendValues
from schemas.portfolio import PortfolioValues
from streams.metrics.currency_sums import by_currency, ratios
from streams.metrics.payback import add_lost, lost_before_payback, without_margins
from streams.metrics.points import MICRO

WINDOW_DAYS = 28
WINDOWS = 6
WINDOW_MONTHS = WINDOW_DAYS / 30.4375

#: Which names sums have: those of acquisition and of churn by currency from 1 on, what campaigns cost and what those
#: that left had earned from 2 on.
WITH_CHURN, WITH_COSTS = 1, 2
EDITION = 2

_SPENT, _WON, _MARGIN, _PAID, _LEFT = "spend_28d", "new_customers", "margin", "paying_before", "lost"
_CAMPAIGNS = "campaigns_28d"
_CHURN = (f"{_PAID}:", f"{_LEFT}:")
_COSTS = (f"{_CAMPAIGNS}:", f"{_WON}:")


def add_payer(
    sums: MutableMapping[str, int], values: RevenueValues, now: Mapping[str, int], then: Mapping[str, int]
) -> None:
    """Adds whether a customer was won or lost in the window, and its margin.

    Args:
        sums: a name that is not there is 0.
        values: at the end of a day.
        now: MRR by currency at the end of the window.
        then: the same at its start.
    """
    for currency in now:
        sums[f"{_MARGIN}:{currency}"] += round((values.gross_margin or 0) * MICRO)
    for currency in then:
        sums[f"{_PAID}:{currency}"] += 1
        sums[f"{_LEFT}:{currency}"] += not values.paying
    add_lost(sums, values, then)
    if values.new_28d_minor:
        sums[f"{_WON}:{values.currency}"] += 1
    for name, amount in values.moved_other_28d_minor.items():
        if name.startswith("new:") and amount:
            sums[name.replace("new", _WON, 1)] += 1


def add_spend(sums: MutableMapping[str, int], values: SpendValues) -> None:
    """Adds what was spent in the window on a customer, or on nobody in particular."""
    for currency, amount in values.spend_28d_minor.items():
        sums[f"{_SPENT}:{currency}"] += amount


def campaigns(sums: Mapping[str, int]) -> dict[str, int]:
    """What sums of the company's own spend, on nobody in particular, add to the costs of winning any customer.

    Example:
        >>> campaigns({"spend_28d:BRL": 500})
        {'campaigns_28d:BRL': 500}
    """
    return {name.replace(_SPENT, _CAMPAIGNS, 1): amount for name, amount in sums.items() if name.startswith(_SPENT)}


def has_spend(sums: Mapping[str, int]) -> bool:
    """Whether anything was spent."""
    return any(name.startswith(f"{_SPENT}:") for name in sums)


def moves_churn(sums: Mapping[str, int]) -> bool:
    """Whether a change of sums changes the churn of its window."""
    return any(name.startswith(_CHURN) for name in sums)


def moves_costs(sums: Mapping[str, int]) -> bool:
    """Whether a change of the sums of all customers changes what winning one costs in a segment."""
    return any(name.startswith(_COSTS) for name in sums)


def only_churn(sums: Mapping[str, int]) -> dict[str, int]:
    """The sums that the windows of later days need."""
    return {name: amount for name, amount in sums.items() if name.startswith(_CHURN)}


def mean_churn(windows: Sequence[Mapping[str, int]]) -> dict[str, float]:
    """Mean customer churn by currency over windows; of currencies that have one in each.

    Args:
        windows: sums of the days they end with, the newest first; fewer than six tell nothing.

    Example:
        >>> mean_churn([{"paying_before:BRL": 4, "lost:BRL": 1}] * 6)
        {'BRL': 0.25}
    """
    if len(windows) < WINDOWS:
        return {}
    rates = [ratios(by_currency(sums, _LEFT), by_currency(sums, _PAID)) for sums in windows]
    return {
        currency: fmean(of_window[currency] for of_window in rates)
        for currency in rates[0]
        if all(currency in of_window for of_window in rates)
    }


def lifetime_value(margin_minor: float, churn: float, months: float = 1.0) -> float | None:
    """What a customer is worth in minor units; None when nobody leaves.

    Args:
        margin_minor: what is left of its MRR after the costs of serving it.
        churn: share of the customers that leave in a window.
        months: length of the window.

    Example:
        >>> lifetime_value(100_00, 0.05)
        200000.0
    """
    return margin_minor * months / churn if churn else None


def cost_of_one(sums: Mapping[str, int], company: Mapping[str, int] | None = None) -> dict[str, float]:
    """What winning a customer cost in the window, by currency; only where something was spent and somebody won.

    In a segment that is what was spent on its customers by name / its customers won + what was spent on campaigns / all
    customers won: a campaign costs as much for each that it wins.

    Args:
        sums: of the day that the window ends with.
        company: of a segment the sums of all customers on that day.

    Example:
        >>> company = {"campaigns_28d:BRL": 90, "new_customers:BRL": 3}
        >>> cost_of_one({"spend_28d:BRL": 100, "new_customers:BRL": 2}, company)
        {'BRL': 80.0}
    """
    won, named = by_currency(sums, _WON), by_currency(sums, _SPENT)
    if company is None:
        return {code: named[code] / won[code] for code in named if code in won and named[code] > 0}
    together, shared = by_currency(company, _WON), by_currency(company, _CAMPAIGNS)
    costs = {
        code: named.get(code, 0) / won[code] + shared.get(code, 0) / together[code] for code in won if code in together
    }
    return {code: cost for code, cost in costs.items() if cost > 0}


def acquired(
    values: PortfolioValues,
    windows: Sequence[Mapping[str, int]],
    spent: bool,
    company: Mapping[str, int] | None = None,
    edition: int = EDITION,
) -> PortfolioValues:
    """Figures with what customers cost and are worth.

    Args:
        values: the figures of a day, with its ARPA.
        windows: sums of the day and of those 28, 56, ... days before, as far as they are known one behind the other.
        spent: whether the day is over for what was spent, too.
        company: of a segment the sums of all customers; empty while they are not known.
        edition: of the sums of the day.
    """
    whole, sums = windows[0], without_margins(windows[0])
    cac = cost_of_one(sums, company) if spent else {}
    margins = ratios(by_currency(sums, _MARGIN), by_currency(sums, "paying"))
    earned = {code: arpa * margins[code] / MICRO for code, arpa in values.arpa_minor.items() if margins.get(code)}
    churn = mean_churn([sums, *map(only_churn, windows[1:])])
    worth = {code: lifetime_value(earned[code], churn[code], WINDOW_MONTHS) for code in earned if code in churn}
    ltv = {code: value for code, value in worth.items() if value is not None}
    return replace(
        values,
        spend_28d_minor=by_currency(sums, _SPENT) if spent else {},
        new_customers_28d=by_currency(sums, _WON),
        cac_28d_minor=cac,
        mean_churn_168d=churn,
        ltv_minor=ltv,
        ltv_cac={code: ltv[code] / cac[code] for code in ltv if code in cac},
        cac_payback_months={code: cac[code] / earned[code] for code in cac if code in earned},
        lost_before_payback_28d=lost_before_payback(whole, cac) if edition >= WITH_COSTS else {},
    )
