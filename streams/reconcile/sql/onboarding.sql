-- Onboarding by month of the beginning, likewise; overdue are past the profile's limit now and not through.
WITH half AS
(
    SELECT month, toNullable(arrayMin(groupArray(days))) AS median
    FROM v_beginning_curves
    WHERE step = 'onboarded' AND still_open < 0.5 + 1e-9
    GROUP BY month
),
cohort AS
(
    SELECT month, groupArray((days_to_onboard, days_known, onboarding_overdue)) AS ways FROM v_beginnings GROUP BY month
)
SELECT
    'all' AS whose,
    month,
    length(ways) AS customers,
    arrayCount(one -> one.1 IS NOT NULL, ways) AS onboarded,
    arrayCount(one -> ifNull(one.3, 0), ways) AS overdue,
    arrayCount(one -> one.2 < 90, ways) AS inside_window,
    arrayCount(one -> one.2 >= 90 AND ifNull(one.1 < 90, 0), ways) AS onboarded_in_window,
    onboarded_in_window / nullIf(customers - inside_window, 0) AS onboarding_rate,
    median AS median_days_to_onboard
FROM cohort
LEFT JOIN half USING (month)
WHERE month BETWEEN {since:Date} AND {until:Date}
