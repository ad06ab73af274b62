"""Recounts of views: what they add up and divide, counted from the same rows by other ways."""

from streams.reconcile.recount import Recount

#: The rows of a view that has one key, beside a name for all of them.
_OF_ALL = "(SELECT *, 'all' AS whose FROM {})"

#: Days, and months, that every partition has closed: movements go on behind them, the figures of customers do not.
_CLOSED_DAYS = "day <= {closed_until:Date}"
_CLOSED_MONTHS = "{} < toStartOfMonth({{closed_until:Date}} + 1)"

VIEWS: tuple[Recount, ...] = (
    Recount("rates", "", "v_exchange_rates", key=("currency", "day", "to"), base=()),
    Recount("converted", "", "v_mrr_converted_daily", key=("to", "day"), standing=_CLOSED_DAYS, base=()),
    Recount(
        "economics",
        "",
        "v_unit_economics",
        key=("currency", "month"),
        standing=_CLOSED_MONTHS.format("month"),
        base=("months", "flows"),
    ),
    Recount(
        "cohorts",
        "",
        "v_cohort_retention",
        key=("currency", "cohort", "months_after"),
        standing=_CLOSED_MONTHS.format("addMonths(cohort, months_after)"),
        base=("months",),
    ),
    Recount(
        "monthly",
        "",
        "v_mrr_monthly",
        key=("customer_id", "month", "currency"),
        standing=_CLOSED_MONTHS.format("month"),
        base=("months",),
    ),
    Recount(
        "retention",
        "",
        "v_retention",
        key=("currency", "month"),
        standing=_CLOSED_MONTHS.format("month"),
        base=("months", "flows"),
    ),
    Recount(
        "acquisition",
        "",
        "v_acquisition",
        key=("currency", "month"),
        standing="(spend_minor > 0 OR new_customers > 0)",
        base=(),
    ),
    Recount(
        "channels",
        "",
        "v_acquisition_channels",
        key=("currency", "month", "channel"),
        base=(),
        rows="(SELECT * REPLACE (ifNull(channel, '') AS channel) FROM v_acquisition_channels)",
    ),
    Recount("payback", "", "v_payback", key=("customer_id", "won"), base=()),
    Recount("targets", "", "v_churn_targets", key=("currency", "month"), base=()),
    Recount(
        "leaving",
        "",
        "v_churn_reasons",
        key=("currency", "month", "churn_reason", "churn_voluntary"),
        base=(),
        rows="(SELECT * REPLACE (ifNull(toString(churn_reason), '') AS churn_reason, "
        "ifNull(toString(churn_voluntary), '') AS churn_voluntary) FROM v_churn_reasons)",
    ),
    Recount("renewals", "", "v_renewals", key=("currency", "month"), base=()),
    Recount("currencies", "", "v_mrr_currencies_daily", key=("currency", "day", "to"), standing=_CLOSED_DAYS, base=()),
    Recount("bridge", "", "v_mrr_bridge_daily", key=("to", "day"), base=()),
    Recount("beginnings", "", "v_beginnings", key=("customer_id", "month"), base=()),
    Recount("curves", "", "v_beginning_curves", key=("step", "month", "days"), base=()),
    Recount(
        "activation",
        "",
        "v_activation_cohorts",
        key=("whose", "month"),
        base=(),
        rows=_OF_ALL.format("v_activation_cohorts"),
    ),
    Recount(
        "onboarding",
        "",
        "v_onboarding_cohorts",
        key=("whose", "month"),
        base=(),
        rows=_OF_ALL.format("v_onboarding_cohorts"),
    ),
    Recount("nps", "", "v_nps_rolling_90d", key=("whose", "day"), base=(), rows=_OF_ALL.format("v_nps_rolling_90d")),
    Recount(
        "nps_segments",
        "",
        "v_nps_segments",
        key=("segment", "day"),
        base=(),
        rows="(SELECT * REPLACE (ifNull(toString(segment), '') AS segment) FROM v_nps_segments)",
    ),
    Recount(
        "board",
        "",
        "v_health_board",
        key=("band", "day"),
        base=(),
        rows="(SELECT *, (SELECT max(day) FROM health_current) AS day FROM v_health_board)",
    ),
    Recount("resources", "", "v_resources", key=("resource", "month"), base=()),
    Recount(
        "responses",
        "",
        "v_response_rates",
        key=("survey", "month", "channel"),
        base=(),
        rows="(SELECT * REPLACE (ifNull(channel, '') AS channel) FROM v_response_rates)",
    ),
)
