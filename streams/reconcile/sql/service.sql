-- Subscriptions as steps of MRR (METRICS.md section 5): what each change of one makes of the customer's whole.
, said AS
(
    SELECT
        customer_id,
        JSONExtractString(payload, 'subscription_id') AS subscription,
        at,
        at_ms,
        on_day,
        event_id,
        type,
        type IN ('subscription_set', 'subscription_ended') AS changes,
        type = 'subscription_set' AS sets,
        JSONExtractBool(payload, 'trial') AS on_trial,
        JSONExtractString(payload, 'currency') AS code,
        if(JSONHas(payload, 'quantity'), JSONExtractInt(payload, 'quantity'), 1) AS quantity,
        -- One price for all names no seats: -1.
        if(JSONExtractRaw(payload, 'seats') IN ('', 'null'), if(quantity > 1, quantity, -1),
            JSONExtractInt(payload, 'seats')) AS seats,
        JSONExtractInt(payload, 'amount_minor') AS price,
        if({list_prices:UInt8} AND JSONExtractRaw(payload, 'list_amount_minor') NOT IN ('', 'null'),
            JSONExtractInt(payload, 'list_amount_minor'), price) AS policy_price,
        JSONExtractString(payload, 'interval') AS period,
        if(JSONHas(payload, 'interval_count'), JSONExtractInt(payload, 'interval_count'), 1) AS periods,
        -- A month has 487/16 days; whole numbers up to the one rounding, half to even.
        toInt128(periods) * multiIf(period = 'day', 16, period = 'week', 112, period = 'year', 12, 1) AS divisor,
        arrayMap(
            dividend -> toInt64(intDiv(dividend, divisor) + (2 * (dividend % divisor) > divisor
                OR (2 * (dividend % divisor) = divisor AND intDiv(dividend, divisor) % 2 = 1))),
            [toInt128(price) * quantity * if(period IN ('day', 'week'), 487, 1),
                toInt128(policy_price) * quantity * if(period IN ('day', 'week'), 487, 1)]) AS monthlies,
        if(on_trial, 0, monthlies[1]) AS size,
        monthlies[2] AS monthly,
        sets AND NOT on_trial AND ({metered:UInt8} OR NOT JSONExtractBool(payload, 'metered')) AS counts,
        if(JSONType(payload, 'term_ends_at') = 'String',
            toUnixTimestamp64Milli(parseDateTime64BestEffortOrZero(JSONExtractString(payload, 'term_ends_at'), 3, 'UTC')),
            JSONExtractInt(payload, 'term_ends_at')) AS term_ms,
        if(JSONType(payload, 'ends_at') = 'String',
            toUnixTimestamp64Milli(parseDateTime64BestEffortOrZero(JSONExtractString(payload, 'ends_at'), 3, 'UTC')),
            JSONExtractInt(payload, 'ends_at')) AS ends_ms,
        toInt64(0) AS more_late,
        JSONExtractString(payload, 'plan') AS plan,
        JSONExtract(payload, 'auto_renews', 'Nullable(Bool)') AS renews
    FROM facts
    WHERE type IN ('subscription_set', 'subscription_ended', 'subscription_paused', 'subscription_resumed',
        'cancellation_scheduled', 'cancellation_withdrawn', 'subscription_cancelled')
),
-- An invoice is long past due so many days after it was due, until it is issued again or settled. That comes with time:
-- told is what lies before the end of the last closed day, or before the customer's newest event.
bills AS
(
    SELECT
        customer_id,
        subscription,
        event_id,
        greatest(issued_ms, due_ms + {past_due_days:Int64} * 86400000) AS late_ms,
        least(ifNull(settled_ms, toInt64(4e12)), ifNull(again_ms, toInt64(4e12))) AS over_ms
    FROM
    (
        SELECT
            customer_id,
            JSONExtractString(payload, 'invoice_id') AS invoice,
            JSONExtractString(payload, 'subscription_id') AS subscription,
            JSONExtractInt(payload, 'amount_minor') AS owed_minor,
            event_id,
            at_ms AS issued_ms,
            if(JSONType(payload, 'due_at') = 'String',
                toUnixTimestamp64Milli(parseDateTime64BestEffortOrZero(JSONExtractString(payload, 'due_at'), 3, 'UTC')),
                JSONExtractInt(payload, 'due_at')) AS due_ms,
            leadInFrame(toNullable(at_ms)) OVER
                (PARTITION BY customer_id, JSONExtractString(payload, 'invoice_id') ORDER BY at_ms, event_id
                ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING) AS again_ms
        FROM facts
        WHERE type = 'invoice_issued' AND {past_due_days:Int64} > 0
    ) AS issues
    LEFT JOIN
    (
        SELECT customer_id, JSONExtractString(payload, 'invoice_id') AS invoice, min(toNullable(at_ms)) AS settled_ms
        FROM facts
        WHERE type = 'invoice_settled'
        GROUP BY customer_id, invoice
    ) AS settlements USING (customer_id, invoice)
    WHERE owed_minor > 0 AND subscription != '' AND late_ms < over_ms
),
told_until AS
(
    SELECT customer_id, greatest(newest_ms + 1, ifNull(closed_ms, 0)) AS told_ms
    FROM
    (
        SELECT customer_id, max(at_ms) AS newest_ms
        FROM facts
        WHERE type NOT IN ('cancellation_reported')
        GROUP BY customer_id
    ) AS newest
    LEFT JOIN
    (
        SELECT customer_id, toInt64(toUnixTimestamp(toDateTime(max(day) + 1, {zone:String}))) * 1000 AS closed_ms
        FROM spine
        GROUP BY customer_id
    ) AS closed USING (customer_id)
),
happened AS
(
    SELECT customer_id, subscription, at, at_ms, on_day, event_id, type, changes, sets, on_trial, code, seats, size, monthly,
        counts, term_ms, ends_ms, more_late, plan, renews, period, periods
    FROM said
    UNION ALL
    SELECT customer_id, subscription, fromUnixTimestamp64Milli(turn.1, 'UTC'), turn.1,
        toDate(fromUnixTimestamp64Milli(turn.1, 'UTC'), {zone:String}), event_id, 'late', 0, 0, false, '', 0, 0, 0, 0, 0, 0,
        turn.2, '', NULL, '', 0
    FROM bills
    INNER JOIN told_until USING (customer_id)
    ARRAY JOIN [(late_ms, toInt64(1)), (over_ms, toInt64(-1))] AS turn
    WHERE turn.1 < told_ms
),
-- What was set first, with an end before it, ends where it begins. At one instant changes come before marks.
judged AS
(
    SELECT *, if(changes, toNullable(toUInt8(sets AND NOT (nth = 1 AND earlier > 0))), NULL) AS lives
    FROM
    (
        SELECT *, sum(sets) OVER past AS nth, sum(changes AND NOT sets) OVER past AS earlier
        FROM happened
        WINDOW past AS (PARTITION BY customer_id, subscription ORDER BY at_ms, NOT changes, event_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
    )
),
running AS
(
    SELECT
        *,
        ifNull(anyLast(lives) OVER past, 0) AS runs,
        ifNull(anyLast(if(changes, toNullable(if(counts, toInt64(monthly), 0)), NULL)) OVER past, 0) AS terms_mrr,
        ifNull(anyLast(if(changes, toNullable(code), NULL)) OVER past, '') AS terms_code,
        ifNull(anyLast(if(changes, toNullable(on_trial), NULL)) OVER past, 0) AS terms_trial,
        ifNull(anyLast(if(changes, toNullable(seats), NULL)) OVER past, 0) AS terms_seats,
        -- Terms whole: since when, MRR, plan, whether they renew, agreed end, billing period.
        (groupArrayIf((at_ms, size, plan, renews, if(sets, term_ms, 0), period, periods), changes) OVER past)[-1] AS terms,
        sum(more_late) OVER past > 0 AS is_late
    FROM judged
    WINDOW past AS (PARTITION BY customer_id, subscription ORDER BY at_ms, NOT changes, event_id
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
-- A pause is one of the run of service it falls in: an end clears it, and so does a new beginning. So is what was said
-- of its end: asked for, done in billing, and when.
resting AS
(
    SELECT
        *,
        ifNull(anyLast(multiIf(
            changes AND (NOT runs OR NOT ran), toNullable(toUInt8(0)),
            type IN ('subscription_paused', 'subscription_resumed') AND runs,
                toNullable(toUInt8(type = 'subscription_paused')),
            NULL)) OVER past, 0) AS rests,
        ifNull(anyLast(multiIf(
            changes AND (NOT runs OR NOT ran) OR type = 'cancellation_withdrawn', toNullable(toUInt8(0)),
            type IN ('cancellation_scheduled', 'subscription_cancelled') AND runs, toNullable(toUInt8(1)),
            NULL)) OVER past, 0) AS requested,
        ifNull(anyLast(multiIf(
            changes AND (NOT runs OR NOT ran) OR type = 'cancellation_withdrawn', toNullable(toUInt8(0)),
            type = 'subscription_cancelled' AND runs, toNullable(toUInt8(1)),
            NULL)) OVER past, 0) AS cancelled,
        ifNull(anyLast(multiIf(
            changes AND (NOT runs OR NOT ran) OR type = 'cancellation_withdrawn', toNullable(0),
            type IN ('cancellation_scheduled', 'subscription_cancelled') AND runs AND ends_ms > 0, toNullable(ends_ms),
            NULL)) OVER past, 0) AS announced_ms,
        ifNull(anyLast(if(changes AND runs AND NOT ran, toNullable(at_ms), NULL)) OVER past, 0) AS run_ms
    FROM
    (
        SELECT *, lagInFrame(runs, 1, 0) OVER past AS ran
        FROM running
        WINDOW past AS (PARTITION BY customer_id, subscription ORDER BY at_ms, NOT changes, event_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
    )
    WINDOW past AS (PARTITION BY customer_id, subscription ORDER BY at_ms, NOT changes, event_id
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
standings AS
(
    SELECT
        customer_id,
        subscription,
        at,
        at_ms,
        on_day,
        event_id,
        changes,
        runs AND NOT rests AS serves,
        runs AND rests AS is_paused,
        serves AND NOT terms_trial AS is_paid,
        serves AND terms_trial AS is_trial,
        serves AND terms_seats >= 0 AS names_seats,
        if(names_seats, terms_seats, 0) AS has_seats,
        runs AND requested AS is_ending,
        if(is_ending, announced_ms, 0) AS ending_ms,
        multiIf({churn_date:String} = 'cancellation_request', NOT requested,
            {churn_date:String} = 'cancellation_in_billing', NOT cancelled, 1) AS goes_on,
        if(serves AND goes_on AND NOT is_late, terms_mrr, 0) AS mrr,
        if(mrr > 0, terms_code, '') AS currency,
        is_late,
        terms,
        terms_code,
        run_ms
    FROM resting
),
-- What each event changed, of the subscription it speaks of.
changed AS
(
    SELECT
        *,
        lagInFrame(mrr, 1, 0) OVER past AS mrr_was,
        lagInFrame(currency, 1, '') OVER past AS currency_was,
        toInt64(is_paid) - lagInFrame(toInt64(is_paid), 1, 0) OVER past AS more_paid,
        toInt64(is_trial) - lagInFrame(toInt64(is_trial), 1, 0) OVER past AS more_trials,
        toInt64(is_paused) - lagInFrame(toInt64(is_paused), 1, 0) OVER past AS more_paused,
        toInt64(is_ending) - lagInFrame(toInt64(is_ending), 1, 0) OVER past AS more_ending,
        is_paid * has_seats - lagInFrame(is_paid * has_seats, 1, 0) OVER past AS more_paid_seats,
        is_trial * has_seats - lagInFrame(is_trial * has_seats, 1, 0) OVER past AS more_trial_seats,
        toInt64(is_paid AND names_seats) - lagInFrame(toInt64(is_paid AND names_seats), 1, 0) OVER past AS more_paid_named,
        toInt64(is_trial AND names_seats) - lagInFrame(toInt64(is_trial AND names_seats), 1, 0) OVER past AS more_trials_named
    FROM standings
    WINDOW past AS (PARTITION BY customer_id, subscription ORDER BY at_ms, NOT changes, event_id
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
-- The customer's whole: one row for each instant and currency in which it changed.
net AS
(
    SELECT
        customer_id,
        at_ms,
        any(at) AS effective,
        any(on_day) AS on_day,
        step.1 AS currency,
        sum(step.2) AS delta
    FROM
    (
        SELECT customer_id, at_ms, at, on_day, arrayJoin([(currency_was, -mrr_was), (currency, mrr)]) AS step
        FROM changed
        WHERE (currency, mrr) != (currency_was, mrr_was)
    )
    WHERE currency != ''
    GROUP BY customer_id, at_ms, currency
    HAVING delta != 0
),
-- Where the customer paid nothing for no longer than a gap that is allowed, nothing happened once it was back: what it
-- left and what it came back to are one step. Until then, on the days before, it had left.
paused AS
(
    SELECT
        *,
        min(at_ms) OVER (PARTITION BY customer_id ORDER BY at_ms RANGE BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS next_ms,
        toDate(fromUnixTimestamp64Milli(next_ms, 'UTC'), {zone:String}) AS next_day,
        {allowed_gap_days:Int64} > 0 AND next_ms > 0 AND next_ms - at_ms <= {allowed_gap_days:Int64} * 86400000
            AND sum(delta) OVER (PARTITION BY customer_id ORDER BY at_ms) = 0 AS is_gap
    FROM net
),
steps AS
(
    SELECT
        customer_id,
        if(is_gap, next_ms, at_ms) AS at_ms,
        fromUnixTimestamp64Milli(if(is_gap, next_ms, paused.at_ms), 'UTC') AS effective,
        if(is_gap, next_day, paused.on_day) AS on_day,
        currency,
        sum(paused.delta) AS delta
    FROM paused
    GROUP BY ALL
    HAVING delta != 0
),
levels AS
(
    SELECT
        *,
        sum(delta) OVER of_currency AS after,
        after = 0 AS leaves,
        after = delta AS takes_up,
        sum(delta) OVER of_customer AS paid_after,
        paid_after - sum(delta) OVER (PARTITION BY customer_id, at_ms) AS paid_before,
        dense_rank() OVER (PARTITION BY customer_id ORDER BY at_ms) AS step_number
    FROM steps
    WINDOW
        of_currency AS (PARTITION BY customer_id, currency ORDER BY at_ms
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW),
        of_customer AS (PARTITION BY customer_id ORDER BY at_ms RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
moves AS
(
    SELECT
        *,
        multiIf(
            paid_before > 0 AND paid_after > 0 AND (leaves OR takes_up)
                AND max(leaves) OVER of_instant AND max(takes_up) OVER of_instant, 'currency_change',
            delta > 0 AND paid_before > 0, 'expansion',
            delta > 0 AND step_number > 1, 'reactivation',
            delta > 0, 'new',
            paid_after > 0, 'contraction',
            'churn') AS movement,
        max(if(paid_before = 0, at_ms, 0)) OVER so_far AS run_ms
    FROM levels
    WINDOW
        of_instant AS (PARTITION BY customer_id, at_ms),
        so_far AS (PARTITION BY customer_id ORDER BY at_ms RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
