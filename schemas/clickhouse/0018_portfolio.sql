-- Figures of all customers and of every segment, streamed at day close; and of a restated day the event behind it.

ALTER TABLE usage_daily ADD COLUMN IF NOT EXISTS restated_by Nullable(String) AFTER event_id;
ALTER TABLE support_daily ADD COLUMN IF NOT EXISTS restated_by Nullable(String) AFTER event_id;
ALTER TABLE revenue_daily ADD COLUMN IF NOT EXISTS restated_by Nullable(String) AFTER event_id;
ALTER TABLE feedback_daily ADD COLUMN IF NOT EXISTS restated_by Nullable(String) AFTER event_id;
ALTER TABLE accounts_daily ADD COLUMN IF NOT EXISTS restated_by Nullable(String) AFTER event_id;
ALTER TABLE spend_daily ADD COLUMN IF NOT EXISTS restated_by Nullable(String) AFTER event_id;

CREATE TABLE IF NOT EXISTS portfolio_metrics
(
    portfolio String,
    segment LowCardinality(Nullable(String)),
    day Date,
    revision UInt32,
    reason LowCardinality(String),
    as_of DateTime64(3, 'UTC'),
    version UInt64,
    customers Int64,
    active_customers_28d Int64,
    active_users_28d Int64,
    activated_customers Int64,
    activation_share Nullable(Float64),
    overdue_onboardings Int64,
    mean_engagement_score Nullable(Float64),
    tickets_open Int64,
    tickets_opened_7d Int64,
    tickets_opened_28d Int64,
    escalations_28d Int64,
    reopenings_28d Int64,
    fcr_rate_90d Nullable(Float64),
    sla_breaches_28d Nullable(Int64),
    paying_customers Int64,
    late_customers Int64,
    mrr_minor Map(LowCardinality(String), Int64),
    arr_minor Map(LowCardinality(String), Int64),
    mrr_28d_ago_minor Map(LowCardinality(String), Int64),
    new_28d_minor Map(LowCardinality(String), Int64),
    expansion_28d_minor Map(LowCardinality(String), Int64),
    contraction_28d_minor Map(LowCardinality(String), Int64),
    churn_28d_minor Map(LowCardinality(String), Int64),
    reactivation_28d_minor Map(LowCardinality(String), Int64),
    nrr_28d Map(LowCardinality(String), Float64),
    grr_28d Map(LowCardinality(String), Float64),
    quick_ratio_28d Map(LowCardinality(String), Float64),
    arpa_minor Map(LowCardinality(String), Float64),
    paying_customers_28d_ago Int64,
    lost_customers_28d Int64,
    customer_churn_28d Nullable(Float64),
    nps Nullable(Float64),
    nps_low Nullable(Float64),
    nps_high Nullable(Float64),
    promoters_90d Int64,
    passives_90d Int64,
    detractors_90d Int64,
    csat Nullable(Float64),
    csat_ratings_90d Int64,
    response_rate_90d Nullable(Float64),
    follow_ups_open Int64,
    follow_ups_overdue Int64,
    mean_health_score Nullable(Float64),
    red_customers Int64,
    yellow_customers Int64,
    green_customers Int64,
    unknown_customers Int64,
    mrr_red_minor Map(LowCardinality(String), Int64),
    mean_upsell_ready Nullable(Float64),
    row_version UInt64
)
ENGINE = ReplacingMergeTree(row_version)
PARTITION BY toYear(day)
ORDER BY (portfolio, day)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Figures of all customers (_portfolio) and of each segment (_segment:NAME) at the end of a day';
