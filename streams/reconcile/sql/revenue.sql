-- What a customer paid and owed at the end of a day. `currency` is that of the subscription that was set first.
, firsts AS
(
    SELECT customer_id, argMin(code, (at_ms, event_id)) AS main, min(on_day) AS since_day
    FROM said
    WHERE sets
    GROUP BY customer_id
),
money AS
(
    SELECT
        customer_id,
        on_day AS day,
        sumMap(map(currency, delta)) AS deltas,
        sum(delta) AS delta_all,
        minOrNullIf(effective, paid_after > 0) AS paid_at,
        toNullable(argMax(effective, at_ms)) AS stepped_at
    FROM moves
    GROUP BY customer_id, day
),
flows AS
(
    SELECT
        customer_id,
        on_day AS day,
        sumIf(abs(delta), movement = 'new') AS new_day,
        sumIf(abs(delta), movement = 'expansion') AS expansion_day,
        sumIf(abs(delta), movement = 'contraction') AS contraction_day,
        sumIf(abs(delta), movement = 'churn') AS churn_day,
        sumIf(abs(delta), movement = 'reactivation') AS reactivation_day
    FROM moves INNER JOIN firsts USING (customer_id)
    WHERE currency = main
    GROUP BY customer_id, day
),
service AS
(
    SELECT
        customer_id,
        on_day AS day,
        sum(more_paid) AS paid_day,
        sum(more_trials) AS trials_day,
        sum(more_paused) AS paused_day,
        sum(more_paid_seats) AS paid_seats_day,
        sum(more_trial_seats) AS trial_seats_day
    FROM changed
    GROUP BY customer_id, day
),
-- Of an invoice that was issued again, the newest issue holds; once settled, nothing is owed any more.
settled AS
(
    SELECT customer_id, JSONExtractString(payload, 'invoice_id') AS invoice, min(on_day) AS settled_day
    FROM facts
    WHERE type = 'invoice_settled'
    GROUP BY customer_id, invoice
),
issues AS
(
    SELECT
        customer_id,
        JSONExtractString(payload, 'invoice_id') AS invoice,
        on_day AS issued_day,
        JSONExtractInt(payload, 'amount_minor') AS owed_minor,
        toDate(if(JSONType(payload, 'due_at') = 'String',
            parseDateTime64BestEffortOrZero(JSONExtractString(payload, 'due_at'), 3, 'UTC'),
            fromUnixTimestamp64Milli(JSONExtractInt(payload, 'due_at'), 'UTC')), {zone:String}) AS due_day,
        leadInFrame(toNullable(on_day)) OVER
            (PARTITION BY customer_id, JSONExtractString(payload, 'invoice_id') ORDER BY at_ms, event_id
            ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING) AS next_day
    FROM facts
    WHERE type = 'invoice_issued'
),
owed AS
(
    SELECT customer_id, day, min(due_day) AS oldest_due
    FROM
    (
        SELECT
            customer_id,
            due_day,
            greatest(issued_day, due_day) AS from_day,
            least(ifNull(next_day, last_day + 1), if(was_settled, settled_day, last_day + 1), last_day + 1) AS to_day
        FROM issues
        LEFT JOIN (SELECT *, 1 AS was_settled FROM settled) AS settled USING (customer_id, invoice)
        INNER JOIN (SELECT customer_id, max(day) AS last_day FROM spine GROUP BY customer_id) AS lasts
            USING (customer_id)
        WHERE owed_minor > 0 AND to_day > from_day
    )
    ARRAY JOIN arrayMap(step -> from_day + step, range(toUInt32(to_day - from_day))) AS day
    GROUP BY customer_id, day
),
reported AS
(
    SELECT customer_id, on_day AS day, count() AS reports
    FROM facts
    WHERE type = 'cancellation_reported'
    GROUP BY customer_id, day
),
invoiced AS
(
    SELECT customer_id, min(on_day) AS invoiced_day
    FROM facts
    WHERE type IN ('invoice_issued', 'invoice_settled', 'payment_refunded')
    GROUP BY customer_id
),
windows AS
(
    SELECT
        customer_id,
        day,
        if(since_day > '1970-01-01' AND day >= since_day, toNullable(main), NULL) AS own,
        mapFilter((code, minor) -> minor != 0, sumMap(deltas) OVER history) AS mrr,
        mapFilter((code, minor) -> minor != 0, sumMap(deltas) OVER month_ago) AS mrr_then,
        sum(delta_all) OVER history AS paid,
        min(paid_at) OVER history AS first_paid,
        max(stepped_at) OVER history AS last_step,
        sum(paid_day) OVER history AS paid_subscriptions,
        sum(trials_day) OVER history AS trial_subscriptions,
        sum(paid_seats_day) OVER history AS paid_seats,
        sum(trial_seats_day) OVER history AS trial_seats,
        sum(new_day) OVER month AS new_month,
        sum(expansion_day) OVER month AS expansion_month,
        sum(contraction_day) OVER month AS contraction_month,
        sum(churn_day) OVER month AS churn_month,
        sum(reactivation_day) OVER month AS reactivation_month,
        sum(paused_day) OVER history AS paused_subscriptions,
        sum(reports) OVER quarter AS reports_quarter,
        invoiced_day > '1970-01-01' AND day >= invoiced_day AS is_invoiced,
        oldest_due
    FROM spine
    LEFT JOIN money USING (customer_id, day)
    LEFT JOIN flows USING (customer_id, day)
    LEFT JOIN service USING (customer_id, day)
    LEFT JOIN owed USING (customer_id, day)
    LEFT JOIN reported USING (customer_id, day)
    LEFT JOIN firsts USING (customer_id)
    LEFT JOIN invoiced USING (customer_id)
    WINDOW
        history AS (PARTITION BY customer_id ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW),
        month AS (PARTITION BY customer_id ORDER BY day ROWS BETWEEN 27 PRECEDING AND CURRENT ROW),
        quarter AS (PARTITION BY customer_id ORDER BY day ROWS BETWEEN 89 PRECEDING AND CURRENT ROW),
        month_ago AS (PARTITION BY customer_id ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND 28 PRECEDING)
)
SELECT
    customer_id,
    day,
    mrr[ifNull(own, '')] AS mrr_minor,
    own AS currency,
    mapFilter((code, minor) -> code != ifNull(own, ''), mrr) AS mrr_other_minor,
    mrr_then[ifNull(own, '')] AS mrr_28d_ago_minor,
    mrr_minor * 12 AS arr_minor,
    paid > 0 AS paying,
    paid_subscriptions AS subscriptions_active,
    trial_subscriptions AS trials_active,
    paused_subscriptions AS subscriptions_paused,
    reports_quarter AS cancellations_reported_90d,
    multiIf(paid_subscriptions > 0, toNullable(paid_seats), trial_subscriptions > 0, trial_seats, NULL) AS seats,
    first_paid AS first_paid_at,
    if(paid = 0, last_step, NULL) AS churned_at,
    if(paid = 0, toDate(last_step, {zone:String}), day) - toDate(first_paid, {zone:String}) AS tenure_days,
    new_month AS new_28d_minor,
    expansion_month AS expansion_28d_minor,
    contraction_month AS contraction_28d_minor,
    churn_month AS churn_28d_minor,
    reactivation_month AS reactivation_28d_minor,
    if(mrr_28d_ago_minor > 0, mrr_minor / mrr_28d_ago_minor, NULL) AS nrr_28d,
    if(mrr_28d_ago_minor > 0, least(mrr_minor, mrr_28d_ago_minor) / mrr_28d_ago_minor, NULL) AS grr_28d,
    multiIf(NOT is_invoiced, NULL, oldest_due = '1970-01-01', toNullable(0), day - oldest_due) AS days_overdue,
    multiIf(NOT is_invoiced, NULL, oldest_due = '1970-01-01', 'current', 'late') AS payment_state
FROM windows
WHERE day BETWEEN {since:Date} AND {until:Date}
