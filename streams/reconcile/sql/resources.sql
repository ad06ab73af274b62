-- Educational resources by month, from the events: of one sent twice the first.
WITH seen AS
(
    SELECT
        customer_id,
        toStartOfMonth(argMin(day, offset)) AS month,
        argMin((toString(type), payload, ifNull(user_id, '')), offset) AS first_sent
    FROM events FINAL
    WHERE type IN ('resource_rated', 'resource_viewed')
    GROUP BY customer_id, event_id
)
SELECT
    JSON_VALUE(first_sent.2, '$.resource') AS resource,
    month,
    sum(toInt64(first_sent.1 = 'resource_viewed')) AS views,
    length(groupUniqArrayIf(customer_id, first_sent.1 = 'resource_viewed')) AS customers,
    length(groupUniqArrayIf((customer_id, first_sent.3), first_sent.1 = 'resource_viewed' AND first_sent.3 != '')) AS viewers,
    count() - views AS ratings,
    sum(toInt64(first_sent.1 = 'resource_rated' AND JSONExtract(first_sent.2, 'helpful', 'Bool'))) / nullIf(ratings, 0)
        AS helpful_share
FROM seen
WHERE month BETWEEN {since:Date} AND {until:Date}
GROUP BY resource, month
