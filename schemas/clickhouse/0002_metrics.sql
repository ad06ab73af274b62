-- Metric values of every customer at the end of every day, by domain; the newest revision stands. Definitions and
-- units: METRICS.md, by column name. NULL is "not defined yet", never zero. Money is in minor units of its currency.

CREATE TABLE IF NOT EXISTS usage_daily
(
    customer_id String,
    day Date,
    revision UInt32,
    as_of DateTime64(3, 'UTC'),
    version UInt64,
    event_id Nullable(String),
    active_users_1d Nullable(Int64),
    active_users_7d Nullable(Int64),
    active_users_28d Nullable(Int64),
    stickiness Nullable(Float64),
    events_14d Int64,
    events_prev_14d Int64,
    events_28d Int64,
    quantity_28d Int64,
    duration_seconds_28d Float64,
    errors_28d Int64,
    active_days_14d Int64,
    active_days_prev_14d Int64,
    active_days_28d Int64,
    features_used_28d Int64,
    adoption Nullable(Float64),
    usage_trend Nullable(Float64),
    days_since_last_use Nullable(Int64),
    first_used_at Nullable(DateTime64(3, 'UTC')),
    last_used_at Nullable(DateTime64(3, 'UTC')),
    milestones Int64,
    engagement_score Nullable(Float64),
    engagement_band LowCardinality(Nullable(String)),
    activated_at Nullable(DateTime64(3, 'UTC')),
    row_version UInt64
)
ENGINE = ReplacingMergeTree(row_version)
PARTITION BY toYear(day)
ORDER BY (customer_id, day)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Product use, engagement and activation at the end of a day';

CREATE TABLE IF NOT EXISTS support_daily
(
    customer_id String,
    day Date,
    revision UInt32,
    as_of DateTime64(3, 'UTC'),
    version UInt64,
    event_id Nullable(String),
    tickets_total Int64,
    tickets_open Int64,
    tickets_open_urgent Int64,
    tickets_opened_7d Int64,
    tickets_opened_28d Int64,
    questions_28d Int64,
    escalations_28d Int64,
    reopenings_28d Int64,
    tickets_impossible Int64,
    first_response_minutes_28d Nullable(Float64),
    first_response_minutes_90d Nullable(Float64),
    first_resolution_hours_28d Nullable(Float64),
    first_resolution_hours_90d Nullable(Float64),
    first_ticket_resolution_hours Nullable(Float64),
    oldest_open_hours Nullable(Float64),
    last_ticket_at Nullable(DateTime64(3, 'UTC')),
    row_version UInt64
)
ENGINE = ReplacingMergeTree(row_version)
PARTITION BY toYear(day)
ORDER BY (customer_id, day)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Tickets and their clocks at the end of a day';

CREATE TABLE IF NOT EXISTS revenue_daily
(
    customer_id String,
    day Date,
    revision UInt32,
    as_of DateTime64(3, 'UTC'),
    version UInt64,
    event_id Nullable(String),
    mrr_minor Int64,
    currency LowCardinality(Nullable(String)),
    mrr_other_minor Map(LowCardinality(String), Int64),
    mrr_28d_ago_minor Int64,
    paying Bool,
    subscriptions_active Int64,
    trials_active Int64,
    seats Nullable(Int64),
    plan LowCardinality(Nullable(String)),
    first_paid_at Nullable(DateTime64(3, 'UTC')),
    churned_at Nullable(DateTime64(3, 'UTC')),
    tenure_days Nullable(Int64),
    days_to_renewal Nullable(Int64),
    renewal_automatic Nullable(Bool),
    days_overdue Nullable(Int64),
    payment_state LowCardinality(Nullable(String)),
    cancellations_reported_90d Int64,
    cancellation_reported_while_paying Bool,
    churn_reason LowCardinality(Nullable(String)),
    row_version UInt64
)
ENGINE = ReplacingMergeTree(row_version)
PARTITION BY toYear(day)
ORDER BY (customer_id, day)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'What a customer pays at the end of a day';

CREATE TABLE IF NOT EXISTS feedback_daily
(
    customer_id String,
    day Date,
    revision UInt32,
    as_of DateTime64(3, 'UTC'),
    version UInt64,
    event_id Nullable(String),
    nps Nullable(Float64),
    promoters_90d Int64,
    passives_90d Int64,
    detractors_90d Int64,
    csat Nullable(Float64),
    csat_positive_90d Int64,
    csat_ratings_90d Int64,
    ces_mean Nullable(Float64),
    responses_90d Int64,
    follow_ups_open Int64,
    last_answer_at Nullable(DateTime64(3, 'UTC')),
    last_nps_response_id Nullable(String),
    last_nps_event_id Nullable(String),
    last_nps_score Nullable(Int64),
    last_nps_class LowCardinality(Nullable(String)),
    last_nps_answered_at Nullable(DateTime64(3, 'UTC')),
    last_nps_respondent_id Nullable(String),
    last_nps_reason Nullable(String),
    last_nps_generated Nullable(Bool),
    row_version UInt64
)
ENGINE = ReplacingMergeTree(row_version)
PARTITION BY toYear(day)
ORDER BY (customer_id, day)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'NPS, CSAT and CES at the end of a day';

CREATE TABLE IF NOT EXISTS accounts_daily
(
    customer_id String,
    day Date,
    revision UInt32,
    as_of DateTime64(3, 'UTC'),
    version UInt64,
    event_id Nullable(String),
    name String,
    segment LowCardinality(Nullable(String)),
    industry LowCardinality(Nullable(String)),
    country LowCardinality(Nullable(String)),
    owner LowCardinality(Nullable(String)),
    locale LowCardinality(Nullable(String)),
    plan LowCardinality(Nullable(String)),
    seats Nullable(Int64),
    signed_up_at Nullable(DateTime64(3, 'UTC')),
    row_version UInt64
)
ENGINE = ReplacingMergeTree(row_version)
ORDER BY (customer_id, day)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Profile at the end of each day that changed it';

CREATE TABLE IF NOT EXISTS accounts
(
    customer_id String,
    as_of DateTime64(3, 'UTC'),
    version UInt64,
    event_id Nullable(String),
    name String,
    segment LowCardinality(Nullable(String)),
    industry LowCardinality(Nullable(String)),
    country LowCardinality(Nullable(String)),
    owner LowCardinality(Nullable(String)),
    locale LowCardinality(Nullable(String)),
    plan LowCardinality(Nullable(String)),
    seats Nullable(Int64),
    signed_up_at Nullable(DateTime64(3, 'UTC')),
    row_version UInt64
)
ENGINE = ReplacingMergeTree(row_version)
ORDER BY (customer_id)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Current profile of each customer';

CREATE TABLE IF NOT EXISTS mrr_movements
(
    customer_id String,
    effective_at DateTime64(3, 'UTC'),
    currency LowCardinality(String),
    movement LowCardinality(String),
    amount_minor Int64,
    mrr_before_minor Int64,
    mrr_after_minor Int64,
    event_id Nullable(String),
    version UInt64,
    day Date,
    is_deleted UInt8,
    row_version UInt64
)
ENGINE = ReplacingMergeTree(row_version, is_deleted)
ORDER BY (customer_id, currency, effective_at)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Steps of each customer''s MRR; amount_minor is signed';
