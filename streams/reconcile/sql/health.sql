-- Health of a day (METRICS.md section 7). Points are counted in millionths, weights in millionths of a percent.
, told AS
(
    SELECT
        customer_id,
        day,
        toUInt8(1) AS is_told,
        coverage AS told_coverage,
        toString(profile) AS told_profile,
        name AS told_name,
        mrr_minor AS told_mrr_minor,
        toString(currency) AS told_currency,
        toUInt8(paying) AS told_paying,
        answer_response_id AS told_response_id,
        answer_event_id AS told_event_id,
        answer_score AS told_score,
        toString(answer_nps_class) AS told_nps_class,
        answer_answered_at AS told_answered_at,
        answer_respondent_id AS told_respondent_id,
        answer_reason AS told_reason,
        answer_generated AS told_generated,
        `factors.factor` AS told_factors,
        `factors.value` AS told_values,
        `factors.weight` AS told_weights,
        `factors.evidence` AS told_evidence
    FROM health_daily FINAL
    WHERE customer_id IN {customers:Array(String)} AND day BETWEEN {since:Date} AND {until:Date}
),
before AS
(
    SELECT
        customer_id,
        scores.day + 1 AS day,
        score AS score_before,
        toString(band) AS band_before,
        `factors.factor` AS factors_before,
        `factors.earned` AS earned_before
    FROM health_daily AS scores FINAL
    WHERE customer_id IN {customers:Array(String)} AND scores.day + 1 BETWEEN {since:Date} AND {until:Date}
),
-- The variant of the profile that holds: for segment and stage of the journey, else the segment, else the stage.
placed AS
(
    SELECT
        *,
        CAST({health:Array(Tuple(String, Float64))}, 'Map(String, Float64)') AS h,
        usage_restated OR revenue_restated AS journey_restated,
        multiIf(
            NOT onboarded AND ifNull(as_of_ms - started_ms < h['onboarding_days'] * 86400000, 0),
                'onboarding',
            ifNull(days_to_renewal <= h['journey_renewal_days'], 0), 'renewal',
            'adoption') AS stage,
        arrayFirst(place -> place > 0, [
            if(segment_then IS NULL, 0, indexOf({variants:Array(Tuple(String, String))}, (assumeNotNull(segment_then), stage))),
            if(segment_then IS NULL, 0, indexOf({variants:Array(Tuple(String, String))}, (assumeNotNull(segment_then), ''))),
            indexOf({variants:Array(Tuple(String, String))}, ('', stage)),
            1]) AS chosen,
        indexOf({profiles:Array(String)}, told_profile) AS named,
        if(journey_restated AND is_told AND named > 0, named, chosen) AS place,
        {weights:Array(Array(Float64))}[place] AS weights,
        {bounds:Array(Array(Float64))}[place] AS limits
    FROM then
    LEFT JOIN told USING (customer_id, day)
    LEFT JOIN before USING (customer_id, day)
),
-- A reading of each factor, 0 to 100 or none, and the share of its weight that age has left.
read AS
(
    SELECT
        *,
        if(has_support AND questions_28d > 0 AND engagement_score IS NOT NULL,
            least(100., engagement_score + least(questions_28d * h['points_per_question'], h['points_of_questions_max'])),
            engagement_score) AS engagement_reading,
        arrayMap(part -> assumeNotNull(part), arrayFilter(part -> part IS NOT NULL, [
            if(adoption IS NULL, NULL, least(1., adoption / h['adoption_full'])),
            if(used_of_seats IS NULL, NULL, least(1., used_of_seats / h['seats_full']))])) AS adoption_parts,
        if(has_usage AND notEmpty(adoption_parts), 100 * arraySum(adoption_parts) / length(adoption_parts), NULL)
            AS adoption_reading,
        (as_of_ms - started_ms) / 86400000 AS age_days,
        multiIf(
            NOT has_usage, NULL,
            activated_ms IS NOT NULL, 100.,
            age_days IS NULL OR age_days < h['grace_days'], NULL,
            greatest(0., 100 * ((h['limit_days'] - age_days) / (h['limit_days'] - h['grace_days'])))) AS activation_reading,
        greatest(0, tickets_opened_28d - questions_28d) * h['points_per_ticket']
            + tickets_open_urgent * h['points_per_urgent_open']
            + escalations_28d * h['points_per_escalation']
            + reopenings_28d * h['points_per_reopening']
            + (least(1., greatest(0., ifNull(first_response_minutes_28d, 0) / h['response_minutes'] - 1))
                + least(1., greatest(0., ifNull(first_resolution_hours_28d, 0) / h['resolution_hours'] - 1))
                + least(1., greatest(0., ifNull(oldest_open_hours, 0) / h['open_hours'] - 1))) * h['points_slow'] AS support_lost,
        if(has_support AND last_ticket_ms IS NOT NULL, greatest(0., 100 - support_lost), NULL) AS support_reading,
        if(tickets_open > 0, 0, (as_of_ms - last_ticket_ms) / 86400000 - h['support_fresh_days']) AS support_overdue,
        if(ifNull(support_overdue, 0) <= 0, 1., pow(0.5, support_overdue / h['support_half_life_days'])) AS support_fresh,
        (as_of_ms - last_answer_ms) / 86400000 - h['relationship_fresh_days'] AS answer_overdue,
        if(ifNull(answer_overdue, 0) <= 0, 1., pow(0.5, answer_overdue / h['relationship_half_life_days'])) AS relationship_fresh,
        (as_of_ms - toUnixTimestamp64Milli(last_nps_answered_at)) / 86400000 - h['relationship_fresh_days'] AS nps_overdue,
        if(last_nps_answered_at IS NULL, 0.,
            h['nps_weight'] * if(ifNull(nps_overdue, 0) <= 0, 1., pow(0.5, nps_overdue / h['relationship_half_life_days'])))
            AS nps_weight,
        if(csat_ratings_90d > 0, h['csat_weight'] * relationship_fresh, 0.) AS csat_weight,
        if(ces_mean IS NOT NULL, h['ces_weight'] * relationship_fresh, 0.) AS ces_weight,
        ifNull(ifNull(nps, transform(nps_class, ['promoter', 'passive', 'detractor'], [100., 0., -100.], 0.)), 0) AS nps_points,
        (nps_weight * (nps_points + 100) / 2
            + csat_weight * 100 * (csat_positive_90d + h['csat_prior_ratings'] * h['csat_prior'])
                / greatest(csat_ratings_90d + h['csat_prior_ratings'], 1)
            + ces_weight * 100 * ifNull(ces_mean, 0)) / nullIf(nps_weight + csat_weight + ces_weight, 0) AS said,
        if(has_feedback AND last_answer_ms IS NOT NULL, said, NULL) AS relationship_reading,
        ifNull(days_overdue, 0) * h['points_per_day_overdue']
            + if(under_cancellation OR (subscriptions_active > 0 AND subscriptions_active <= subscriptions_ending),
                h['points_cancellation'], 0)
            + if(mrr_then_minor < mrr_28d_ago_minor,
                h['points_contraction'] * (1 - mrr_then_minor / mrr_28d_ago_minor), 0)
            + if(ifNull(renewal_automatic = false AND days_to_renewal <= h['renewal_days'], 0), h['points_renewal'], 0)
            AS billing_lost,
        multiIf(NOT has_revenue, NULL, paying_then, greatest(0., 100 - billing_lost), churned, 0., NULL) AS billing_reading,
        if(has_usage, least(100., 100 * milestones / h['milestones_expected']), NULL) AS value_reading,
        if(usage_trend IS NULL, NULL, least(100., h['steady'] * 2 * usage_trend / (1 + usage_trend))) AS trend_reading,
        -- The figures each rests on, as JSON, in the order of their names below.
        [
            if(has_usage, toJSONString(mapFilter(
                (name, number) -> name != 'questions_28d'
                    OR (engagement_score IS NOT NULL AND has_support AND questions_28d > 0),
                map('engagement_score', engagement_score, 'active_days_28d', toFloat64(active_days_28d),
                    'days_since_last_use', toFloat64(days_since_last_use), 'questions_28d', toFloat64(questions_28d)))),
                '{}'),
            if(has_usage, toJSONString(map('adoption', adoption, 'features_used_28d', toFloat64(features_used_28d),
                'license_utilization', used_of_seats)), '{}'),
            if(has_usage, toJSONString(mapFilter(
                (name, number) -> name != 'days_since_start' OR (activated_ms IS NULL AND age_days IS NOT NULL),
                map('activated_at', toFloat64(activated_ms),
                    'time_to_activate_days', if(activated_ms >= started_ms, (activated_ms - started_ms) / 86400000, NULL),
                    'days_since_start', trunc(age_days)))), '{}'),
            if(has_support AND last_ticket_ms IS NOT NULL, toJSONString(map(
                'tickets_opened_28d', toFloat64(tickets_opened_28d), 'tickets_open', toFloat64(tickets_open),
                'tickets_open_urgent', toFloat64(tickets_open_urgent), 'escalations_28d', toFloat64(escalations_28d),
                'first_response_minutes_28d', first_response_minutes_28d,
                'first_resolution_hours_28d', first_resolution_hours_28d, 'oldest_open_hours', oldest_open_hours)), '{}'),
            if(has_feedback AND last_answer_ms IS NOT NULL, toJSONString(CAST(
                (nps, nps_class, csat, ces_mean, toFloat64(responses_90d)),
                'Tuple(nps Nullable(Float64), nps_class Nullable(String), csat Nullable(Float64),
                    ces_mean Nullable(Float64), responses_90d Float64)')), '{}'),
            if(has_revenue, toJSONString(CAST(
                (payment_state, toFloat64(days_overdue), toFloat64(mrr_then_minor), toFloat64(mrr_28d_ago_minor),
                    toFloat64(cancellations_reported_90d), toFloat64(days_to_renewal)),
                'Tuple(payment_state Nullable(String), days_overdue Nullable(Float64), mrr_minor Float64,
                    mrr_28d_ago_minor Float64, cancellations_reported_90d Float64, days_to_renewal Nullable(Float64))')), '{}'),
            if(has_usage, toJSONString(map('milestones', toFloat64(milestones))), '{}'),
            if(has_usage, toJSONString(map('usage_trend', usage_trend, 'active_days_14d', toFloat64(active_days_14d),
                'active_days_prev_14d', toFloat64(active_days_prev_14d))), '{}')
        ] AS evidence
    FROM placed
),
-- Those of the profile, in its order; what rests on a restated row is as published, and so are all weights where the age
-- of an answer or a ticket is not known any more.
listed AS
(
    SELECT
        *,
        ['engagement', 'adoption', 'activation', 'support', 'relationship', 'billing', 'value', 'trend'] AS all_names,
        arrayFilter(position -> weights[position] >= 0, range(1, 9)) AS positions,
        arrayMap(position -> all_names[position], positions) AS names,
        arrayMap(position -> weights[position], positions) AS own_weights,
        [engagement_reading, adoption_reading, activation_reading, support_reading, relationship_reading, billing_reading,
            value_reading, trend_reading] AS readings,
        [usage_restated OR support_restated, usage_restated OR revenue_restated, usage_restated OR revenue_restated,
            support_restated, feedback_restated, revenue_restated, usage_restated, usage_restated] AS restated,
        arrayMap(name -> told_values[indexOf(told_factors, name)], names) AS values_told,
        arrayMap(position -> is_told AND restated[position], positions) AS taken_each,
        is_told AND (support_restated OR feedback_restated) AS weights_taken,
        arrayMap((position, as_told, is_taken) -> if(is_taken, as_told, readings[position]), positions, values_told, taken_each)
            AS values_read,
        arrayMap((position, value) -> assumeNotNull(multiIf(
            value IS NULL, 0.,
            position = 4, support_fresh,
            position = 5, relationship_fresh,
            1.)), positions, values_read) AS fresh,
        arrayMap((weight, share) -> weight * if(share < h['min_freshness'], 0, share), own_weights, fresh) AS raw,
        arrayMap(one -> roundBankers(one / arraySum(raw) * 1e8), raw) AS rounded,
        indexOf(rounded, arrayMax(rounded)) AS largest,
        multiIf(
            weights_taken, arrayMap(name -> roundBankers(told_weights[indexOf(told_factors, name)] * 1e8), names),
            arraySum(raw) = 0, arrayMap(one -> 0., raw),
            arrayMap((one, number) -> if(number = largest, one + 1e8 - arraySum(rounded), one), rounded, arrayEnumerate(rounded)))
            AS shares,
        if(weights_taken, told_coverage, roundBankers(arraySum(raw) / arraySum(own_weights) * 1e6) / 1e6) AS counted_coverage,
        arrayMap((value, share) -> if(share = 0, NULL, roundBankers(value * 1e6) / 1e6), values_read, shares) AS values,
        arrayMap((value, share) -> assumeNotNull(ifNull(roundBankers(share * value / 100), 0.)), values, shares) AS earned,
        arraySum(shares) > 0 AS is_scored,
        if(is_scored, arraySum(earned) / 1e6, NULL) AS counted_score
    FROM read
),
banded AS
(
    SELECT
        *,
        transform(band_before, ['red', 'yellow', 'green'], [1, 2, 3], 0) AS rank,
        limits[1] + multiIf(rank = 0, 0, rank >= 2, -limits[3], limits[3]) AS yellow_bound,
        limits[2] + multiIf(rank = 0, 0, rank >= 3, -limits[3], limits[3]) AS green_bound,
        multiIf(
            counted_score IS NULL OR counted_coverage < limits[4], 'unknown',
            counted_score >= green_bound, 'green',
            counted_score >= yellow_bound, 'yellow',
            'red') AS counted_band,
        -- By which factor the next band is reached, to be kept the day after, too: value needed, place, value then. The
        -- smallest change is the first.
        arraySort(way -> (way.1 - way.3, way.2), arrayFilter(way -> way.1 <= 100, arrayMap(
            (number, value) -> (
                ceil((limits[if(counted_band = 'red', 1, 2)] + limits[3] - (ifNull(counted_score, 0) - earned[number] / 1e6))
                    / (shares[number] / 1e8) * 10000) / 10000,
                number,
                assumeNotNull(value)),
            arrayFilter(number -> values[number] IS NOT NULL, arrayEnumerate(values)),
            arrayFilter(value -> value IS NOT NULL, values)))) AS ways,
        counted_band IN ('red', 'yellow') AND notEmpty(ways) AS is_lifted
    FROM listed
)
SELECT
    customer_id,
    day,
    counted_score AS score,
    counted_band AS band,
    score_before AS previous_score,
    nullIf(band_before, '') AS previous_band,
    counted_coverage AS coverage,
    {profiles:Array(String)}[place] AS profile,
    if(is_lifted, toNullable(names[ways[1].2]), NULL) AS lift_factor,
    if(is_lifted, toNullable(ways[1].3), NULL) AS lift_value_from,
    if(is_lifted, toNullable(ways[1].1), NULL) AS lift_value_to,
    if(is_lifted, toNullable(if(counted_band = 'red', 'yellow', 'green')), NULL) AS lift_band,
    if(has_account, toNullable(name_then), NULL) AS name,
    owner_then AS owner,
    locale_then AS locale,
    segment_then AS segment,
    if(is_told AND revenue_restated, told_mrr_minor, mrr_then_minor) AS mrr_minor,
    if(is_told AND revenue_restated, told_currency, currency_then) AS currency,
    if(is_told AND revenue_restated, told_paying, paying_then) AS paying,
    if(is_told AND feedback_restated, told_response_id, last_nps_response_id) AS answer_response_id,
    if(is_told AND feedback_restated, told_event_id, last_nps_event_id) AS answer_event_id,
    if(is_told AND feedback_restated, told_score, last_nps_score) AS answer_score,
    if(is_told AND feedback_restated, told_nps_class, nps_class) AS answer_nps_class,
    if(is_told AND feedback_restated, told_answered_at, last_nps_answered_at) AS answer_answered_at,
    if(is_told AND feedback_restated, told_respondent_id, last_nps_respondent_id) AS answer_respondent_id,
    if(is_told AND feedback_restated, told_reason, last_nps_reason) AS answer_reason,
    if(is_told AND feedback_restated, told_generated, last_nps_generated) AS answer_generated,
    names AS `factors.factor`,
    values AS `factors.value`,
    arrayMap(share -> share / 1e8, shares) AS `factors.weight`,
    arrayMap(points -> points / 1e6, earned) AS `factors.earned`,
    arrayMap((share, points) -> (share - points) / 1e6, shares, earned) AS `factors.missed`,
    arrayMap((factor, points) -> if(is_scored AND score_before IS NOT NULL,
        roundBankers((points / 1e6 - earned_before[indexOf(factors_before, factor)]) * 1e6) / 1e6, NULL), names, earned)
        AS `factors.change`,
    arrayMap((position, factor, is_taken) -> if(is_taken, told_evidence[indexOf(told_factors, factor)], evidence[position]),
        positions, names, taken_each) AS `factors.evidence`,
    is_told AND (journey_restated OR support_restated OR feedback_restated) AS taken
FROM banded
