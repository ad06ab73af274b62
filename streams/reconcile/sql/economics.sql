-- What customers are worth, per currency and month (METRICS.md section 5): from the ends of months, movements and spend.
-- Came and left between two ends of months.
, passing AS
(
    SELECT came.currency AS currency, came.month AS month, toInt64(count()) AS passed
    FROM
    (
        SELECT DISTINCT customer_id, toString(currency) AS currency, toStartOfMonth(day) AS month
        FROM mrr_movements FINAL
        WHERE movement IN ('new', 'reactivation')
    ) AS came
    LEFT ANTI JOIN anywhere ON anywhere.customer_id = came.customer_id AND anywhere.month = came.month
    WHERE (customer_id, currency, addMonths(month, -1)) NOT IN (SELECT customer_id, currency, month FROM ends)
    GROUP BY currency, month
),
free AS
(
    SELECT ifNull(toString(currency), '') AS currency, toStartOfMonth(day) AS month,
        toInt64(countIf(NOT paying AND subscriptions_active + trials_active > 0)) AS free_customers,
        any(gross_margin) AS gross_margin
    FROM revenue_daily FINAL
    WHERE day = toLastDayOfMonth(day)
    GROUP BY currency, month
),
spent AS
(
    SELECT parts.1 AS currency, toStartOfMonth(day) AS month, sum(parts.2) AS spend_minor
    FROM spend_daily FINAL
    ARRAY JOIN CAST(spend_1d_minor, 'Array(Tuple(String, Int64))') AS parts
    GROUP BY currency, month
),
months AS
(
    SELECT
        *,
        by_kind['contraction'] + by_kind['churn'] AS lost,
        by_kind['expansion'] + by_kind['reactivation'] AS regained,
        churned / nullIf(start_customers, 0) AS left_share,
        toFloat64(end_mrr_minor) / nullIf(end_customers, 0) AS each_minor,
        if(spend_minor > 0 AND won > 0, spend_minor / won, NULL) AS cost
    FROM grid
    LEFT JOIN cohort USING (currency, month)
    LEFT JOIN closing USING (currency, month)
    LEFT JOIN moves USING (currency, month)
    LEFT JOIN passing USING (currency, month)
    LEFT JOIN free USING (currency, month)
    LEFT JOIN spent USING (currency, month)
),
-- Churn of the months before, the newest last.
history AS
(
    SELECT
        *,
        arrayMap(pair -> pair.2, arraySort(pair -> pair.1, groupArray((month, left_share)) OVER (PARTITION BY currency))) AS all_shares,
        dateDiff('month', min(month) OVER (PARTITION BY currency), month) AS gone_before,
        arraySlice(all_shares, greatest(1, gone_before - 5), least(6, gone_before)) AS half,
        arraySlice(all_shares, greatest(1, gone_before - 11), least(12, gone_before)) AS year,
        if(length(half) = 6 AND NOT has(half, NULL), arrayAvg(arrayMap(share -> ifNull(share, 0), half)), NULL) AS half_share,
        if(length(year) = 12 AND NOT has(year, NULL), arrayAvg(arrayMap(share -> ifNull(share, 0), year)), NULL) AS year_share
    FROM months
)
SELECT
    currency,
    month,
    start_mrr_minor,
    end_mrr_minor,
    12 * end_mrr_minor AS arr_minor,
    start_customers,
    end_customers,
    free_customers,
    each_minor AS arpa_minor,
    end_mrr_minor / nullIf(end_customers + free_customers, 0) AS arpa_with_free_minor,
    kept / nullIf(stayed, 0) AS nrr,
    1 + (regained + lost) / nullIf(start_mrr_minor, 0) AS nrr_movements,
    capped / nullIf(stayed, 0) AS grr,
    -lost / nullIf(start_mrr_minor, 0) AS mrr_churn_gross,
    -(lost + regained) / nullIf(start_mrr_minor, 0) AS mrr_churn_net,
    (by_kind['new'] + regained) / nullIf(-lost, 0) AS quick_ratio,
    left_share AS customer_churn,
    passed AS joined_and_lost,
    (churned + passed) / nullIf(start_customers, 0) AS customer_churn_with_joiners,
    1 - pow(1 - left_share, 12) AS customer_churn_yearly,
    half_share AS churn_6m,
    year_share AS churn_12m,
    gross_margin,
    each_minor * gross_margin / nullIf(half_share, 0) AS ltv_minor,
    cost AS cac_minor,
    each_minor * gross_margin / nullIf(half_share, 0) / cost AS ltv_cac,
    cost / nullIf(each_minor * gross_margin, 0) AS payback_months
FROM history
WHERE month BETWEEN {since:Date} AND {until:Date} AND {standing}
