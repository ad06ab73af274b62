-- The same figures whatever a server, a profile or a session has set: the views that 0026 left. Where v_customers has
-- nothing of a domain it says NULL; it took join_use_nulls for it, and users with readonly = 1 saw 0.

-- One row per customer anything is known of: profile, the values of each domain's newest closed day (its date in
-- <domain>_day), the newest scores. NULL throughout a domain: it has said nothing of this customer yet.
CREATE OR REPLACE VIEW v_customers AS
WITH
    account.customer_id != '' AS is_in_account,
    health.customer_id != '' AS is_in_health,
    churn.customer_id != '' AS is_in_churn,
    usage.customer_id != '' AS is_in_usage,
    support.customer_id != '' AS is_in_support,
    revenue.customer_id != '' AS is_in_revenue,
    feedback.customer_id != '' AS is_in_feedback,
    upsell.customer_id != '' AS is_in_upsell
SELECT
    known.customer_id AS customer_id,
    if(is_in_account, account.name, NULL) AS name,
    account.segment AS segment,
    account.industry AS industry,
    account.country AS country,
    account.owner AS owner,
    account.locale AS locale,
    account.plan AS plan,
    account.seats AS seats,
    account.signed_up_at AS signed_up_at,
    health.score AS health_score,
    CAST(if(is_in_health, health.band, NULL), 'LowCardinality(Nullable(String))') AS health_band,
    health.previous_score AS health_previous_score,
    health.previous_band AS health_previous_band,
    if(is_in_health, health.coverage, NULL) AS health_coverage,
    CAST(if(is_in_health, health.profile, NULL), 'LowCardinality(Nullable(String))') AS health_profile,
    if(is_in_health, health.as_of, NULL) AS health_as_of,
    health.lift_factor AS lift_factor,
    health.lift_value_from AS lift_value_from,
    health.lift_value_to AS lift_value_to,
    health.`factors.factor` AS health_factors,
    health.`factors.value` AS health_factor_values,
    health.`factors.missed` AS health_factor_missed,
    if(is_in_churn, churn.probability, NULL) AS churn_probability,
    CAST(if(is_in_churn, churn.band, NULL), 'LowCardinality(Nullable(String))') AS churn_band,
    if(is_in_churn, churn.is_prior, NULL) AS churn_is_prior,
    if(is_in_churn, churn.raising, NULL) AS churn_raising,
    if(is_in_churn, churn.protecting, NULL) AS churn_protecting,
    if(is_in_churn, churn.as_of, NULL) AS churn_as_of,
    if(is_in_usage, usage.day, NULL) AS usage_day,
    usage.active_users_1d AS active_users_1d,
    usage.active_users_7d AS active_users_7d,
    usage.active_users_28d AS active_users_28d,
    usage.stickiness AS stickiness,
    if(is_in_usage, usage.events_14d, NULL) AS events_14d,
    if(is_in_usage, usage.events_prev_14d, NULL) AS events_prev_14d,
    if(is_in_usage, usage.events_28d, NULL) AS events_28d,
    if(is_in_usage, usage.quantity_28d, NULL) AS quantity_28d,
    if(is_in_usage, usage.duration_seconds_28d, NULL) AS duration_seconds_28d,
    if(is_in_usage, usage.errors_28d, NULL) AS errors_28d,
    if(is_in_usage, usage.active_days_14d, NULL) AS active_days_14d,
    if(is_in_usage, usage.active_days_prev_14d, NULL) AS active_days_prev_14d,
    if(is_in_usage, usage.active_days_28d, NULL) AS active_days_28d,
    if(is_in_usage, usage.features_used_28d, NULL) AS features_used_28d,
    usage.adoption AS adoption,
    usage.usage_trend AS usage_trend,
    usage.days_since_last_use AS days_since_last_use,
    usage.first_used_at AS first_used_at,
    usage.last_used_at AS last_used_at,
    if(is_in_usage, usage.milestones, NULL) AS milestones,
    usage.engagement_score AS engagement_score,
    usage.engagement_band AS engagement_band,
    usage.activated_at AS activated_at,
    usage.unmapped_features_28d AS unmapped_features_28d,
    usage.sessions_28d AS sessions_28d,
    usage.onboarding_started_at AS onboarding_started_at,
    usage.onboarding_steps_done AS onboarding_steps_done,
    usage.onboarding_steps_total AS onboarding_steps_total,
    usage.onboarding_progress AS onboarding_progress,
    usage.onboarded_at AS onboarded_at,
    usage.time_to_onboard_days AS time_to_onboard_days,
    usage.onboarding_overdue AS onboarding_overdue,
    usage.onboarding_users AS onboarding_users,
    usage.onboarding_sessions AS onboarding_sessions,
    usage.onboarding_emails_sent AS onboarding_emails_sent,
    usage.onboarding_emails_opened AS onboarding_emails_opened,
    usage.resource_views_28d AS resource_views_28d,
    usage.resources_viewed_28d AS resources_viewed_28d,
    usage.resource_ratings_28d AS resource_ratings_28d,
    usage.resource_helpful_28d AS resource_helpful_28d,
    if(is_in_support, support.day, NULL) AS support_day,
    if(is_in_support, support.tickets_total, NULL) AS tickets_total,
    if(is_in_support, support.tickets_open, NULL) AS tickets_open,
    if(is_in_support, support.tickets_open_urgent, NULL) AS tickets_open_urgent,
    if(is_in_support, support.tickets_opened_7d, NULL) AS tickets_opened_7d,
    if(is_in_support, support.tickets_opened_28d, NULL) AS tickets_opened_28d,
    if(is_in_support, support.questions_28d, NULL) AS questions_28d,
    if(is_in_support, support.escalations_28d, NULL) AS escalations_28d,
    if(is_in_support, support.reopenings_28d, NULL) AS reopenings_28d,
    if(is_in_support, support.tickets_impossible, NULL) AS tickets_impossible,
    support.first_response_minutes_28d AS first_response_minutes_28d,
    support.first_response_minutes_90d AS first_response_minutes_90d,
    support.first_resolution_hours_28d AS first_resolution_hours_28d,
    support.first_resolution_hours_90d AS first_resolution_hours_90d,
    support.first_ticket_resolution_hours AS first_ticket_resolution_hours,
    support.oldest_open_hours AS oldest_open_hours,
    support.last_ticket_at AS last_ticket_at,
    support.tickets_opened_28d_by_kind AS tickets_opened_28d_by_kind,
    support.tickets_opened_28d_by_priority AS tickets_opened_28d_by_priority,
    support.tickets_open_by_priority AS tickets_open_by_priority,
    support.first_response_business_minutes_28d AS first_response_business_minutes_28d,
    support.first_response_business_minutes_90d AS first_response_business_minutes_90d,
    support.full_resolution_hours_28d AS full_resolution_hours_28d,
    support.full_resolution_hours_90d AS full_resolution_hours_90d,
    if(is_in_support, support.fcr_solved_90d, NULL) AS fcr_solved_90d,
    if(is_in_support, support.fcr_first_contact_90d, NULL) AS fcr_first_contact_90d,
    support.fcr_rate_90d AS fcr_rate_90d,
    support.sla_breaches_28d AS sla_breaches_28d,
    if(is_in_revenue, revenue.day, NULL) AS revenue_day,
    if(is_in_revenue, revenue.mrr_minor, NULL) AS mrr_minor,
    revenue.currency AS currency,
    revenue.mrr_other_minor AS mrr_other_minor,
    if(is_in_revenue, revenue.mrr_28d_ago_minor, NULL) AS mrr_28d_ago_minor,
    if(is_in_revenue, revenue.paying, NULL) AS paying,
    if(is_in_revenue, revenue.subscriptions_active, NULL) AS subscriptions_active,
    if(is_in_revenue, revenue.trials_active, NULL) AS trials_active,
    revenue.seats AS subscription_seats,
    revenue.plan AS subscription_plan,
    revenue.first_paid_at AS first_paid_at,
    revenue.churned_at AS churned_at,
    revenue.tenure_days AS tenure_days,
    revenue.days_to_renewal AS days_to_renewal,
    revenue.renewal_automatic AS renewal_automatic,
    revenue.days_overdue AS days_overdue,
    revenue.payment_state AS payment_state,
    if(is_in_revenue, revenue.cancellations_reported_90d, NULL) AS cancellations_reported_90d,
    if(is_in_revenue, revenue.cancellation_reported_while_paying, NULL) AS cancellation_reported_while_paying,
    revenue.churn_reason AS churn_reason,
    revenue.churn_voluntary AS churn_voluntary,
    if(is_in_revenue, revenue.arr_minor, NULL) AS arr_minor,
    if(is_in_revenue, revenue.new_28d_minor, NULL) AS new_28d_minor,
    if(is_in_revenue, revenue.expansion_28d_minor, NULL) AS expansion_28d_minor,
    if(is_in_revenue, revenue.contraction_28d_minor, NULL) AS contraction_28d_minor,
    if(is_in_revenue, revenue.churn_28d_minor, NULL) AS churn_28d_minor,
    if(is_in_revenue, revenue.reactivation_28d_minor, NULL) AS reactivation_28d_minor,
    revenue.nrr_28d AS nrr_28d,
    revenue.grr_28d AS grr_28d,
    if(is_in_revenue, revenue.subscriptions_paused, NULL) AS subscriptions_paused,
    if(is_in_revenue, revenue.subscriptions_ending, NULL) AS subscriptions_ending,
    revenue.days_to_end AS days_to_end,
    if(is_in_revenue, revenue.terms_ended_1d, NULL) AS terms_ended_1d,
    if(is_in_revenue, revenue.terms_renewed_1d, NULL) AS terms_renewed_1d,
    revenue.revenue_to_date_minor AS revenue_to_date_minor,
    revenue.refunds_to_date_minor AS refunds_to_date_minor,
    revenue.margin_to_date_minor AS margin_to_date_minor,
    revenue.gross_margin AS gross_margin,
    if(is_in_revenue, revenue.billing_impossible, NULL) AS billing_impossible,
    if(is_in_revenue, revenue.currency_change_28d_minor, NULL) AS currency_change_28d_minor,
    revenue.renewal_period_days AS renewal_period_days,
    revenue.mrr_28d_ago_other_minor AS mrr_28d_ago_other_minor,
    revenue.moved_other_28d_minor AS moved_other_28d_minor,
    if(is_in_feedback, feedback.day, NULL) AS feedback_day,
    feedback.nps AS nps,
    if(is_in_feedback, feedback.promoters_90d, NULL) AS promoters_90d,
    if(is_in_feedback, feedback.passives_90d, NULL) AS passives_90d,
    if(is_in_feedback, feedback.detractors_90d, NULL) AS detractors_90d,
    feedback.csat AS csat,
    if(is_in_feedback, feedback.csat_positive_90d, NULL) AS csat_positive_90d,
    if(is_in_feedback, feedback.csat_ratings_90d, NULL) AS csat_ratings_90d,
    feedback.ces_mean AS ces_mean,
    if(is_in_feedback, feedback.responses_90d, NULL) AS responses_90d,
    if(is_in_feedback, feedback.follow_ups_open, NULL) AS follow_ups_open,
    feedback.last_answer_at AS last_answer_at,
    feedback.last_nps_response_id AS last_nps_response_id,
    feedback.last_nps_event_id AS last_nps_event_id,
    feedback.last_nps_score AS last_nps_score,
    feedback.last_nps_class AS last_nps_class,
    feedback.last_nps_answered_at AS last_nps_answered_at,
    feedback.last_nps_respondent_id AS last_nps_respondent_id,
    feedback.last_nps_reason AS last_nps_reason,
    feedback.last_nps_generated AS last_nps_generated,
    feedback.nps_low AS nps_low,
    feedback.nps_high AS nps_high,
    if(is_in_feedback, feedback.nps_respondents_90d, NULL) AS nps_respondents_90d,
    feedback.ces_top2 AS ces_top2,
    if(is_in_feedback, feedback.invitations_90d, NULL) AS invitations_90d,
    if(is_in_feedback, feedback.invited_answered_90d, NULL) AS invited_answered_90d,
    feedback.response_rate_90d AS response_rate_90d,
    if(is_in_feedback, feedback.follow_ups_overdue, NULL) AS follow_ups_overdue,
    if(is_in_upsell, upsell.day, NULL) AS upsell_day,
    upsell.upsell_ready AS upsell_ready,
    upsell.gate AS upsell_gate,
    if(is_in_upsell, upsell.coverage, NULL) AS upsell_coverage,
    upsell.license_utilization AS license_utilization,
    upsell.tickets_per_active_user_28d AS tickets_per_active_user_28d,
    upsell.time_to_activate_days AS time_to_activate_days
