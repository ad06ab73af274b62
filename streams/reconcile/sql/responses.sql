-- Invitations and those that were answered, from the events: of one sent twice the first. An answer that names none is to the
-- newest invitation its respondent had had by then, of two of one instant that of the greater id.
WITH said AS
(
    SELECT * EXCEPT (sent)
    FROM
    (
        SELECT
            customer_id,
            event_id,
            argMin((toString(type), payload, toUnixTimestamp64Milli(occurred_at), day), offset) AS sent,
            sent.1 = 'survey_invited' AS invites,
            sent.3 AS at_ms,
            sent.4 AS on_day,
            JSONExtractString(sent.2, 'survey') AS survey,
            JSONExtractString(sent.2, 'invitation_id') AS invitation,
            JSONExtractString(sent.2, 'response_id') AS response,
            JSONExtractString(sent.2, 'respondent_id') AS respondent,
            JSONExtractString(sent.2, 'channel') AS channel
        FROM events FINAL
        WHERE type IN ('survey_answered', 'survey_invited')
        GROUP BY customer_id, event_id
    )
),
-- What was last said of each: who, over what.
invitations AS
(
    SELECT
        customer_id,
        survey,
        invitation,
        min(at_ms) AS first_ms,
        toStartOfMonth(min(on_day)) AS month,
        arraySort(groupArrayIf((at_ms, event_id, respondent), respondent != ''))[-1].3 AS invited,
        arraySort(groupArrayIf((at_ms, event_id, channel), channel != ''))[-1].3 AS via
    FROM said
    WHERE invites
    GROUP BY customer_id, survey, invitation
),
answers AS
(
    SELECT
        customer_id,
        survey,
        response,
        min(at_ms) AS answered_ms,
        arraySort(groupArrayIf((at_ms, event_id, respondent), respondent != ''))[-1].3 AS by_whom,
        arraySort(groupArrayIf((at_ms, event_id, invitation), invitation != ''))[-1].3 AS named
    FROM said
    WHERE NOT invites
    GROUP BY customer_id, survey, response
),
met AS
(
    SELECT DISTINCT customer_id, survey, invitation, toUInt8(1) AS was_answered
    FROM
    (
        SELECT customer_id, survey, named AS invitation FROM answers WHERE named != ''
        UNION ALL
        SELECT customer_id, survey, argMax(invitations.invitation, (first_ms, invitations.invitation)) AS invitation
        FROM answers
        INNER JOIN invitations USING (customer_id, survey)
        WHERE named = '' AND by_whom != '' AND by_whom = invited AND first_ms <= answered_ms
        GROUP BY customer_id, survey, response
    )
)
SELECT
    survey,
    month,
    via AS channel,
    count() AS invitations,
    sum(toInt64(was_answered)) AS responses,
    responses / count() AS response_rate
FROM invitations
LEFT JOIN met USING (customer_id, survey, invitation)
WHERE month BETWEEN {since:Date} AND {until:Date}
GROUP BY survey, month, via
