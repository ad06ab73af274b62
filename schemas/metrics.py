"""Metric values of the domains in event time, as published on `metrics.v1` (ids and definitions: METRICS.md).

`None` is "not defined yet", never 0. Windows end at `as_of`, half-open. Stored by place in scoring cards: only append.
"""

from typing import Literal

from msgspec import Struct

from schemas import models, portfolio

Domain = Literal["usage", "support", "revenue", "feedback", "account", "spend"]
DOMAINS: tuple[Domain, ...] = ("usage", "support", "revenue", "feedback", "account")  # spend enters no score


class UsageValues(Struct, frozen=True, kw_only=True, tag="usage", tag_field="domain"):
    """Product use, engagement, activation, onboarding and educational resources of a customer.

    `active_users_*` are None until an event names a user. `usage_trend` is active days of the last 14 days
    against the 14 before, None under 28 days of tenure. Onboarding starts with the first fact of the usage topic; its
    steps are None where the profile has none, sessions where it counts none, `resource*` until one was viewed or rated.
    """

    active_users_1d: int | None = None
    active_users_7d: int | None = None
    active_users_28d: int | None = None
    stickiness: float | None = None
    events_14d: int = 0
    events_prev_14d: int = 0
    events_28d: int = 0
    quantity_28d: int = 0
    duration_seconds_28d: float = 0.0
    errors_28d: int = 0
    active_days_14d: int = 0
    active_days_prev_14d: int = 0
    active_days_28d: int = 0
    features_used_28d: int = 0
    adoption: float | None = None
    usage_trend: float | None = None
    days_since_last_use: int | None = None
    first_used_at: int | None = None
    last_used_at: int | None = None
    milestones: int = 0
    engagement_score: float | None = None
    engagement_band: Literal["bad", "good", "excellent"] | None = None
    activated_at: int | None = None
    unmapped_features_28d: int | None = None
    sessions_28d: int | None = None
    onboarding_started_at: int | None = None
    onboarding_steps_done: int | None = None
    onboarding_steps_total: int | None = None
    onboarding_progress: float | None = None
    onboarded_at: int | None = None
    time_to_onboard_days: float | None = None
    onboarding_overdue: bool | None = None
    onboarding_users: int | None = None
    onboarding_sessions: int | None = None
    onboarding_emails_sent: int | None = None
    onboarding_emails_opened: int | None = None
    resource_views_28d: int | None = None
    resources_viewed_28d: int | None = None
    resource_ratings_28d: int | None = None
    resource_helpful_28d: float | None = None


class SupportValues(Struct, frozen=True, kw_only=True, tag="support", tag_field="domain"):
    """Tickets and their clocks; medians are over tickets opened in the window, calendar time if not said.

    `tickets_impossible` counts tickets whose history contradicts itself (solved before opened): they stay in the
    counts and out of the clocks, reviews and breaches. `business` is working time by the profile's calendar, None
    without one. `fcr_solved_90d` are tickets first solved in 90 days whose review is over. `sla_breaches_28d` is None
    where the profile sets no limit.
    """

    tickets_total: int = 0
    tickets_open: int = 0
    tickets_open_urgent: int = 0
    tickets_opened_7d: int = 0
    tickets_opened_28d: int = 0
    questions_28d: int = 0
    escalations_28d: int = 0
    reopenings_28d: int = 0
    tickets_impossible: int = 0
    first_response_minutes_28d: float | None = None
    first_response_minutes_90d: float | None = None
    first_resolution_hours_28d: float | None = None
    first_resolution_hours_90d: float | None = None
    first_ticket_resolution_hours: float | None = None
    oldest_open_hours: float | None = None
    last_ticket_at: int | None = None
    tickets_opened_28d_by_kind: dict[str, int] = {}
    tickets_opened_28d_by_priority: dict[str, int] = {}
    tickets_open_by_priority: dict[str, int] = {}
    first_response_business_minutes_28d: float | None = None
    first_response_business_minutes_90d: float | None = None
    full_resolution_hours_28d: float | None = None
    full_resolution_hours_90d: float | None = None
    fcr_solved_90d: int = 0
    fcr_first_contact_90d: int = 0
    fcr_rate_90d: float | None = None
    sla_breaches_28d: int | None = None


class RevenueValues(Struct, frozen=True, kw_only=True, tag="revenue", tag_field="domain"):
    """What the customer pays, from subscription facts, in `currency`, its own; what is named `other` in others.

    Those are by currency, movements by `NAME:CURRENCY`. `renewal_period_days`: of the contract that renews next.
    """

    mrr_minor: int = 0
    currency: str | None = None
    mrr_other_minor: dict[str, int] = {}
    mrr_28d_ago_minor: int = 0
    paying: bool = False
    subscriptions_active: int = 0
    trials_active: int = 0
    seats: int | None = None
    plan: str | None = None
    first_paid_at: int | None = None
    churned_at: int | None = None
    tenure_days: int | None = None
    days_to_renewal: int | None = None
    renewal_automatic: bool | None = None
    days_overdue: int | None = None
    payment_state: Literal["current", "late"] | None = None
    cancellations_reported_90d: int = 0
    cancellation_reported_while_paying: bool = False
    churn_reason: str | None = None
    churn_voluntary: bool | None = None
    arr_minor: int = 0
    new_28d_minor: int = 0
    expansion_28d_minor: int = 0
    contraction_28d_minor: int = 0
    churn_28d_minor: int = 0
    reactivation_28d_minor: int = 0
    nrr_28d: float | None = None
    grr_28d: float | None = None
    subscriptions_paused: int = 0
    subscriptions_ending: int = 0
    days_to_end: int | None = None
    terms_ended_1d: int = 0
    terms_renewed_1d: int = 0
    revenue_to_date_minor: int | None = None
    refunds_to_date_minor: int | None = None
    margin_to_date_minor: int | None = None
    gross_margin: float | None = None
    billing_impossible: int = 0
    currency_change_28d_minor: int = 0
    renewal_period_days: int | None = None
    mrr_28d_ago_other_minor: dict[str, int] = {}
    moved_other_28d_minor: dict[str, int] = {}


