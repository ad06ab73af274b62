-- Terms that ended and went on by month, from the days of customers on which any did.
WITH days AS
(
    SELECT ifNull(toString(currency), '') AS code, toStartOfMonth(day) AS month, terms_ended_1d, terms_renewed_1d
    FROM revenue_daily FINAL
)
SELECT
    code AS currency,
    month,
    arraySum(groupArray(terms_ended_1d)) AS terms_ended,
    arraySum(groupArray(terms_renewed_1d)) AS terms_renewed,
    terms_renewed / nullIf(terms_ended, 0) AS renewal_rate
FROM days
WHERE code != '' AND month BETWEEN {since:Date} AND {until:Date}
GROUP BY code, month
