"""What is recounted: one SQL file for each table of published figures; and what is not, and why."""

from collections.abc import Mapping

from streams.reconcile.recount import Recount, read
from streams.reconcile.views import VIEWS

_MICRO = 1.5e-6  # points are told in millionths

_SUBSCRIPTIONS = (
    "subscription_set",
    "subscription_ended",
    "subscription_paused",
    "subscription_resumed",
    "cancellation_scheduled",
    "cancellation_withdrawn",
    "subscription_cancelled",
)

#: From the first day on which every partition is added up: that of the first score of each.
_ALL_PARTITIONS = """day >= (
    SELECT max(first_day)
    FROM
    (
        SELECT min(day) AS first_day
        FROM health_daily
        INNER JOIN (SELECT customer_id, any(partition) AS home FROM events GROUP BY customer_id) AS homes
            USING (customer_id)
        GROUP BY home
    ))"""

RECOUNTS: tuple[Recount, ...] = (
    Recount("usage", "usage.v1", "usage_daily"),
    Recount("revenue", "billing.v1", "revenue_daily", parts=("service",)),
    Recount(
        "movements",
        "billing.v1",
        "mrr_movements",
        key=("customer_id", "day", "currency", "effective_at"),
        standing="is_deleted = 0",
        parts=("service",),
        types=_SUBSCRIPTIONS,
    ),
    Recount("feedback", "surveys.v1", "feedback_daily"),
    Recount("support", "tickets.v1", "support_daily", parts=("calendar",)),
    Recount("account", "accounts.v1", "accounts_daily"),
    Recount("spend", "spend.v1", "spend_daily"),
    Recount("health", "", "health_daily", base=("scored",), within=_MICRO),
    Recount("upsell", "", "upsell_daily", base=("scored",), within=_MICRO),
    Recount("snapshots", "", "churn_observations", base=("scored",)),
    Recount(
        "churn",
        "",
        "churn_current",
        base=(),
        rows=read("risks").strip(),
    ),
    Recount(
        "portfolio",
        "",
        "portfolio_metrics",
        key=("portfolio", "day"),
        standing=_ALL_PARTITIONS,
        base=(),
    ),
    *VIEWS,
)

_MODEL = "what a model that learns has seen: zelo churn tells how good it is"
_SHOWN = "rows of recounted tables as they are"
NO_FIGURES = "no figures of a customer and a day"

#: Every other table and view of the archive, and why there is no recount of it.
LEFT_OUT: Mapping[str, str] = {
    "health_current": "the newest of health",
    "accounts": "the newest of accounts_daily",
    "churn_models": _MODEL,
    "model_quality_daily": _MODEL,
    "alerts": NO_FIGURES,
    "events": NO_FIGURES,
    "accounting": NO_FIGURES,
    "dead_letters": NO_FIGURES,
    "v_accounting": NO_FIGURES,
    "v_alerts_open": NO_FIGURES,
    "v_churn_labels": _MODEL,
    "v_churn_quality": _MODEL,
    "v_churn_quality_models": _MODEL,
    "v_churn_quality_weekly": _MODEL,
    "v_churn_reliability": _MODEL,
    "v_customers": _SHOWN,
    "v_upsell": _SHOWN,
}
