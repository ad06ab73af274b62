-- MRR of all customers in one currency, from what each pays after its last movement until the end of a day, where the view adds
-- movements up; the rates have a recount of their own. Each currency is converted as a whole and rounded; who pays in one
-- without a rate is counted apart.
WITH lasts AS
(
    SELECT customer_id, toString(currency) AS currency, day AS since, argMax(mrr_after_minor, effective_at) AS minor
    FROM mrr_movements FINAL
    GROUP BY customer_id, currency, since
),
paid AS
(
    SELECT customer_id, currency, first_day + step AS day, minor
    FROM
    (
        SELECT
            *,
            greatest(since, {since:Date}) AS first_day,
            leadInFrame(since, 1, assumeNotNull((SELECT max(day) + 1 FROM revenue_daily))) OVER (
                PARTITION BY customer_id, currency ORDER BY since ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS next_day
        FROM lasts
    ) AS held
    ARRAY JOIN range(toUInt32(greatest(0, least(next_day - 1, {until:Date}) - first_day + 1))) AS step
    WHERE minor > 0
),
rated AS
(
    SELECT customer_id, paid.day AS day, targets.to AS to, paid.currency AS currency, minor,
        if(paid.currency = targets.to, 1., rates.minor_rate) AS factor
    FROM paid
    CROSS JOIN (SELECT DISTINCT to FROM v_exchange_rates) AS targets
    LEFT JOIN v_exchange_rates AS rates ON rates.day = paid.day AND rates.currency = paid.currency AND rates.to = targets.to
),
sums AS
(
    SELECT day, to, sum(converted) AS mrr_minor
    FROM (
        SELECT day, to, currency, if(any(factor) > 0, toInt64(round(sum(minor) * any(factor))), 0) AS converted
        FROM rated
        GROUP BY day, to, currency
    )
    GROUP BY day, to
),
payers AS
(
    SELECT day, to, uniqExactIf(customer_id, factor > 0) AS customers, uniqExactIf(customer_id, factor = 0) AS unconverted_customers
    FROM rated
    GROUP BY day, to
),
-- Every day since the first movement of all has a row; where nobody has paid yet, none has.
days AS
(
    SELECT to, first_day + step AS day
    FROM (
        SELECT min(day) AS first_day, (SELECT max(day) FROM revenue_daily) AS last_day
        FROM mrr_movements FINAL
        WHERE is_deleted = 0
        HAVING count() > 0
    ) AS span
    CROSS JOIN (SELECT DISTINCT to FROM v_exchange_rates) AS targets
    ARRAY JOIN range(toUInt32(greatest(0, last_day - first_day + 1))) AS step
    WHERE day BETWEEN {since:Date} AND {until:Date}
)
SELECT to, day, toInt64(customers) AS customers, mrr_minor, toInt64(unconverted_customers) AS unconverted_customers
FROM days
LEFT JOIN sums USING (day, to)
LEFT JOIN payers USING (day, to)
WHERE {standing}
