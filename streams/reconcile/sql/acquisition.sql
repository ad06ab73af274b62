-- What winning customers cost by month: spend as what had been spent by the end of a month less that by the end of the one
-- before, where the view adds days up; customers won as those whose first movement of all came in the month.
WITH totals AS
(
    SELECT customer_id, entry.1 AS currency, toStartOfMonth(day) AS month, argMax(entry.2, day) AS total
    FROM spend_daily FINAL
    ARRAY JOIN CAST(spend_total_minor, 'Array(Tuple(String, Int64))') AS entry
    GROUP BY customer_id, currency, month
),
spent AS
(
    SELECT currency, month, sum(total - before) AS spend_minor, 0 AS won
    FROM
    (
        SELECT *, lagInFrame(total, 1, 0) OVER (
            PARTITION BY customer_id, currency ORDER BY month ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS before
        FROM totals
    )
    GROUP BY currency, month
),
begun AS
(
    SELECT toString(currency) AS currency, toStartOfMonth(day) AS month, 0 AS spend_minor, toInt64(count()) AS won
    FROM mrr_movements FINAL
    WHERE (customer_id, effective_at) IN (SELECT customer_id, min(effective_at) FROM mrr_movements FINAL GROUP BY customer_id)
    GROUP BY currency, month
)
SELECT
    currency,
    month,
    paid.1 AS spend_minor,
    paid.2 AS new_customers,
    if(spend_minor > 0 AND new_customers > 0, spend_minor / new_customers, NULL) AS cac_minor
FROM
(
    SELECT currency, month, (sum(spend_minor), sum(won)) AS paid
    FROM (SELECT * FROM spent UNION ALL SELECT * FROM begun)
    GROUP BY currency, month
)
WHERE (spend_minor > 0 OR new_customers > 0) AND month BETWEEN {since:Date} AND {until:Date}
