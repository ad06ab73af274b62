"""What the reconciler asks ClickHouse besides the recounts."""

OTHER_DAYS = "SELECT count() FROM events FINAL WHERE day != toDate(occurred_at, {zone:String})"
FIRST_AND_LAST = (
    "SELECT min(day), greatest(max(day), (SELECT ifNull(max(closed_day), toDate(0)) FROM accounting)) FROM events"
)
LATE = "SELECT partition, late FROM accounting FINAL WHERE topic = {topic:String} AND late > 0"
BEHIND = (
    "SELECT event_id FROM events FINAL WHERE customer_id = {customer:String} AND topic IN {topics:Array(String)} "
    "AND (empty({types:Array(String)}) OR type IN {types:Array(String)}) "
    "AND day >= {first:Date} AND day <= {last:Date} "
    "AND cityHash64(customer_id, day, event_id) NOT IN {late:Array(UInt64)} "
    "ORDER BY occurred_at DESC, event_id DESC LIMIT {limit:UInt32}"
)
#: Days on which a partition was scored: from its first score to the last day that every topic behind scores has closed.
SCORED = """
SELECT partition, if(first_day > toDate(0), least(first_day, last_day), last_day) AS first_scored, last_day
FROM
(
    SELECT partition, toDate(min(assumeNotNull(closed_day))) AS last_day
    FROM accounting FINAL
    WHERE topic IN {topics:Array(String)} AND closed_day IS NOT NULL
    GROUP BY partition
    HAVING count() = length({topics:Array(String)})
) AS lasts
LEFT JOIN
(
    SELECT partition, min(day) AS first_day
    FROM (SELECT customer_id, day FROM health_daily UNION ALL SELECT customer_id, day FROM upsell_daily) AS scores
    INNER JOIN (SELECT customer_id, any(partition) AS partition FROM events GROUP BY customer_id) AS homes
        USING (customer_id)
    GROUP BY partition
) AS firsts USING (partition)
"""
PARTITIONS = "SELECT uniqExact(partition) FROM accounting WHERE topic IN {topics:Array(String)}"
PORTFOLIOS = (
    "SELECT DISTINCT portfolio FROM (SELECT portfolio FROM portfolio_metrics UNION ALL SELECT '_portfolio' "
    "AS portfolio UNION ALL SELECT concat('_segment:', assumeNotNull(segment)) AS portfolio FROM health_daily "
    "WHERE ifNull(segment, '') != '') ORDER BY portfolio"
)
KNOWN = (
    "SELECT count() FROM events "
    "WHERE customer_id = {customer:String} AND topic IN {topics:Array(String)} AND event_id = {event:String}"
)
