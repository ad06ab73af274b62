-- Events that came behind the horizon and were counted late: older than the time their partition had come to by the
-- events before them, less the horizon. Heartbeats move that time too and stand in no table, so there may be more.
SELECT customer_id, partition, cityHash64(customer_id, day, event_id) AS fingerprint, event_id
FROM
(
    SELECT
        customer_id,
        day,
        event_id,
        partition,
        toUnixTimestamp64Milli(occurred_at) AS at_ms,
        max(toUnixTimestamp64Milli(occurred_at)) OVER
            (PARTITION BY partition ORDER BY offset ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS newest_ms
    FROM events FINAL
    WHERE topic = {topic:String}
)
WHERE newest_ms > 0 AND at_ms < newest_ms - {lateness_ms:Int64} - {horizon_ms:Int64}
