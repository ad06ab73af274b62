-- What a customer paid and owed at the end of a day. `currency` is that of the subscription that was set first, until
-- the customer changes it, or comes to pay, first or again, in others alone.
, firsts AS
(
    SELECT customer_id, argMin(code, (at_ms, event_id)) AS first_code, min(on_day) AS since_day
    FROM said
    WHERE sets
    GROUP BY customer_id
),
-- What it left and took up at each change, in the order of time; of several the first by its code. Who came to pay had
-- left whatever it does not pay in now.
turns AS
(
    SELECT customer_id, arraySort(groupArray((at_ms, on_day, came, left_codes, taken_codes))) AS turned
    FROM
    (
        SELECT
            customer_id,
            at_ms,
            any(on_day) AS on_day,
            any(movement != 'currency_change') AS came,
            groupArrayIf(toString(currency), leaves) AS left_codes,
            arraySort(groupArrayIf(toString(currency), takes_up)) AS taken_codes
        FROM moves
        WHERE movement IN ('currency_change', 'new', 'reactivation')
        GROUP BY customer_id, at_ms
    )
    GROUP BY customer_id
),
-- By day: MRR that came and went; the same for MRR 28 days ago, as it is known now: what was left and come back to since
-- was never gone; and what moved in 28 days.
money AS
(
    SELECT
        customer_id,
        day,
        sumMap(map(currency, if(what = 'now', delta, 0))) AS deltas,
        sumMap(map(currency, if(what = 'then', delta, 0))) AS deltas_then,
        sumMap(map(concat(currency, ' ', movement),
            multiIf(what != 'flow', 0, movement = 'currency_change', delta, toInt64(abs(delta))))) AS moved_month,
        sumIf(delta, what = 'now') AS delta_all,
        minOrNullIf(effective, what = 'now' AND paid_after > 0) AS paid_at,
        maxOrNullIf(effective, what = 'now' AND NOT is_back) AS stepped_at,
        max(if(what = 'now', run_ms, 0)) AS run_day_ms
    FROM
    (
        SELECT customer_id, on_day + step.1 AS day, step.2 AS what, currency, movement, delta, effective, paid_after, run_ms,
            0 AS is_back
        FROM moves
        ARRAY JOIN arrayConcat([(0, 'now'), (28, 'then')], arrayMap(one -> (one, 'flow'), range(28))) AS step
        UNION ALL
        SELECT customer_id, on_day + step.1, step.2, currency, 'churn', step.3 * delta, effective, 0, 0, step.3 < 0
        FROM paused
        ARRAY JOIN arrayConcat([(0, 'now', 1), (toInt64(next_day - on_day), 'now', -1)],
            if(next_day - on_day > 28, [(28, 'then', 1), (toInt64(next_day - on_day), 'then', -1)], []),
            arrayMap(one -> (toInt64(one), 'flow', 1), range(toUInt64(least(28, next_day - on_day))))) AS step
        WHERE is_gap
    )
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
        sum(more_ending) AS ending_day,
        sum(more_paid_seats) AS paid_seats_day,
        sum(more_trial_seats) AS trial_seats_day,
        sum(more_paid_named) AS paid_named_day,
        sum(more_trials_named) AS trials_named_day
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
-- Invoices as they stood after each day on which something was said of them: what was paid, by the newest issue, and
-- whether more was given back than that.
invoices AS
(
    SELECT
        customer_id,
        JSONExtractString(payload, 'invoice_id') AS invoice,
        arraySort(groupArray((at_ms, event_id, on_day, type, JSONExtractInt(payload, 'amount_minor'),
            JSONExtractString(payload, 'currency'), JSONExtractString(payload, 'how') IN ('', 'paid')))) AS said_of_it
    FROM facts
    WHERE type IN ('invoice_issued', 'invoice_settled', 'payment_refunded')
    GROUP BY customer_id, invoice
),
receipts AS
(
    SELECT
        customer_id,
        invoice,
        day,
        arrayFilter(one -> one.3 <= day, said_of_it) AS so_far,
        arrayFilter(one -> one.4 = 'invoice_issued', so_far)[-1] AS issue,
        arrayFilter(one -> one.4 = 'payment_refunded', so_far) AS refunds,
        issue.4 = 'invoice_issued' AND arrayExists(one -> one.4 = 'invoice_settled' AND one.7, so_far) AS is_paid,
        if(is_paid, issue.5, 0) AS paid_minor,
        if(is_paid, issue.6, '') AS paid_code,
        toInt64(issue.4 = 'invoice_issued' AND arrayExists(one -> arraySum(other -> if(other.6 = one.6, other.5, 0),
            refunds) > if(one.6 = paid_code, paid_minor, 0), refunds)) AS is_odd
    FROM invoices
    ARRAY JOIN arrayDistinct(arrayMap(one -> one.3, said_of_it)) AS day
),
cash AS
(
    SELECT
        customer_id,
        day,
        sumMap(map(paid_code, paid_minor)) AS more_paid,
        sumMap(map(code_was, -paid_was)) AS less_paid,
        sum(is_odd - odd_was) AS more_odd
    FROM
    (
        SELECT
            *,
            lagInFrame(paid_minor, 1, 0) OVER past AS paid_was,
            lagInFrame(paid_code, 1, '') OVER past AS code_was,
            lagInFrame(is_odd, 1, 0) OVER past AS odd_was
        FROM receipts
        WINDOW past AS (PARTITION BY customer_id, invoice ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
    )
    GROUP BY customer_id, day
),
returned AS
(
    SELECT
        customer_id,
        on_day AS day,
        sumMap(map(JSONExtractString(payload, 'currency'), JSONExtractInt(payload, 'amount_minor'))) AS back_day
    FROM facts
    WHERE type = 'payment_refunded'
    GROUP BY customer_id, day
),
-- Terms by subscription: time, event id, whether it sets, whether it runs, trial, agreed end (0: none), in order.
contracts AS
(
    SELECT
        customer_id,
        subscription,
        arraySort(groupArray((at_ms, event_id, sets, assumeNotNull(lives), on_trial, if(sets, term_ms, 0)))) AS terms
    FROM judged
    WHERE changes
    GROUP BY customer_id, subscription
),
-- A term ends when it was agreed to, or when service was left more than a day before. One that was replaced earlier
-- ends when it was agreed to, if all that came after it up to a day before its end goes on beyond it.
term_ends AS
(
    SELECT
        customer_id,
        subscription,
        terms,
        arrayFilter(end -> end > 0, arrayMap((one, place) -> multiIf(
            NOT one.4 OR one.5 OR one.6 = 0 OR one.1 > one.6 - 86400000, 0,
            place = length(terms) OR terms[place + 1].1 > one.6 - 86400000, one.6,
            terms[place + 1].1 = one.1, 0,
            NOT terms[place + 1].3, terms[place + 1].1,
            arrayExists(later -> later.1 <= one.6 - 86400000 AND (NOT later.3 OR later.6 BETWEEN 1 AND one.6),
                arraySlice(terms, place + 1)), 0,
            one.6), terms, arrayEnumerate(terms))) AS ends
    FROM contracts
),
renewals AS
(
    SELECT
        customer_id,
        toDate(fromUnixTimestamp64Milli(end + 86400000, 'UTC'), {zone:String}) AS day,
        count() AS ended,
        countIf(arrayFilter(one -> one.1 < end + 86400000, terms)[-1].4 OR arrayExists(
            other -> other[-1].4 AND NOT other[-1].5 AND arrayFilter((one, place) -> one.4 AND (place = 1
                OR NOT other[place - 1].4), other, arrayEnumerate(other))[-1].1 >= end - 86400000,
            arrayMap(other -> arrayFilter(one -> one.1 < end + 86400000, other), every))) AS renewed
    FROM term_ends
    INNER JOIN (SELECT customer_id, groupArray(terms) AS every FROM contracts GROUP BY customer_id) AS all_terms
        USING (customer_id)
    ARRAY JOIN ends AS end
    GROUP BY customer_id, day
),
-- The newest that was said about leaving; the earliest announced end of the subscriptions that are about to.
leaving AS
(
    SELECT
        customer_id,
        on_day AS day,
        argMaxIf(toNullable(JSONExtractString(payload, 'reason')), (at_ms, event_id, JSONExtractString(payload, 'reason')),
            JSONExtractString(payload, 'reason') != '') AS reason_day,
        argMaxIf(toNullable(JSONExtractBool(payload, 'voluntary')),
            (at_ms, event_id, JSONExtractBool(payload, 'voluntary')), JSONType(payload, 'voluntary') = 'Bool') AS wish_day
    FROM facts
    WHERE type IN ('subscription_ended', 'cancellation_scheduled', 'subscription_cancelled', 'cancellation_reported')
    GROUP BY customer_id, day
),
-- Each subscription on each day, as it stood at its end.
held AS
(
    SELECT customer_id, subscription, day, stood
    FROM
    (
        SELECT
            customer_id,
            subscription,
            on_day,
            argMax((ending_ms, serves, is_trial, terms_code, terms, run_ms), (at_ms, NOT changes, event_id)) AS stood,
            leadInFrame(toNullable(on_day)) OVER (PARTITION BY customer_id, subscription ORDER BY on_day
                ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING) AS next_day
        FROM standings
        GROUP BY customer_id, subscription, on_day
    ) AS of_day
    INNER JOIN (SELECT customer_id, max(day) AS last_day FROM spine GROUP BY customer_id) AS lasts USING (customer_id)
    ARRAY JOIN arrayMap(step -> on_day + step,
        range(toUInt32(greatest(0, least(ifNull(next_day, last_day + 1), last_day + 1) - on_day)))) AS day
),
-- The earliest end that is announced, and those that serve: trial, currency, MRR, id, terms, since when.
standing AS
(
    SELECT
        customer_id,
        day,
        minIf(stood.1, stood.1 > 0) AS ends_first,
        groupArrayIf((stood.3, stood.4, -stood.5.2, subscription, stood.5, stood.6), stood.2) AS serving
    FROM held
    GROUP BY customer_id, day
),
-- The largest that serves: paid before trial, the customer's own currency before others, the higher MRR, the lower id.
largest AS
(
    SELECT
        customer_id,
        day,
        first_code,
        since_day,
        arrayFold((own, turn) -> if(turn.2 <= day AND if(turn.3, NOT has(turn.5, own), has(turn.4, own)),
            turn.5[1], own), turned, first_code) AS main,
        ends_first,
        notEmpty(serving) AS has_largest,
        arraySort(one -> (one.1, one.2 != main, one.3, one.4), serving)[1] AS biggest,
        biggest.5.1 AS since_ms,
        biggest.5.3 AS plan,
        biggest.5.4 AS renews,
        biggest.5.5 AS term_ms,
        biggest.5.6 AS period,
        biggest.5.7 AS periods,
        biggest.6 AS served_ms
    FROM spine
    LEFT JOIN firsts USING (customer_id)
    LEFT JOIN turns USING (customer_id)
    LEFT JOIN standing USING (customer_id, day)
),
-- It renews when its term ends; after that, and without a term, by billing periods, if it does.
renewing AS
(
    SELECT
        *,
        toDate(fromUnixTimestamp64Milli(term_ms, 'UTC'), {zone:String}) AS term_day,
        toDate(fromUnixTimestamp64Milli(served_ms, 'UTC'), {zone:String}) AS served_day,
        if(term_ms > 0, term_day, served_day) AS anchor,
        if(term_ms > 0, day, greatest(day, served_day + 1)) AS earliest,
        greatest(1, periods * multiIf(period = 'week', 7, period = 'year', 12, 1)) AS units,
        intDiv(dateDiff('month', anchor, earliest), units) AS months_on,
        if(period IN ('day', 'week'),
            anchor + intDiv(earliest - anchor + units - 1, units) * units,
            arrayFirst(one -> one >= earliest, [addMonths(anchor, months_on * units),
                addMonths(anchor, (months_on + 1) * units)])) AS next_one,
        multiIf(
            NOT has_largest, NULL,
            term_ms > 0 AND term_day >= day, toNullable(term_day - day),
            term_ms > 0 AND NOT ifNull(renews, true), 0,
            term_ms > 0 OR ifNull(renews, false), next_one - day,
            NULL) AS days_left,
        toInt64(multiIf(period = 'day', periods, period = 'week', 7 * periods,
            roundBankers(periods * if(period = 'year', 12, 1) * 30.4375))) AS billing_days,
        multiIf(days_left IS NULL, NULL, term_ms = 0 OR term_day < day AND ifNull(renews, true), toNullable(billing_days),
            greatest(billing_days, term_day - toDate(fromUnixTimestamp64Milli(since_ms, 'UTC'), {zone:String})))
            AS contract_days
    FROM largest
),
reported AS
(
    SELECT customer_id, on_day AS day, count() AS reports, max(at_ms) AS reported_ms
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
        moved_month,
        arrayFilter(one -> one.2 != 0 AND splitByChar(' ', one.1)[1] != ifNull(own, ''),
            arrayZip(mapKeys(moved_month), mapValues(moved_month))) AS others_moved,
        mapFilter((code, minor) -> minor != 0, sumMap(deltas) OVER history) AS mrr,
        mapFilter((code, minor) -> minor != 0, sumMap(deltas_then) OVER history) AS mrr_then,
        sum(delta_all) OVER history AS paid,
        min(paid_at) OVER history AS first_paid,
        max(stepped_at) OVER history AS last_step,
        sum(paid_day) OVER history AS paid_subscriptions,
        sum(trials_day) OVER history AS trial_subscriptions,
        sum(paid_seats_day) OVER history AS paid_seats,
        sum(trial_seats_day) OVER history AS trial_seats,
        sum(paid_named_day) OVER history AS paid_named,
        sum(trials_named_day) OVER history AS trials_named,
        sum(paused_day) OVER history AS paused_subscriptions,
        sum(ending_day) OVER history AS ending_subscriptions,
        ends_first,
        sumMap(more_paid) OVER history AS paid_so_far,
        sumMap(less_paid) OVER history AS paid_no_more,
        sumMap(back_day) OVER history AS back_so_far,
        sum(more_odd) OVER history AS odd,
        ended,
        renewed,
        anyLast(reason_day) OVER history AS newest_reason,
        anyLast(wish_day) OVER history AS newest_wish,
        sum(reports) OVER quarter AS reports_quarter,
        max(reported_ms) OVER history AS last_report_ms,
        max(run_day_ms) OVER history AS run_began_ms,
        plan AS largest_plan,
        renews,
        days_left,
        contract_days,
        invoiced_day > '1970-01-01' AND day >= invoiced_day AS is_invoiced,
        oldest_due
    FROM renewing
    LEFT JOIN money USING (customer_id, day)
    LEFT JOIN service USING (customer_id, day)
    LEFT JOIN owed USING (customer_id, day)
    LEFT JOIN reported USING (customer_id, day)
    LEFT JOIN cash USING (customer_id, day)
    LEFT JOIN returned USING (customer_id, day)
    LEFT JOIN renewals USING (customer_id, day)
    LEFT JOIN leaving USING (customer_id, day)
    LEFT JOIN invoiced USING (customer_id)
    WINDOW
        history AS (PARTITION BY customer_id ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW),
        quarter AS (PARTITION BY customer_id ORDER BY day ROWS BETWEEN 89 PRECEDING AND CURRENT ROW)
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
    reports_quarter > 0 AND paid > 0 AND last_report_ms >= run_began_ms AS cancellation_reported_while_paying,
    nullIf(largest_plan, '') AS plan,
    days_left AS days_to_renewal,
    renews AS renewal_automatic,
    contract_days AS renewal_period_days,
    multiIf(paid_subscriptions > 0, if(paid_named > 0, toNullable(paid_seats), NULL),
        trial_subscriptions > 0 AND trials_named > 0, trial_seats, NULL) AS seats,
    first_paid AS first_paid_at,
    if(paid = 0, last_step, NULL) AS churned_at,
    if(paid = 0, toDate(last_step, {zone:String}), day) - toDate(first_paid, {zone:String}) AS tenure_days,
    moved_month[concat(ifNull(own, ''), ' new')] AS new_28d_minor,
    moved_month[concat(ifNull(own, ''), ' expansion')] AS expansion_28d_minor,
    moved_month[concat(ifNull(own, ''), ' contraction')] AS contraction_28d_minor,
    moved_month[concat(ifNull(own, ''), ' churn')] AS churn_28d_minor,
    moved_month[concat(ifNull(own, ''), ' reactivation')] AS reactivation_28d_minor,
    moved_month[concat(ifNull(own, ''), ' currency_change')] AS currency_change_28d_minor,
    mapFilter((code, minor) -> code != ifNull(own, ''), mrr_then) AS mrr_28d_ago_other_minor,
    mapFromArrays(
        arrayMap(one -> concat(splitByChar(' ', one.1)[2], ':', splitByChar(' ', one.1)[1]), others_moved),
        arrayMap(one -> one.2, others_moved)) AS moved_other_28d_minor,
    ending_subscriptions AS subscriptions_ending,
    if(ends_first > 0, toNullable(greatest(0,
        toDate(fromUnixTimestamp64Milli(ends_first, 'UTC'), {zone:String}) - day)), NULL) AS days_to_end,
    ended AS terms_ended_1d,
    renewed AS terms_renewed_1d,
    newest_reason AS churn_reason,
    newest_wish AS churn_voluntary,
    if(is_invoiced, toNullable(back_so_far[ifNull(own, '')]), NULL) AS refunds_to_date_minor,
    if(is_invoiced, toNullable(paid_so_far[ifNull(own, '')] + paid_no_more[ifNull(own, '')]
        - if({refunds_count:UInt8}, back_so_far[ifNull(own, '')], 0)), NULL) AS revenue_to_date_minor,
    nullIf({gross_margin:Float64}, 0) AS gross_margin,
    toInt64(roundBankers(revenue_to_date_minor * gross_margin)) AS margin_to_date_minor,
    odd AS billing_impossible,
    if(mrr_28d_ago_minor > 0, mrr_minor / mrr_28d_ago_minor, NULL) AS nrr_28d,
    if(mrr_28d_ago_minor > 0, least(mrr_minor, mrr_28d_ago_minor) / mrr_28d_ago_minor, NULL) AS grr_28d,
    multiIf(NOT is_invoiced, NULL, oldest_due = '1970-01-01', toNullable(0), day - oldest_due) AS days_overdue,
    multiIf(NOT is_invoiced, NULL, oldest_due = '1970-01-01', 'current', 'late') AS payment_state
FROM windows
WHERE day BETWEEN {since:Date} AND {until:Date}
