-- MRR of each customer at the ends of months, from its first in a currency on: what its last movement until then came to.
SELECT customer_id, addMonths(since, step) AS month, currency, minor AS mrr_minor
FROM
(
    SELECT
        *,
        leadInFrame(since, 1, assumeNotNull((SELECT addMonths(toStartOfMonth(max(day)), 1) FROM revenue_daily))) OVER (
            PARTITION BY customer_id, currency ORDER BY since ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS until
    FROM lasts
) AS held
ARRAY JOIN range(toUInt32(greatest(0, dateDiff('month', since, until)))) AS step
WHERE month BETWEEN {since:Date} AND {until:Date} AND {standing}
