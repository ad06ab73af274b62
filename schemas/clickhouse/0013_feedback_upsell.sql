-- Feedback: interval of the NPS, effort, response rates, overdue follow-ups (METRICS.md section 4). Upsell readiness
-- (section 6). Of days stored before, what cannot be told from their other figures is NULL or 0 until they are replayed.

ALTER TABLE feedback_daily ADD COLUMN IF NOT EXISTS nps_low Nullable(Float64) AFTER nps;
ALTER TABLE feedback_daily ADD COLUMN IF NOT EXISTS nps_high Nullable(Float64) AFTER nps_low;
ALTER TABLE feedback_daily ADD COLUMN IF NOT EXISTS
    nps_respondents_90d Int64 DEFAULT promoters_90d + passives_90d + detractors_90d AFTER nps_high;
ALTER TABLE feedback_daily ADD COLUMN IF NOT EXISTS ces_top2 Nullable(Float64) AFTER ces_mean;
ALTER TABLE feedback_daily ADD COLUMN IF NOT EXISTS invitations_90d Int64 AFTER responses_90d;
ALTER TABLE feedback_daily ADD COLUMN IF NOT EXISTS invited_answered_90d Int64 AFTER invitations_90d;
ALTER TABLE feedback_daily ADD COLUMN IF NOT EXISTS response_rate_90d Nullable(Float64) AFTER invited_answered_90d;
ALTER TABLE feedback_daily ADD COLUMN IF NOT EXISTS follow_ups_overdue Int64 AFTER follow_ups_open;

CREATE TABLE IF NOT EXISTS upsell_daily
(
    customer_id String,
    as_of DateTime64(3, 'UTC'),
    day Date,
    upsell_ready Nullable(Float64),
    gate LowCardinality(Nullable(String)),
    coverage Float64,
    profile LowCardinality(String),
    license_utilization Nullable(Float64),
    tickets_per_active_user_28d Nullable(Float64),
    time_to_activate_days Nullable(Float64),
    trigger_event_id Nullable(String),
    name Nullable(String),
    owner LowCardinality(Nullable(String)),
    segment LowCardinality(Nullable(String)),
    mrr_minor Int64,
    currency LowCardinality(Nullable(String)),
    version UInt64,
    components Nested(
        component LowCardinality(String),
        value Nullable(Float64),
        weight Float64,
        earned Float64,
        evidence String
    ),
    row_version UInt64
)
ENGINE = ReplacingMergeTree(row_version)
PARTITION BY toYear(day)
ORDER BY (customer_id, day)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Upsell readiness of each day with its components, and figures that join two domains';

-- Upsell readiness of every customer on its newest day. NULL: too little is known; 0 with a `gate`: not to be asked.
CREATE OR REPLACE VIEW v_upsell AS
SELECT
    customer_id,
    name,
    owner,
    segment,
    day,
    upsell_ready,
    gate,
    coverage,
    mrr_minor,
    currency,
    license_utilization,
    tickets_per_active_user_28d,
    time_to_activate_days,
    `components.component` AS components,
    `components.value` AS component_values,
    `components.earned` AS component_earned
FROM upsell_daily FINAL
ORDER BY day DESC
LIMIT 1 BY customer_id;

-- NPS of all customers over the last answer of each respondent in the 90 days up to `day` (METRICS.md section 4), with
-- the bounds of its 95% interval: adjusted Wald (Rocks 2016), as in the figures per customer. `margin` is half its width
-- before it is cut to the scale. NULL without an answer.
CREATE OR REPLACE VIEW v_nps_rolling_90d AS
SELECT
    day,
    promoters,
    passives,
    detractors,
    promoters + passives + detractors AS responses,
    if(responses = 0, NULL, 100 * (promoters - detractors) / responses) AS nps,
    if(
        responses = 0,
        NULL,
        195.9964 * sqrt(
            ((promoters + detractors + 1.5) / (responses + 3) - pow((promoters - detractors) / (responses + 3), 2))
            / (responses + 3)
        )
    ) AS margin,
    if(
        responses = 0,
        NULL,
        greatest(-100., least(nps, 100 * (promoters - detractors) / (responses + 3) - margin))
    ) AS nps_low,
    if(
        responses = 0,
        NULL,
        least(100., greatest(nps, 100 * (promoters - detractors) / (responses + 3) + margin))
    ) AS nps_high
FROM
(
    SELECT
        day,
        sum(promoters_90d) AS promoters,
        sum(passives_90d) AS passives,
        sum(detractors_90d) AS detractors
    FROM feedback_daily FINAL
    GROUP BY day
)
ORDER BY day;