FROM
(
    SELECT customer_id FROM accounts
    UNION DISTINCT SELECT customer_id FROM health_current
    UNION DISTINCT SELECT customer_id FROM usage_daily
    UNION DISTINCT SELECT customer_id FROM support_daily
    UNION DISTINCT SELECT customer_id FROM revenue_daily
    UNION DISTINCT SELECT customer_id FROM feedback_daily
) AS known
LEFT JOIN (SELECT * FROM accounts FINAL) AS account ON account.customer_id = known.customer_id
LEFT JOIN (SELECT * FROM health_current FINAL) AS health ON health.customer_id = known.customer_id
LEFT JOIN
(
    -- who left keeps the last risk there: it says nothing any more
    SELECT * FROM churn_current FINAL
    WHERE customer_id IN (SELECT customer_id FROM health_current FINAL WHERE paying)
) AS churn ON churn.customer_id = known.customer_id
LEFT JOIN (SELECT * FROM usage_daily FINAL ORDER BY day DESC LIMIT 1 BY customer_id) AS usage
    ON usage.customer_id = known.customer_id
LEFT JOIN (SELECT * FROM support_daily FINAL ORDER BY day DESC LIMIT 1 BY customer_id) AS support
    ON support.customer_id = known.customer_id
LEFT JOIN (SELECT * FROM revenue_daily FINAL ORDER BY day DESC LIMIT 1 BY customer_id) AS revenue
    ON revenue.customer_id = known.customer_id
