-- Customers by the band of their newest score, on the newest day of all.
WITH newest AS
(
    SELECT toString(band) AS band, score, coverage, ifNull(toString(currency), '') AS code, mrr_minor, paying, previous_score
    FROM health_current FINAL
),
money AS
(
    SELECT band, CAST(groupArray((code, minor)), 'Map(String, Int64)') AS minor
    FROM (SELECT band, code, sum(mrr_minor) AS minor FROM newest WHERE code != '' GROUP BY band, code)
    GROUP BY band
)
SELECT
    band,
    (SELECT max(day) FROM health_current) AS day,
    count() AS customers,
    sum(toInt64(paying)) AS paying_customers,
    round(sum(score) / nullIf(count(score), 0), 1) AS mean_score,
    round(sum(coverage) / count(), 3) AS mean_coverage,
    sum(toInt64(ifNull(previous_score > score, 0))) AS falling,
    any(minor) AS mrr_minor
FROM newest
LEFT JOIN money USING (band)
WHERE day BETWEEN {since:Date} AND {until:Date}
GROUP BY band
