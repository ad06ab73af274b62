"""Figures of all customers, or of a segment, by day; and the sums of each partition they are put together from."""

from typing import Literal

from msgspec import Struct

#: Key of the figures of all customers.
PORTFOLIO = "_portfolio"
_SEGMENT = "_segment:"


def segment_key(segment: str) -> str:
    """Key of a segment's figures.

    Example:
        >>> segment_key("enterprise")
        '_segment:enterprise'
    """
    return _SEGMENT + segment


def segment_of(portfolio: str) -> str | None:
    """The segment a key names; None for all customers.

    Example:
        >>> segment_of("_segment:enterprise"), segment_of("_portfolio")
        ('enterprise', None)
    """
    return portfolio.removeprefix(_SEGMENT) if portfolio.startswith(_SEGMENT) else None


class PortfolioValues(Struct, frozen=True, kw_only=True):
    """Figures of many customers at the end of a day (ids and definitions: METRICS.md).

    Money is by currency, of all that customers pay in: MRR 28 days ago + new + expansion + reactivation - contraction -
    churn + currency_change = MRR, in each. None, and a currency that is missing, is "not defined yet". Spend follows
    the other figures of a day, once it is over for spend, too; in a segment it is what was spent on its customers.
    """

    customers: int = 0
    active_customers_28d: int = 0
    active_users_28d: int = 0
    activated_customers: int = 0
    activation_share: float | None = None
    overdue_onboardings: int = 0
    mean_engagement_score: float | None = None
    tickets_open: int = 0
    tickets_opened_7d: int = 0
    tickets_opened_28d: int = 0
    escalations_28d: int = 0
    reopenings_28d: int = 0
    fcr_rate_90d: float | None = None
    sla_breaches_28d: int | None = None
    paying_customers: int = 0
    late_customers: int = 0
    mrr_minor: dict[str, int] = {}
    arr_minor: dict[str, int] = {}
    mrr_28d_ago_minor: dict[str, int] = {}
    new_28d_minor: dict[str, int] = {}
    expansion_28d_minor: dict[str, int] = {}
    contraction_28d_minor: dict[str, int] = {}
    churn_28d_minor: dict[str, int] = {}
    reactivation_28d_minor: dict[str, int] = {}
    nrr_28d: dict[str, float] = {}
    grr_28d: dict[str, float] = {}
    quick_ratio_28d: dict[str, float] = {}
    arpa_minor: dict[str, float] = {}
    paying_customers_28d_ago: int = 0
    lost_customers_28d: int = 0
    customer_churn_28d: float | None = None
    nps: float | None = None
    nps_low: float | None = None
    nps_high: float | None = None
    promoters_90d: int = 0
    passives_90d: int = 0
    detractors_90d: int = 0
    csat: float | None = None
    csat_ratings_90d: int = 0
    response_rate_90d: float | None = None
    follow_ups_open: int = 0
    follow_ups_overdue: int = 0
    mean_health_score: float | None = None
    red_customers: int = 0
    yellow_customers: int = 0
    green_customers: int = 0
    unknown_customers: int = 0
    mrr_red_minor: dict[str, int] = {}
    mean_upsell_ready: float | None = None
    currency_change_28d_minor: dict[str, int] = {}
    spend_28d_minor: dict[str, int] = {}
    new_customers_28d: dict[str, int] = {}
    cac_28d_minor: dict[str, float] = {}
    mean_churn_168d: dict[str, float] = {}
    ltv_minor: dict[str, float] = {}
    ltv_cac: dict[str, float] = {}
    cac_payback_months: dict[str, float] = {}
    churn_target: float | None = None
    lost_before_payback_28d: dict[str, int] = {}


class PortfolioFigures(Struct, frozen=True, kw_only=True, tag="portfolio"):
    """The figures of a portfolio at the end of a day.

    Attributes:
        portfolio: `_portfolio`, or `_segment:NAME`; also the record's key.
        segment: its name; None for all customers.
        as_of: the day's end, epoch ms.
        revision: how many restatements of customers' values are included, in a segment also, of all customers, those
            that changed what winning one costs (its own count twice then); the greatest holds, of equal ones the
            greatest version.
        reason: `closed` while nothing was restated.
        version: offset in `portfolio.v1` of the newest sums included, or of the marker that let spend in.
    """

    portfolio: str
    segment: str | None
    as_of: int
    day: int
    values: PortfolioValues
    revision: int = 0
    reason: Literal["closed", "restated"] = "closed"
    version: int = 0


class Tally(Struct, frozen=True, kw_only=True, tag="tally"):
    """What the customers of one partition add up to at the end of an aligned day.

    Attributes:
        partition: of `metrics.v1`.
        sums: by name; money by `NAME:CURRENCY`, scores in micro-points.
        restated: how many restatements are in them already.
        version: offset in `metrics.v1` of the record that closed the day.
        edition: which names the sums have; 1 with what acquisition and churn by currency need, 2 with what campaigns
            cost and what those that left had earned.
        churned: how many of the restatements changed churn by currency.
        costed: how many changed what winning a customer costs; of all customers alone.
    """

    partition: int
    day: int
    portfolio: str
    sums: dict[str, int]
    restated: int = 0
    version: int = 0
    edition: int = 0
    churned: int = 0
    costed: int = 0


class TallyClosed(Struct, frozen=True, kw_only=True, tag="tally_closed"):
    """All tallies of this day and partition have been published before this marker."""

    partition: int
    day: int
    version: int = 0


class SpendClosed(Struct, frozen=True, kw_only=True, tag="spend_closed"):
    """What was spent until the end of this day is in the sums of this partition, once they are tallied."""

    partition: int
    day: int
    version: int = 0


class DayChange(Struct, frozen=True, kw_only=True):
    """What a restatement adds to the sums of a day that was tallied before; `restated` counts it, where it does."""

    day: int
    portfolio: str
    sums: dict[str, int]
    restated: int = 0


class TallyChanged(Struct, frozen=True, kw_only=True, tag="tally_changed"):
    """What one value of one customer changes; `version` is its offset in `metrics.v1`, one message for each."""

    partition: int
    version: int
    changes: list[DayChange]


PortfolioMessage = Tally | TallyClosed | TallyChanged | SpendClosed
