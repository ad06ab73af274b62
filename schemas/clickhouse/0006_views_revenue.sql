-- Recurring revenue and retention (METRICS.md section 5), per currency: amounts of different currencies are never
-- added up. Months are calendar months of the company's days; the running month counts up to the last known day.

-- MRR of every customer at the end of every month, from its first to the last month known of anybody.
CREATE OR REPLACE VIEW v_mrr_monthly AS
WITH
    steps AS
    (
        SELECT customer_id, currency, toStartOfMonth(day) AS month, sum(amount_minor) AS step_minor
        FROM mrr_movements FINAL
        GROUP BY customer_id, currency, month
    ),
    (
        SELECT greatest(
            (SELECT max(month) FROM steps),
            (SELECT toStartOfMonth(max(day)) FROM revenue_daily)
        )
    ) AS last_month
SELECT
    customer_id,
    currency,
    month,
    sum(step_minor) OVER (PARTITION BY customer_id, currency ORDER BY month) AS mrr_minor
FROM
(
    SELECT customer_id, currency, month, sum(step_minor) AS step_minor
    FROM
    (
        SELECT customer_id, currency, month, step_minor FROM steps
        UNION ALL
        SELECT
            customer_id,
            currency,
            arrayJoin(arrayMap(
                n -> addMonths(min(month), n),
                range(toUInt32(dateDiff('month', min(month), last_month)) + 1)
            )) AS month,
            0 AS step_minor
        FROM steps
        GROUP BY customer_id, currency
    )
    GROUP BY customer_id, currency, month
);

-- MRR at start and end of each month, its movements as they happened, and retention of the customers paying at its
-- start: nrr = their MRR at the end / at the start (cohort form); grr the same with each capped at its start; logo
-- churn = those not paying at the end / those paying at the start. NULL while nobody paid at the start.
-- start + new + expansion + reactivation - contraction - churn = end.
CREATE OR REPLACE VIEW v_retention AS
SELECT
    currency,
    month,
    start_mrr_minor,
    end_mrr_minor,
    new_minor,
    expansion_minor,
    contraction_minor,
    churn_minor,
    reactivation_minor,
    start_customers,
    end_customers,
    churned_customers,
    nrr,
    grr,
    logo_churn
FROM
(
    SELECT
        currency,
        month,
        sum(before_minor) AS start_mrr_minor,
        sum(mrr_minor) AS end_mrr_minor,
        countIf(before_minor > 0) AS start_customers,
        countIf(mrr_minor > 0) AS end_customers,
        countIf(before_minor > 0 AND mrr_minor = 0) AS churned_customers,
        if(start_mrr_minor = 0, NULL, sumIf(mrr_minor, before_minor > 0) / start_mrr_minor) AS nrr,
        if(start_mrr_minor = 0, NULL, sumIf(least(mrr_minor, before_minor), before_minor > 0) / start_mrr_minor) AS grr,
        if(start_customers = 0, NULL, churned_customers / start_customers) AS logo_churn
    FROM
    (
        SELECT
            currency,
            month,
            mrr_minor,
            lagInFrame(mrr_minor, 1, 0) OVER (
                PARTITION BY customer_id, currency ORDER BY month ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
            ) AS before_minor
        FROM v_mrr_monthly
    )
    GROUP BY currency, month
) AS cohort
LEFT JOIN
(
    SELECT
        currency,
        toStartOfMonth(day) AS month,
        sumIf(amount_minor, movement = 'new') AS new_minor,
        sumIf(amount_minor, movement = 'expansion') AS expansion_minor,
        -sumIf(amount_minor, movement = 'contraction') AS contraction_minor,
        -sumIf(amount_minor, movement = 'churn') AS churn_minor,
        sumIf(amount_minor, movement = 'reactivation') AS reactivation_minor
    FROM mrr_movements FINAL
    GROUP BY currency, month
) AS steps USING (currency, month)
ORDER BY currency, month;

-- By month of the first payment: who still pays n months later, and how much of the first month's MRR.
CREATE OR REPLACE VIEW v_cohort_retention AS
WITH firsts AS
(
    SELECT customer_id, currency, min(month) AS cohort, argMin(mrr_minor, month) AS first_mrr_minor
    FROM v_mrr_monthly
    WHERE mrr_minor > 0
    GROUP BY customer_id, currency
)
SELECT
    firsts.currency AS currency,
    firsts.cohort AS cohort,
    dateDiff('month', firsts.cohort, monthly.month) AS months_after,
    count() AS customers,
    countIf(monthly.mrr_minor > 0) AS paying_customers,
    paying_customers / customers AS logo_retention,
    sum(monthly.mrr_minor) AS mrr_minor,
    sum(monthly.mrr_minor) / sum(firsts.first_mrr_minor) AS mrr_retention
FROM firsts
INNER JOIN v_mrr_monthly AS monthly
    ON monthly.customer_id = firsts.customer_id AND monthly.currency = firsts.currency
WHERE monthly.month >= firsts.cohort
GROUP BY currency, cohort, months_after
ORDER BY currency, cohort, months_after;
