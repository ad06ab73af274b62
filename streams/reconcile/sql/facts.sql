-- Begins every recount: the events of some customers on one topic that count, and the days their figures were published
-- for. An event sent twice counts once (FINAL keeps the first); {late} are those that came behind the horizon.
WITH facts AS
(
    SELECT
        customer_id,
        event_id,
        type,
        payload,
        partition,
        offset,
        occurred_at AS at,
        toUnixTimestamp64Milli(occurred_at) AS at_ms,
        toDate(occurred_at, {zone:String}) AS on_day
    FROM events FINAL
    WHERE topic = {topic:String} AND customer_id IN {customers:Array(String)}
        AND cityHash64(customer_id, day, event_id) NOT IN {late:Array(UInt64)}
),
-- Figures of a customer go out for every closed day from that of its first event on.
spans AS
(
    SELECT customer_id, min(on_day) AS first_day, any(partition) AS partition
    FROM facts
    GROUP BY customer_id
),
spine AS
(
    SELECT customer_id, first_day + step AS day
    FROM
    (
        SELECT customer_id, first_day, assumeNotNull(closed_day) AS last_day
        FROM spans INNER JOIN
            (SELECT partition, closed_day FROM accounting FINAL WHERE topic = {topic:String} AND closed_day IS NOT NULL)
            AS closed USING (partition)
        WHERE last_day >= first_day
    )
    ARRAY JOIN range(toUInt32(last_day - first_day + 1)) AS step
)
