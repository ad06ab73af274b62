-- METRICS.md section 4: what was said in 90 days, each response as its newest version had it on the day.
, closings AS
(
    SELECT customer_id, JSONExtractString(payload, 'response_id') AS response, min(on_day) AS closed_day
    FROM facts
    WHERE type = 'follow_up_closed'
    GROUP BY customer_id, response
),
-- Versions by time and event id: day, score or position on the scale, respondent. CSAT and the like by their position: an
-- answer that does not state both ends of its scale says nothing.
responses AS
(
    SELECT
        customer_id,
        JSONExtractString(payload, 'response_id') AS response,
        JSONExtractString(payload, 'survey') AS survey,
        JSONExtract(payload, 'scale_min', 'Nullable(Float64)') AS lowest,
        JSONExtract(payload, 'scale_max', 'Nullable(Float64)') AS highest,
        (JSONExtractFloat(payload, 'score') - lowest) / (highest - lowest) AS rising,
        if(survey = 'nps', JSONExtractFloat(payload, 'score'),
            if(JSONExtractString(payload, 'polarity') = 'lower_is_better', 1 - rising, rising)) AS score,
        on_day,
        at,
        at_ms,
        event_id,
        JSONExtractString(payload, 'respondent_id') AS respondent,
        JSONExtractString(payload, 'invitation_id') AS invitation,
        if(match(JSONExtractString(payload, 'reason'), '^[\\s\\pZ\\x0b\\x1c-\\x1f\\x85]*$'), '',
            JSONExtractString(payload, 'reason')) AS reason,
        JSONExtractString(payload, 'source') = 'generated' AS is_made_up
    FROM facts
    WHERE type = 'survey_answered' AND (survey = 'nps' OR highest > lowest)
),
answers AS
(
    SELECT
        customer_id,
        response,
        survey,
        min(on_day) AS answered_day,
        min(at) AS answered_at,
        min((at_ms, event_id)) AS age,
        arraySort(groupArray((at_ms, event_id, on_day, score, respondent, invitation, reason, is_made_up))) AS versions
    FROM responses
    GROUP BY customer_id, response, survey
),
known AS
(
    SELECT
        customer_id,
        survey,
        age,
        response,
        answered_day + step AS day,
        arrayFilter(one -> one.3 <= day, versions) AS so_far,
        so_far[-1].4 AS score,
        arrayFilter(one -> one.5 != '', so_far)[-1].5 AS respondent,
        arrayFilter(one -> one.6 != '', so_far)[-1].6 AS invitation,
        -- Since when an NPS answer is a detractor's: after the last version that was not.
        so_far[arrayLastIndex(one -> toInt64(one.4) >= 7, so_far) + 1].1 AS low_since_ms,
        was_closed AND closed_day <= day AS is_closed
    FROM answers
    LEFT JOIN (SELECT *, 1 AS was_closed FROM closings) AS closings USING (customer_id, response)
    ARRAY JOIN range(90) AS step
),
-- Of each respondent the last response counts; one that names nobody stands for itself.
classes AS
(
    SELECT customer_id, day, countIf(value >= 9) AS promoters, countIf(value IN (7, 8)) AS passives,
        countIf(value < 7) AS detractors
    FROM
    (
        SELECT customer_id, day, argMax(toInt64(score), age) AS value
        FROM known
        WHERE survey = 'nps'
        GROUP BY customer_id, day, respondent, if(respondent = '', response, '')
    )
    GROUP BY customer_id, day
),
ratings AS
(
    SELECT
        customer_id,
        day,
        count() AS answers_90d,
        countIf(survey = 'nps' AND toInt64(score) < 7 AND NOT is_closed) AS waiting,
        countIf(survey = 'nps' AND toInt64(score) < 7 AND NOT is_closed
            AND toUnixTimestamp(toDateTime(day + 1, {zone:String})) * 1000 - low_since_ms > {follow_up_ms:Int64}) AS overdue,
        countIf(survey IN ('csat', 'thumbs', 'smiley')) AS rated,
        countIf(score >= multiIf(survey = 'csat', {csat_from:Float64}, survey = 'thumbs', {thumbs_from:Float64},
            survey = 'smiley', {smiley_from:Float64}, 1e9)) AS positive,
        countIf(survey = 'ces') AS efforts,
        sumIf(score, survey = 'ces') AS effort,
        countIf(survey = 'ces' AND score >= {ces_from:Float64}) AS easy
    FROM known
    GROUP BY customer_id, day
),
newest AS
(
    SELECT customer_id, answered_day AS day, toNullable(max(answered_at)) AS newest_day
    FROM answers
    GROUP BY customer_id, day
),
-- An invitation is as old as its first sending; whom it went to is what the newest says that says anything.
sent AS
(
    SELECT
        customer_id,
        survey,
        invitation,
        sent_ms,
        sent_day + step AS day,
        arrayFilter(one -> one.3 <= day AND one.4 != '', sendings)[-1].4 AS person
    FROM
    (
        SELECT
            customer_id,
            JSONExtractString(payload, 'survey') AS survey,
            JSONExtractString(payload, 'invitation_id') AS invitation,
            min(at_ms) AS sent_ms,
            min(on_day) AS sent_day,
            arraySort(groupArray((at_ms, event_id, on_day, JSONExtractString(payload, 'respondent_id')))) AS sendings
        FROM facts
        WHERE type = 'survey_invited'
        GROUP BY customer_id, survey, invitation
    )
    ARRAY JOIN range(90) AS step
),
-- The invitation a response answers: the one it names, or the newest to its person by then.
taken AS
(
    SELECT customer_id, day, survey, invitation FROM known WHERE invitation != ''
    UNION ALL
    SELECT customer_id, day, survey, argMax(theirs.invitation, (sent_ms, theirs.invitation)) AS invitation
    FROM (SELECT * FROM known WHERE invitation = '' AND respondent != '') AS said
    INNER JOIN (SELECT *, person AS respondent FROM sent) AS theirs USING (customer_id, day, survey, respondent)
    WHERE sent_ms <= age.1
    GROUP BY customer_id, day, survey, response
),
invitations AS
(
    SELECT customer_id, day, count() AS sent_90d, countIf(is_taken) AS taken_90d
    FROM sent
    LEFT JOIN (SELECT DISTINCT *, 1 AS is_taken FROM taken) AS answered USING (customer_id, day, survey, invitation)
    GROUP BY customer_id, day
),
-- The NPS answer given last, of all times, as far as its versions were known on the day.
lasts AS
(
    SELECT customer_id, day, response AS last_response, answered_at AS last_at, arrayFilter(one -> one.3 <= day, versions)
        AS last_versions, last_versions[-1] AS last_version
    FROM
    (
        SELECT
            customer_id,
            day,
            max(newest_then) OVER (PARTITION BY customer_id ORDER BY day
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS age
        FROM spine
        LEFT JOIN
        (
            SELECT customer_id, answered_day AS day, max(age) AS newest_then
            FROM answers
            WHERE survey = 'nps'
            GROUP BY customer_id, day
        ) AS of_day USING (customer_id, day)
    ) AS newest_one
    INNER JOIN (SELECT * FROM answers WHERE survey = 'nps') AS given USING (customer_id, age)
),
windows AS
(
    SELECT
        *,
        max(newest_day) OVER (PARTITION BY customer_id ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
            AS newest_at,
        -- By the adjusted Wald method of Rocks (2016): three answers more, 3/4 of them promoters and 3/4 detractors.
        promoters + passives + detractors + 3 AS padded,
        (promoters - toInt64(detractors)) / padded AS center,
        1.959964 * sqrt(((promoters + detractors + 1.5) / padded - center * center) / padded) AS margin
    FROM spine
    LEFT JOIN classes USING (customer_id, day)
    LEFT JOIN ratings USING (customer_id, day)
    LEFT JOIN newest USING (customer_id, day)
    LEFT JOIN invitations USING (customer_id, day)
    LEFT JOIN lasts USING (customer_id, day)
)
SELECT
    customer_id,
    day,
    promoters AS promoters_90d,
    passives AS passives_90d,
    detractors AS detractors_90d,
    promoters + passives + detractors AS nps_respondents_90d,
    if(nps_respondents_90d > 0, 100 * (toInt64(promoters) - detractors) / nps_respondents_90d, NULL) AS nps,
    if(nps_respondents_90d > 0, greatest(-100, least(assumeNotNull(nps), 100 * (center - margin))), NULL) AS nps_low,
    if(nps_respondents_90d > 0, least(100, greatest(assumeNotNull(nps), 100 * (center + margin))), NULL) AS nps_high,
    rated AS csat_ratings_90d,
    positive AS csat_positive_90d,
    if(rated > 0, positive / rated, NULL) AS csat,
    if(efforts > 0, effort / efforts, NULL) AS ces_mean,
    if(efforts > 0, easy / efforts, NULL) AS ces_top2,
    answers_90d AS responses_90d,
    sent_90d AS invitations_90d,
    taken_90d AS invited_answered_90d,
    if(sent_90d > 0, taken_90d / sent_90d, NULL) AS response_rate_90d,
    waiting AS follow_ups_open,
    overdue AS follow_ups_overdue,
    newest_at AS last_answer_at,
    nullIf(last_response, '') AS last_nps_response_id,
    nullIf(last_version.2, '') AS last_nps_event_id,
    if(last_response = '', NULL, toNullable(toInt64(last_version.4))) AS last_nps_score,
    multiIf(last_response = '', NULL, last_version.4 >= 9, 'promoter', last_version.4 >= 7, 'passive', 'detractor')
        AS last_nps_class,
    if(last_response = '', NULL, toNullable(last_at)) AS last_nps_answered_at,
    nullIf(arrayFilter(one -> one.5 != '', last_versions)[-1].5, '') AS last_nps_respondent_id,
    nullIf(arrayFilter(one -> one.7 != '', last_versions)[-1].7, '') AS last_nps_reason,
    if(last_response = '', NULL, toNullable(last_version.8)) AS last_nps_generated
FROM windows
WHERE day BETWEEN {since:Date} AND {until:Date}
