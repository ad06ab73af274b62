-- METRICS.md section 4: what was said in 90 days, each response as its newest version had it on the day.
, closings AS
(
    SELECT customer_id, JSONExtractString(payload, 'response_id') AS response, min(on_day) AS closed_day
    FROM facts
    WHERE type = 'follow_up_closed'
    GROUP BY customer_id, response
),
-- Versions by time and event id: day, score or position on the scale, respondent. CSAT and the like by their position.
responses AS
(
    SELECT
        customer_id,
        JSONExtractString(payload, 'response_id') AS response,
        JSONExtractString(payload, 'survey') AS survey,
        if(JSONHas(payload, 'scale_min'), JSONExtractFloat(payload, 'scale_min'), 0) AS lowest,
        if(JSONHas(payload, 'scale_max'), JSONExtractFloat(payload, 'scale_max'), 10) AS highest,
        (JSONExtractFloat(payload, 'score') - lowest) / (highest - lowest) AS rising,
        if(survey = 'nps', JSONExtractFloat(payload, 'score'),
            if(JSONExtractString(payload, 'polarity') = 'lower_is_better', 1 - rising, rising)) AS score,
        on_day,
        at,
        at_ms,
        event_id,
        JSONExtractString(payload, 'respondent_id') AS respondent
    FROM facts
    WHERE type = 'survey_answered'
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
        arraySort(groupArray((at_ms, event_id, on_day, score, respondent))) AS versions
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
invitations AS
(
    SELECT customer_id, day, count() AS sent
    FROM
    (
        SELECT customer_id, min(on_day) AS day
        FROM facts
        WHERE type = 'survey_invited'
        GROUP BY customer_id, JSONExtractString(payload, 'survey'), JSONExtractString(payload, 'invitation_id')
    )
    GROUP BY customer_id, day
),
windows AS
(
    SELECT
        *,
        max(newest_day) OVER (PARTITION BY customer_id ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
            AS newest_at,
        sum(sent) OVER (PARTITION BY customer_id ORDER BY day ROWS BETWEEN 89 PRECEDING AND CURRENT ROW) AS sent_90d
    FROM spine
    LEFT JOIN classes USING (customer_id, day)
    LEFT JOIN ratings USING (customer_id, day)
    LEFT JOIN newest USING (customer_id, day)
    LEFT JOIN invitations USING (customer_id, day)
)
SELECT
    customer_id,
    day,
    promoters AS promoters_90d,
    passives AS passives_90d,
    detractors AS detractors_90d,
    promoters + passives + detractors AS nps_respondents_90d,
    if(nps_respondents_90d > 0, 100 * (toInt64(promoters) - detractors) / nps_respondents_90d, NULL) AS nps,
    rated AS csat_ratings_90d,
    positive AS csat_positive_90d,
    if(rated > 0, positive / rated, NULL) AS csat,
    if(efforts > 0, effort / efforts, NULL) AS ces_mean,
    if(efforts > 0, easy / efforts, NULL) AS ces_top2,
    answers_90d AS responses_90d,
    sent_90d AS invitations_90d,
    waiting AS follow_ups_open,
    newest_at AS last_answer_at
FROM windows
WHERE day BETWEEN {since:Date} AND {until:Date}
