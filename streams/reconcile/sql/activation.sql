-- Activation by month of the beginning: of those watched for 90 days, how many got there within them; the median by the curve.
WITH half AS
(
    SELECT month, toNullable(arrayMin(groupArray(days))) AS median
    FROM v_beginning_curves
    WHERE step = 'activated' AND still_open < 0.5 + 1e-9
    GROUP BY month
),
cohort AS
(
    SELECT month, groupArray((days_to_activate, days_known)) AS ways FROM v_beginnings GROUP BY month
)
SELECT
    'all' AS whose,
    month,
    length(ways) AS customers,
    arrayCount(one -> one.1 IS NOT NULL, ways) AS activated,
    arrayCount(one -> one.2 < 90, ways) AS inside_window,
    arrayCount(one -> one.2 >= 90 AND ifNull(one.1 < 90, 0), ways) AS activated_in_window,
    activated_in_window / nullIf(customers - inside_window, 0) AS activation_rate,
    median AS median_days_to_activate
FROM cohort
LEFT JOIN half USING (month)
WHERE month BETWEEN {since:Date} AND {until:Date}
