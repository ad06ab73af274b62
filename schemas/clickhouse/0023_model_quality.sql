-- How good the churn model has been, by the day on which labels matured, beside the figures of all customers (docs/churn.md).

CREATE TABLE IF NOT EXISTS model_quality_daily
(
    portfolio LowCardinality(String),
    model LowCardinality(String),
    day Date,
    revision UInt32,
    as_of DateTime64(3, 'UTC'),
    version UInt64,
    labelled Int64,
    positives Int64,
    customers_churned Int64,
    roc_auc Nullable(Float64),
    pr_auc Nullable(Float64),
    log_loss Nullable(Float64),
    log_loss_constant Nullable(Float64),
    brier Nullable(Float64),
    ece Nullable(Float64),
    mean_predicted Nullable(Float64),
    mean_observed Nullable(Float64),
    predicted_to_observed Nullable(Float64),
    top_decile_recall Nullable(Float64),
    week_labelled Int64,
    week_positives Int64,
    week_roc_auc Nullable(Float64),
    week_log_loss Float64,
    week_log_loss_constant Float64,
    week_mean_predicted Float64,
    week_mean_observed Float64,
    is_prior Bool,
    model_version UInt64,
    champion String,
    champion_since_day Nullable(Date),
    calibrated Bool,
    drift_alarms Int64,
    drift_alarm_day Nullable(Date),
    drift_direction LowCardinality(Nullable(String)),
    changed_day Nullable(Date),
    row_version UInt64
)
ENGINE = ReplacingMergeTree(row_version)
PARTITION BY toYear(day)
ORDER BY (model, day)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'How good the churn model has been, at the end of each day on which labels matured';
