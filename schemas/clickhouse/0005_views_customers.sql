-- What a customer success team looks at first: the board, one row per customer, the open alerts.

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
ORDER BY indexOf(['red', 'yellow', 'green', 'unknown'], band);

-- One row per customer anything is known of: profile, the values of each domain's newest closed day (its date in
-- <domain>_day), the newest scores. NULL throughout a domain: it has said nothing of this customer yet.
CREATE OR REPLACE VIEW v_customers AS
SELECT
    known.customer_id AS customer_id,
    account.name AS name,
    account.segment AS segment,
    account.industry AS industry,
    account.country AS country,
    account.owner AS owner,
    account.locale AS locale,
    account.plan AS plan,
    account.seats AS seats,
    account.signed_up_at AS signed_up_at,
    health.score AS health_score,
    health.band AS health_band,
    health.previous_score AS health_previous_score,
    health.previous_band AS health_previous_band,
    health.coverage AS health_coverage,
    health.profile AS health_profile,
    health.as_of AS health_as_of,
    health.lift_factor AS lift_factor,
    health.lift_value_from AS lift_value_from,
    health.lift_value_to AS lift_value_to,
    health.`factors.factor` AS health_factors,
    health.`factors.value` AS health_factor_values,
    health.`factors.missed` AS health_factor_missed,
    churn.probability AS churn_probability,
    churn.band AS churn_band,
    churn.is_prior AS churn_is_prior,
    churn.raising AS churn_raising,
    churn.protecting AS churn_protecting,
    churn.as_of AS churn_as_of,
    usage.day AS usage_day,
    usage.active_users_1d AS active_users_1d,
    usage.active_users_7d AS active_users_7d,
    usage.active_users_28d AS active_users_28d,
    usage.stickiness AS stickiness,
    usage.events_14d AS events_14d,
    usage.events_prev_14d AS events_prev_14d,
    usage.events_28d AS events_28d,
    usage.quantity_28d AS quantity_28d,
    usage.duration_seconds_28d AS duration_seconds_28d,
    usage.errors_28d AS errors_28d,
    usage.active_days_14d AS active_days_14d,
    usage.active_days_prev_14d AS active_days_prev_14d,
    usage.active_days_28d AS active_days_28d,
    usage.features_used_28d AS features_used_28d,
    usage.adoption AS adoption,
    usage.usage_trend AS usage_trend,
    usage.days_since_last_use AS days_since_last_use,
    usage.first_used_at AS first_used_at,
    usage.last_used_at AS last_used_at,
    usage.milestones AS milestones,
    usage.engagement_score AS engagement_score,
    usage.engagement_band AS engagement_band,
    usage.activated_at AS activated_at,
    support.day AS support_day,
    support.tickets_total AS tickets_total,
    support.tickets_open AS tickets_open,
    support.tickets_open_urgent AS tickets_open_urgent,
    support.tickets_opened_7d AS tickets_opened_7d,
    support.tickets_opened_28d AS tickets_opened_28d,
    support.questions_28d AS questions_28d,
    support.escalations_28d AS escalations_28d,
    support.reopenings_28d AS reopenings_28d,
    support.tickets_impossible AS tickets_impossible,
    support.first_response_minutes_28d AS first_response_minutes_28d,
    support.first_response_minutes_90d AS first_response_minutes_90d,
    support.first_resolution_hours_28d AS first_resolution_hours_28d,
    support.first_resolution_hours_90d AS first_resolution_hours_90d,
    support.first_ticket_resolution_hours AS first_ticket_resolution_hours,
    support.oldest_open_hours AS oldest_open_hours,
    support.last_ticket_at AS last_ticket_at,
    revenue.day AS revenue_day,
    revenue.mrr_minor AS mrr_minor,
    revenue.currency AS currency,
    revenue.mrr_other_minor AS mrr_other_minor,
    revenue.mrr_28d_ago_minor AS mrr_28d_ago_minor,
    revenue.paying AS paying,
    revenue.subscriptions_active AS subscriptions_active,
    revenue.trials_active AS trials_active,
    revenue.seats AS subscription_seats,
    revenue.plan AS subscription_plan,
    revenue.first_paid_at AS first_paid_at,
    revenue.churned_at AS churned_at,
    revenue.tenure_days AS tenure_days,
    revenue.days_to_renewal AS days_to_renewal,
    revenue.renewal_automatic AS renewal_automatic,
    revenue.days_overdue AS days_overdue,
    revenue.payment_state AS payment_state,
    revenue.cancellations_reported_90d AS cancellations_reported_90d,
    revenue.cancellation_reported_while_paying AS cancellation_reported_while_paying,
    revenue.churn_reason AS churn_reason,
    feedback.day AS feedback_day,
    feedback.nps AS nps,
    feedback.promoters_90d AS promoters_90d,
    feedback.passives_90d AS passives_90d,
    feedback.detractors_90d AS detractors_90d,
    feedback.csat AS csat,
    feedback.csat_positive_90d AS csat_positive_90d,
    feedback.csat_ratings_90d AS csat_ratings_90d,
    feedback.ces_mean AS ces_mean,
    feedback.responses_90d AS responses_90d,
    feedback.follow_ups_open AS follow_ups_open,
    feedback.last_answer_at AS last_answer_at,
    feedback.last_nps_response_id AS last_nps_response_id,
    feedback.last_nps_event_id AS last_nps_event_id,
    feedback.last_nps_score AS last_nps_score,
    feedback.last_nps_class AS last_nps_class,
    feedback.last_nps_answered_at AS last_nps_answered_at,
    feedback.last_nps_respondent_id AS last_nps_respondent_id,
    feedback.last_nps_reason AS last_nps_reason,
    feedback.last_nps_generated AS last_nps_generated
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
SETTINGS join_use_nulls = 1;

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
ORDER BY opened_at, episode_id;