class NpsAnswer(Struct, frozen=True, kw_only=True):
    """An NPS answer; `generated` marks made-up demo data. Stored by place in scoring cards: only append."""

    response_id: str
    event_id: str
    score: int
    nps_class: Literal["promoter", "passive", "detractor"]
    answered_at: int
    respondent_id: str | None = None
    reason: str | None = None
    generated: bool = False


class FeedbackValues(Struct, frozen=True, kw_only=True, tag="feedback", tag_field="domain"):
    """What the customer says: NPS over the last answer of each respondent in 90 days, CSAT, CES, response rate.

    `recent_nps` are the NPS answers of 14 days, oldest first, for those who act on each of them: at most 20,
    detractors before others, then the newest; reasons are cut at 1,000 characters.
    """

    nps: float | None = None
    nps_low: float | None = None
    nps_high: float | None = None
    nps_respondents_90d: int = 0
    promoters_90d: int = 0
    passives_90d: int = 0
    detractors_90d: int = 0
    csat: float | None = None
    csat_positive_90d: int = 0
    csat_ratings_90d: int = 0
    ces_mean: float | None = None
    ces_top2: float | None = None
    responses_90d: int = 0
    invitations_90d: int = 0
    invited_answered_90d: int = 0
    response_rate_90d: float | None = None
    follow_ups_open: int = 0
    follow_ups_overdue: int = 0
    last_answer_at: int | None = None
    last_nps: NpsAnswer | None = None
    recent_nps: list[NpsAnswer] = []


class AccountValues(Struct, frozen=True, kw_only=True, tag="account", tag_field="domain"):
    """The customer's profile as the company's own systems tell it."""

    name: str
    segment: str | None = None
    industry: str | None = None
    country: str | None = None
    owner: str | None = None
    locale: Literal["pt", "es", "en"] | None = None
    plan: str | None = None
    seats: int | None = None
    signed_up_at: int | None = None


class SpendValues(Struct, frozen=True, kw_only=True, tag="spend", tag_field="domain"):
    """Money spent on winning customers, in minor units by currency: of the company (`_company`) or of one customer."""

    spend_1d_minor: dict[str, int] = {}
    spend_28d_minor: dict[str, int] = {}
    spend_90d_minor: dict[str, int] = {}
    spend_total_minor: dict[str, int] = {}


Values = UsageValues | SupportValues | RevenueValues | FeedbackValues | AccountValues | SpendValues


class CustomerValues(Struct, frozen=True, kw_only=True):
    """A customer's values of every domain at one instant; None where a domain knows nothing of the customer."""

    usage: UsageValues | None = None
    support: SupportValues | None = None
    revenue: RevenueValues | None = None
    feedback: FeedbackValues | None = None
    account: AccountValues | None = None


class MetricValues(Struct, frozen=True, kw_only=True, tag="values"):
    """One domain's values of one customer.

    Attributes:
        kind: `live` at once; `day` the values at the end of `day`, in order, revision 0 first.
        as_of: the instant they describe, epoch ms; a day's end. The newest are the last with the largest, of any kind.
        revision, version: how often this day has been restated; offset of the newest input record included.
        event_id, event_at: the customer's newest event in this domain.
        before, restated_by: of a restated day the values it had, if any, and the event behind it, or `policy_changed`.
    """

    customer_id: str
    kind: Literal["live", "day"]
    as_of: int
    day: int
    values: Values
    revision: int = 0
    version: int = 0
    event_id: str | None = None
    event_at: int | None = None
    before: Values | None = None
    restated_by: str | None = None


class DayClosed(Struct, frozen=True, kw_only=True, tag="day_closed"):
    """All values of `day` of this domain and partition have been published before this marker."""

    domain: Domain
    day: int
    version: int = 0


class Movement(Struct, frozen=True, kw_only=True, tag="movement"):
    """A step of a customer's MRR (METRICS.md section 5); `removed` takes back one that late data undid.

    Key: customer_id, currency, effective_at. `amount_minor`: after - before. `churn_*`: of a churn, where it was said.
    """

    customer_id: str
    effective_at: int
    currency: str
    movement: Literal["new", "expansion", "contraction", "churn", "reactivation", "currency_change"]
    amount_minor: int
    mrr_before_minor: int
    mrr_after_minor: int
    event_id: str | None = None
    removed: bool = False
    version: int = 0
    churn_reason: str | None = None
    churn_voluntary: bool | None = None


class Progress(Struct, frozen=True, kw_only=True, tag="progress"):
    """Accounting of an input partition: read = applied + duplicate + late + dead; heartbeats apply if time moves."""

    topic: str
    partition: int
    read: int
    applied: int
    duplicate: int
    late: int
    dead: int
    watermark: int | None
    closed_day: int | None
    version: int


MetricsMessage = MetricValues | DayClosed | Movement | Progress | portfolio.PortfolioFigures | models.ModelFigures
