-- METRICS.md section 3, the counts: of tickets whose opening is known and that were not removed by the end of the day.
, notes AS
(
    SELECT
        customer_id,
        JSONExtractString(payload, 'ticket_id') AS ticket,
        at_ms,
        event_id,
        on_day,
        type,
        JSONExtractString(payload, 'kind') AS kind
    FROM facts
),
-- Facts of a ticket by time and event id: day, type, kind.
tickets AS
(
    SELECT
        customer_id,
        ticket,
        minIf(on_day, type = 'ticket_opened') AS opened_day,
        minIf((at_ms, event_id), type = 'ticket_opened').1 AS opened_ms,
        min(at_ms) < opened_ms AS is_impossible,
        if(countIf(type = 'ticket_removed') > 0, minIf(on_day, type = 'ticket_removed'), toDate('2149-06-06'))
            AS removed_day,
        arraySort(groupArray((at_ms, event_id, on_day, type, kind))) AS told,
        arrayFilter(one -> one.4 IN ('ticket_solved', 'ticket_reopened'), told) AS states,
        -- Reopened is what was solved: whatever stands before it says so.
        arrayMap(one -> one.3, arrayFilter((one, place) -> one.4 = 'ticket_reopened' AND place > 1
            AND states[place - 1].4 = 'ticket_solved', states, arrayEnumerate(states))) AS reopened_days,
        arrayMap(one -> one.3, arrayFilter(one -> one.4 = 'ticket_escalated', told)) AS escalated_days,
        arrayFilter(one -> one.5 != '', told) AS kinds
    FROM notes
    GROUP BY customer_id, ticket
    HAVING countIf(type = 'ticket_opened') > 0 AND removed_day > opened_day
),
-- What a ticket is at the end of each day on which something of it changed, and how that differs from before.
changed AS
(
    SELECT
        customer_id,
        day,
        is_there - lagInFrame(is_there, 1, 0) OVER past AS more,
        is_there * is_open - lagInFrame(is_there * is_open, 1, 0) OVER past AS more_open,
        is_there * is_impossible - lagInFrame(is_there * is_impossible, 1, 0) OVER past AS more_impossible
    FROM
    (
        SELECT
            customer_id,
            ticket,
            day,
            toInt64(is_impossible) AS is_impossible,
            toInt64(day >= opened_day AND day < removed_day) AS is_there,
            toInt64(arrayFilter(one -> one.3 <= day, states)[-1].4 != 'ticket_solved') AS is_open
        FROM tickets
        ARRAY JOIN arrayDistinct(arrayConcat([opened_day, removed_day], arrayMap(one -> one.3, states))) AS day
    )
    WINDOW past AS (PARTITION BY customer_id, ticket ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
standing AS
(
    SELECT customer_id, day, sum(more) AS more, sum(more_open) AS more_open, sum(more_impossible) AS more_impossible
    FROM changed
    GROUP BY customer_id, day
),
opened AS
(
    SELECT
        customer_id,
        opened_day + step AS day,
        count() AS opened_month,
        countIf(step < 7) AS opened_week,
        countIf(arrayFilter(one -> one.3 <= day, kinds)[-1].5 = 'question') AS questions
    FROM tickets
    ARRAY JOIN range(28) AS step
    WHERE day < removed_day
    GROUP BY customer_id, day
),
happened AS
(
    SELECT customer_id, happened.2 + step AS day, countIf(happened.1 = 'e') AS escalations,
        countIf(happened.1 = 'r') AS reopenings
    FROM
    (
        SELECT customer_id, opened_day, removed_day, arrayJoin(arrayConcat(
            arrayMap(one -> ('e', one), escalated_days), arrayMap(one -> ('r', one), reopened_days))) AS happened
        FROM tickets
    )
    ARRAY JOIN range(28) AS step
    WHERE day >= opened_day AND day < removed_day
    GROUP BY customer_id, day
)
SELECT
    customer_id,
    day,
    tickets_total,
    tickets_open,
    tickets_impossible,
    opened_week AS tickets_opened_7d,
    opened_month AS tickets_opened_28d,
    questions AS questions_28d,
    escalations AS escalations_28d,
    reopenings AS reopenings_28d
FROM
(
    SELECT
        *,
        sum(more) OVER history AS tickets_total,
        sum(more_open) OVER history AS tickets_open,
        sum(more_impossible) OVER history AS tickets_impossible
    FROM spine
    LEFT JOIN standing USING (customer_id, day)
    LEFT JOIN opened USING (customer_id, day)
    LEFT JOIN happened USING (customer_id, day)
    WINDOW history AS (PARTITION BY customer_id ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
WHERE day BETWEEN {since:Date} AND {until:Date}