-- The same by the segment the customer is in now; NULL: in none.
CREATE OR REPLACE VIEW v_nps_segments AS
SELECT
    day,
    segment,
    promoters,
    passives,
    detractors,
    promoters + passives + detractors AS responses,
    if(responses = 0, NULL, 100 * (promoters - detractors) / responses) AS nps,
    if(
        responses = 0,
        NULL,
        195.9964 * sqrt(
            ((promoters + detractors + 1.5) / (responses + 3) - pow((promoters - detractors) / (responses + 3), 2))
            / (responses + 3)
        )
    ) AS margin,
    if(
        responses = 0,
        NULL,
        greatest(-100., least(nps, 100 * (promoters - detractors) / (responses + 3) - margin))
    ) AS nps_low,
    if(
        responses = 0,
        NULL,
        least(100., greatest(nps, 100 * (promoters - detractors) / (responses + 3) + margin))
    ) AS nps_high
FROM
(
    SELECT
        said.day AS day,
        account.segment AS segment,
        sum(said.promoters_90d) AS promoters,
        sum(said.passives_90d) AS passives,
        sum(said.detractors_90d) AS detractors
    FROM (SELECT * FROM feedback_daily FINAL) AS said
    LEFT JOIN (SELECT customer_id, segment FROM accounts FINAL) AS account ON account.customer_id = said.customer_id
    GROUP BY day, segment
)
ORDER BY day, segment
SETTINGS join_use_nulls = 1;

-- Invitations to surveys and how many were answered, by survey, channel of the invitation (NULL: the event names none)
-- and the month it was first sent in. A response belongs to the invitation it names; naming none, to the newest one its
-- respondent had been sent to that survey when it came. An invitation is answered once, so no rate passes 1.
-- Read from the events, of one sent twice the first, as in the folds; the month of an invitation still fills up while
-- answers come.
CREATE OR REPLACE VIEW v_response_rates AS
WITH
    sendings AS
    (
        SELECT
            customer_id,
            event_id,
            occurred_at,
            day,
            JSONExtractString(payload, 'survey') AS survey,
            JSONExtractString(payload, 'invitation_id') AS invitation_id,
            JSONExtractString(payload, 'respondent_id') AS respondent_id,
            JSONExtractString(payload, 'channel') AS channel
        FROM events FINAL
        WHERE type = 'survey_invited'
        ORDER BY offset
        LIMIT 1 BY customer_id, event_id
    ),
    invitations AS
    (
        SELECT
            customer_id,
            survey,
            invitation_id,
            min(occurred_at) AS sent_at,
            toStartOfMonth(min(day)) AS month,
            argMaxIf(respondent_id, (occurred_at, event_id), respondent_id != '') AS respondent,
            argMaxIf(channel, (occurred_at, event_id), channel != '') AS via
        FROM sendings
        GROUP BY customer_id, survey, invitation_id
    ),
    versions AS
    (
        SELECT
            customer_id,
            event_id,
            occurred_at,
            JSONExtractString(payload, 'survey') AS survey,
            JSONExtractString(payload, 'response_id') AS response_id,
            JSONExtractString(payload, 'respondent_id') AS respondent_id,
            JSONExtractString(payload, 'invitation_id') AS invitation_id
        FROM events FINAL
        WHERE type = 'survey_answered'
        ORDER BY offset
        LIMIT 1 BY customer_id, event_id
    ),
    responses AS
    (
        SELECT
            customer_id,
            survey,
            response_id,
            min(occurred_at) AS answered_at,
            argMaxIf(respondent_id, (occurred_at, event_id), respondent_id != '') AS respondent,
            argMaxIf(invitation_id, (occurred_at, event_id), invitation_id != '') AS named
        FROM versions
        GROUP BY customer_id, survey, response_id
    ),
    answered AS
    (
        SELECT customer_id, survey, named AS invitation_id
        FROM responses
        WHERE named != ''
        UNION DISTINCT
        SELECT said.customer_id, said.survey, sent.invitation_id
        FROM (SELECT customer_id, survey, respondent, answered_at FROM responses WHERE named = '' AND respondent != '') AS said
        ASOF INNER JOIN
        (
            SELECT customer_id, survey, respondent, sent_at, max(invitation_id) AS invitation_id
            FROM invitations
            WHERE respondent != ''
            GROUP BY customer_id, survey, respondent, sent_at
        ) AS sent
            ON said.customer_id = sent.customer_id AND said.survey = sent.survey
            AND said.respondent = sent.respondent AND said.answered_at >= sent.sent_at
    )
SELECT
    survey,
    nullIf(via, '') AS channel,
    month,
    count() AS invitations,
    countIf((customer_id, survey, invitation_id) IN (SELECT customer_id, survey, invitation_id FROM answered)) AS responses,
    responses / invitations AS response_rate
FROM invitations
GROUP BY survey, channel, month
ORDER BY survey, channel, month;
