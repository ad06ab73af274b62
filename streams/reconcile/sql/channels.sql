-- Where the money spent on winning customers went, by channel and month, from the events: of one sent twice the first.
WITH payments AS
(
    SELECT customer_id, argMin(payload, offset) AS said, toStartOfMonth(argMin(day, offset)) AS month
    FROM events FINAL
    WHERE type = 'spend_recorded'
    GROUP BY customer_id, event_id
)
SELECT
    JSON_VALUE(said, '$.currency') AS currency,
    month,
    ifNull(JSONExtract(said, 'channel', 'Nullable(String)'), '') AS channel,
    sum(JSONExtract(said, 'amount_minor', 'Int64')) AS spend_minor,
    sum(if(customer_id = '_company', JSONExtract(said, 'amount_minor', 'Int64'), 0)) AS campaigns_minor,
    count() AS payments,
    length(arrayFilter(who -> who != '_company', groupUniqArray(customer_id))) AS customers
FROM payments
WHERE month BETWEEN {since:Date} AND {until:Date}
GROUP BY currency, month, channel
