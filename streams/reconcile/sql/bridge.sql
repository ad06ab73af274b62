-- MRR of all in one currency from day to day: what is told of each currency, where it has a rate.
WITH known AS
(
    SELECT
        to,
        day,
        groupArray([mrr_before_minor, new_minor, expansion_minor, reactivation_minor, currency_change_minor, contraction_minor,
            churn_minor, fx_minor, mrr_after_minor]) AS parts,
        arrayMap(place -> arraySum(one -> ifNull(one[place], 0), parts), range(1, 10)) AS sums
    FROM v_mrr_currencies_daily
    WHERE day BETWEEN {since:Date} AND {until:Date}
    GROUP BY to, day
)
SELECT
    to,
    day,
    sums[1] AS mrr_before_minor,
    sums[2] AS new_minor,
    sums[3] AS expansion_minor,
    sums[4] AS reactivation_minor,
    sums[5] AS currency_change_minor,
    sums[6] AS contraction_minor,
    sums[7] AS churn_minor,
    sums[8] AS fx_minor,
    sums[9] AS mrr_after_minor
FROM known
