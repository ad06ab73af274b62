-- Whether each customer has earned what winning it cost: its newest paid figures, what was spent on it day by day, and its
-- share of the month's campaigns; cost, margin and churn of the month are those of the views that have recounts of their own.
WITH won AS
(
    SELECT
        customer_id,
        toStartOfMonth(minIf(day, first_paid_at IS NOT NULL)) AS won,
        argMaxIf((ifNull(toString(currency), ''), paying, mrr_minor, margin_to_date_minor), day,
            first_paid_at IS NOT NULL AND currency IS NOT NULL) AS newest
    FROM revenue_daily FINAL
    GROUP BY customer_id
    HAVING countIf(first_paid_at IS NOT NULL AND currency IS NOT NULL) > 0
),
paid_out AS
(
    SELECT customer_id, toStartOfMonth(day) AS month, entry.1 AS currency, entry.2 AS minor
    FROM spend_daily FINAL
    ARRAY JOIN CAST(spend_1d_minor, 'Array(Tuple(String, Int64))') AS entry
),
named AS
(
    SELECT customer_id, currency, sum(minor) AS named_minor FROM paid_out GROUP BY customer_id, currency
),
campaigns AS
(
    SELECT currency, month, sum(minor) AS campaigns_minor FROM paid_out WHERE customer_id = '_company' GROUP BY currency, month
),
last_months AS
(
    SELECT currency, churn_6m AS churn, gross_margin AS margin
    FROM v_unit_economics
    WHERE (currency, month) IN (SELECT currency, max(month) FROM v_unit_economics GROUP BY currency)
)
SELECT
    won.customer_id AS customer_id,
    won.won AS won,
    newest.1 AS currency,
    newest.2 AS paying,
    acquisition.cac_minor AS cac_minor,
    nullIf(named_minor + if(new_customers > 0, campaigns_minor / new_customers, 0.), 0) AS own_cac_minor,
    newest.4 AS margin_to_date_minor,
    multiIf(NOT paying, 0., churn = 0, NULL, newest.3 * margin / churn) AS expected_minor,
    margin_to_date_minor + expected_minor AS ltv_minor,
    margin_to_date_minor >= own_cac_minor AS paid_back,
    if(paying, false, margin_to_date_minor < own_cac_minor) AS lost_before_payback
FROM won
LEFT JOIN v_acquisition AS acquisition ON acquisition.currency = newest.1 AND acquisition.month = won.won
LEFT JOIN named ON named.customer_id = won.customer_id AND named.currency = newest.1
LEFT JOIN campaigns ON campaigns.currency = newest.1 AND campaigns.month = won.won
LEFT JOIN last_months ON last_months.currency = newest.1
WHERE won.won BETWEEN {since:Date} AND {until:Date}
