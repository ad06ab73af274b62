-- METRICS.md section 1, counted from `feature_used` and `milestone_reached`.
, uses AS
(
    SELECT
        customer_id,
        on_day AS day,
        count() AS events,
        sum(if(JSONHas(payload, 'quantity'), JSONExtractInt(payload, 'quantity'), 1)) AS quantity,
        sum(JSONExtractInt(payload, 'errors')) AS errors,
        sum(toInt64(roundBankers(JSONExtractFloat(payload, 'duration_seconds') * 1000))) AS duration_ms,
        groupUniqArrayIf(JSONExtractString(payload, 'user_id'), JSONExtractString(payload, 'user_id') != '') AS users,
        groupUniqArrayIf(JSONExtractString(payload, 'feature'), JSONExtractString(payload, 'feature') != '') AS features,
        toNullable(min(at)) AS first_at,
        toNullable(max(at)) AS last_at
    FROM facts
    WHERE type = 'feature_used'
    GROUP BY customer_id, day
),
milestones AS
(
    SELECT customer_id, day, count() AS reached
    FROM
    (
        SELECT customer_id, min(on_day) AS day
        FROM facts
        WHERE type = 'milestone_reached'
        GROUP BY customer_id, JSONExtractString(payload, 'milestone')
    )
    GROUP BY customer_id, day
),
windows AS
(
    SELECT
        customer_id,
        day,
        toUnixTimestamp(toDateTime(day + 1, {zone:String})) * 1000 AS as_of_ms,
        max(notEmpty(users)) OVER history AS named,
        length(users) AS users_1d,
        uniqExactArray(users) OVER week AS users_7d,
        uniqExactArray(users) OVER month AS users_28d,
        sum(length(users)) OVER month AS user_days,
        sum(events) OVER half AS events_half,
        sum(events) OVER month AS events_month,
        sum(quantity) OVER month AS quantity_month,
        sum(duration_ms) OVER month AS duration_ms_month,
        sum(errors) OVER month AS errors_month,
        sum(events > 0) OVER half AS days_half,
        sum(events > 0) OVER month AS days_month,
        uniqExactArray(arrayFilter(one -> NOT {listed:UInt8} OR has({features:Array(String)}, one), features))
            OVER month AS features_month,
        uniqExactArray(arrayFilter(one -> NOT has({features:Array(String)}, one), features)) OVER month AS unlisted,
        min(first_at) OVER history AS first_used,
        max(last_at) OVER history AS last_used,
        sum(reached) OVER history AS milestones_reached
    FROM spine
    LEFT JOIN uses USING (customer_id, day)
    LEFT JOIN milestones USING (customer_id, day)
    WINDOW
        history AS (PARTITION BY customer_id ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW),
        month AS (PARTITION BY customer_id ORDER BY day ROWS BETWEEN 27 PRECEDING AND CURRENT ROW),
        half AS (PARTITION BY customer_id ORDER BY day ROWS BETWEEN 13 PRECEDING AND CURRENT ROW),
        week AS (PARTITION BY customer_id ORDER BY day ROWS BETWEEN 6 PRECEDING AND CURRENT ROW)
)
SELECT
    customer_id,
    day,
    if(named, users_1d, NULL) AS active_users_1d,
    if(named, users_7d, NULL) AS active_users_7d,
    if(named, users_28d, NULL) AS active_users_28d,
    if(named AND users_28d > 0, user_days / 28 / users_28d, NULL) AS stickiness,
    events_half AS events_14d,
    events_month - events_half AS events_prev_14d,
    events_month AS events_28d,
    quantity_month AS quantity_28d,
    duration_ms_month / 1000 AS duration_seconds_28d,
    errors_month AS errors_28d,
    days_half AS active_days_14d,
    days_month - days_half AS active_days_prev_14d,
    days_month AS active_days_28d,
    features_month AS features_used_28d,
    if(first_used IS NOT NULL AND {available:Int64} > 0, least(1, features_month / {available:Int64}), NULL) AS adoption,
    if({listed:UInt8}, unlisted, NULL) AS unmapped_features_28d,
    if(days_month > days_half AND day - toDate(first_used, {zone:String}) + 1 >= 28,
        days_half / (days_month - days_half), NULL) AS usage_trend,
    intDiv(as_of_ms - toUnixTimestamp64Milli(last_used), 86400000) AS days_since_last_use,
    first_used AS first_used_at,
    last_used AS last_used_at,
    milestones_reached AS milestones
FROM windows
WHERE day BETWEEN {since:Date} AND {until:Date}
