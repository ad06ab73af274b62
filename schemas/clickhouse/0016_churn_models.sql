-- How the churn model decides: champion and challengers, calibration, drift, quality over time (docs/churn.md).

ALTER TABLE churn_models
    ADD COLUMN IF NOT EXISTS quality_ece Nullable(Float64) AFTER quality_mean_observed,
    ADD COLUMN IF NOT EXISTS quality_pr_auc Nullable(Float64) AFTER quality_ece,
    ADD COLUMN IF NOT EXISTS quality_brier Nullable(Float64) AFTER quality_pr_auc,
    ADD COLUMN IF NOT EXISTS quality_top_decile_recall Nullable(Float64) AFTER quality_brier,
    ADD COLUMN IF NOT EXISTS champion String DEFAULT 'rls' AFTER version,
    ADD COLUMN IF NOT EXISTS champion_kind LowCardinality(String) DEFAULT 'rls' AFTER champion,
    ADD COLUMN IF NOT EXISTS champion_since_day Nullable(Date) AFTER champion_kind,
    ADD COLUMN IF NOT EXISTS calibration_on Bool AFTER champion_since_day,
    ADD COLUMN IF NOT EXISTS calibration_since_day Nullable(Date) AFTER calibration_on,
    ADD COLUMN IF NOT EXISTS calibration_slope Float64 DEFAULT 1 AFTER calibration_since_day,
    ADD COLUMN IF NOT EXISTS calibration_intercept Float64 AFTER calibration_slope,
    ADD COLUMN IF NOT EXISTS calibration_labels Int64 AFTER calibration_intercept,
    ADD COLUMN IF NOT EXISTS calibration_ratio Nullable(Float64) AFTER calibration_labels,
    ADD COLUMN IF NOT EXISTS reliability String DEFAULT '[]' CODEC(ZSTD(3)) AFTER calibration_ratio,
    ADD COLUMN IF NOT EXISTS weeks String DEFAULT '[]' CODEC(ZSTD(3)) AFTER reliability,
    ADD COLUMN IF NOT EXISTS drift_alarms String DEFAULT '[]' CODEC(ZSTD(3)) AFTER weeks,
    ADD COLUMN IF NOT EXISTS drift_count Int64 AFTER drift_alarms,
    ADD COLUMN IF NOT EXISTS drift_muted_until_day Nullable(Date) AFTER drift_count,
    ADD COLUMN IF NOT EXISTS drift_labels Int64 AFTER drift_muted_until_day,
    ADD COLUMN IF NOT EXISTS drift_residual Nullable(Float64) AFTER drift_labels,
    ADD COLUMN IF NOT EXISTS challengers String DEFAULT '[]' CODEC(ZSTD(3)) AFTER drift_residual,
    ADD COLUMN IF NOT EXISTS changes String DEFAULT '[]' CODEC(ZSTD(3)) AFTER challengers,
    ADD COLUMN IF NOT EXISTS horizons String DEFAULT '[]' CODEC(ZSTD(3)) AFTER changes,
    ADD COLUMN IF NOT EXISTS counts Map(LowCardinality(String), Int64) AFTER horizons,
    ADD COLUMN IF NOT EXISTS tested String DEFAULT '[]' CODEC(ZSTD(3)) AFTER counts;

ALTER TABLE churn_current
    ADD COLUMN IF NOT EXISTS quality_ece Nullable(Float64) AFTER quality_mean_observed,
    ADD COLUMN IF NOT EXISTS quality_pr_auc Nullable(Float64) AFTER quality_ece,
    ADD COLUMN IF NOT EXISTS quality_brier Nullable(Float64) AFTER quality_pr_auc,
    ADD COLUMN IF NOT EXISTS quality_top_decile_recall Nullable(Float64) AFTER quality_brier;
