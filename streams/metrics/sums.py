"""What customers add up to: whole numbers by name, so that any order of adding gives the same, and what they mean.

A customer's part of the sums is a function of its values alone. So a restatement changes them by the part of the new
values less that of the old ones. Money stands under `NAME:CURRENCY`, points of scores are whole micro-points.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from msgspec.structs import replace

from schemas.metrics import FeedbackValues, RevenueValues, SpendValues, SupportValues, UsageValues, Values
from schemas.portfolio import PortfolioValues
from schemas.scores import Band
from streams.metrics.acquisition import add_payer, add_spend
from streams.metrics.currency_sums import by_currency, ratios, together
from streams.metrics.nps import nps, nps_interval
from streams.metrics.points import MICRO

Sums = dict[str, int]
CUSTOMERS = "customers"
_MOVED = ("new", "expansion", "contraction", "churn", "reactivation", "currency_change")
_MONEY = ("mrr", "mrr_own", "mrr_before", *_MOVED)


def new_sums() -> Sums:
    """Sums of nobody; a name that is not there is 0."""
    return defaultdict(int)


def add_values(sums: Sums, values: Values) -> None:
    """Adds a customer's part of one domain; a profile adds nothing.

    Args:
        sums: made by `new_sums`.
        values: at the end of a day.

    Example:
        >>> sums = new_sums()
        >>> add_values(sums, SupportValues(tickets_open=2))
        >>> dict(sums)
        {'support': 1, 'tickets_open': 2, 'escalations_28d': 0, 'reopenings_28d': 0}
    """
    add = _adder(type(values))
    if add is not None:
        add(sums, values)


def add_health(sums: Sums, score: float | None, band: Band, revenue: RevenueValues | None) -> None:
    """Adds a customer's health of an aligned day, with the MRR that is red."""
    sums[f"health_{band}"] += 1
    if score is not None:
        sums["health_scored"] += 1
        sums["health_points"] += round(score * MICRO)
    if band == "red" and revenue is not None:
        _money(sums, "mrr_red", _mrr(revenue))


def add_upsell(sums: Sums, ready: float | None) -> None:
    """Adds a customer's upsell readiness of an aligned day."""
    if ready is not None:
        sums["upsell_known"] += 1
        sums["upsell_points"] += round(ready * MICRO)


def change(before: Values | None, after: Values, older: bool = False) -> Sums:
    """What a restatement adds to the sums; empty when it changes none.

    `older`: of a day that was tallied by a release that counted, of other currencies than a customer's, the MRR alone.

    Example:
        >>> change(SupportValues(tickets_open=2), SupportValues(tickets_open=1))
        {'tickets_open': -1}
    """
    sums, old = new_sums(), new_sums()
    add = _add_older if older and isinstance(after, RevenueValues) else add_values
    add(sums, after)
    if before is not None:
        add(old, before)
    for name, amount in old.items():
        sums[name] -= amount
    return {name: amount for name, amount in sums.items() if amount}


def merge(sums: Sums, others: Mapping[str, int]) -> None:
    """Adds sums to sums; names that come to 0 go."""
    for name, amount in others.items():
        total = sums.get(name, 0) + amount
        if total:
            sums[name] = total
        else:
            sums.pop(name, None)


