-- METRICS.md section 3, counts and clocks: of tickets whose opening is known and that were not removed by the end of the
-- day. Clocks run through nights and weekends where working time is not asked for.
, notes AS
(
    SELECT
        customer_id,
        JSONExtractString(payload, 'ticket_id') AS ticket,
        at_ms,
        event_id,
        on_day,
        type,
        JSONExtractString(payload, 'kind') AS kind,
        JSONExtractString(payload, 'priority') AS priority,
        if(type = 'ticket_replied' AND (NOT JSONHas(payload, 'public') OR JSONExtractBool(payload, 'public')),
            JSONExtractString(payload, 'author'), '') AS speaker,
        type = 'ticket_opened' AND JSONExtractString(payload, 'opened_by') = 'agent' AS by_agent
    FROM facts
),
-- Facts of a ticket by time and event id: day, type, kind, priority, who replied publicly, whether an agent opened it.
tickets AS
(
    SELECT
        customer_id,
        ticket,
        minIf(on_day, type = 'ticket_opened') AS opened_day,
        minIf((at_ms, event_id, by_agent), type = 'ticket_opened') AS opening,
        opening.1 AS opened_ms,
        min(at_ms) < opened_ms AS is_impossible,
        if(countIf(type = 'ticket_removed') > 0, minIf(on_day, type = 'ticket_removed'), toDate('2149-06-06'))
            AS removed_day,
        arraySort(groupArray((at_ms, event_id, on_day, type, kind, priority, speaker))) AS told,
        arrayFilter(one -> one.4 IN ('ticket_solved', 'ticket_reopened'), told) AS states,
        -- Reopened is what was solved: whatever stands before it says so.
        arrayMap(one -> one.3, arrayFilter((one, place) -> one.4 = 'ticket_reopened' AND place > 1
            AND states[place - 1].4 = 'ticket_solved', states, arrayEnumerate(states))) AS reopened_days,
        arrayMap(one -> one.3, arrayFilter(one -> one.4 = 'ticket_escalated', told)) AS escalated_days,
        arrayFilter(one -> one.5 != '', told) AS kinds,
        arrayFilter(one -> one.6 != '', told) AS priorities,
        arrayFilter(one -> one.4 = 'ticket_solved', states)[1] AS first_solved
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
        is_there * is_impossible - lagInFrame(is_there * is_impossible, 1, 0) OVER past AS more_impossible,
        map(label, is_there * is_open) AS more_labelled,
        map(lagInFrame(label, 1, '') OVER past, -lagInFrame(is_there * is_open, 1, 0) OVER past) AS less_labelled
    FROM
    (
        SELECT
            customer_id,
            ticket,
            day,
            ifNull(nullIf(arrayFilter(one -> one.3 <= day, priorities)[-1].6, ''), 'unknown') AS label,
            toInt64(is_impossible) AS is_impossible,
            toInt64(day >= opened_day AND day < removed_day) AS is_there,
            toInt64(arrayFilter(one -> one.3 <= day, states)[-1].4 != 'ticket_solved') AS is_open
        FROM tickets
        ARRAY JOIN arrayDistinct(arrayConcat([opened_day, removed_day], arrayMap(one -> one.3, told))) AS day
        WHERE day >= opened_day
    )
    WINDOW past AS (PARTITION BY customer_id, ticket ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
standing AS
(
    SELECT customer_id, day, sum(more) AS more, sum(more_open) AS more_open, sum(more_impossible) AS more_impossible,
        sumMap(more_labelled) AS more_labels, sumMap(less_labelled) AS less_labels
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
        countIf(arrayFilter(one -> one.3 <= day, kinds)[-1].5 = 'question') AS questions,
        sumMap(map(ifNull(nullIf(arrayFilter(one -> one.3 <= day, kinds)[-1].5, ''), 'unknown'), toInt64(1))) AS by_kind,
        sumMap(map(ifNull(nullIf(arrayFilter(one -> one.3 <= day, priorities)[-1].6, ''), 'unknown'), toInt64(1)))
            AS by_priority
    FROM tickets
    ARRAY JOIN range(28) AS step
    WHERE day < removed_day
    GROUP BY customer_id, day
),
-- Who waits since when: the customer since the opening, or since its first reply to what an agent opened; anew after a
-- bot's reply and a reopening of what was solved; until a person replies. Place 0 is the opening. A wait is over with the
-- next, with the answer, or when the ticket is solved; of a solved ticket nobody waits.
waits AS
(
    SELECT
        *,
        arrayFill(one -> one != '', arrayMap(one -> if(one.4 IN ('ticket_solved', 'ticket_reopened'), one.4, ''), told))
            AS state_then,
        if(opening.3, arrayFirstIndex(one -> one.7 = 'customer', told), 0) AS first_place,
        NOT opening.3 OR first_place > 0 AS is_waited_for,
        arrayFirstIndex((one, place) -> place > first_place AND one.7 = 'agent', told, arrayEnumerate(told))
            AS answer_place,
        is_waited_for AND answer_place > 0 AS is_answered,
        told[answer_place].3 AS answered_day,
        arrayFilter(place -> place > first_place AND (answer_place = 0 OR place < answer_place) AND (told[place].7 = 'bot'
            OR told[place].4 = 'ticket_reopened' AND place > 1 AND state_then[place - 1] = 'ticket_solved'),
            arrayEnumerate(told)) AS again_places,
        arrayMap(place -> if(place > 0, told[place].1, opened_ms), arrayPushFront(again_places, first_place)) AS starts,
        arrayMap(
            (place, stop, start) -> if(place > 0 AND state_then[place] = 'ticket_solved', start, told[arrayFirst(
                other -> other > place AND (other = stop OR state_then[other] = 'ticket_solved'),
                arrayEnumerate(told))].1),
            arrayPushFront(again_places, first_place),
            arrayPushBack(again_places, if(answer_place > 0, answer_place, length(told) + 1)),
            starts) AS stops,
        if(is_answered, told[answer_place].1 - starts[-1], -1) AS response,
        if(first_solved.4 != '', first_solved.1 - opened_ms, -1) AS resolution
    FROM tickets
    WHERE NOT is_impossible
),
-- The same with the working time before every instant that matters.
timed AS
(
    SELECT
        customer_id,
        ticket,
        opened_day,
        removed_day,
        told,
        states,
        state_then,
        priorities,
        opened_ms,
        first_solved,
        resolution,
        response,
        is_answered,
        answered_day,
        answer,
        spells,
        CAST((groupArray(ms), groupArray(worked_before + arraySum(one -> greatest(0, least(one.2, ms) - one.1), stints))),
            'Map(Int64, Int64)') AS worked_at,
        maxIf((ordinal, to_ms), is_solution) AS solved_in
    FROM
    (
        SELECT
            *,
            arrayConcat(
                if(is_waited_for, arrayMap((start, stop) -> ('response', start, stop), starts, stops), []),
                [('resolution', opened_ms, first_solved.1)]) AS spells,
            (starts[-1], told[answer_place].1) AS answer,
            arrayJoin(arrayDistinct(arrayFilter(one -> one > 0,
                arrayConcat(starts, stops, [opened_ms, first_solved.1, answer.2])))) AS ms,
            ms = first_solved.1 AS is_solution,
            toDate(fromUnixTimestamp64Milli(ms, 'UTC'), {calendar_zone:String}) AS work_day
        FROM waits
    ) AS waits
    INNER JOIN calendar USING (work_day)
    GROUP BY ALL
),
ends AS
(
    SELECT day, as_of_ms, worked_before + arraySum(one -> greatest(0, least(one.2, as_of_ms) - one.1), stints) AS as_of_worked
    FROM
    (
        SELECT DISTINCT
            day,
            toInt64(toUnixTimestamp(toDateTime(day + 1, {zone:String}))) * 1000 AS as_of_ms,
            toDate(fromUnixTimestamp64Milli(as_of_ms, 'UTC'), {calendar_zone:String}) AS work_day
        FROM spine
    ) AS closed
    INNER JOIN calendar USING (work_day)
),
-- A limit is broken by the end of a day when more time has passed than it allows: that of the newest priority then. A
-- spell that ends at 0 goes on still.
broken AS
(
    SELECT customer_id, day, count() AS breaches
    FROM
    (
        SELECT
            customer_id,
            opened_day + step AS day,
            spells,
            worked_at,
            arrayFilter(one -> one.3 <= day, priorities)[-1].6 AS label,
            CAST({limits:Array(Tuple(String, Float64))}, 'Map(String, Float64)') AS allowed
        FROM timed
        ARRAY JOIN range(28) AS step
        WHERE day < removed_day
    ) AS labelled
    INNER JOIN ends USING (day)
    WHERE arrayExists(one -> mapContains(allowed, concat(one.1, ' ', label)) AND if({limits_work:UInt8},
        if(one.3 = 0, as_of_worked, least(worked_at[one.3], as_of_worked)) - worked_at[one.2],
        if(one.3 = 0, as_of_ms, least(one.3, as_of_ms)) - one.2) > allowed[concat(one.1, ' ', label)] * 60000, spells)
    GROUP BY customer_id, day
),
-- A first solution is judged when the review after it is over: the day of the solution and so many working days.
contacts AS
(
    SELECT
        customer_id,
        first_solved.3 + step AS day,
        count() AS judged,
        countIf(
            arrayCount(one -> one.7 = 'agent' AND one.1 < over_ms, told) = 1
            AND NOT arrayExists(one -> one.7 = 'customer' AND one.1 > first_solved.1 AND one.1 < over_ms, told)
            AND NOT arrayExists((one, place) -> one.4 = 'ticket_reopened' AND one.1 < over_ms AND place > 1
                AND state_then[place - 1] = 'ticket_solved', told, arrayEnumerate(told))) AS at_first_contact
    FROM
    (
        SELECT *, if({review_days:Int64} = 0, solved_in.2, later_ms) AS over_ms
        FROM timed
        LEFT JOIN
        (
            SELECT ordinal - {review_days:Int64} AS solved_ordinal, min(to_ms) AS later_ms
            FROM calendar
            GROUP BY solved_ordinal
        ) AS later ON solved_in.1 = solved_ordinal
        WHERE resolution >= 0 AND over_ms > 0
    )
    ARRAY JOIN range(90) AS step
    WHERE day < removed_day AND toUnixTimestamp(toDateTime(day + 1, {zone:String})) * 1000 >= over_ms
    GROUP BY customer_id, day
),
-- How long those opened in 90 days took, as far as was known on the day, in ms; -1: not yet.
lengths AS
(
    SELECT
        customer_id,
        opened_day + step AS day,
        step < 28 AS in_month,
        if(is_answered AND answered_day <= day, timed.response, -1) AS response,
        if(is_answered AND answered_day <= day, worked_at[answer.2] - worked_at[answer.1], -1) AS worked,
        if(first_solved.3 <= day, timed.resolution, -1) AS resolution,
        arrayFilter(one -> one.3 <= day, states) AS states_then,
        if(states_then[-1].4 = 'ticket_solved', arrayFilter((one, place) -> one.4 = 'ticket_solved' AND (place = 1
            OR states_then[place - 1].4 != 'ticket_solved'), states_then, arrayEnumerate(states_then))[-1].1 - opened_ms, -1)
            AS whole
    FROM timed
    ARRAY JOIN range(90) AS step
    WHERE day < removed_day
),
clocks AS
(
    SELECT
        customer_id,
        day,
        arraySort(groupArrayIf(response, response >= 0 AND in_month)) AS responses_28d,
        arraySort(groupArrayIf(response, response >= 0)) AS responses_90d,
        arraySort(groupArrayIf(worked, worked >= 0 AND in_month)) AS worked_28d,
        arraySort(groupArrayIf(worked, worked >= 0)) AS worked_90d,
        arraySort(groupArrayIf(resolution, resolution >= 0 AND in_month)) AS resolutions_28d,
        arraySort(groupArrayIf(resolution, resolution >= 0)) AS resolutions_90d,
        arraySort(groupArrayIf(whole, whole >= 0 AND in_month)) AS wholes_28d,
        arraySort(groupArrayIf(whole, whole >= 0)) AS wholes_90d
    FROM lengths
    GROUP BY customer_id, day
),
-- Tickets that are there, day by day: the newest opening, the oldest that is open, how long the first ever took.
held AS
(
    SELECT
        customer_id,
        day,
        max(opened_ms) AS newest_ms,
        minOrNullIf(opened_ms, NOT is_impossible AND arrayFilter(one -> one.3 <= day, states)[-1].4 != 'ticket_solved')
            AS oldest_ms,
        argMin(if(is_impossible OR first_solved.4 = '' OR first_solved.3 > day, -1, first_solved.1 - opened_ms),
            (opened_ms, opening.2)) AS first_length
    FROM tickets
    INNER JOIN (SELECT customer_id, max(day) AS last_day FROM spine GROUP BY customer_id) AS lasts USING (customer_id)
    ARRAY JOIN arrayMap(step -> opened_day + step,
        range(toUInt32(greatest(0, least(removed_day, last_day + 1) - opened_day)))) AS day
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
    toInt64(arraySum(mapValues(mapFilter((label, open) -> has({urgent:Array(String)}, label), labels)))) AS tickets_open_urgent,
    mapFilter((label, open) -> open != 0, labels) AS tickets_open_by_priority,
    by_kind AS tickets_opened_28d_by_kind,
    by_priority AS tickets_opened_28d_by_priority,
    if(empty(responses_28d), NULL, (responses_28d[intDiv(length(responses_28d) + 1, 2)]
        + responses_28d[intDiv(length(responses_28d), 2) + 1]) / 2 / 60000) AS first_response_minutes_28d,
    if(empty(responses_90d), NULL, (responses_90d[intDiv(length(responses_90d) + 1, 2)]
        + responses_90d[intDiv(length(responses_90d), 2) + 1]) / 2 / 60000) AS first_response_minutes_90d,
    if(NOT {works:UInt8} OR empty(worked_28d), NULL, (worked_28d[intDiv(length(worked_28d) + 1, 2)]
        + worked_28d[intDiv(length(worked_28d), 2) + 1]) / 2 / 60000) AS first_response_business_minutes_28d,
    if(NOT {works:UInt8} OR empty(worked_90d), NULL, (worked_90d[intDiv(length(worked_90d) + 1, 2)]
        + worked_90d[intDiv(length(worked_90d), 2) + 1]) / 2 / 60000) AS first_response_business_minutes_90d,
    if(empty(resolutions_28d), NULL, (resolutions_28d[intDiv(length(resolutions_28d) + 1, 2)]
        + resolutions_28d[intDiv(length(resolutions_28d), 2) + 1]) / 2 / 3600000) AS first_resolution_hours_28d,
    if(empty(resolutions_90d), NULL, (resolutions_90d[intDiv(length(resolutions_90d) + 1, 2)]
        + resolutions_90d[intDiv(length(resolutions_90d), 2) + 1]) / 2 / 3600000) AS first_resolution_hours_90d,
    if(empty(wholes_28d), NULL, (wholes_28d[intDiv(length(wholes_28d) + 1, 2)]
        + wholes_28d[intDiv(length(wholes_28d), 2) + 1]) / 2 / 3600000) AS full_resolution_hours_28d,
    if(empty(wholes_90d), NULL, (wholes_90d[intDiv(length(wholes_90d) + 1, 2)]
        + wholes_90d[intDiv(length(wholes_90d), 2) + 1]) / 2 / 3600000) AS full_resolution_hours_90d,
    if(newest_ms > 0, toNullable(fromUnixTimestamp64Milli(toInt64(newest_ms), 'UTC')), NULL) AS last_ticket_at,
    (toUnixTimestamp(toDateTime(day + 1, {zone:String})) * 1000 - oldest_ms) / 3600000 AS oldest_open_hours,
    if(newest_ms > 0 AND first_length >= 0, first_length / 3600000, NULL) AS first_ticket_resolution_hours,
    opened_week AS tickets_opened_7d,
    opened_month AS tickets_opened_28d,
    questions AS questions_28d,
    escalations AS escalations_28d,
    reopenings AS reopenings_28d,
    judged AS fcr_solved_90d,
    at_first_contact AS fcr_first_contact_90d,
    if(judged > 0, at_first_contact / judged, NULL) AS fcr_rate_90d,
    if(notEmpty({limits:Array(Tuple(String, Float64))}), toNullable(breaches), NULL) AS sla_breaches_28d
FROM
(
    SELECT
        *,
        sum(more) OVER history AS tickets_total,
        sum(more_open) OVER history AS tickets_open,
        sum(more_impossible) OVER history AS tickets_impossible,
        sumMap(mapAdd(more_labels, less_labels)) OVER history AS labels
    FROM spine
    LEFT JOIN standing USING (customer_id, day)
    LEFT JOIN opened USING (customer_id, day)
    LEFT JOIN happened USING (customer_id, day)
    LEFT JOIN clocks USING (customer_id, day)
    LEFT JOIN held USING (customer_id, day)
    LEFT JOIN broken USING (customer_id, day)
    LEFT JOIN contacts USING (customer_id, day)
    WINDOW history AS (PARTITION BY customer_id ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
WHERE day BETWEEN {since:Date} AND {until:Date}
