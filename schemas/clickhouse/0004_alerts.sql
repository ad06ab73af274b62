-- Every step of every alert's episode.

CREATE TABLE IF NOT EXISTS alerts
(
    alert_id String,
    episode_id String,
    customer_id String,
    rule LowCardinality(String),
    severity LowCardinality(String),
    status LowCardinality(String),
    opened_at DateTime64(3, 'UTC'),
    at DateTime64(3, 'UTC'),
    trigger_event_id Nullable(String),
    facts String,
    next_step LowCardinality(String),
    locale LowCardinality(String),
    text String,
    blocks String CODEC(ZSTD(3)),
    channel Nullable(String),
    version UInt64,
    row_version UInt64
)
ENGINE = ReplacingMergeTree(row_version)
ORDER BY (customer_id, episode_id, alert_id)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Steps of alert episodes: opened, updated, resolved';
