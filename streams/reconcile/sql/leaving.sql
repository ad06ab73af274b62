-- Customers and MRR that left by month, reason and will; what each paid before is what went.
WITH gone AS
(
    SELECT
        toString(currency) AS currency,
        toStartOfMonth(day) AS month,
        ifNull(toString(churn_reason), '') AS churn_reason,
        multiIf(churn_voluntary IS NULL, '', churn_voluntary, 'true', 'false') AS churn_voluntary,
        mrr_before_minor - mrr_after_minor AS minor
    FROM mrr_movements FINAL
    WHERE movement = 'churn' AND month BETWEEN {since:Date} AND {until:Date}
),
wholes AS
(
    SELECT currency, month, count() AS all_customers, sum(minor) AS all_minor FROM gone GROUP BY currency, month
)
SELECT
    currency,
    month,
    churn_reason,
    churn_voluntary,
    count() AS customers,
    sum(minor) AS churn_minor,
    customers / any(all_customers) AS share_of_customers,
    churn_minor / any(all_minor) AS share_of_mrr
FROM gone
INNER JOIN wholes USING (currency, month)
GROUP BY currency, month, churn_reason, churn_voluntary
