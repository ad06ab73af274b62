-- Figures of all customers and of each segment (METRICS.md section 5), from the rows of the customers, which the other
-- recounts confirm, and their scores. A customer counts from its first row on, in the segment its score of the day, or
-- the last before, names.
WITH rows_of AS
(
    SELECT customer_id, day FROM usage_daily
    UNION ALL SELECT customer_id, day FROM support_daily
    UNION ALL SELECT customer_id, day FROM revenue_daily
    UNION ALL SELECT customer_id, day FROM feedback_daily
    UNION ALL SELECT customer_id, day FROM accounts_daily
),
-- Of the days asked for, and the one before them.
members AS
(
    SELECT customer_id, day, toString(ifNull(segment, '')) AS known_segment
    FROM
    (
        SELECT customer_id, first_day + step AS day
        FROM (SELECT customer_id, min(day) AS first_day FROM rows_of GROUP BY customer_id) AS firsts
        CROSS JOIN
            -- What every partition has scored is to be there, whatever was published.
            (SELECT greatest(max(day), {portfolio_until:Date}) AS last_day FROM portfolio_metrics) AS lasts
        ARRAY JOIN range(
            toUInt32(greatest(0, {since:Date} - first_day - 1)),
            toUInt32(greatest(0, least(last_day, {until:Date}) - first_day + 1))) AS step
    ) AS present
    ASOF LEFT JOIN
        (SELECT customer_id, day AS scored_day, segment FROM health_daily FINAL WHERE day <= {until:Date}) AS scored
        ON present.customer_id = scored.customer_id AND present.day >= scored_day
    WHERE has({customers:Array(String)}, '_portfolio')
        OR has({customers:Array(String)}, concat('_segment:', known_segment))
),
-- Of each customer and day: counts and money by name, added up below; money by name and currency.
parts AS
(
    SELECT customer_id, day, map(
        'usage', toInt64(1),
        'active', toInt64(active_days_28d > 0),
        'users', ifNull(active_users_28d, 0),
        'activated', toInt64(activated_at IS NOT NULL),
        'overdue', toInt64(ifNull(onboarding_overdue, 0)),
        'engaged', toInt64(engagement_score IS NOT NULL),
        'engagement', toInt64(roundBankers(ifNull(engagement_score, 0) * 1e6))) AS amounts
    FROM usage_daily FINAL WHERE day BETWEEN {since:Date} AND {until:Date}
    UNION ALL
    SELECT customer_id, day, map(
        'open', tickets_open,
        'opened_7d', tickets_opened_7d,
        'opened_28d', tickets_opened_28d,
        'escalations', escalations_28d,
        'reopenings', reopenings_28d,
        'judged', fcr_solved_90d,
        'first_contact', fcr_first_contact_90d,
        'promised', toInt64(sla_breaches_28d IS NOT NULL),
        'breaches', ifNull(sla_breaches_28d, 0)) AS amounts
    FROM support_daily FINAL WHERE day BETWEEN {since:Date} AND {until:Date}
    UNION ALL
    -- In every currency it pays, or paid 28 days ago; who took all it paid in one over into another did not stay in it.
    SELECT customer_id, day, mapAdd(
        map('paying', toInt64(paying), 'late', toInt64(ifNull(payment_state, '') = 'late'),
            'paid_then', toInt64(notEmpty(before)), 'lost', toInt64(notEmpty(before) AND NOT paying)),
        CAST((arrayMap(code -> concat('mrr ', code), mapKeys(now)), mapValues(now)), 'Map(String, Int64)'),
        CAST((arrayMap(code -> concat('owners ', code), mapKeys(now)), arrayMap(code -> 1, mapKeys(now))),
            'Map(String, Int64)'),
        CAST((arrayMap(code -> concat('then ', code), mapKeys(before)), mapValues(before)), 'Map(String, Int64)'),
        CAST((arrayMap(code -> concat('kept ', code), mapKeys(before)), arrayMap(code -> now[code], mapKeys(before))),
            'Map(String, Int64)'),
        CAST((arrayMap(code -> concat('capped ', code), mapKeys(before)),
            arrayMap(code -> least(now[code], before[code]), mapKeys(before))), 'Map(String, Int64)'),
        CAST((arrayMap(code -> concat('stayed ', code), mapKeys(before)),
            arrayMap(code -> if(paying AND now[code] = 0 AND moved[concat('currency_change ', code)] < 0, 0, before[code]),
                mapKeys(before))), 'Map(String, Int64)'),
        CAST((arrayMap(code -> concat('margin ', code), mapKeys(now)),
            arrayMap(code -> toInt64(roundBankers(ifNull(gross_margin, 0) * 1e6)), mapKeys(now))), 'Map(String, Int64)'),
        mapApply((name, minor) -> (replaceOne(name, 'new ', 'won '), toInt64(minor != 0)),
            mapFilter((name, minor) -> startsWith(name, 'new '), moved)),
        -- Of those that left what they had earned, taken down to three digits, or that it is unknown.
        if(paying OR empty(before), CAST(map(), 'Map(String, Int64)'),
            map(if(has_earned, concat('earned ', own_code, ' ', toString(earned_minor - earned_minor % toInt64(
                intExp10(greatest(length(toString(earned_minor)) - 3, 0))))), concat('unjudged ', own_code)), toInt64(1))),
        moved) AS amounts
    FROM
    (
        SELECT
            customer_id,
            day,
            paying,
            payment_state,
            gross_margin,
            ifNull(toString(currency), '') AS own_code,
            margin_to_date_minor IS NOT NULL AS has_earned,
            greatest(ifNull(margin_to_date_minor, 0), 0) AS earned_minor,
            mapFilter((code, minor) -> minor != 0, mapAdd(CAST(mrr_other_minor, 'Map(String, Int64)'),
                map(ifNull(toString(currency), ''), mrr_minor))) AS now,
            mapFilter((code, minor) -> minor != 0, mapAdd(CAST(mrr_28d_ago_other_minor, 'Map(String, Int64)'),
                map(ifNull(toString(currency), ''), mrr_28d_ago_minor))) AS before,
            mapAdd(
                CAST((arrayMap(name -> replaceOne(name, ':', ' '), mapKeys(moved_other_28d_minor)),
                    mapValues(moved_other_28d_minor)), 'Map(String, Int64)'),
                mapFromArrays(
                    arrayMap(name -> concat(name, ' ', ifNull(toString(currency), '')),
                        ['new', 'expansion', 'contraction', 'churn', 'reactivation', 'currency_change']),
                    [new_28d_minor, expansion_28d_minor, contraction_28d_minor, churn_28d_minor, reactivation_28d_minor,
                        currency_change_28d_minor])) AS moved
        FROM revenue_daily FINAL WHERE day BETWEEN {since:Date} AND {until:Date}
    )
    UNION ALL
    SELECT customer_id, day, map(
        'promoters', promoters_90d,
        'passives', passives_90d,
        'detractors', detractors_90d,
        'positive', csat_positive_90d,
        'ratings', csat_ratings_90d,
        'invited', invitations_90d,
        'answered', invited_answered_90d,
        'waiting', follow_ups_open,
        'waiting_long', follow_ups_overdue) AS amounts
    FROM feedback_daily FINAL WHERE day BETWEEN {since:Date} AND {until:Date}
    UNION ALL
    -- The MRR in red is that of the day when it closed: of one restated since, only the main currency is still known.
    SELECT customer_id, day, mapAdd(
        map(toString(band), toInt64(1),
            'scored', toInt64(score IS NOT NULL),
            'health', toInt64(roundBankers(ifNull(score, 0) * 1e6)),
            'red_restated', toInt64(band = 'red' AND restated)),
        if(band = 'red',
            mapAdd(map(concat('red ', ifNull(toString(currency), '')), mrr_minor),
                CAST((arrayMap(code -> concat('red ', code), mapKeys(others)), mapValues(others)), 'Map(String, Int64)')),
            CAST(map(), 'Map(String, Int64)'))) AS amounts
    FROM health_daily FINAL
    LEFT JOIN
    (
        SELECT customer_id, day, revision > 0 AS restated, CAST(mrr_other_minor, 'Map(String, Int64)') AS others
        FROM revenue_daily FINAL WHERE day BETWEEN {since:Date} AND {until:Date}
    ) AS paid USING (customer_id, day)
    WHERE day BETWEEN {since:Date} AND {until:Date}
    UNION ALL
    SELECT customer_id, day, map(
        'ready', toInt64(upsell_ready IS NOT NULL),
        'readiness', toInt64(roundBankers(ifNull(upsell_ready, 0) * 1e6))) AS amounts
    FROM upsell_daily FINAL WHERE day BETWEEN {since:Date} AND {until:Date}
),
-- By segment, before a customer counts in two portfolios.
together AS
(
    SELECT day AS own_day, known_segment, uniqExact(customer_id) AS many, sumMap(amounts) AS added
    FROM members
    LEFT JOIN parts USING (customer_id, day)
    GROUP BY day, known_segment
),
-- They count in all, in their segment, and as nobody in their segment of the day after: one that lost its last customer
-- has a row of nobody then.
pages AS
(
    SELECT
        arrayJoin(if(known_segment = '', [('_portfolio', '', 0)], [
            ('_portfolio', '', 0),
            (concat('_segment:', known_segment), known_segment, 0),
            (concat('_segment:', known_segment), known_segment, 1)])) AS page,
        own_day + page.3 AS day,
        if(page.3 = 0, many, 0) AS counted,
        if(page.3 = 0, added, CAST(map(), 'Map(String, Int64)')) AS amounts
    FROM together
),
sums AS
(
    SELECT
        page.1 AS portfolio,
        day,
        nullIf(any(page.2), '') AS segment,
        sum(counted) AS customers,
        sumMap(amounts) AS total,
        arrayDistinct(arrayMap(name -> splitByChar(' ', name)[2], arrayFilter(name -> position(name, ' ') > 0, mapKeys(total))))
            AS codes,
        total['promoters'] + total['passives'] + total['detractors'] AS answers,
        (total['promoters'] - total['detractors']) / (answers + 3) AS center,
        1.959964 * sqrt(((total['promoters'] + total['detractors'] + 1.5) / (answers + 3) - center * center) / (answers + 3))
            AS margin
    FROM pages
    WHERE day <= (SELECT greatest(max(day), {portfolio_until:Date}) FROM portfolio_metrics)
    GROUP BY portfolio, day
),
money AS
(
    SELECT
        *,
        arrayMap(name -> mapFilter((code, minor) -> minor != 0,
            mapFromArrays(codes, arrayMap(code -> total[concat(name, ' ', code)], codes))),
            ['mrr', 'then', 'new', 'expansion', 'contraction', 'churn', 'reactivation', 'stayed', 'currency_change',
                'won', 'margin', 'red']) AS by_name,
        -- what a customer leaves in a month after the costs of serving it
        mapApply((code, points) -> (code, by_name[1][code] / total[concat('owners ', code)]
            * (points / total[concat('owners ', code)] / 1e6)), by_name[11]) AS earned
    FROM sums
),
-- Of each customer the first day on which its partition was added up; and its segments by day.
began AS
(
    SELECT homes.customer_id AS customer_id, homes.home AS home, firsts.first_day AS first_day
    FROM (SELECT customer_id, any(partition) AS home FROM events GROUP BY customer_id) AS homes
    INNER JOIN
    (
        SELECT home, min(day) AS first_day
        FROM health_daily
        INNER JOIN (SELECT customer_id, any(partition) AS home FROM events GROUP BY customer_id) AS scored USING (customer_id)
        GROUP BY home
    ) AS firsts ON firsts.home = homes.home
),
segments AS
(
    SELECT customer_id, day AS scored_day, toString(ifNull(segment, '')) AS known_segment
    FROM health_daily FINAL
    WHERE day <= {until:Date}
),
-- Spent on somebody of a segment, or on whomever; told once every partition that tells of spend has closed the day.
spends AS
(
    SELECT portfolio, day, mapFilter((code, minor) -> minor != 0, sumMap(CAST(spend_28d_minor, 'Map(String, Int64)'))) AS spent
    FROM
    (
        SELECT spend.day AS day, spend_28d_minor, known_segment
        FROM
        (
            SELECT *
            FROM spend_daily FINAL
            WHERE day BETWEEN {since:Date} AND {until:Date} AND day <= (
                SELECT toDate(min(assumeNotNull(closed_day))) FROM accounting FINAL
                WHERE topic = 'spend.v1' AND closed_day IS NOT NULL)
        ) AS spend
        ASOF LEFT JOIN segments ON segments.customer_id = spend.customer_id AND spend.day >= segments.scored_day
    )
    ARRAY JOIN if(known_segment = '', ['_portfolio'], ['_portfolio', concat('_segment:', known_segment)]) AS portfolio
    GROUP BY portfolio, day
),
-- Spent on nobody in particular, and customers won by all of that: what segments share.
campaigns AS
(
    SELECT day, CAST(spend_28d_minor, 'Map(String, Int64)') AS shared
    FROM spend_daily FINAL
    WHERE customer_id = '_company' AND day BETWEEN {since:Date} AND {until:Date} AND day <= (
        SELECT toDate(min(assumeNotNull(closed_day))) FROM accounting FINAL
        WHERE topic = 'spend.v1' AND closed_day IS NOT NULL)
),
winners AS
(
    SELECT day, sumMap(mapFromArrays(codes, arrayMap(code -> 1, codes))) AS won_by_all
    FROM
    (
        SELECT day, arrayDistinct(arrayConcat(
            if(new_28d_minor != 0, [ifNull(toString(currency), '')], []),
            arrayMap(name -> splitByChar(':', name)[2], arrayFilter(name -> startsWith(name, 'new:')
                AND moved_other_28d_minor[name] != 0, mapKeys(moved_other_28d_minor))))) AS codes
        FROM revenue_daily FINAL
        WHERE day BETWEEN {since:Date} AND {until:Date}
    )
    GROUP BY day
),
-- Customer churn of the 28 days that end with a day, by currency; then its mean over six of them, one behind the other.
rates AS
(
    SELECT portfolio, day, code, countIf(NOT paying) / count() AS rate
    FROM
    (
        SELECT revenue.day AS day, paying, codes_then, known_segment
        FROM
        (
            SELECT
                customer_id,
                day,
                paying,
                mapKeys(mapFilter((code, minor) -> minor != 0, mapAdd(CAST(mrr_28d_ago_other_minor, 'Map(String, Int64)'),
                    map(ifNull(toString(currency), ''), mrr_28d_ago_minor)))) AS codes_then
            FROM revenue_daily FINAL
            WHERE day + 140 >= {since:Date} AND day <= {until:Date} -- the first day there is has none before it
        ) AS revenue
        INNER JOIN began ON began.customer_id = revenue.customer_id
        ASOF LEFT JOIN segments ON segments.customer_id = revenue.customer_id AND revenue.day >= segments.scored_day
        WHERE revenue.day >= began.first_day
    )
    ARRAY JOIN codes_then AS code
    ARRAY JOIN if(known_segment = '', ['_portfolio'], ['_portfolio', concat('_segment:', known_segment)]) AS portfolio
    GROUP BY portfolio, day, code
),
churned AS
(
    SELECT portfolio, last_day AS day, mapFromArrays(groupArray(code), groupArray(mean_rate)) AS churn
    FROM
    (
        SELECT portfolio, day + 28 * back AS last_day, code, avg(rate) AS mean_rate
        FROM rates
        ARRAY JOIN range(6) AS back
        GROUP BY portfolio, last_day, code
        HAVING count() = 6
    )
    GROUP BY portfolio, last_day
)
SELECT
    portfolio,
    day,
    segment,
    customers,
    total['active'] AS active_customers_28d,
    total['users'] AS active_users_28d,
    total['activated'] AS activated_customers,
    if(total['usage'] > 0, total['activated'] / total['usage'], NULL) AS activation_share,
    total['overdue'] AS overdue_onboardings,
    if(total['engaged'] > 0, total['engagement'] / total['engaged'] / 1e6, NULL) AS mean_engagement_score,
    total['open'] AS tickets_open,
    total['opened_7d'] AS tickets_opened_7d,
    total['opened_28d'] AS tickets_opened_28d,
    total['escalations'] AS escalations_28d,
    total['reopenings'] AS reopenings_28d,
    if(total['judged'] > 0, total['first_contact'] / total['judged'], NULL) AS fcr_rate_90d,
    if(total['promised'] > 0, toNullable(total['breaches']), NULL) AS sla_breaches_28d,
    total['paying'] AS paying_customers,
    total['late'] AS late_customers,
    by_name[1] AS mrr_minor,
    mapApply((code, minor) -> (code, 12 * minor), by_name[1]) AS arr_minor,
    by_name[2] AS mrr_28d_ago_minor,
    by_name[3] AS new_28d_minor,
    by_name[4] AS expansion_28d_minor,
    by_name[5] AS contraction_28d_minor,
    by_name[6] AS churn_28d_minor,
    by_name[7] AS reactivation_28d_minor,
    by_name[9] AS currency_change_28d_minor,
    mapApply((code, minor) -> (code, total[concat('kept ', code)] / minor), by_name[8]) AS nrr_28d,
    mapApply((code, minor) -> (code, total[concat('capped ', code)] / minor), by_name[8]) AS grr_28d,
    mapApply((code, minor) -> (code, (by_name[3][code] + by_name[4][code] + by_name[7][code]) / minor),
        mapAdd(by_name[5], by_name[6])) AS quick_ratio_28d,
    mapApply((code, minor) -> (code, minor / total[concat('owners ', code)]), by_name[1]) AS arpa_minor,
    total['paid_then'] AS paying_customers_28d_ago,
    total['lost'] AS lost_customers_28d,
    if(total['paid_then'] > 0, total['lost'] / total['paid_then'], NULL) AS customer_churn_28d,
    if(answers > 0, 100 * (total['promoters'] - total['detractors']) / answers, NULL) AS nps,
    if(answers > 0, greatest(-100, least(assumeNotNull(nps), 100 * (center - margin))), NULL) AS nps_low,
    if(answers > 0, least(100, greatest(assumeNotNull(nps), 100 * (center + margin))), NULL) AS nps_high,
    total['promoters'] AS promoters_90d,
    total['passives'] AS passives_90d,
    total['detractors'] AS detractors_90d,
    if(total['ratings'] > 0, total['positive'] / total['ratings'], NULL) AS csat,
    total['ratings'] AS csat_ratings_90d,
    if(total['invited'] > 0, total['answered'] / total['invited'], NULL) AS response_rate_90d,
    total['waiting'] AS follow_ups_open,
    total['waiting_long'] AS follow_ups_overdue,
    if(total['scored'] > 0, total['health'] / total['scored'] / 1e6, NULL) AS mean_health_score,
    total['red'] AS red_customers,
    total['yellow'] AS yellow_customers,
    total['green'] AS green_customers,
    total['unknown'] AS unknown_customers,
    if(total['red_restated'] > 0, red_told, by_name[12]) AS mrr_red_minor,
    if(total['ready'] > 0, total['readiness'] / total['ready'] / 1e6, NULL) AS mean_upsell_ready,
    spent AS spend_28d_minor,
    by_name[10] AS new_customers_28d,
    mapFilter((code, cost) -> cost > 0, mapApply((code, won) -> (code, if(portfolio = '_portfolio', spent[code] / won,
        spent[code] / won + shared[code] / won_by_all[code])), by_name[10])) AS cac_28d_minor,
    churn AS mean_churn_168d,
    mapApply((code, minor) -> (code, minor * (28 / 30.4375) / churn[code]),
        mapFilter((code, minor) -> churn[code] > 0, earned)) AS ltv_minor,
    mapApply((code, minor) -> (code, minor / cac_28d_minor[code]),
        mapFilter((code, minor) -> mapContains(cac_28d_minor, code), ltv_minor)) AS ltv_cac,
    mapApply((code, minor) -> (code, minor / earned[code]),
        mapFilter((code, minor) -> mapContains(earned, code), cac_28d_minor)) AS cac_payback_months,
    nullIf({churn_target:Float64}, 0) AS churn_target,
    mapApply((code, cost) -> (code, arraySum((name, many) -> if(startsWith(name, concat('earned ', code, ' '))
            AND toInt64(splitByChar(' ', name)[3]) < cost, many, 0), mapKeys(total), mapValues(total))),
        mapFilter((code, cost) -> total[concat('unjudged ', code)] = 0 OR arrayExists((name, many) ->
            startsWith(name, concat('earned ', code, ' ')) AND many > 0, mapKeys(total), mapValues(total)), cac_28d_minor))
        AS lost_before_payback_28d,
    total['red_restated'] > 0 AS taken
FROM money
LEFT JOIN spends USING (portfolio, day)
LEFT JOIN churned USING (portfolio, day)
LEFT JOIN campaigns USING (day)
LEFT JOIN winners USING (day)
LEFT JOIN
(
    SELECT portfolio, day, CAST(mrr_red_minor, 'Map(String, Int64)') AS red_told
    FROM portfolio_metrics FINAL WHERE day BETWEEN {since:Date} AND {until:Date}
) AS published USING (portfolio, day)
WHERE portfolio IN {customers:Array(String)} AND day BETWEEN {since:Date} AND {until:Date}
    AND {standing}
