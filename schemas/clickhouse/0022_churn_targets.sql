-- The churn of customers beside a company's own year before it, per currency and month (METRICS.md, churn_target).
-- churn_target: a tenth under the mean of the twelve full months before; the tenth is chosen, not measured.
-- churn_target_gap: how far the month lies above its target, under 0 when it lies below. NULL until a year is known.
CREATE OR REPLACE VIEW v_churn_targets AS
WITH 0.1 AS under
SELECT
    currency,
    month,
    customer_churn,
    churn_12m,
    churn_12m * (1 - under) AS churn_target,
    customer_churn - churn_target AS churn_target_gap
FROM v_unit_economics
ORDER BY currency, month;
