-- Rates of exchange by day: of those given before its end the newest, of two of one instant that of the greater id, of an
-- event sent twice the first. Where none holds for a pair, into a currency that rates were given into: the other way's,
-- turned round; else over a third currency, the first in the alphabet that both have one of these with.
WITH given AS
(
    SELECT first_sent.1 AS currency, first_sent.2 AS to, first_sent.3 AS given_on,
        argMax(first_sent.4, (first_sent.5, event_id)) AS rate
    FROM
    (
        SELECT
            event_id,
            argMin(
                (JSONExtractString(payload, 'currency'), JSONExtractString(payload, 'to'), day,
                    JSONExtractFloat(payload, 'rate'), occurred_at),
                offset) AS first_sent
        FROM events FINAL
        WHERE type = 'exchange_rate_set'
        GROUP BY customer_id, event_id
    )
    WHERE given_on <= (SELECT max(day) FROM revenue_daily)
    GROUP BY currency, to, given_on
),
pairs AS
(
    SELECT currency, to, min(given_on) AS first_day FROM given GROUP BY currency, to
),
days AS
(
    SELECT currency, to, first_day + step AS day
    FROM pairs
    CROSS JOIN (SELECT max(day) AS last_day FROM revenue_daily) AS lasts
    ARRAY JOIN range(toUInt32(greatest(0, last_day - first_day + 1))) AS step
    WHERE day BETWEEN {since:Date} AND {until:Date}
),
held AS
(
    SELECT days.day AS day, days.currency AS currency, days.to AS to, given.rate AS rate
    FROM days
    ASOF INNER JOIN given ON days.currency = given.currency AND days.to = given.to AND days.day >= given.given_on
),
both_ways AS
(
    SELECT day, currency, to, rate, '' AS third, 0 AS rank FROM held
    UNION ALL
    SELECT held.day, held.to, held.currency, 1 / held.rate, held.currency, 1
    FROM held
    WHERE held.rate > 0 AND (held.day, held.to, held.currency) NOT IN (SELECT day, currency, to FROM held)
),
found AS
(
    SELECT day, currency, to, rate, third, rank FROM both_ways
    UNION ALL
    SELECT legs.day AS day, legs.currency AS currency, others.to AS to, legs.rate * others.rate AS rate, legs.to AS third, 2 AS rank
    FROM both_ways AS legs
    INNER JOIN both_ways AS others ON others.day = legs.day AND others.currency = legs.to
    WHERE others.to != legs.currency
)
SELECT
    currency,
    day,
    to,
    rate,
    -- Decimals of a currency, ISO 4217.
    rate * exp10(
        transform(to, ['JPY', 'KRW', 'CLP', 'ISK', 'VND', 'PYG', 'UGX', 'XAF', 'XOF', 'XPF', 'RWF', 'KMF', 'GNF', 'DJF', 'BIF', 'VUV',
            'UYI', 'KWD', 'BHD', 'OMR', 'JOD', 'TND', 'IQD', 'LYD', 'CLF', 'UYW'],
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 3, 3, 3, 3, 3, 3, 4, 4], 2)
        - transform(currency, ['JPY', 'KRW', 'CLP', 'ISK', 'VND', 'PYG', 'UGX', 'XAF', 'XOF', 'XPF', 'RWF', 'KMF', 'GNF', 'DJF',
            'BIF', 'VUV', 'UYI', 'KWD', 'BHD', 'OMR', 'JOD', 'TND', 'IQD', 'LYD', 'CLF', 'UYW'],
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 3, 3, 3, 3, 3, 3, 4, 4], 2)) AS minor_rate,
    nullIf(third, '') AS through
FROM found
WHERE to IN (SELECT to FROM given)
ORDER BY rank, third
LIMIT 1 BY currency, to, day
