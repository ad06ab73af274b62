-- The profile a customer had at the end of a day. A row goes out when the day closes on which something of it changed, or
-- the next one for what came later, and is restated no more: so it speaks of the events before the record that closed it.
, newest AS
(
    SELECT customer_id, day, argMax(payload, (at_ms, event_id)) AS said
    FROM facts
    INNER JOIN (
        SELECT customer_id, day, version, toUnixTimestamp64Milli(as_of) AS as_of_ms
        FROM accounts_daily FINAL
        WHERE customer_id IN {customers:Array(String)} AND day BETWEEN {since:Date} AND {until:Date}
    ) AS told USING (customer_id)
    WHERE type = 'account_set' AND offset < version AND at_ms < as_of_ms
    GROUP BY customer_id, day
)
SELECT
    customer_id,
    day,
    JSONExtractString(said, 'name') AS name,
    JSONExtract(said, 'segment', 'Nullable(String)') AS segment,
    JSONExtract(said, 'industry', 'Nullable(String)') AS industry,
    JSONExtract(said, 'country', 'Nullable(String)') AS country,
    JSONExtract(said, 'owner', 'Nullable(String)') AS owner,
    JSONExtract(said, 'locale', 'Nullable(String)') AS locale,
    JSONExtract(said, 'plan', 'Nullable(String)') AS plan,
    JSONExtract(said, 'seats', 'Nullable(Int64)') AS seats,
    multiIf(
        JSONType(said, 'signed_up_at') = 'String',
            parseDateTime64BestEffortOrNull(JSONExtractString(said, 'signed_up_at'), 3, 'UTC'),
        JSONExtractInt(said, 'signed_up_at') > 0,
            toNullable(fromUnixTimestamp64Milli(JSONExtractInt(said, 'signed_up_at'), 'UTC')),
        NULL) AS signed_up_at
FROM newest
