-- Every step of a customer's MRR, by what the customer as a whole paid before, after and ever. A churn has the newest
-- reason that was given in the run of paying that it ends.
, reasons AS
(
    SELECT
        customer_id,
        at_ms AS said_ms,
        event_id,
        JSONExtractString(payload, 'reason') AS reason,
        JSONExtract(payload, 'voluntary', 'Nullable(Bool)') AS wish
    FROM facts
    WHERE type IN ('subscription_ended', 'cancellation_scheduled', 'subscription_cancelled', 'cancellation_reported')
),
churns AS
(
    SELECT
        customer_id,
        at_ms,
        argMaxIf(reason, (said_ms, event_id, reason), reason != '' AND said_ms BETWEEN run_ms AND at_ms) AS last_reason,
        argMaxIf(wish, (said_ms, event_id), wish IS NOT NULL AND said_ms BETWEEN run_ms AND at_ms) AS last_wish
    FROM (SELECT DISTINCT customer_id, at_ms, run_ms FROM moves WHERE movement = 'churn') AS ended
    INNER JOIN reasons USING (customer_id)
    GROUP BY customer_id, at_ms
),
-- Churns that invoices alone made.
unpaid AS
(
    SELECT customer_id, at_ms, min(is_late) AS is_unpaid
    FROM changed
    WHERE mrr_was > 0 AND (currency, mrr) != (currency_was, mrr_was)
    GROUP BY customer_id, at_ms
)
SELECT
    customer_id,
    on_day AS day,
    currency,
    effective AS effective_at,
    movement,
    delta AS amount_minor,
    after - delta AS mrr_before_minor,
    after AS mrr_after_minor,
    multiIf(movement != 'churn', NULL, is_unpaid, 'past_due', nullIf(last_reason, '')) AS churn_reason,
    multiIf(movement != 'churn', NULL, is_unpaid, toNullable(false), last_wish) AS churn_voluntary
FROM moves
LEFT JOIN churns USING (customer_id, at_ms)
LEFT JOIN unpaid USING (customer_id, at_ms)
WHERE day BETWEEN {since:Date} AND {until:Date}
