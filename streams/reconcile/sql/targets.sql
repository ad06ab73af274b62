-- Churn beside its target by month: the profile's on the month's last day, else a tenth under the mean of the year before.
WITH months AS
(
    SELECT
        currency,
        month,
        customer_churn,
        arrayFilter(one -> one.1 >= addMonths(month, -12) AND one.1 < month,
            groupArray((month, customer_churn)) OVER (PARTITION BY currency)) AS year,
        arrayMap(one -> assumeNotNull(one.2), arrayFilter(one -> one.2 IS NOT NULL, year)) AS shares
    FROM v_unit_economics
),
own AS
(
    SELECT toStartOfMonth(day) AS month, churn_target AS own_target
    FROM portfolio_metrics FINAL
    WHERE portfolio = '_portfolio'
        AND day IN (SELECT max(day) FROM portfolio_metrics WHERE portfolio = '_portfolio' GROUP BY toStartOfMonth(day))
)
SELECT
    currency,
    month,
    customer_churn,
    if(length(shares) = 12, arrayAvg(shares), NULL) AS churn_12m,
    if(own_target IS NULL, 0.9 * churn_12m, own_target) AS churn_target,
    customer_churn - churn_target AS churn_target_gap
FROM months
LEFT JOIN own USING (month)
WHERE month BETWEEN {since:Date} AND {until:Date}