LEFT JOIN (SELECT * FROM feedback_daily FINAL ORDER BY day DESC LIMIT 1 BY customer_id) AS feedback
    ON feedback.customer_id = known.customer_id
LEFT JOIN (SELECT * FROM upsell_daily FINAL ORDER BY day DESC LIMIT 1 BY customer_id) AS upsell
    ON upsell.customer_id = known.customer_id
SETTINGS join_use_nulls = 0, join_default_strictness = 'ALL', aggregate_functions_null_for_empty = 0,
    empty_result_for_aggregation_by_empty_set = 0, enable_global_with_statement = 1, prefer_column_name_to_alias = 0,
    transform_null_in = 0;

-- Customers by the band of their newest health score. MRR is by currency and never added up across them.
CREATE OR REPLACE VIEW v_health_board AS
SELECT
    band,
    count() AS customers,
    countIf(paying) AS paying_customers,
    round(avg(score), 1) AS mean_score,
    round(avg(coverage), 3) AS mean_coverage,
    countIf(score < previous_score) AS falling,
    sumMapIf(map(assumeNotNull(currency), mrr_minor), currency IS NOT NULL) AS mrr_minor
FROM health_current FINAL
GROUP BY band
ORDER BY indexOf(['red', 'yellow', 'green', 'unknown'], band)
SETTINGS join_use_nulls = 0, join_default_strictness = 'ALL', aggregate_functions_null_for_empty = 0,
    empty_result_for_aggregation_by_empty_set = 0, enable_global_with_statement = 1, prefer_column_name_to_alias = 0,
    transform_null_in = 0;