def figures(sums: Mapping[str, int]) -> PortfolioValues:
    """The figures behind sums.

    Example:
        >>> found = figures({"mrr:BRL": 1100, "mrr_before:BRL": 1000, "mrr_kept:BRL": 900})
        >>> found.mrr_minor, found.nrr_28d, found.nps
        ({'BRL': 1100}, {'BRL': 0.9}, None)
    """

    def of(name: str) -> int:
        return sums.get(name, 0)

    money = {name: by_currency(sums, name) for name in _MONEY}
    kept, capped, paying, moved_away, red = (
        by_currency(sums, name) for name in ("mrr_kept", "mrr_capped", "paying", "mrr_moved_away", "mrr_red")
    )
    before = money["mrr_before"]
    stayed = {currency: amount - moved_away.get(currency, 0) for currency, amount in before.items()}
    up = together(money["new"], money["expansion"], money["reactivation"])
    answers = of("promoters"), of("passives"), of("detractors")
    low, high = nps_interval(*answers) or (None, None)
    return PortfolioValues(
        customers=of(CUSTOMERS),
        active_customers_28d=of("active_customers"),
        active_users_28d=of("active_users"),
        activated_customers=of("activated"),
        activation_share=_ratio(of("activated"), of("usage")),
        overdue_onboardings=of("overdue_onboardings"),
        mean_engagement_score=_mean(of("engagement_points"), of("engagement_known")),
        tickets_open=of("tickets_open"),
        tickets_opened_7d=of("tickets_opened_7d"),
        tickets_opened_28d=of("tickets_opened_28d"),
        escalations_28d=of("escalations_28d"),
        reopenings_28d=of("reopenings_28d"),
        fcr_rate_90d=_ratio(of("fcr_first_contact"), of("fcr_solved")),
        sla_breaches_28d=of("sla_breaches") if of("sla_known") else None,
        paying_customers=of("paying"),
        late_customers=of("late"),
        mrr_minor=money["mrr"],
        arr_minor={currency: 12 * amount for currency, amount in money["mrr"].items()},
        mrr_28d_ago_minor=before,
        new_28d_minor=money["new"],
        expansion_28d_minor=money["expansion"],
        contraction_28d_minor=money["contraction"],
        churn_28d_minor=money["churn"],
        reactivation_28d_minor=money["reactivation"],
        nrr_28d=ratios(kept, stayed),
        grr_28d=ratios(capped, stayed),
        quick_ratio_28d=ratios(up, together(money["contraction"], money["churn"])),
        arpa_minor=ratios(money["mrr_own"], paying),
        paying_customers_28d_ago=of("paying_before"),
        lost_customers_28d=of("lost"),
        customer_churn_28d=_ratio(of("lost"), of("paying_before")),
        nps=nps(*answers),
        nps_low=low,
        nps_high=high,
        promoters_90d=answers[0],
        passives_90d=answers[1],
        detractors_90d=answers[2],
        csat=_ratio(of("csat_positive"), of("csat_ratings")),
        csat_ratings_90d=of("csat_ratings"),
        response_rate_90d=_ratio(of("invited_answered"), of("invitations")),
        follow_ups_open=of("follow_ups_open"),
        follow_ups_overdue=of("follow_ups_overdue"),
        mean_health_score=_mean(of("health_points"), of("health_scored")),
        red_customers=of("health_red"),
        yellow_customers=of("health_yellow"),
        green_customers=of("health_green"),
        unknown_customers=of("health_unknown"),
        mrr_red_minor=red,
        mean_upsell_ready=_mean(of("upsell_points"), of("upsell_known")),
        currency_change_28d_minor=money["currency_change"],
    )


def _usage(sums: Sums, values: UsageValues) -> None:
    sums["usage"] += 1
    sums["active_customers"] += values.active_days_28d > 0
    sums["active_users"] += values.active_users_28d or 0
    sums["activated"] += values.activated_at is not None
    sums["overdue_onboardings"] += values.onboarding_overdue is True
    if values.engagement_score is not None:
        sums["engagement_known"] += 1
        sums["engagement_points"] += round(values.engagement_score * MICRO)


def _support(sums: Sums, values: SupportValues) -> None:
    sums["support"] += 1
    sums["tickets_open"] += values.tickets_open
    if values.sla_breaches_28d is not None:
        sums["sla_known"] += 1
        sums["sla_breaches"] += values.sla_breaches_28d
    if values.tickets_opened_28d:
        sums["tickets_opened_7d"] += values.tickets_opened_7d
        sums["tickets_opened_28d"] += values.tickets_opened_28d
    sums["escalations_28d"] += values.escalations_28d
    sums["reopenings_28d"] += values.reopenings_28d
    if values.fcr_solved_90d:
        sums["fcr_solved"] += values.fcr_solved_90d
        sums["fcr_first_contact"] += values.fcr_first_contact_90d


