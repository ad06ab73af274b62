-- Begins the recounts of scores: of every customer and day that has one, or should, the figures it is made of. A score keeps
-- what was known when its day closed, that is revision 0. Of a day that was restated since the archive keeps the newest
-- revision alone: `usage_restated` and the like say so, and what rests on such a row is taken as published.
WITH homes AS
(
    SELECT customer_id, any(partition) AS partition
    FROM events
    WHERE customer_id IN {customers:Array(String)}
    GROUP BY customer_id
),
rows_of AS
(
    SELECT customer_id, day, revision FROM usage_daily FINAL WHERE customer_id IN {customers:Array(String)}
    UNION ALL SELECT customer_id, day, revision FROM support_daily FINAL WHERE customer_id IN {customers:Array(String)}
    UNION ALL SELECT customer_id, day, revision FROM revenue_daily FINAL WHERE customer_id IN {customers:Array(String)}
    UNION ALL SELECT customer_id, day, revision FROM feedback_daily FINAL WHERE customer_id IN {customers:Array(String)}
    UNION ALL SELECT customer_id, day, revision FROM accounts_daily FINAL WHERE customer_id IN {customers:Array(String)}
),
-- From its first row of revision 0 on a customer is scored on every day of its partition; before, where all that is known
-- of it came late, it may have been.
firsts AS
(
    SELECT customer_id, min(day) AS first_day, minIf(day, revision = 0) AS first_own_day, countIf(revision = 0) AS own_rows
    FROM rows_of
    GROUP BY customer_id
),
due AS
(
    SELECT customer_id, from_day + step AS day
    FROM
    (
        SELECT
            customer_id,
            greatest(first_own_day, first_scored, {since:Date}) AS from_day,
            least(last_scored, {until:Date}) AS to_day
        FROM firsts
        INNER JOIN homes USING (customer_id)
        INNER JOIN
            (
                SELECT span.1 AS partition, span.2 AS first_scored, span.3 AS last_scored
                FROM (SELECT arrayJoin({scored_days:Array(Tuple(UInt32, Date, Date))}) AS span)
            ) AS spans USING (partition)
        WHERE own_rows > 0
    )
    ARRAY JOIN range(toUInt32(greatest(0, to_day - from_day + 1))) AS step
    UNION DISTINCT
    SELECT customer_id, day
    FROM {table} FINAL
    INNER JOIN firsts USING (customer_id)
    WHERE day >= first_day AND customer_id IN {customers:Array(String)} AND day BETWEEN {since:Date} AND {until:Date}
),
usage_then AS
(
    SELECT
        customer_id,
        day,
        toUInt8(1) AS has_usage,
        toUInt8(revision > 0) AS usage_restated,
        engagement_score,
        adoption AS adoption_of_all,
        active_users_28d,
        features_used_28d,
        events_28d,
        toUnixTimestamp64Milli(activated_at) AS activated_ms,
        toUnixTimestamp64Milli(first_used_at) AS first_used_ms,
        toUnixTimestamp64Milli(last_used_at) AS last_used_ms,
        onboarded_at IS NOT NULL AS onboarded,
        milestones,
        usage_trend,
        active_days_28d,
        active_days_14d,
        active_days_prev_14d,
        days_since_last_use,
        events_14d,
        events_prev_14d,
        quantity_28d,
        errors_28d,
        onboarding_progress,
        onboarding_overdue
    FROM usage_daily FINAL
    WHERE customer_id IN {customers:Array(String)} AND day BETWEEN {since:Date} AND {until:Date}
),
support_then AS
(
    SELECT
        customer_id,
        day,
        toUInt8(1) AS has_support,
        toUInt8(revision > 0) AS support_restated,
        tickets_opened_28d,
        questions_28d,
        tickets_open,
        tickets_open_urgent,
        escalations_28d,
        reopenings_28d,
        first_response_minutes_28d,
        first_resolution_hours_28d,
        oldest_open_hours,
        sla_breaches_28d,
        first_response_minutes_90d,
        first_resolution_hours_90d,
        toUnixTimestamp64Milli(last_ticket_at) AS last_ticket_ms
    FROM support_daily FINAL
    WHERE customer_id IN {customers:Array(String)} AND day BETWEEN {since:Date} AND {until:Date}
),
revenue_then AS
(
    SELECT
        customer_id,
        day,
        toUInt8(1) AS has_revenue,
        toUInt8(revision > 0) AS revenue_restated,
        mrr_minor AS mrr_then_minor,
        toString(currency) AS currency_then,
        toUInt8(paying) AS paying_then,
        seats AS seats_bought,
        toString(plan) AS plan_billed,
        tenure_days,
        toUnixTimestamp64Milli(first_paid_at) AS first_paid_ms,
        churned_at IS NOT NULL AS churned,
        days_overdue,
        toString(payment_state) AS payment_state,
        toUInt8(cancellation_reported_while_paying) AS under_cancellation,
        cancellations_reported_90d,
        subscriptions_active,
        subscriptions_ending,
        trials_active,
        subscriptions_paused,
        renewal_period_days,
        mrr_28d_ago_minor,
        days_to_renewal,
        renewal_automatic
    FROM revenue_daily FINAL
    WHERE customer_id IN {customers:Array(String)} AND day BETWEEN {since:Date} AND {until:Date}
),
feedback_then AS
(
    SELECT
        customer_id,
        day,
        toUInt8(1) AS has_feedback,
        toUInt8(revision > 0) AS feedback_restated,
        nps,
        csat_ratings_90d,
        csat_positive_90d,
        ces_mean,
        csat,
        ces_top2,
        responses_90d,
        follow_ups_open,
        toUnixTimestamp64Milli(last_answer_at) AS last_answer_ms,
        last_nps_response_id,
        last_nps_event_id,
        last_nps_score,
        toString(last_nps_class) AS nps_class,
        last_nps_answered_at,
        last_nps_respondent_id,
        last_nps_reason,
        last_nps_generated
    FROM feedback_daily FINAL
    WHERE customer_id IN {customers:Array(String)} AND day BETWEEN {since:Date} AND {until:Date}
),
-- A profile has a row on the days it changed alone.
profile_then AS
(
    SELECT
        customer_id,
        day AS profile_day,
        toUInt8(1) AS has_account,
        name AS name_then,
        toString(owner) AS owner_then,
        toString(locale) AS locale_then,
        toString(segment) AS segment_then,
        toString(plan) AS plan_named,
        seats AS seats_named,
        toUnixTimestamp64Milli(signed_up_at) AS signed_up_ms
    FROM accounts_daily FINAL
    WHERE customer_id IN {customers:Array(String)} AND day <= {until:Date}
),
then AS
(
    SELECT
        *,
        toInt64(toUnixTimestamp(toDateTime(day + 1, {zone:String}))) * 1000 AS as_of_ms,
        if(seats_bought IS NOT NULL, seats_bought, seats_named) AS seats,
        coalesce(signed_up_ms, first_paid_ms, first_used_ms) AS started_ms,
        if(seats > 0, active_users_28d / seats, NULL) AS used_of_seats,
        -- Against what the plan offers, where the profile says so.
        CAST({plans:Array(Tuple(String, Float64))}, 'Map(String, Float64)') AS plans,
        plans[ifNull(if(plan_billed IS NULL, plan_named, plan_billed), '')] AS offered,
        if(offered > 0 AND first_used_ms IS NOT NULL, toNullable(least(1., features_used_28d / offered)), adoption_of_all)
            AS adoption,
        usage_restated OR (revenue_restated AND notEmpty(plans)) AS adoption_restated
    FROM due
    LEFT JOIN usage_then USING (customer_id, day)
    LEFT JOIN support_then USING (customer_id, day)
    LEFT JOIN revenue_then USING (customer_id, day)
    LEFT JOIN feedback_then USING (customer_id, day)
    ASOF LEFT JOIN profile_then ON due.customer_id = profile_then.customer_id AND due.day >= profile_then.profile_day
)