-- Episodes whose newest step is not `resolved`.
CREATE OR REPLACE VIEW v_alerts_open AS
SELECT *
FROM
(
    SELECT
        episode_id,
        any(customer_id) AS customer_id,
        any(rule) AS rule,
        argMax(severity, (at, version)) AS severity,
        argMax(status, (at, version)) AS status,
        min(opened_at) AS opened_at,
        max(at) AS updated_at,
        count() AS steps,
        argMax(text, (at, version)) AS text,
        argMax(next_step, (at, version)) AS next_step,
        argMax(facts, (at, version)) AS facts
    FROM alerts FINAL
    GROUP BY episode_id
)
WHERE status != 'resolved'
ORDER BY opened_at, episode_id
SETTINGS join_use_nulls = 0, join_default_strictness = 'ALL', aggregate_functions_null_for_empty = 0,
    empty_result_for_aggregation_by_empty_set = 0, enable_global_with_statement = 1, prefer_column_name_to_alias = 0,
    transform_null_in = 0;

-- Upsell readiness of every customer on its newest day. NULL: too little is known; 0 with a `gate`: not to be asked.
CREATE OR REPLACE VIEW v_upsell AS
SELECT
    customer_id,
    name,
    owner,
    segment,
    day,
    upsell_ready,
    gate,
    coverage,
    mrr_minor,
    currency,
    license_utilization,
    tickets_per_active_user_28d,
    time_to_activate_days,
    `components.component` AS components,
    `components.value` AS component_values,
    `components.earned` AS component_earned
FROM upsell_daily FINAL
ORDER BY day DESC
LIMIT 1 BY customer_id
SETTINGS join_use_nulls = 0, join_default_strictness = 'ALL', aggregate_functions_null_for_empty = 0,
    empty_result_for_aggregation_by_empty_set = 0, enable_global_with_statement = 1, prefer_column_name_to_alias = 0,
    transform_null_in = 0;

-- One row per customer: when it began (sign-up, else first payment, else the first fact of the usage topic), activated,
-- was onboarded, and the days in between. What it did before it signed up took it 0 days. `days_known` is how long it
-- has been watched: until the newest closed day of anybody, also where it left. `month` is that of the beginning, UTC.
CREATE OR REPLACE VIEW v_beginnings AS
SELECT
    customer_id,
    toStartOfMonth(began_at) AS month,
    began_at,
    activated_at,
    onboarded_at,
    onboarding_overdue,
    if(activated_at < began_at, 0, dateDiff('millisecond', began_at, activated_at) / 86400000) AS days_to_activate,
    if(onboarded_at < began_at, 0, dateDiff('millisecond', began_at, onboarded_at) / 86400000) AS days_to_onboard,
    dateDiff('millisecond', began_at, known_until) / 86400000 AS days_known
FROM
(
    SELECT
        known.customer_id AS customer_id,
        coalesce(account.signed_up_at, paid.first_paid_at, usage.onboarding_started_at, usage.first_used_at) AS began,
        assumeNotNull(began) AS began_at,
        usage.activated_at AS activated_at,
        usage.onboarded_at AS onboarded_at,
        usage.onboarding_overdue AS onboarding_overdue,
        (SELECT max(as_of) FROM usage_daily) AS known_until
    FROM
    (
        SELECT customer_id FROM accounts
        UNION DISTINCT SELECT customer_id FROM mrr_movements
        UNION DISTINCT SELECT customer_id FROM usage_daily
    ) AS known
    LEFT JOIN (SELECT customer_id, signed_up_at FROM accounts FINAL) AS account
        ON account.customer_id = known.customer_id
    LEFT JOIN
    (
        SELECT customer_id, toNullable(min(effective_at)) AS first_paid_at
        FROM mrr_movements FINAL
        WHERE movement = 'new'
        GROUP BY customer_id
    ) AS paid ON paid.customer_id = known.customer_id
    LEFT JOIN (SELECT * FROM usage_daily FINAL ORDER BY day DESC LIMIT 1 BY customer_id) AS usage
        ON usage.customer_id = known.customer_id
)
WHERE began IS NOT NULL AND began_at < known_until
SETTINGS join_use_nulls = 0, join_default_strictness = 'ALL', aggregate_functions_null_for_empty = 0,
    empty_result_for_aggregation_by_empty_set = 0, enable_global_with_statement = 1, prefer_column_name_to_alias = 0,
    transform_null_in = 0;

