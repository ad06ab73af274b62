-- What Zelo makes of the metrics: health and churn scores, the examples churn is learned from, the models.

CREATE TABLE IF NOT EXISTS health_daily
(
    customer_id String,
    as_of DateTime64(3, 'UTC'),
    day Date,
    score Nullable(Float64),
    band LowCardinality(String),
    previous_score Nullable(Float64),
    previous_band LowCardinality(Nullable(String)),
    coverage Float64,
    profile LowCardinality(String),
    lift_factor LowCardinality(Nullable(String)),
    lift_value_from Nullable(Float64),
    lift_value_to Nullable(Float64),
    lift_band LowCardinality(Nullable(String)),
    trigger_event_id Nullable(String),
    name Nullable(String),
    owner LowCardinality(Nullable(String)),
    locale LowCardinality(Nullable(String)),
    segment LowCardinality(Nullable(String)),
    mrr_minor Int64,
    currency LowCardinality(Nullable(String)),
    paying Bool,
    answer_response_id Nullable(String),
    answer_event_id Nullable(String),
    answer_score Nullable(Int64),
    answer_nps_class LowCardinality(Nullable(String)),
    answer_answered_at Nullable(DateTime64(3, 'UTC')),
    answer_respondent_id Nullable(String),
    answer_reason Nullable(String),
    answer_generated Nullable(Bool),
    version UInt64,
    factors Nested(
        factor LowCardinality(String),
        value Nullable(Float64),
        weight Float64,
        earned Float64,
        missed Float64,
        change Nullable(Float64),
        evidence String
    ),
    row_version UInt64
)
ENGINE = ReplacingMergeTree(row_version)
PARTITION BY toYear(day)
ORDER BY (customer_id, day)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Aligned health score of each day with its factors';

CREATE TABLE IF NOT EXISTS health_current
(
    customer_id String,
    as_of DateTime64(3, 'UTC'),
    day Date,
    score Nullable(Float64),
    band LowCardinality(String),
    previous_score Nullable(Float64),
    previous_band LowCardinality(Nullable(String)),
    coverage Float64,
    profile LowCardinality(String),
    lift_factor LowCardinality(Nullable(String)),
    lift_value_from Nullable(Float64),
    lift_value_to Nullable(Float64),
    lift_band LowCardinality(Nullable(String)),
    trigger_event_id Nullable(String),
    name Nullable(String),
    owner LowCardinality(Nullable(String)),
    locale LowCardinality(Nullable(String)),
    segment LowCardinality(Nullable(String)),
    mrr_minor Int64,
    currency LowCardinality(Nullable(String)),
    paying Bool,
    answer_response_id Nullable(String),
    answer_event_id Nullable(String),
    answer_score Nullable(Int64),
    answer_nps_class LowCardinality(Nullable(String)),
    answer_answered_at Nullable(DateTime64(3, 'UTC')),
    answer_respondent_id Nullable(String),
    answer_reason Nullable(String),
    answer_generated Nullable(Bool),
    version UInt64,
    factors Nested(
        factor LowCardinality(String),
        value Nullable(Float64),
        weight Float64,
        earned Float64,
        missed Float64,
        change Nullable(Float64),
        evidence String
    ),
    row_version UInt64
)
ENGINE = ReplacingMergeTree(row_version)
ORDER BY (customer_id)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Newest health score of each customer';

CREATE TABLE IF NOT EXISTS churn_current
(
    customer_id String,
    as_of DateTime64(3, 'UTC'),
    horizon_days Int64,
    probability Float64,
    band LowCardinality(String),
    raising String,
    protecting String,
    no_data Array(String),
    model LowCardinality(String),
    model_version UInt64,
    is_prior Bool,
    quality_observations Int64,
    quality_labelled Int64,
    quality_positives Int64,
    quality_customers_churned Int64,
    quality_roc_auc Nullable(Float64),
    quality_log_loss Nullable(Float64),
    quality_log_loss_constant Nullable(Float64),
    quality_mean_predicted Nullable(Float64),
    quality_mean_observed Nullable(Float64),
    mrr_minor Int64,
    currency LowCardinality(Nullable(String)),
    name Nullable(String),
    trigger_event_id Nullable(String),
    version UInt64,
    row_version UInt64
)
ENGINE = ReplacingMergeTree(row_version)
ORDER BY (customer_id)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Newest churn probability of each customer with its reasons';

CREATE TABLE IF NOT EXISTS churn_observations
(
    customer_id String,
    day Date,
    features Map(LowCardinality(String), Float64) CODEC(ZSTD(3)),
    probability Nullable(Float64),
    churned Nullable(Bool),
    labelled_day Nullable(Date),
    model_version Nullable(UInt64),
    version UInt64,
    row_version UInt64
)
ENGINE = ReplacingMergeTree(row_version)
ORDER BY (customer_id, day)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Churn training examples, labelled once the horizon has passed';

CREATE TABLE IF NOT EXISTS churn_models
(
    model LowCardinality(String),
    model_version UInt64,
    trained_through Date32,
    horizon_days Int64,
    is_prior Bool,
    quality_observations Int64,
    quality_labelled Int64,
    quality_positives Int64,
    quality_customers_churned Int64,
    quality_roc_auc Nullable(Float64),
    quality_log_loss Nullable(Float64),
    quality_log_loss_constant Nullable(Float64),
    quality_mean_predicted Nullable(Float64),
    quality_mean_observed Nullable(Float64),
    parameters String CODEC(ZSTD(3)),
    river_version LowCardinality(String),
    version UInt64,
    row_version UInt64
)
ENGINE = ReplacingMergeTree(row_version)
ORDER BY (model, model_version)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Every published churn model';
