-- What winning customers costs and what they are worth, in the figures streamed at day close (METRICS.md section 5).
-- Windows are of 28 days: cac is spend / customers that paid for the first time; ltv is ARPA x gross margin x
-- (28 / 30.4375) / mean churn of six windows; payback is cac / (ARPA x gross margin). By month: v_unit_economics.

ALTER TABLE portfolio_metrics
    ADD COLUMN IF NOT EXISTS spend_28d_minor Map(LowCardinality(String), Int64) AFTER currency_change_28d_minor,
    ADD COLUMN IF NOT EXISTS new_customers_28d Map(LowCardinality(String), Int64) AFTER spend_28d_minor,
    ADD COLUMN IF NOT EXISTS cac_28d_minor Map(LowCardinality(String), Float64) AFTER new_customers_28d,
    ADD COLUMN IF NOT EXISTS mean_churn_168d Map(LowCardinality(String), Float64) AFTER cac_28d_minor,
    ADD COLUMN IF NOT EXISTS ltv_minor Map(LowCardinality(String), Float64) AFTER mean_churn_168d,
    ADD COLUMN IF NOT EXISTS ltv_cac Map(LowCardinality(String), Float64) AFTER ltv_minor,
    ADD COLUMN IF NOT EXISTS cac_payback_months Map(LowCardinality(String), Float64) AFTER ltv_cac;
