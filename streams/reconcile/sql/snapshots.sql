-- Churn examples (METRICS.md section 8): of which customers there is one at the end of a Sunday, and its features, each a
-- figure of the day as it was when it closed, or a formula of some. A labelled one has the probability that the model of
-- then gave it: features in spreads from the typical customer, times weights. Not every model is published (a newer one may
-- overtake it, the expert's own is not): a probability by another is taken as it is. The label: whether a customer was lost in
-- the days of the window, known on the first day on which it was, or when the window has passed; of one that turns out to be
-- none within the window it is never known, and one that it was given is taken back on that day. It is due up to the day that
-- the newest model has learned. Snapshots of days that were learned for another window than the profile's have the label they
-- were given for that one, or none.
, told AS
(
    SELECT
        customer_id,
        day,
        toUInt8(1) AS is_told,
        CAST(features, 'Map(String, Float64)') AS told_features,
        probability AS told_probability,
        churned AS told_churned,
        labelled_day AS told_labelled_day,
        model_version AS told_version
    FROM churn_observations FINAL
    WHERE customer_id IN {customers:Array(String)} AND day BETWEEN {since:Date} AND {until:Date}
),
models AS
(
    SELECT
        toNullable(model_version) AS told_version,
        toUInt8(1) AS is_published,
        JSONExtract(parameters, 'weights', 'Array(Float64)') AS weights_then,
        JSONExtract(parameters, 'constants', 'Array(Tuple(String, String, Float64, Float64))') AS constants,
        JSONExtractFloat(parameters, 'clip') AS clip,
        calibration_on,
        calibration_slope,
        calibration_intercept
    FROM churn_models FINAL
    WHERE model = 'churn-rls'
),
-- Days on which a customer at risk is so no more: it gave notice, it neither pays nor pauses, or it is none; and those of which
-- nobody can tell, since they were restated.
turns AS
(
    SELECT customer_id, arraySort(groupArray((day, is_restated, is_none))) AS turned
    FROM
    (
        SELECT
            standing.customer_id AS customer_id,
            day,
            standing.revision > 0 OR said.revision > 0 AS is_restated,
            lower(trimBoth(ifNull(toString(segment), ''))) IN ('deleted', 'merged', 'test', 'internal') AS is_none,
            subscriptions_active + trials_active + subscriptions_paused AS standing_all,
            cancellation_reported_while_paying OR (standing_all > 0 AND standing_all <= subscriptions_ending) AS is_noticed
        FROM
        (
            SELECT * FROM revenue_daily FINAL
            WHERE customer_id IN {customers:Array(String)}
                AND day >= {since:Date} AND toInt32(day) <= toInt32({until:Date}) + {churn_horizon_days:Int64}
        ) AS standing
        ASOF LEFT JOIN
            (SELECT customer_id, day AS said_day, segment, revision FROM accounts_daily FINAL WHERE customer_id IN {customers:Array(String)})
            AS said ON standing.customer_id = said.customer_id AND standing.day >= said.said_day
        WHERE standing.revision > 0 OR is_none OR is_noticed OR NOT (paying OR subscriptions_paused > 0)
    )
    GROUP BY customer_id
),
read AS
(
    SELECT
        *,
        addDays(day, {churn_horizon_days:Int64}) AS window_day,
        (SELECT max(trained_through) FROM churn_models FINAL WHERE model = 'churn-rls') AS learned_through,
        arrayFilter(one -> one.1 > day AND one.1 <= window_day, turned) AS turns_within,
        turns_within[1] AS turn,
        notEmpty(turns_within) AS has_turned,
        arrayFilter(one -> one.3 AND toDate32(one.1) <= learned_through, turns_within) AS nones,
        is_told AND (turn.2 OR nones[1].2 OR toDate32(day) <= (
                SELECT max(trained_through) FROM churn_models FINAL
                WHERE model = 'churn-rls' AND horizon_days != {churn_horizon_days:Int64}
            )) AS label_taken,
        multiIf(has_turned AND turn.3, NULL, notEmpty(nones), toNullable(nones[1].1), has_turned, toNullable(turn.1),
            toNullable(window_day)) AS label_day,
        if(ifNull(label_day <= learned_through, 0), label_day, NULL) AS known_day,
        subscriptions_active + trials_active + subscriptions_paused AS running,
        -- It pays, nothing it has is to end, and it is a real one.
        has_revenue AND paying_then AND NOT under_cancellation AND NOT (running > 0 AND running <= subscriptions_ending)
            AND lower(trimBoth(ifNull(segment_then, ''))) NOT IN ('deleted', 'merged', 'test', 'internal')
            AND toDayOfWeek(day) = 7 AS is_example,
        if(ifNull(seats_bought, 0) > 0, seats_bought, nullIf(seats_named, 0)) AS seats_some,
        if(ifNull(active_users_28d, 0) > 0, quantity_28d / active_users_28d, NULL) AS use_of_each,
        if(ifNull(active_users_28d, 0) > 0 AND mrr_then_minor > 0, mrr_then_minor / active_users_28d, NULL) AS price_of_each,
        toFloat64(days_to_renewal BETWEEN 0 AND 30) AS is_due,
        has_usage AND tenure_days <= 120 AS is_young,
        usage_restated OR revenue_restated AS both_restated,
        -- Within 14 days of the first use, or of the first payment where there is none, a count of 28 says nothing yet.
        if(first_used_ms IS NULL OR last_used_ms IS NULL, ifNull(tenure_days >= 14, 1), ifNull(
            ifNull(days_since_last_use, 0) * 86400000 + last_used_ms - first_used_ms >= 14 * 86400000, 1)) AS is_settled,
        -- Feature, value, whether it rests on a restated row.
        [
            ('active_days_28d', if(has_usage AND is_settled, toNullable(toFloat64(active_days_28d)), NULL), both_restated),
            ('days_since_last_use', toFloat64(days_since_last_use), usage_restated),
            ('usage_trend', usage_trend, usage_restated),
            ('usage_change', if(usage_trend IS NULL, NULL, log((events_14d + 1) / (events_prev_14d + 1))), usage_restated),
            ('quantity_28d', if(has_usage AND is_settled, toNullable(toFloat64(quantity_28d)), NULL), both_restated),
            ('features_used_28d', if(has_usage AND is_settled, toNullable(toFloat64(features_used_28d)), NULL), both_restated),
            ('active_users_28d', if(is_settled, toFloat64(active_users_28d), NULL), both_restated),
            ('seats_used', if(is_settled, active_users_28d / seats_some, NULL), both_restated),
            ('usage_per_user', if(is_settled, use_of_each, NULL), both_restated),
            ('error_share', if(events_28d > 0, errors_28d / events_28d, NULL), usage_restated),
            ('tenure_days', toFloat64(tenure_days), revenue_restated),
            ('not_activated', if(ifNull(is_young, 0), toNullable(toFloat64(activated_ms IS NULL)), NULL), both_restated),
            ('onboarding_progress', if(ifNull(is_young, 0) AND NOT onboarded, onboarding_progress, NULL), both_restated),
            ('onboarding_overdue', toFloat64(onboarding_overdue), usage_restated),
            ('mrr', if(has_revenue, toNullable(toFloat64(mrr_then_minor)), NULL), revenue_restated),
            ('mrr_per_user', if(is_settled, price_of_each, NULL), both_restated),
            ('mrr_change', if(mrr_then_minor > 0 AND mrr_28d_ago_minor > 0, log(mrr_then_minor / mrr_28d_ago_minor), NULL),
                revenue_restated),
            ('days_overdue', if(payment_state IS NULL, NULL, toNullable(toFloat64(ifNull(days_overdue, 0)))), revenue_restated),
            ('renewal_due', is_due, revenue_restated),
            ('renewal_due_term', is_due * log((renewal_period_days + 1) / 31), revenue_restated),
            ('renewal_due_level', if(has_usage AND is_settled, is_due * log((quantity_28d + 1) / 201), NULL), both_restated),
            ('renewal_due_use', if(is_settled, is_due * log((use_of_each + 1) / 51), NULL), both_restated),
            ('renewal_due_price', if(is_settled, is_due * log((price_of_each + 1) / 5001), NULL), both_restated),
            ('renewal_by_hand', is_due * toFloat64(NOT renewal_automatic), revenue_restated),
            ('ending_share', if(running > 0, subscriptions_ending / running, NULL), revenue_restated),
            ('cancellation_reported', if(has_revenue, toNullable(toFloat64(under_cancellation)), NULL), revenue_restated),
            ('subscriptions_active', if(has_revenue, toNullable(toFloat64(subscriptions_active)), NULL), revenue_restated),
            ('tickets_open', if(has_support, toNullable(toFloat64(tickets_open)), NULL), support_restated),
            ('tickets_open_urgent', if(has_support, toNullable(toFloat64(tickets_open_urgent)), NULL), support_restated),
            ('tickets_opened_28d', if(has_support, toNullable(toFloat64(tickets_opened_28d)), NULL), support_restated),
            ('escalations_28d', if(has_support, toNullable(toFloat64(escalations_28d)), NULL), support_restated),
            ('reopenings_28d', if(has_support, toNullable(toFloat64(reopenings_28d)), NULL), support_restated),
            ('sla_breaches_28d', toFloat64(sla_breaches_28d), support_restated),
            ('first_response_hours', ifNull(first_response_minutes_28d, first_response_minutes_90d) / 60, support_restated),
            ('first_resolution_hours_90d', first_resolution_hours_90d, support_restated),
            ('oldest_open_hours', oldest_open_hours, support_restated),
            ('questions_28d', if(has_support, toNullable(toFloat64(questions_28d)), NULL), support_restated),
            ('nps', nps, feedback_restated),
            ('csat', csat, feedback_restated),
            ('ces', ces_top2, feedback_restated),
            ('follow_ups_open', if(has_feedback, toNullable(toFloat64(follow_ups_open)), NULL), feedback_restated)
        ] AS readings,
        arrayMap(one -> if(mapContains(told_features, one.1),
            ((if(one.2 = 'log', sign(told_features[one.1]) * log1p(abs(told_features[one.1])), told_features[one.1]))
                - if(one.2 = 'log', sign(one.3) * log1p(abs(one.3)), one.3)) / one.4, 0), constants) AS spreads,
        weights_then[1] + arraySum(arrayMap((weight, spread) -> weight * greatest(-clip, least(clip, spread)),
            arraySlice(weights_then, 2), spreads)) AS raw_odds,
        if(calibration_on, calibration_slope * raw_odds + calibration_intercept, raw_odds) AS odds
    FROM then
    LEFT JOIN told USING (customer_id, day)
    LEFT JOIN models USING (told_version)
    LEFT JOIN turns USING (customer_id)
)
SELECT
    customer_id,
    day,
    CAST(arrayMap(one -> (one.1, assumeNotNull(one.2)), arrayFilter(one -> one.2 IS NOT NULL, arrayMap(
        one -> (one.1, if(is_told AND one.3, if(mapContains(told_features, one.1), toNullable(told_features[one.1]), NULL), one.2)),
        readings))), 'Map(String, Float64)') AS features,
    if(told_probability IS NOT NULL AND is_published,
        toNullable(least(1 - {probability_floor:Float64}, greatest({probability_floor:Float64}, 1 / (1 + exp(-odds))))),
        told_probability) AS probability,
    multiIf(label_taken, told_churned, known_day IS NULL OR notEmpty(nones), NULL, toNullable(has_turned)) AS churned,
    if(label_taken, told_labelled_day, known_day) AS labelled_day,
    is_told AND (usage_restated OR support_restated OR revenue_restated OR feedback_restated OR label_taken) AS taken
FROM read
WHERE if(revenue_restated, is_told, is_example)
