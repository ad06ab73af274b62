-- Money and customers per currency and month, for the recounts of retention and unit economics: who paid at the start of a
-- month and what became of it, what was paid at its end, what moved in it; every month since the first movement.
, changed_over AS
(
    SELECT customer_id, toString(currency) AS currency, toStartOfMonth(day) AS month, toUInt8(1) AS went
    FROM mrr_movements FINAL
    WHERE movement = 'currency_change'
    GROUP BY customer_id, currency, month
    HAVING sum(amount_minor) < 0
),
-- Who paid at the start of a month, and what became of it.
cohort AS
(
    SELECT
        currency,
        month,
        sum(before_minor) AS start_mrr_minor,
        toInt64(count()) AS start_customers,
        toInt64(countIf(NOT pays)) AS churned,
        sumIf(before_minor, NOT (after_minor = 0 AND pays AND went)) AS stayed,
        sum(after_minor) AS kept,
        sum(least(after_minor, before_minor)) AS capped
    FROM
    (
        SELECT starts.customer_id AS customer_id, starts.currency AS currency, starts.month AS month, before_minor,
            now.minor AS after_minor, pays, went
        FROM (SELECT customer_id, currency, addMonths(month, 1) AS month, minor AS before_minor FROM ends) AS starts
        LEFT JOIN ends AS now
            ON now.customer_id = starts.customer_id AND now.currency = starts.currency AND now.month = starts.month
        LEFT JOIN anywhere ON anywhere.customer_id = starts.customer_id AND anywhere.month = starts.month
        LEFT JOIN changed_over ON changed_over.customer_id = starts.customer_id AND changed_over.currency = starts.currency
            AND changed_over.month = starts.month
    )
    GROUP BY currency, month
),
closing AS
(
    SELECT currency, month, sum(minor) AS end_mrr_minor, toInt64(count()) AS end_customers FROM ends GROUP BY currency, month
),
moves AS
(
    SELECT
        toString(currency) AS currency,
        toStartOfMonth(day) AS month,
        sumMap(map(toString(movement), amount_minor)) AS by_kind,
        toInt64(countIf(movement = 'new')) AS won
    FROM mrr_movements FINAL
    GROUP BY currency, month
),
grid AS
(
    SELECT currency, addMonths(first_month, step) AS month
    FROM (SELECT toString(currency) AS currency, toStartOfMonth(min(day)) AS first_month FROM mrr_movements FINAL GROUP BY currency)
    ARRAY JOIN range(toUInt32(greatest(0, dateDiff('month', first_month, (SELECT max(day) FROM revenue_daily)) + 1))) AS step
)
