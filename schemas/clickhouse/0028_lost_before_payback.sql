-- Customers that left within the 28 days before they had earned what winning one costs in the same window, in the figures
-- streamed at day close (METRICS.md section 5). Of a customer, against what winning it did cost: v_payback.

ALTER TABLE portfolio_metrics
    ADD COLUMN IF NOT EXISTS lost_before_payback_28d Map(LowCardinality(String), Int64) AFTER churn_target;
