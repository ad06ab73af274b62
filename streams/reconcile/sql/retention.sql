-- Retention and movements of MRR by month (METRICS.md section 5), from what each pays at the ends of months.
SELECT
    currency,
    month,
    start_mrr_minor,
    end_mrr_minor,
    by_kind['new'] AS new_minor,
    by_kind['expansion'] AS expansion_minor,
    -by_kind['contraction'] AS contraction_minor,
    -by_kind['churn'] AS churn_minor,
    by_kind['reactivation'] AS reactivation_minor,
    by_kind['currency_change'] AS currency_change_minor,
    start_customers,
    end_customers,
    churned AS churned_customers,
    kept / nullIf(stayed, 0) AS nrr,
    capped / nullIf(stayed, 0) AS grr,
    churned / nullIf(start_customers, 0) AS logo_churn
FROM grid
LEFT JOIN cohort USING (currency, month)
LEFT JOIN closing USING (currency, month)
LEFT JOIN moves USING (currency, month)
WHERE month BETWEEN {since:Date} AND {until:Date} AND {standing}
