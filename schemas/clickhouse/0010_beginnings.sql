-- Sessions, onboarding and educational resources (METRICS.md sections 1 and 2), and how cohorts of customers begin.
-- Days written before have NULL in the new columns: fold the topics again to have them.
ALTER TABLE usage_daily
    ADD COLUMN IF NOT EXISTS unmapped_features_28d Nullable(Int64) AFTER activated_at,
    ADD COLUMN IF NOT EXISTS sessions_28d Nullable(Int64) AFTER unmapped_features_28d,
    ADD COLUMN IF NOT EXISTS onboarding_started_at Nullable(DateTime64(3, 'UTC')) AFTER sessions_28d,
    ADD COLUMN IF NOT EXISTS onboarding_steps_done Nullable(Int64) AFTER onboarding_started_at,
    ADD COLUMN IF NOT EXISTS onboarding_steps_total Nullable(Int64) AFTER onboarding_steps_done,
    ADD COLUMN IF NOT EXISTS onboarding_progress Nullable(Float64) AFTER onboarding_steps_total,
    ADD COLUMN IF NOT EXISTS onboarded_at Nullable(DateTime64(3, 'UTC')) AFTER onboarding_progress,
    ADD COLUMN IF NOT EXISTS time_to_onboard_days Nullable(Float64) AFTER onboarded_at,
    ADD COLUMN IF NOT EXISTS onboarding_overdue Nullable(Bool) AFTER time_to_onboard_days,
    ADD COLUMN IF NOT EXISTS onboarding_users Nullable(Int64) AFTER onboarding_overdue,
    ADD COLUMN IF NOT EXISTS onboarding_sessions Nullable(Int64) AFTER onboarding_users,
    ADD COLUMN IF NOT EXISTS onboarding_emails_sent Nullable(Int64) AFTER onboarding_sessions,
    ADD COLUMN IF NOT EXISTS onboarding_emails_opened Nullable(Int64) AFTER onboarding_emails_sent,
    ADD COLUMN IF NOT EXISTS resource_views_28d Nullable(Int64) AFTER onboarding_emails_opened,
    ADD COLUMN IF NOT EXISTS resources_viewed_28d Nullable(Int64) AFTER resource_views_28d,
    ADD COLUMN IF NOT EXISTS resource_ratings_28d Nullable(Int64) AFTER resources_viewed_28d,
    ADD COLUMN IF NOT EXISTS resource_helpful_28d Nullable(Float64) AFTER resource_ratings_28d;

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
GROUP BY resource, month;

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
        SELECT customer_id, min(effective_at) AS first_paid_at
        FROM mrr_movements FINAL
        WHERE movement = 'new'
        GROUP BY customer_id
    ) AS paid ON paid.customer_id = known.customer_id
    LEFT JOIN (SELECT * FROM usage_daily FINAL ORDER BY day DESC LIMIT 1 BY customer_id) AS usage
        ON usage.customer_id = known.customer_id
    SETTINGS join_use_nulls = 1
)
WHERE began IS NOT NULL AND began_at < known_until;

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
WHERE reached > 0;

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
    SELECT month, min(days) AS days
    FROM v_beginning_curves
    WHERE step = 'activated' AND still_open < 0.5 + 1e-9
    GROUP BY month
) AS half ON half.month = cohort.month
ORDER BY month
SETTINGS join_use_nulls = 1;

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
    SELECT month, min(days) AS days
    FROM v_beginning_curves
    WHERE step = 'onboarded' AND still_open < 0.5 + 1e-9
    GROUP BY month
) AS half ON half.month = cohort.month
ORDER BY month
SETTINGS join_use_nulls = 1;
