-- Revenue under policies and what a customer is worth (METRICS.md section 5).

ALTER TABLE revenue_daily
    ADD COLUMN IF NOT EXISTS churn_voluntary Nullable(Bool) AFTER churn_reason,
    ADD COLUMN IF NOT EXISTS arr_minor Int64 AFTER churn_voluntary,
    ADD COLUMN IF NOT EXISTS new_28d_minor Int64 AFTER arr_minor,
    ADD COLUMN IF NOT EXISTS expansion_28d_minor Int64 AFTER new_28d_minor,
    ADD COLUMN IF NOT EXISTS contraction_28d_minor Int64 AFTER expansion_28d_minor,
    ADD COLUMN IF NOT EXISTS churn_28d_minor Int64 AFTER contraction_28d_minor,
    ADD COLUMN IF NOT EXISTS reactivation_28d_minor Int64 AFTER churn_28d_minor,
    ADD COLUMN IF NOT EXISTS nrr_28d Nullable(Float64) AFTER reactivation_28d_minor,
    ADD COLUMN IF NOT EXISTS grr_28d Nullable(Float64) AFTER nrr_28d,
    ADD COLUMN IF NOT EXISTS subscriptions_paused Int64 AFTER grr_28d,
    ADD COLUMN IF NOT EXISTS subscriptions_ending Int64 AFTER subscriptions_paused,
    ADD COLUMN IF NOT EXISTS days_to_end Nullable(Int64) AFTER subscriptions_ending,
    ADD COLUMN IF NOT EXISTS terms_ended_1d Int64 AFTER days_to_end,
    ADD COLUMN IF NOT EXISTS terms_renewed_1d Int64 AFTER terms_ended_1d,
    ADD COLUMN IF NOT EXISTS revenue_to_date_minor Nullable(Int64) AFTER terms_renewed_1d,
    ADD COLUMN IF NOT EXISTS refunds_to_date_minor Nullable(Int64) AFTER revenue_to_date_minor,
    ADD COLUMN IF NOT EXISTS margin_to_date_minor Nullable(Int64) AFTER refunds_to_date_minor,
    ADD COLUMN IF NOT EXISTS gross_margin Nullable(Float64) AFTER margin_to_date_minor,
    ADD COLUMN IF NOT EXISTS billing_impossible Int64 AFTER gross_margin;

ALTER TABLE mrr_movements
    ADD COLUMN IF NOT EXISTS churn_reason LowCardinality(Nullable(String)) AFTER version,
    ADD COLUMN IF NOT EXISTS churn_voluntary Nullable(Bool) AFTER churn_reason;

-- What customers are worth, per currency and month. NULL where a denominator is 0 or a figure behind it is unknown.
-- nrr: cohort form; nrr_movements: (start + expansion + reactivation - contraction - churn) / start.
-- mrr_churn_gross: (contraction + churn) / start; mrr_churn_net: less expansion and reactivation.
-- customer_churn leaves out joined_and_lost, customers that came and left within the month;
-- customer_churn_with_joiners counts them. customer_churn_yearly: 1 - (1 - c)^12.
-- arpa: MRR / paying customers; arpa_with_free: also over those that run free or trial subscriptions alone.
-- churn_6m, churn_12m: mean customer churn of so many full months before this one; NULL until so many are known.
-- ltv: arpa x gross margin / churn_6m. payback_months: cac / (arpa x gross margin). The margin is the profile's.
CREATE OR REPLACE VIEW v_unit_economics AS
WITH
    passing AS
    (
        SELECT currency, month, uniqExact(customer_id) AS joined_and_lost
        FROM
        (
            SELECT
                customer_id,
                currency,
                month,
                mrr_minor,
                lagInFrame(mrr_minor, 1, 0) OVER (
                    PARTITION BY customer_id, currency ORDER BY month ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
                ) AS before_minor
            FROM v_mrr_monthly
        ) AS ends
        INNER JOIN
        (
            SELECT DISTINCT customer_id, currency, toStartOfMonth(day) AS month
            FROM mrr_movements FINAL
            WHERE amount_minor > 0
        ) AS came USING (customer_id, currency, month)
        WHERE before_minor = 0 AND mrr_minor = 0
        GROUP BY currency, month
    ),
    at_end AS
    (
        SELECT
            assumeNotNull(currency) AS currency,
            toStartOfMonth(day) AS month,
            countIf(NOT paying AND subscriptions_active + trials_active > 0) AS free_customers,
            any(gross_margin) AS gross_margin
        FROM revenue_daily FINAL
        WHERE currency IS NOT NULL
            AND day IN (SELECT max(day) FROM revenue_daily GROUP BY toStartOfMonth(day))
        GROUP BY currency, month
    )
