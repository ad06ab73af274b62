"""The five tables of RavenStack as typed rows. Reading only: no judgement about what they say.

Not read, because no event has room for it: accounts' referral_source, usage's is_beta_feature, churn events'
preceding_upgrade_flag and preceding_downgrade_flag.
"""

from dataclasses import dataclass
from typing import Literal, cast, get_args

from schemas.events import Priority
from streams.intake.fields import FieldError, Fields

Billing = Literal["monthly", "annual"]

COLUMNS: dict[str, tuple[str, ...]] = {
    "accounts": (
        "account_id",
        "account_name",
        "industry",
        "country",
        "signup_date",
        "plan_tier",
        "seats",
        "is_trial",
        "churn_flag",
    ),
    "subscriptions": (
        "subscription_id",
        "account_id",
        "start_date",
        "end_date",
        "plan_tier",
        "seats",
        "mrr_amount",
        "arr_amount",
        "is_trial",
        "upgrade_flag",
        "downgrade_flag",
        "churn_flag",
        "billing_frequency",
        "auto_renew_flag",
    ),
    "feature_usage": (
        "usage_id",
        "subscription_id",
        "usage_date",
        "feature_name",
        "usage_count",
        "usage_duration_secs",
        "error_count",
    ),
    "support_tickets": (
        "ticket_id",
        "account_id",
        "submitted_at",
        "closed_at",
        "resolution_time_hours",
        "priority",
        "first_response_time_minutes",
        "satisfaction_score",
        "escalation_flag",
    ),
    "churn_events": (
        "churn_event_id",
        "account_id",
        "churn_date",
        "reason_code",
        "refund_amount_usd",
        "is_reactivation",
        "feedback_text",
    ),
}
DATE_COLUMNS = (
    "signup_date",
    "start_date",
    "end_date",
    "usage_date",
    "submitted_at",
    "closed_at",
    "churn_date",
)


@dataclass(frozen=True, slots=True)
class Account:
    """A row of accounts.csv."""

    account_id: str
    name: str
    industry: str | None
    country: str | None
    signup_day: int
    plan: str | None
    seats: int | None
    is_trial: bool
    has_churned: bool


@dataclass(frozen=True, slots=True)
class Subscription:
    """A row of subscriptions.csv; prices are monthly and yearly, in cents."""

    subscription_id: str
    account_id: str
    start_day: int
    end_day: int | None
    plan: str | None
    seats: int | None
    mrr_minor: int
    arr_minor: int
    is_trial: bool
    is_upgrade: bool
    is_downgrade: bool
    has_churned: bool
    billing: Billing
    auto_renews: bool

    def is_paid_on(self, day: int) -> bool:
        """True when it costs money on `day`; the day of its end is not one."""
        runs = self.start_day <= day and (self.end_day is None or day < self.end_day)
        return runs and not self.is_trial and self.mrr_minor > 0


@dataclass(frozen=True, slots=True)
class Usage:
    """A row of feature_usage.csv."""

    usage_id: str
    subscription_id: str
    day: int
    feature: str | None
    count: int
    duration_seconds: float | None
    errors: int


@dataclass(frozen=True, slots=True)
class Ticket:
    """A row of support_tickets.csv."""

    ticket_id: str
    account_id: str
    submitted_day: int
    closed_at: int | None
    resolution_hours: int | None
    priority: Priority | None
    reply_minutes: int | None
    score: int | None
    is_escalated: bool


@dataclass(frozen=True, slots=True)
class Churn:
    """A row of churn_events.csv."""

    churn_event_id: str
    account_id: str
    day: int
    reason: str | None
    refund_minor: int
    is_reactivation: bool
    feedback: str | None


def read_account(fields: Fields) -> Account:
    """Reads a row; raises FieldError, as all of these do."""
    return Account(
        account_id=fields.text("account_id"),
        name=fields.text("account_name"),
        industry=fields.optional_text("industry"),
        country=fields.optional_text("country"),
        signup_day=fields.day("signup_date"),
        plan=fields.optional_text("plan_tier"),
        seats=fields.optional_whole("seats"),
        is_trial=fields.flag("is_trial"),
        has_churned=fields.flag("churn_flag"),
    )


def read_subscription(fields: Fields) -> Subscription:
    """Reads a row of subscriptions.csv."""
    return Subscription(
        subscription_id=fields.text("subscription_id"),
        account_id=fields.text("account_id"),
        start_day=fields.day("start_date"),
        end_day=fields.optional_day("end_date"),
        plan=fields.optional_text("plan_tier"),
        seats=fields.optional_whole("seats"),
        mrr_minor=fields.minor("mrr_amount"),
        arr_minor=fields.minor("arr_amount"),
        is_trial=fields.flag("is_trial"),
        is_upgrade=fields.flag("upgrade_flag"),
        is_downgrade=fields.flag("downgrade_flag"),
        has_churned=fields.flag("churn_flag"),
        billing=cast(Billing, _one_of(fields, "billing_frequency", get_args(Billing))),
        auto_renews=fields.flag("auto_renew_flag"),
    )


def read_usage(fields: Fields) -> Usage:
    """Reads a row of feature_usage.csv; a use of nothing is not a use."""
    seconds = fields.optional_whole("usage_duration_secs")
    return Usage(
        usage_id=fields.text("usage_id"),
        subscription_id=fields.text("subscription_id"),
        day=fields.day("usage_date"),
        feature=fields.optional_text("feature_name"),
        count=fields.whole("usage_count", least=1),
        duration_seconds=None if seconds is None else float(seconds),
        errors=fields.optional_whole("error_count") or 0,
    )


def read_ticket(fields: Fields) -> Ticket:
    """Reads a row of support_tickets.csv."""
    priority = _one_of(fields, "priority", get_args(Priority)) if fields.optional_text("priority") else None
    return Ticket(
        ticket_id=fields.text("ticket_id"),
        account_id=fields.text("account_id"),
        submitted_day=fields.day("submitted_at"),
        closed_at=fields.optional_minute("closed_at"),
        resolution_hours=fields.optional_whole("resolution_time_hours"),
        priority=cast(Priority | None, priority),
        reply_minutes=fields.optional_whole("first_response_time_minutes"),
        score=fields.optional_whole("satisfaction_score"),
        is_escalated=fields.flag("escalation_flag"),
    )


def read_churn(fields: Fields) -> Churn:
    """Reads a row of churn_events.csv."""
    return Churn(
        churn_event_id=fields.text("churn_event_id"),
        account_id=fields.text("account_id"),
        day=fields.day("churn_date"),
        reason=fields.optional_text("reason_code"),
        refund_minor=fields.minor("refund_amount_usd"),
        is_reactivation=fields.flag("is_reactivation"),
        feedback=fields.optional_text("feedback_text"),
    )


def _one_of(fields: Fields, column: str, allowed: tuple[str, ...]) -> str:
    text = fields.text(column)
    if text not in allowed:
        raise FieldError(column, f"expected {', '.join(allowed)}, got {text[:60]!r}")
    return text
