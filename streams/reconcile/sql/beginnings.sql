-- When each customer began, was activated and onboarded, by what is newest of it: sign-up, else its first movement of MRR, else
-- its first fact of use; and how many days it took, or it has been watched.
WITH paid AS
(
    SELECT customer_id, min(toNullable(toUnixTimestamp64Milli(effective_at))) AS paid_ms
    FROM mrr_movements FINAL
    GROUP BY customer_id
),
used AS
(
    SELECT
        customer_id,
        argMax((toUnixTimestamp64Milli(onboarding_started_at), toUnixTimestamp64Milli(first_used_at),
            toUnixTimestamp64Milli(activated_at), toUnixTimestamp64Milli(onboarded_at), onboarding_overdue), day) AS newest
    FROM usage_daily FINAL
    GROUP BY customer_id
),
known AS
(
    SELECT
        customer_id,
        coalesce(toUnixTimestamp64Milli(signed_up_at), paid_ms, newest.1, newest.2) AS began,
        assumeNotNull(began) AS began_ms,
        newest.3 AS activated_ms,
        newest.4 AS onboarded_ms,
        newest.5 AS is_overdue,
        (SELECT toUnixTimestamp64Milli(max(as_of)) FROM usage_daily) AS until_ms
    FROM
    (
        SELECT customer_id FROM accounts
        UNION DISTINCT SELECT customer_id FROM paid
        UNION DISTINCT SELECT customer_id FROM used
    ) AS everybody
    LEFT JOIN (SELECT customer_id, signed_up_at FROM accounts FINAL) AS account USING (customer_id)
    LEFT JOIN paid USING (customer_id)
    LEFT JOIN used USING (customer_id)
    WHERE began < until_ms
)
SELECT
    customer_id,
    toStartOfMonth(toDate(fromUnixTimestamp64Milli(began_ms, 'UTC'))) AS month,
    fromUnixTimestamp64Milli(began_ms, 'UTC') AS began_at,
    fromUnixTimestamp64Milli(activated_ms, 'UTC') AS activated_at,
    fromUnixTimestamp64Milli(onboarded_ms, 'UTC') AS onboarded_at,
    is_overdue AS onboarding_overdue,
    if(activated_ms IS NULL, NULL, greatest(0, activated_ms - began_ms) / 86400000) AS days_to_activate,
    if(onboarded_ms IS NULL, NULL, greatest(0, onboarded_ms - began_ms) / 86400000) AS days_to_onboard,
    (until_ms - began_ms) / 86400000 AS days_known
FROM known
WHERE month BETWEEN {since:Date} AND {until:Date}
