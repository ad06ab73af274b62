-- What came in: every input event, the accounting of what became of it, and what could not be read.
-- All tables: ReplacingMergeTree, one row per ORDER BY key, the largest row_version stands (streams/sinks/tables.py);
-- the deduplication window lets an insert that is sent again count once. Read with FINAL or through the views.

CREATE TABLE IF NOT EXISTS events
(
    event_id String,
    type LowCardinality(String),
    customer_id String,
    user_id Nullable(String),
    occurred_at DateTime64(3, 'UTC'),
    day Date,
    source LowCardinality(String),
    payload String CODEC(ZSTD(3)),
    topic LowCardinality(String),
    partition UInt32,
    offset UInt64,
    row_version UInt64
)
ENGINE = ReplacingMergeTree(row_version)
PARTITION BY toYYYYMM(day)
ORDER BY (customer_id, day, topic, event_id)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Input events as they came, one row per event; heartbeats are left out';

CREATE TABLE IF NOT EXISTS accounting
(
    topic LowCardinality(String),
    partition UInt32,
    read Int64,
    applied Int64,
    duplicate Int64,
    late Int64,
    dead Int64,
    watermark Nullable(DateTime64(3, 'UTC')),
    closed_day Nullable(Date),
    version UInt64,
    row_version UInt64
)
ENGINE = ReplacingMergeTree(row_version)
ORDER BY (topic, partition)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Records read per input topic and partition, and what became of them';

CREATE TABLE IF NOT EXISTS dead_letters
(
    topic LowCardinality(String),
    partition UInt32,
    offset UInt64,
    stage LowCardinality(String),
    error LowCardinality(String),
    reason String,
    retries Int64,
    key Nullable(String),
    value Nullable(String) CODEC(ZSTD(3)),
    headers Array(Tuple(String, String)),
    recorded_at DateTime64(3, 'UTC'),
    dead_letter_partition UInt32,
    dead_letter_offset UInt64,
    row_version UInt64
)
ENGINE = ReplacingMergeTree(row_version)
ORDER BY (topic, partition, offset)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Original bytes of what could not be processed, by source position';