def _revenue(sums: Sums, values: RevenueValues) -> None:
    sums["revenue"] += 1
    sums["paying"] += values.paying
    sums["late"] += values.payment_state == "late"
    mrr, then, moved = _mrr(values), _mrr_then(values), values.moved_other_28d_minor
    for currency, now in mrr.items():
        sums[f"mrr:{currency}"] += now
        sums[f"paying:{currency}"] += 1
        sums[f"mrr_own:{currency}"] += now  # of those counted, by any release
    if then:
        sums["paying_before"] += 1
        sums["lost"] += not values.paying
    for currency, before in then.items():
        now = mrr.get(currency, 0)
        sums[f"mrr_before:{currency}"] += before
        sums[f"mrr_kept:{currency}"] += now
        sums[f"mrr_capped:{currency}"] += min(now, before)
        own = currency == values.currency
        exchanged = values.currency_change_28d_minor if own else moved.get(f"currency_change:{currency}", 0)
        if exchanged < 0 and not now and values.paying:
            sums[f"mrr_moved_away:{currency}"] += before
    add_payer(sums, values, mrr, then)
    for name, amount in moved.items():
        sums[name] += amount
    for name in _MOVED:
        amount = getattr(values, f"{name}_28d_minor")
        if amount:
            sums[f"{name}:{values.currency}"] += amount


def _add_older(sums: Sums, values: Any) -> None:
    _revenue(sums, replace(values, mrr_28d_ago_other_minor={}, moved_other_28d_minor={}, currency_change_28d_minor=0))
    for currency, amount in values.mrr_other_minor.items():
        sums[f"paying:{currency}"] -= 1
        sums[f"mrr_own:{currency}"] -= amount


def _feedback(sums: Sums, values: FeedbackValues) -> None:
    sums["feedback"] += 1
    if values.nps_respondents_90d:
        sums["promoters"] += values.promoters_90d
        sums["passives"] += values.passives_90d
        sums["detractors"] += values.detractors_90d
    if values.csat_ratings_90d:
        sums["csat_positive"] += values.csat_positive_90d
        sums["csat_ratings"] += values.csat_ratings_90d
    if values.invitations_90d:
        sums["invitations"] += values.invitations_90d
        sums["invited_answered"] += values.invited_answered_90d
    sums["follow_ups_open"] += values.follow_ups_open
    sums["follow_ups_overdue"] += values.follow_ups_overdue


_Add = Callable[[Sums, Any], None]
_ADDERS: Mapping[type, _Add] = {
    UsageValues: _usage,
    SupportValues: _support,
    RevenueValues: _revenue,
    FeedbackValues: _feedback,
    SpendValues: add_spend,
}


@cache
def _adder(kind: type) -> _Add | None:
    """What adds values of a type, or of one that is a domain's values with another coding."""
    return next((add for values, add in _ADDERS.items() if issubclass(kind, values)), None)


def _mrr(values: RevenueValues) -> dict[str, int]:
    """MRR by currency, in the customer's own and in others."""
    if values.currency is None or not values.mrr_minor:
        return values.mrr_other_minor
    return {**values.mrr_other_minor, values.currency: values.mrr_minor}


def _mrr_then(values: RevenueValues) -> dict[str, int]:
    """The same of 28 days ago."""
    if values.currency is None or not values.mrr_28d_ago_minor:
        return values.mrr_28d_ago_other_minor
    return {**values.mrr_28d_ago_other_minor, values.currency: values.mrr_28d_ago_minor}


def _money(sums: Sums, name: str, amounts: Mapping[str, int]) -> None:
    for currency, amount in amounts.items():
        sums[f"{name}:{currency}"] += amount


def _ratio(dividend: int, divisor: int) -> float | None:
    return dividend / divisor if divisor else None


def _mean(points: int, count: int) -> float | None:
    """Mean of micro-points, in points."""
    return points / count / MICRO if count else None
