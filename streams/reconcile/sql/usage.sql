-- METRICS.md sections 1 and 2.
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
-- When a customer did each thing first that a criterion may ask for: what, of which name, who or what did.
done AS
(
    SELECT customer_id, thing.1 AS what, thing.2 AS name, thing.3 AS member, min(at_ms) AS first_ms
    FROM
    (
        SELECT
            customer_id,
            at_ms,
            JSONExtractString(payload, 'feature') AS feature,
            JSONExtractString(payload, 'user_id') AS user,
            JSONExtractString(payload, 'milestone') AS milestone,
            arrayJoin(if(type = 'milestone_reached', [('milestone', milestone, milestone)], [
                ('feature_used', feature, feature), ('distinct_features', '', feature), ('active_days', '', toString(on_day)),
                ('users_did', '', user), ('users_did_it', feature, user)])) AS thing
        FROM facts
        WHERE type IN ('feature_used', 'milestone_reached')
    )
    WHERE member != ''
    GROUP BY customer_id, what, name, member
),
-- A criterion is as old as the n-th of its things; 0 while there are fewer, or where it came too late.
instants AS
(
    SELECT
        customer_id,
        groupArray((what, name, first_ms)) AS things,
        minIf(first_ms, what = 'active_days') AS used_ms,
        arrayMap(leaf -> arraySort(arrayMap(one -> one.3,
            arrayFilter(one -> one.1 = leaf.1 AND one.2 = leaf.3, things)))[leaf.2], {leaves:Array(Tuple(String, Int64, String, Int64))})
            AS found,
        arrayMap((at, leaf) -> if(leaf.4 > 0 AND at >= used_ms + leaf.4, 0, at), found,
            {leaves:Array(Tuple(String, Int64, String, Int64))}) AS leaf_ms
    FROM done
    GROUP BY customer_id
),
-- All of several criteria hold with the last of them, any with the first: walked with a pile, operands before operators.
begun AS
(
    SELECT
        customer_id,
        arrayMap(program -> arrayFold(
            (pile, step) -> arrayPushBack(
                if(step.1 = 'leaf', pile, arraySlice(pile, 1, length(pile) - step.2)),
                multiIf(
                    step.1 = 'leaf', leaf_ms[step.2],
                    step.1 = 'all', if(has(arraySlice(pile, -step.2), 0), 0, arrayMax(arrayPushBack(arraySlice(pile, -step.2), 0))),
                    arraySort(arrayFilter(at -> at > 0, arraySlice(pile, -step.2)))[1])),
            program, CAST([], 'Array(Int64)'))[1], {programs:Array(Array(Tuple(String, Int64)))}) AS held_ms
    FROM instants
),
-- People and e-mails of the onboarding window, by the day they were first there.
beginners AS
(
    SELECT customer_id, first AS day, countIf(what = 'user') AS users_new, countIf(what = 'sent') AS sent_new,
        countIf(what = 'opened') AS opened_new
    FROM
    (
        SELECT customer_id, being.1 AS what, being.2 AS name, min(on_day) AS first
        FROM
        (
            SELECT customer_id, on_day, arrayJoin(multiIf(
                type = 'feature_used', [('user', JSONExtractString(payload, 'user_id'))],
                type = 'email_sent', [('sent', JSONExtractString(payload, 'email_id'))],
                [('sent', JSONExtractString(payload, 'email_id')), ('opened', JSONExtractString(payload, 'email_id'))]))
                AS being
            FROM facts
            WHERE type IN ('feature_used', 'email_sent', 'email_opened')
        )
        WHERE name != ''
        GROUP BY customer_id, what, name
    ) AS newcomers
    INNER JOIN spans USING (customer_id)
    WHERE first < first_day + {onboarding_days:Int64}
    GROUP BY customer_id, day
),
resources AS
(
    SELECT
        customer_id,
        on_day AS day,
        countIf(type = 'resource_viewed') AS views,
        countIf(type = 'resource_rated') AS ratings,
        countIf(type = 'resource_rated' AND JSONExtractBool(payload, 'helpful')) AS helpful,
        groupUniqArrayIf(JSONExtractString(payload, 'resource'), type = 'resource_viewed') AS viewed
    FROM facts
    WHERE type IN ('resource_viewed', 'resource_rated')
    GROUP BY customer_id, day
),
-- A session begins with an event that has none of the same user in so many seconds before it, or, where events name
-- their session, on a day that names it when the day before did not.
sessions AS
(
    SELECT customer_id, day, count() AS sessions_begun
    FROM
    (
        SELECT customer_id, on_day AS day, second - lagInFrame(toNullable(second)) OVER (PARTITION BY customer_id, user
            ORDER BY second ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS pause, {session_gap_seconds:Int64} AS gap
        FROM
        (
            SELECT DISTINCT customer_id, on_day, intDiv(at_ms, 1000) AS second, JSONExtractString(payload, 'user_id') AS user
            FROM facts
            WHERE type = 'feature_used' AND JSONExtractString(payload, 'session_id') = ''
        )
        UNION ALL
        SELECT customer_id, day, day - lagInFrame(toNullable(day)) OVER (PARTITION BY customer_id, session
            ORDER BY day ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS pause, 2 AS gap
        FROM
        (
            SELECT DISTINCT customer_id, on_day AS day, JSONExtractString(payload, 'session_id') AS session
            FROM facts
            WHERE type = 'feature_used' AND session != ''
        )
    )
    WHERE pause IS NULL OR pause >= gap
    GROUP BY customer_id, day
),
windows AS
(
    SELECT
        customer_id,
        day,
        held_ms,
        started_ms,
        first_day,
        sum(sessions_begun) OVER month AS sessions_month,
        sum(if(day < first_day + {onboarding_days:Int64}, sessions_begun, 0)) OVER history AS sessions_beginning,
        sum(users_new) OVER history AS users_begun,
        sum(sent_new) OVER history AS emails_sent,
        sum(opened_new) OVER history AS emails_opened,
        max(views + ratings > 0) OVER history AS has_resources,
        sum(views) OVER month AS views_month,
        uniqExactArray(viewed) OVER month AS viewed_month,
        sum(ratings) OVER month AS ratings_month,
        sum(helpful) OVER month AS helpful_month,
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
        day - toDate(first_used, {zone:String}) + 1 AS tenure_days,
        multiIf(tenure_days >= 28, 1., 28 / greatest(tenure_days, {min_tenure_days:Int64})) AS scale,
        pow(0.5, (as_of_ms - toUnixTimestamp64Milli(last_used)) / 86400000 / {recency_half_life_days:Float64}) AS recency,
        least(1, days_month * scale / {active_days_full:Float64}) AS frequency,
        least(1, features_month / {features_full:Float64}) AS breadth,
        multiIf(users_28d > 0, least(1, quantity_month * scale / users_28d / {uses_full_per_user:Float64}),
            days_month > 0, least(1, quantity_month / days_month / {uses_full_per_day:Float64}), 0) AS depth,
        multiIf(tenure_days < 28, NULL, days_half = 0, 0, least(1, 2 * days_half / days_month)) AS trend,
        sum(reached) OVER history AS milestones_reached
    FROM spine
    LEFT JOIN uses USING (customer_id, day)
    LEFT JOIN milestones USING (customer_id, day)
    LEFT JOIN beginners USING (customer_id, day)
    LEFT JOIN resources USING (customer_id, day)
    LEFT JOIN sessions USING (customer_id, day)
    LEFT JOIN begun USING (customer_id)
    INNER JOIN (SELECT customer_id, min(at_ms) AS started_ms, min(on_day) AS first_day FROM facts GROUP BY customer_id)
        AS starts USING (customer_id)
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
    if(days_month > days_half AND tenure_days >= 28,
        days_half / (days_month - days_half), NULL) AS usage_trend,
    intDiv(as_of_ms - toUnixTimestamp64Milli(last_used), 86400000) AS days_since_last_use,
    first_used AS first_used_at,
    last_used AS last_used_at,
    milestones_reached AS milestones,
    if(first_used IS NULL, NULL, least(100., 100 * ({recency_weight:Float64} * recency + {frequency_weight:Float64} * frequency
        + {breadth_weight:Float64} * breadth + {depth_weight:Float64} * depth + {trend_weight:Float64} * ifNull(trend, 0))
        / ({recency_weight:Float64} + {frequency_weight:Float64} + {breadth_weight:Float64} + {depth_weight:Float64}
        + if(trend IS NULL, 0, {trend_weight:Float64})))) AS engagement_score,
    multiIf(engagement_score IS NULL, NULL, engagement_score >= {excellent_from:Float64}, 'excellent',
        engagement_score >= {good_from:Float64}, 'good', 'bad') AS engagement_band,
    if(first_used IS NOT NULL AND {session_gap_seconds:Int64} > 0, toNullable(sessions_month), NULL) AS sessions_28d,
    if(first_used IS NOT NULL AND {session_gap_seconds:Int64} > 0, toNullable(sessions_beginning), NULL)
        AS onboarding_sessions,
    if(held_ms[1] BETWEEN 1 AND as_of_ms - 1, toNullable(fromUnixTimestamp64Milli(held_ms[1], 'UTC')), NULL) AS activated_at,
    toNullable(fromUnixTimestamp64Milli(started_ms, 'UTC')) AS onboarding_started_at,
    if({steps:Int64} = 0, NULL, toNullable({steps:Int64})) AS onboarding_steps_total,
    if({steps:Int64} = 0, NULL, toNullable(arrayCount(at -> at BETWEEN 1 AND as_of_ms - 1, arraySlice(held_ms, 2))))
        AS onboarding_steps_done,
    onboarding_steps_done / onboarding_steps_total AS onboarding_progress,
    if(onboarding_steps_done = onboarding_steps_total,
        toNullable(fromUnixTimestamp64Milli(arrayMax(arraySlice(held_ms, 2)), 'UTC')), NULL) AS onboarded_at,
    (toUnixTimestamp64Milli(onboarded_at) - started_ms) / 86400000 AS time_to_onboard_days,
    if({steps:Int64} = 0, NULL, toNullable(onboarding_steps_done < onboarding_steps_total
        AND day + 1 >= first_day + {onboarding_days:Int64})) AS onboarding_overdue,
    nullIf(users_begun, 0) AS onboarding_users,
    nullIf(emails_sent, 0) AS onboarding_emails_sent,
    if(emails_sent > 0, toNullable(emails_opened), NULL) AS onboarding_emails_opened,
    if(has_resources, toNullable(views_month), NULL) AS resource_views_28d,
    if(has_resources, toNullable(viewed_month), NULL) AS resources_viewed_28d,
    if(has_resources, toNullable(ratings_month), NULL) AS resource_ratings_28d,
    if(ratings_month > 0, helpful_month / ratings_month, NULL) AS resource_helpful_28d
FROM windows
WHERE day BETWEEN {since:Date} AND {until:Date}