-- How a cohort is activated and onboarded with time, by Kaplan and Meier (1958): `still_open` is the estimated share
-- that needs longer than `days`, which counts customers watched for a shorter time as long as they were watched and
-- does not take them for ones that failed. One row per length of time after which somebody got there.
CREATE OR REPLACE VIEW v_beginning_curves AS
SELECT
    step,
    month,
    days,
    at_risk,
    reached,
    arrayProduct(
        groupArray(1 - reached / at_risk)
            OVER (PARTITION BY step, month ORDER BY days ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
    ) AS still_open
FROM
(
    SELECT
        step,
        month,
        days,
        reached,
        sum(customers)
            OVER (PARTITION BY step, month ORDER BY days DESC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
            AS at_risk
    FROM
    (
        SELECT step, month, days, count() AS customers, countIf(there) AS reached
        FROM
        (
            SELECT
                'activated' AS step,
                month,
                days_to_activate IS NOT NULL AS there,
                ifNull(days_to_activate, days_known) AS days
            FROM v_beginnings
            UNION ALL
            SELECT 'onboarded', month, days_to_onboard IS NOT NULL, ifNull(days_to_onboard, days_known)
            FROM v_beginnings
        )
        GROUP BY step, month, days
    )
)
WHERE reached > 0
SETTINGS join_use_nulls = 0, join_default_strictness = 'ALL', aggregate_functions_null_for_empty = 0,
    empty_result_for_aggregation_by_empty_set = 0, enable_global_with_statement = 1, prefer_column_name_to_alias = 0,
    transform_null_in = 0;

-- Activation by month of the beginning. The rate looks at customers that have been watched for the whole window of 90
-- days (chosen): activated within it / all of them; the others, `inside_window`, are not in it whatever they did, since
-- those that were quick would make it too high. Any other window is read from v_beginning_curves: 1 - still_open.
-- The median is Kaplan and Meier's; NULL until half of the cohort is estimated to be there.
CREATE OR REPLACE VIEW v_activation_cohorts AS
SELECT
    cohort.month AS month,
    cohort.customers AS customers,
    cohort.activated AS activated,
    cohort.inside_window AS inside_window,
    cohort.activated_in_window AS activated_in_window,
    if(customers > inside_window, activated_in_window / (customers - inside_window), NULL) AS activation_rate,
    half.days AS median_days_to_activate
FROM
(
    SELECT
        month,
        count() AS customers,
        countIf(days_to_activate IS NOT NULL) AS activated,
        countIf(days_known < 90) AS inside_window,
        countIf(days_known >= 90 AND days_to_activate < 90) AS activated_in_window
    FROM v_beginnings
    GROUP BY month
) AS cohort
LEFT JOIN
(
    SELECT month, toNullable(min(days)) AS days
    FROM v_beginning_curves
    WHERE step = 'activated' AND still_open < 0.5 + 1e-9
    GROUP BY month
) AS half ON half.month = cohort.month
ORDER BY month
SETTINGS join_use_nulls = 0, join_default_strictness = 'ALL', aggregate_functions_null_for_empty = 0,
    empty_result_for_aggregation_by_empty_set = 0, enable_global_with_statement = 1, prefer_column_name_to_alias = 0,
    transform_null_in = 0;

-- The same of onboarding; `overdue` are past the profile's limit now and not through.
CREATE OR REPLACE VIEW v_onboarding_cohorts AS
SELECT
    cohort.month AS month,
    cohort.customers AS customers,
    cohort.onboarded AS onboarded,
    cohort.overdue AS overdue,
    cohort.inside_window AS inside_window,
    cohort.onboarded_in_window AS onboarded_in_window,
    if(customers > inside_window, onboarded_in_window / (customers - inside_window), NULL) AS onboarding_rate,
    half.days AS median_days_to_onboard
FROM
(
    SELECT
        month,
        count() AS customers,
        countIf(days_to_onboard IS NOT NULL) AS onboarded,
        countIf(onboarding_overdue) AS overdue,
        countIf(days_known < 90) AS inside_window,
        countIf(days_known >= 90 AND days_to_onboard < 90) AS onboarded_in_window
    FROM v_beginnings
    GROUP BY month
) AS cohort
LEFT JOIN
(
    SELECT month, toNullable(min(days)) AS days
    FROM v_beginning_curves
    WHERE step = 'onboarded' AND still_open < 0.5 + 1e-9
    GROUP BY month
) AS half ON half.month = cohort.month
ORDER BY month
SETTINGS join_use_nulls = 0, join_default_strictness = 'ALL', aggregate_functions_null_for_empty = 0,
    empty_result_for_aggregation_by_empty_set = 0, enable_global_with_statement = 1, prefer_column_name_to_alias = 0,
    transform_null_in = 0;

-- Per educational resource and month: views, customers and named persons that looked at it, ratings, share of helpful
-- ones (NULL without ratings). Read from the events, of one sent twice the first, as in the folds.
CREATE OR REPLACE VIEW v_resources AS
SELECT
    resource,
    month,
    countIf(viewed) AS views,
    uniqExactIf(customer_id, viewed) AS customers,
    uniqExactIf((customer_id, user_id), viewed AND user_id IS NOT NULL) AS viewers,
    countIf(NOT viewed) AS ratings,
    if(ratings > 0, countIf(helpful) / ratings, NULL) AS helpful_share
FROM
(
    SELECT
        customer_id,
        user_id,
        toStartOfMonth(day) AS month,
        type = 'resource_viewed' AS viewed,
        JSONExtractString(payload, 'resource') AS resource,
        JSONExtractBool(payload, 'helpful') AS helpful
    FROM events FINAL
    WHERE type IN ('resource_viewed', 'resource_rated')
    ORDER BY offset
    LIMIT 1 BY customer_id, event_id
)
GROUP BY resource, month
SETTINGS join_use_nulls = 0, join_default_strictness = 'ALL', aggregate_functions_null_for_empty = 0,
    empty_result_for_aggregation_by_empty_set = 0, enable_global_with_statement = 1, prefer_column_name_to_alias = 0,
    transform_null_in = 0;

-- NPS of all customers over the last answer of each respondent in the 90 days up to `day` (METRICS.md section 4), with
-- the bounds of its 95% interval: adjusted Wald (Rocks 2016), as in the figures per customer. `margin` is half its width
-- before it is cut to the scale. NULL without an answer.
CREATE OR REPLACE VIEW v_nps_rolling_90d AS
SELECT
    day,
    promoters,
    passives,
    detractors,
    promoters + passives + detractors AS responses,
    if(responses = 0, NULL, 100 * (promoters - detractors) / responses) AS nps,
    if(
        responses = 0,
        NULL,
        195.9964 * sqrt(
            ((promoters + detractors + 1.5) / (responses + 3) - pow((promoters - detractors) / (responses + 3), 2))
            / (responses + 3)
        )
    ) AS margin,
    if(
        responses = 0,
        NULL,
        greatest(-100., least(nps, 100 * (promoters - detractors) / (responses + 3) - margin))
    ) AS nps_low,
    if(
        responses = 0,
        NULL,
        least(100., greatest(nps, 100 * (promoters - detractors) / (responses + 3) + margin))
    ) AS nps_high
FROM
(
    SELECT
        day,
        sum(promoters_90d) AS promoters,
        sum(passives_90d) AS passives,
        sum(detractors_90d) AS detractors
    FROM feedback_daily FINAL
    GROUP BY day
)
ORDER BY day
SETTINGS join_use_nulls = 0, join_default_strictness = 'ALL', aggregate_functions_null_for_empty = 0,
    empty_result_for_aggregation_by_empty_set = 0, enable_global_with_statement = 1, prefer_column_name_to_alias = 0,
    transform_null_in = 0;

-- The same by the segment the customer is in now; NULL: in none.
CREATE OR REPLACE VIEW v_nps_segments AS
SELECT
    day,
    segment,
    promoters,
    passives,
    detractors,
    promoters + passives + detractors AS responses,
    if(responses = 0, NULL, 100 * (promoters - detractors) / responses) AS nps,
    if(
        responses = 0,
        NULL,
        195.9964 * sqrt(
            ((promoters + detractors + 1.5) / (responses + 3) - pow((promoters - detractors) / (responses + 3), 2))
            / (responses + 3)
        )
    ) AS margin,
    if(
        responses = 0,
        NULL,
        greatest(-100., least(nps, 100 * (promoters - detractors) / (responses + 3) - margin))
    ) AS nps_low,
    if(
        responses = 0,
        NULL,
        least(100., greatest(nps, 100 * (promoters - detractors) / (responses + 3) + margin))
    ) AS nps_high
FROM
(
    SELECT
        said.day AS day,
        account.segment AS segment,
        sum(said.promoters_90d) AS promoters,
        sum(said.passives_90d) AS passives,
        sum(said.detractors_90d) AS detractors
    FROM (SELECT * FROM feedback_daily FINAL) AS said
    LEFT JOIN (SELECT customer_id, segment FROM accounts FINAL) AS account ON account.customer_id = said.customer_id
    GROUP BY day, segment
)
ORDER BY day, segment
SETTINGS join_use_nulls = 0, join_default_strictness = 'ALL', aggregate_functions_null_for_empty = 0,
    empty_result_for_aggregation_by_empty_set = 0, enable_global_with_statement = 1, prefer_column_name_to_alias = 0,
    transform_null_in = 0;

-- Invitations to surveys and how many were answered, by survey, channel of the invitation (NULL: the event names none)
-- and the month it was first sent in. A response belongs to the invitation it names; naming none, to the newest one its
-- respondent had been sent to that survey when it came. An invitation is answered once, so no rate passes 1.
-- Read from the events, of one sent twice the first, as in the folds; the month of an invitation still fills up while
-- answers come.
CREATE OR REPLACE VIEW v_response_rates AS
WITH
    sendings AS
    (
        SELECT
            customer_id,
            event_id,
            occurred_at,
            day,
            JSONExtractString(payload, 'survey') AS survey,
            JSONExtractString(payload, 'invitation_id') AS invitation_id,
            JSONExtractString(payload, 'respondent_id') AS respondent_id,
            JSONExtractString(payload, 'channel') AS channel
        FROM events FINAL
        WHERE type = 'survey_invited'
        ORDER BY offset
        LIMIT 1 BY customer_id, event_id
    ),
    invitations AS
    (
        SELECT
            customer_id,
            survey,
            invitation_id,
            min(occurred_at) AS sent_at,
            toStartOfMonth(min(day)) AS month,
            argMaxIf(respondent_id, (occurred_at, event_id), respondent_id != '') AS respondent,
            argMaxIf(channel, (occurred_at, event_id), channel != '') AS via
        FROM sendings
        GROUP BY customer_id, survey, invitation_id
    ),
    versions AS
    (
        SELECT
            customer_id,
            event_id,
            occurred_at,
            JSONExtractString(payload, 'survey') AS survey,
            JSONExtractString(payload, 'response_id') AS response_id,
            JSONExtractString(payload, 'respondent_id') AS respondent_id,
            JSONExtractString(payload, 'invitation_id') AS invitation_id
        FROM events FINAL
        WHERE type = 'survey_answered'
        ORDER BY offset
        LIMIT 1 BY customer_id, event_id
    ),
    responses AS
    (
        SELECT
            customer_id,
            survey,
            response_id,
            min(occurred_at) AS answered_at,
            argMaxIf(respondent_id, (occurred_at, event_id), respondent_id != '') AS respondent,
            argMaxIf(invitation_id, (occurred_at, event_id), invitation_id != '') AS named
        FROM versions
        GROUP BY customer_id, survey, response_id
    ),
    answered AS
    (
        SELECT customer_id, survey, named AS invitation_id
        FROM responses
        WHERE named != ''
        UNION DISTINCT
        SELECT said.customer_id, said.survey, sent.invitation_id
        FROM (SELECT customer_id, survey, respondent, answered_at FROM responses WHERE named = '' AND respondent != '') AS said
        ASOF INNER JOIN
        (
            SELECT customer_id, survey, respondent, sent_at, max(invitation_id) AS invitation_id
            FROM invitations
            WHERE respondent != ''
            GROUP BY customer_id, survey, respondent, sent_at
        ) AS sent
            ON said.customer_id = sent.customer_id AND said.survey = sent.survey
            AND said.respondent = sent.respondent AND said.answered_at >= sent.sent_at
    )
SELECT
    survey,
    nullIf(via, '') AS channel,
    month,
    count() AS invitations,
    countIf((customer_id, survey, invitation_id) IN (SELECT customer_id, survey, invitation_id FROM answered)) AS responses,
    responses / invitations AS response_rate
FROM invitations
GROUP BY survey, channel, month
ORDER BY survey, channel, month
SETTINGS join_use_nulls = 0, join_default_strictness = 'ALL', aggregate_functions_null_for_empty = 0,
    empty_result_for_aggregation_by_empty_set = 0, enable_global_with_statement = 1, prefer_column_name_to_alias = 0,
    transform_null_in = 0;

-- Snapshots with the probability given, and the label where it is mature. Who leaves is labelled at once, who stays
-- only when the whole window has passed: counting both as they come would show too many that left. Mature are the days
-- up to the newest one with a label that somebody stayed; `label` and `p` are NULL of later ones.
CREATE OR REPLACE VIEW v_churn_labels AS
WITH (SELECT max(day) FROM churn_observations FINAL WHERE churned = false) AS mature_through
SELECT
    customer_id,
    day,
    model_version,
    labelled_day,
    if(churned IS NULL OR day > mature_through, NULL, toUInt8(assumeNotNull(churned))) AS label,
    if(isNull(label), NULL, least(greatest(assumeNotNull(probability), 1e-15), 1 - 1e-15)) AS p
FROM churn_observations FINAL
SETTINGS join_use_nulls = 0, join_default_strictness = 'ALL', aggregate_functions_null_for_empty = 0,
    empty_result_for_aggregation_by_empty_set = 0, enable_global_with_statement = 1, prefer_column_name_to_alias = 0,
    transform_null_in = 0;

-- Quality of the churn probabilities, recomputed from the probability given at the time and the mature label.
-- `log_loss_base_rate` is what always guessing the overall churn rate would have scored: a model that is not below it
-- has learned nothing. Figures are NULL until both outcomes were seen.
CREATE OR REPLACE VIEW v_churn_quality AS
SELECT
    count() AS observations,
    countIf(label IS NOT NULL) AS labelled,
    countIf(label = 1) AS positives,
    uniqExactIf(customer_id, label = 1) AS customers_churned,
    positives > 0 AND positives < labelled AS both_seen,
    if(
        both_seen,
        arrayROCAUC(
            groupArrayIf(assumeNotNull(p), label IS NOT NULL),
            groupArrayIf(assumeNotNull(label), label IS NOT NULL)
        ),
        NULL
    ) AS roc_auc,
    if(both_seen, avgIf(-if(label = 1, log(p), log(1 - p)), label IS NOT NULL), NULL) AS log_loss,
    if(
        both_seen,
        -(positives * log(positives / labelled) + (labelled - positives) * log(1 - positives / labelled)) / labelled,
        NULL
    ) AS log_loss_base_rate,
    if(labelled = 0, NULL, avgIf(p, label IS NOT NULL)) AS mean_predicted,
    if(labelled = 0, NULL, positives / labelled) AS mean_observed,
    maxIf(labelled_day, label IS NOT NULL) AS labelled_through
FROM v_churn_labels
SETTINGS join_use_nulls = 0, join_default_strictness = 'ALL', aggregate_functions_null_for_empty = 0,
    empty_result_for_aggregation_by_empty_set = 0, enable_global_with_statement = 1, prefer_column_name_to_alias = 0,
    transform_null_in = 0;

-- The same of the snapshots of each day (they are taken weekly): quality over time.
CREATE OR REPLACE VIEW v_churn_quality_weekly AS
SELECT
    day,
    count() AS observations,
    countIf(label IS NOT NULL) AS labelled,
    countIf(label = 1) AS positives,
    uniqExactIf(customer_id, label = 1) AS customers_churned,
    positives > 0 AND positives < labelled AS both_seen,
    if(
        both_seen,
        arrayROCAUC(
            groupArrayIf(assumeNotNull(p), label IS NOT NULL),
            groupArrayIf(assumeNotNull(label), label IS NOT NULL)
        ),
        NULL
    ) AS roc_auc,
    if(both_seen, avgIf(-if(label = 1, log(p), log(1 - p)), label IS NOT NULL), NULL) AS log_loss,
    if(
        both_seen,
        -(positives * log(positives / labelled) + (labelled - positives) * log(1 - positives / labelled)) / labelled,
        NULL
    ) AS log_loss_base_rate,
    if(labelled = 0, NULL, avgIf(p, label IS NOT NULL)) AS mean_predicted,
    if(labelled = 0, NULL, positives / labelled) AS mean_observed,
    maxIf(labelled_day, label IS NOT NULL) AS labelled_through
FROM v_churn_labels
GROUP BY day
ORDER BY day
SETTINGS join_use_nulls = 0, join_default_strictness = 'ALL', aggregate_functions_null_for_empty = 0,
    empty_result_for_aggregation_by_empty_set = 0, enable_global_with_statement = 1, prefer_column_name_to_alias = 0,
    transform_null_in = 0;

-- The same by the version of the model that gave the probability.
CREATE OR REPLACE VIEW v_churn_quality_models AS
SELECT
    model_version,
    count() AS observations,
    countIf(label IS NOT NULL) AS labelled,
    countIf(label = 1) AS positives,
    uniqExactIf(customer_id, label = 1) AS customers_churned,
    positives > 0 AND positives < labelled AS both_seen,
    if(
        both_seen,
        arrayROCAUC(
            groupArrayIf(assumeNotNull(p), label IS NOT NULL),
            groupArrayIf(assumeNotNull(label), label IS NOT NULL)
        ),
        NULL
    ) AS roc_auc,
    if(both_seen, avgIf(-if(label = 1, log(p), log(1 - p)), label IS NOT NULL), NULL) AS log_loss,
    if(
        both_seen,
        -(positives * log(positives / labelled) + (labelled - positives) * log(1 - positives / labelled)) / labelled,
        NULL
    ) AS log_loss_base_rate,
    if(labelled = 0, NULL, avgIf(p, label IS NOT NULL)) AS mean_predicted,
    if(labelled = 0, NULL, positives / labelled) AS mean_observed,
    maxIf(labelled_day, label IS NOT NULL) AS labelled_through
FROM v_churn_labels
WHERE model_version IS NOT NULL
GROUP BY model_version
ORDER BY model_version
SETTINGS join_use_nulls = 0, join_default_strictness = 'ALL', aggregate_functions_null_for_empty = 0,
    empty_result_for_aggregation_by_empty_set = 0, enable_global_with_statement = 1, prefer_column_name_to_alias = 0,
    transform_null_in = 0;

-- Reliability: mature snapshots in 15 bins of equal size by the probability given; of a calibrated model the mean
-- probability of a bin is the share of it that left.
CREATE OR REPLACE VIEW v_churn_reliability AS
SELECT
    bin,
    count() AS snapshots,
    min(given) AS lowest,
    max(given) AS highest,
    avg(given) AS predicted,
    avg(left_company) AS observed,
    uniqExactIf(customer_id, left_company = 1) AS churned
FROM
(
    SELECT
        customer_id,
        assumeNotNull(p) AS given,
        assumeNotNull(label) AS left_company,
        intDiv((row_number() OVER (ORDER BY p, customer_id, day) - 1) * 15, count() OVER ()) + 1 AS bin
    FROM v_churn_labels
    WHERE label IS NOT NULL
)
GROUP BY bin
ORDER BY bin
SETTINGS join_use_nulls = 0, join_default_strictness = 'ALL', aggregate_functions_null_for_empty = 0,
    empty_result_for_aggregation_by_empty_set = 0, enable_global_with_statement = 1, prefer_column_name_to_alias = 0,
    transform_null_in = 0;

-- Per input topic and partition: read = applied + duplicate + late + dead, always. `dead_letters` counts what the
-- dead-letter topic holds of it; it may run ahead of `dead` by what was read since the last flush.
CREATE OR REPLACE VIEW v_accounting AS
SELECT
    counted.topic AS topic,
    counted.partition AS partition,
    counted.read AS read,
    counted.applied AS applied,
    counted.duplicate AS duplicate,
    counted.late AS late,
    counted.dead AS dead,
    counted.read - counted.applied - counted.duplicate - counted.late - counted.dead AS unaccounted,
    unaccounted = 0 AS balanced,
    ifNull(letters.found, 0) AS dead_letters,
    counted.watermark AS watermark,
    counted.closed_day AS closed_day
FROM (SELECT * FROM accounting FINAL) AS counted
LEFT JOIN (SELECT topic, partition, count() AS found FROM dead_letters FINAL GROUP BY topic, partition) AS letters
    ON letters.topic = counted.topic AND letters.partition = counted.partition
ORDER BY topic, partition
SETTINGS join_use_nulls = 0, join_default_strictness = 'ALL', aggregate_functions_null_for_empty = 0,
    empty_result_for_aggregation_by_empty_set = 0, enable_global_with_statement = 1, prefer_column_name_to_alias = 0,
    transform_null_in = 0;
