-- What winning customers costs (METRICS.md section 5).

CREATE TABLE IF NOT EXISTS spend_daily
(
    customer_id String,
    day Date,
    revision UInt32,
    as_of DateTime64(3, 'UTC'),
    version UInt64,
    event_id Nullable(String),
    spend_1d_minor Map(LowCardinality(String), Int64),
    spend_28d_minor Map(LowCardinality(String), Int64),
    spend_90d_minor Map(LowCardinality(String), Int64),
    spend_total_minor Map(LowCardinality(String), Int64),
    row_version UInt64
)
ENGINE = ReplacingMergeTree(row_version)
PARTITION BY toYear(day)
ORDER BY (customer_id, day)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Money spent on winning customers, by currency, at the end of a day; _company is nobody in particular';

-- Customers won and what that cost, per currency and month: cac = spend / customers that paid for the first time.
-- NULL while nothing was spent or nobody was won. Spend of a currency nobody pays in stands in its own row.
CREATE OR REPLACE VIEW v_acquisition AS
SELECT
    currency,
    month,
    sum(spend_minor) AS spend_minor,
    sum(new_customers) AS new_customers,
    if(spend_minor > 0 AND new_customers > 0, spend_minor / new_customers, NULL) AS cac_minor
FROM
(
    SELECT
        spent.1 AS currency,
        toStartOfMonth(day) AS month,
        spent.2 AS spend_minor,
        0 AS new_customers
    FROM spend_daily FINAL
    ARRAY JOIN CAST(spend_1d_minor, 'Array(Tuple(String, Int64))') AS spent
    UNION ALL
    SELECT toString(currency), toStartOfMonth(day), 0, 1
    FROM mrr_movements FINAL
    WHERE movement = 'new'
)
GROUP BY currency, month;
