-- Money spent on winning customers, by currency, at the end of a day; rates on the same topic are no money.
, spent AS
(
    SELECT
        customer_id,
        on_day AS day,
        sumMap(map(JSONExtractString(payload, 'currency'), JSONExtractInt(payload, 'amount_minor'))) AS of_day
    FROM facts
    WHERE type = 'spend_recorded'
    GROUP BY customer_id, day
)
SELECT
    customer_id,
    day,
    spend_1d_minor,
    spend_28d_minor,
    spend_90d_minor,
    spend_total_minor
FROM
(
    SELECT
        customer_id,
        day,
        of_day AS spend_1d_minor,
        sumMap(of_day) OVER (PARTITION BY customer_id ORDER BY day ROWS BETWEEN 27 PRECEDING AND CURRENT ROW)
            AS spend_28d_minor,
        sumMap(of_day) OVER (PARTITION BY customer_id ORDER BY day ROWS BETWEEN 89 PRECEDING AND CURRENT ROW)
            AS spend_90d_minor,
        sumMap(of_day) OVER (PARTITION BY customer_id ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
            AS spend_total_minor
    FROM spine
    LEFT JOIN spent USING (customer_id, day)
)
WHERE day BETWEEN {since:Date} AND {until:Date}