SELECT
    currency,
    month,
    start_mrr_minor,
    end_mrr_minor,
    end_mrr_minor * 12 AS arr_minor,
    start_customers,
    end_customers,
    ends.free_customers AS free_customers,
    if(end_customers = 0, NULL, end_mrr_minor / end_customers) AS arpa_minor,
    if(end_customers + free_customers = 0, NULL, end_mrr_minor / (end_customers + free_customers))
        AS arpa_with_free_minor,
    nrr,
    if(start_mrr_minor = 0, NULL,
        (start_mrr_minor + expansion_minor + reactivation_minor - contraction_minor - churn_minor) / start_mrr_minor)
        AS nrr_movements,
    grr,
    if(start_mrr_minor = 0, NULL, (contraction_minor + churn_minor) / start_mrr_minor) AS mrr_churn_gross,
    if(start_mrr_minor = 0, NULL,
        (contraction_minor + churn_minor - expansion_minor - reactivation_minor) / start_mrr_minor) AS mrr_churn_net,
    if(contraction_minor + churn_minor = 0, NULL,
        (new_minor + expansion_minor + reactivation_minor) / (contraction_minor + churn_minor)) AS quick_ratio,
    logo_churn AS customer_churn,
    passing.joined_and_lost AS joined_and_lost,
    if(start_customers = 0, NULL, (churned_customers + joined_and_lost) / start_customers)
        AS customer_churn_with_joiners,
    1 - pow(1 - logo_churn, 12) AS customer_churn_yearly,
    if(count(logo_churn) OVER half = 6, avg(logo_churn) OVER half, NULL) AS churn_6m,
    if(count(logo_churn) OVER year = 12, avg(logo_churn) OVER year, NULL) AS churn_12m,
    ends.gross_margin AS gross_margin,
    arpa_minor * gross_margin / nullIf(churn_6m, 0) AS ltv_minor,
    acquisition.cac_minor AS cac_minor,
    ltv_minor / cac_minor AS ltv_cac,
    cac_minor / nullIf(arpa_minor * gross_margin, 0) AS payback_months
FROM v_retention AS months
LEFT JOIN passing USING (currency, month)
LEFT JOIN at_end AS ends USING (currency, month)
LEFT JOIN v_acquisition AS acquisition USING (currency, month)
WINDOW
    half AS (PARTITION BY currency ORDER BY month ROWS BETWEEN 6 PRECEDING AND 1 PRECEDING),
    year AS (PARTITION BY currency ORDER BY month ROWS BETWEEN 12 PRECEDING AND 1 PRECEDING)
ORDER BY currency, month;

-- Why customers left, per currency and month: reason and whether they wanted it, NULL where nobody said; with their
-- shares of the customers and of the MRR that left in the month.
CREATE OR REPLACE VIEW v_churn_reasons AS
SELECT
    currency,
    toStartOfMonth(day) AS month,
    churn_reason,
    churn_voluntary,
    count() AS customers,
    -sum(amount_minor) AS churn_minor,
    customers / sum(customers) OVER (PARTITION BY currency, month) AS share_of_customers,
    churn_minor / sum(churn_minor) OVER (PARTITION BY currency, month) AS share_of_mrr
FROM mrr_movements FINAL
WHERE movement = 'churn'
GROUP BY currency, month, churn_reason, churn_voluntary
ORDER BY currency, month, customers DESC;

-- Terms that ended, per currency and month, and those whose service went on: judged one day after the end. NULL while
-- no term ended.
CREATE OR REPLACE VIEW v_renewals AS
SELECT
    assumeNotNull(currency) AS currency,
    toStartOfMonth(day) AS month,
    sum(terms_ended_1d) AS terms_ended,
    sum(terms_renewed_1d) AS terms_renewed,
    if(terms_ended = 0, NULL, terms_renewed / terms_ended) AS renewal_rate
FROM revenue_daily FINAL
WHERE revenue_daily.currency IS NOT NULL
GROUP BY currency, month
ORDER BY currency, month;

-- Whether a customer has earned what winning it cost: cac of the month of its first payment, margin to date from its
-- invoices, what may still come (MRR x margin / newest churn_6m; 0 once it left), and their sum, its lifetime value.
-- lost_before_payback: it left before its margin covered the cost. NULL where cost, margin or churn is unknown.
CREATE OR REPLACE VIEW v_payback AS
WITH newest AS
(
    SELECT
        currency,
        argMax(tuple(churn_6m), month).1 AS churn,
        argMax(tuple(unit.gross_margin), month).1 AS margin
    FROM v_unit_economics AS unit
    GROUP BY currency
)
SELECT
    customers.customer_id AS customer_id,
    customers.currency AS currency,
    customers.won AS won,
    customers.paying AS paying,
    acquisition.cac_minor AS cac_minor,
    customers.margin_to_date_minor AS margin_to_date_minor,
    if(paying, customers.mrr_minor * newest.margin / nullIf(newest.churn, 0), 0) AS expected_minor,
    margin_to_date_minor + expected_minor AS ltv_minor,
    margin_to_date_minor >= cac_minor AS paid_back,
    NOT paying AND margin_to_date_minor < cac_minor AS lost_before_payback
FROM
(
    SELECT
        revenue.customer_id AS customer_id,
        assumeNotNull(revenue.currency) AS currency,
        first.month AS won,
        paying,
        mrr_minor,
        margin_to_date_minor
    FROM revenue_daily AS revenue FINAL
    INNER JOIN
    (
        SELECT customer_id, toStartOfMonth(min(day)) AS month -- of the company's days, as the costs are
        FROM revenue_daily FINAL
        WHERE first_paid_at IS NOT NULL
        GROUP BY customer_id
    ) AS first ON first.customer_id = revenue.customer_id
    WHERE revenue.currency IS NOT NULL AND first_paid_at IS NOT NULL
    ORDER BY revenue.day DESC
    LIMIT 1 BY revenue.customer_id
) AS customers
LEFT JOIN v_acquisition AS acquisition ON acquisition.currency = customers.currency AND acquisition.month = customers.won
LEFT JOIN newest ON newest.currency = customers.currency
ORDER BY customer_id;
