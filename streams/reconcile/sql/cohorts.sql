-- Cohorts by month and currency of the first payment: who still pays so many months later, and how much.
, begun AS
(
    SELECT customer_id, month AS cohort, currency, minor AS first_minor
    FROM ends
    INNER JOIN (SELECT customer_id, min(month) AS first_month FROM ends GROUP BY customer_id) AS firsts USING (customer_id)
    WHERE month = first_month
),
left_currency AS
(
    SELECT DISTINCT customer_id, toString(currency) AS currency, toUInt8(1) AS went
    FROM mrr_movements FINAL
    WHERE movement = 'currency_change' AND amount_minor < 0
),
followed AS
(
    SELECT begun.customer_id AS customer_id, cohort, begun.currency AS currency, first_minor, addMonths(cohort, step) AS month
    FROM begun
    ARRAY JOIN range(toUInt32(dateDiff('month', cohort, (SELECT max(day) FROM revenue_daily)) + 1)) AS step
)
SELECT
    currency,
    cohort,
    months_after,
    toInt64(count()) AS customers,
    toInt64(countIf(pays)) AS paying_customers,
    paying_customers / customers AS logo_retention,
    sum(now_minor) AS mrr_minor,
    sum(now_minor) / nullIf(sumIf(first_minor, NOT (now_minor = 0 AND pays AND went)), 0) AS mrr_retention
FROM
(
    SELECT followed.currency AS currency, cohort, dateDiff('month', cohort, followed.month) AS months_after, first_minor,
        ends.minor AS now_minor, pays, went
    FROM followed
    LEFT JOIN ends
        ON ends.customer_id = followed.customer_id AND ends.currency = followed.currency AND ends.month = followed.month
    LEFT JOIN anywhere ON anywhere.customer_id = followed.customer_id AND anywhere.month = followed.month
    LEFT JOIN left_currency
        ON left_currency.customer_id = followed.customer_id AND left_currency.currency = followed.currency
)
WHERE cohort BETWEEN {since:Date} AND {until:Date} AND {standing}
GROUP BY currency, cohort, months_after
