-- NPS by day of the segment that customers are in now (METRICS.md section 4), passives as those who answered and are neither; its interval by the adjusted
-- Wald method: three more answers, three quarters of each a promoter, a detractor, half of them in between.
WITH answers AS
(
    SELECT whose, day, sum(promoters_90d) AS pro, sum(detractors_90d) AS con, sum(nps_respondents_90d) AS n
    FROM feedback_daily FINAL
    LEFT JOIN (SELECT customer_id, ifNull(toString(segment), '') AS whose FROM accounts FINAL) AS profiles USING (customer_id)
    WHERE day BETWEEN {since:Date} AND {until:Date}
    GROUP BY whose, day
),
wider AS
(
    SELECT *, (pro - con) / (n + 3) AS centre, (pro + con + 1.5) / (n + 3) AS square,
        100 * 1.959964 * sqrt((square - centre * centre) / (n + 3)) AS half_width
    FROM answers
)
SELECT
    whose AS segment,
    day,
    pro AS promoters,
    n - pro - con AS passives,
    con AS detractors,
    n AS responses,
    100 * (pro - con) / nullIf(n, 0) AS nps,
    if(n = 0, NULL, half_width) AS margin,
    if(n = 0, NULL, arrayMax([-100., arrayMin([assumeNotNull(nps), 100 * centre - half_width])])) AS nps_low,
    if(n = 0, NULL, arrayMin([100., arrayMax([assumeNotNull(nps), 100 * centre + half_width])])) AS nps_high
FROM wider
