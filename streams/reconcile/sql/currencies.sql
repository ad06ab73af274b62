-- MRR of each currency in another one, from day to day: from what each pays after its last movement until the end of a day, where
-- the view adds movements up; the rates have a recount of their own. What came and went is added to what was there in the
-- order of METRICS.md, converted and rounded at each step.
WITH lasts AS
(
    SELECT customer_id, toString(currency) AS currency, day AS since, argMax(mrr_after_minor, effective_at) AS minor
    FROM mrr_movements FINAL
    GROUP BY customer_id, currency, since
),
-- Of the days asked for, and the one before.
levels AS
(
    SELECT currency, first_day + step AS day, sum(minor) AS level
    FROM
    (
        SELECT
            currency,
            minor,
            greatest(since, {since:Date} - 1) AS first_day,
            leadInFrame(since, 1, assumeNotNull((SELECT max(day) + 1 FROM revenue_daily))) OVER (
                PARTITION BY customer_id, currency ORDER BY since ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS next_day
        FROM lasts
    ) AS held
    ARRAY JOIN range(toUInt32(greatest(0, least(next_day - 1, {until:Date}) - first_day + 1))) AS step
    GROUP BY currency, day
),
moved AS
(
    SELECT currency, day, sumMap(map(toString(movement), amount_minor)) AS by_kind
    FROM mrr_movements FINAL
    GROUP BY currency, day
),
days AS
(
    SELECT currency, to, first_day + step AS day
    FROM
    (
        SELECT toString(currency) AS currency, min(day) AS first_day, (SELECT max(day) FROM revenue_daily) AS last_day
        FROM mrr_movements FINAL
        WHERE is_deleted = 0
        GROUP BY currency
    ) AS spans
    CROSS JOIN (SELECT DISTINCT to FROM v_exchange_rates) AS targets
    ARRAY JOIN range(toUInt32(greatest(0, last_day - first_day + 1))) AS step
    WHERE day BETWEEN {since:Date} AND {until:Date}
),
rates AS
(
    SELECT currency, to, day, toNullable(minor_rate) AS factor FROM v_exchange_rates WHERE minor_rate > 0
    UNION ALL
    SELECT currency, to, day + shift, 1
    FROM days
    ARRAY JOIN [0, -1] AS shift
    WHERE currency = to
    GROUP BY ALL
),
told AS
(
    SELECT
        days.currency AS currency,
        days.to AS to,
        days.day AS day,
        by_kind,
        before.level AS level_before,
        today.factor AS rate_today,
        yesterday.factor AS rate_before
    FROM days
    LEFT JOIN levels AS before ON before.currency = days.currency AND before.day + 1 = days.day
    LEFT JOIN moved ON moved.currency = days.currency AND moved.day = days.day
    LEFT JOIN rates AS today ON today.currency = days.currency AND today.to = days.to AND today.day = days.day
    LEFT JOIN rates AS yesterday
        ON yesterday.currency = days.currency AND yesterday.to = days.to AND yesterday.day + 1 = days.day
),
counted AS
(
    SELECT
        *,
        if(rate_before IS NULL, 0, toInt64(round(level_before * rate_before))) AS told_before,
        arrayMap(minor -> toInt64(round(minor * assumeNotNull(rate_today))), arrayCumSum([level_before, by_kind['new'],
            by_kind['expansion'], by_kind['reactivation'], by_kind['currency_change'], by_kind['contraction'],
            by_kind['churn']])) AS steps,
        arrayMap(step -> if(rate_today IS NULL, NULL, toNullable(step)), arrayPushFront(
            arraySlice(arrayDifference(steps), 2), steps[1] - told_before)) AS parts
    FROM told
)
SELECT
    currency,
    day,
    to,
    if(rate_today IS NULL, NULL, toNullable(told_before)) AS mrr_before_minor,
    parts[1] AS fx_minor,
    parts[2] AS new_minor,
    parts[3] AS expansion_minor,
    parts[4] AS reactivation_minor,
    parts[5] AS currency_change_minor,
    -parts[6] AS contraction_minor,
    -parts[7] AS churn_minor,
    if(rate_today IS NULL, NULL, toNullable(steps[7])) AS mrr_after_minor
FROM counted
WHERE {standing}
