-- Begins the recounts of months: what each customer pays at the end of a month, in each currency: what its last movement
-- until then came to, where the views add movements up. (Its MRR of the day is 0 in a gap that the profile allows.)
WITH lasts AS
(
    SELECT customer_id, toString(currency) AS currency, toStartOfMonth(day) AS since, argMax(mrr_after_minor, effective_at) AS minor
    FROM mrr_movements FINAL
    GROUP BY customer_id, currency, since
),
ends AS
(
    SELECT customer_id, currency, addMonths(since, step) AS month, minor
    FROM
    (
        SELECT
            *,
            leadInFrame(since, 1, assumeNotNull((SELECT addMonths(toStartOfMonth(max(day)), 1) FROM revenue_daily))) OVER (
                PARTITION BY customer_id, currency ORDER BY since ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS until
        FROM lasts
    ) AS held
    ARRAY JOIN range(toUInt32(greatest(0, dateDiff('month', since, until)))) AS step
    WHERE minor > 0
),
anywhere AS
(
    SELECT DISTINCT customer_id, month, toUInt8(1) AS pays FROM ends
)
