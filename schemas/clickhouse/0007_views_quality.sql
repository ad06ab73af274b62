-- NPS over time, and the views that keep Zelo honest: the accounting of what was read, the churn model's quality.

-- NPS of all customers over the last answer of each respondent in the 90 days up to `day` (METRICS.md section 4),
-- with the bounds of its 95% interval (normal approximation). NULL without an answer.
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
        196 * sqrt((promoters + detractors) / responses - pow((promoters - detractors) / responses, 2)) / sqrt(responses)
    ) AS margin,
    if(responses = 0, NULL, greatest(-100, nps - margin)) AS nps_low,
    if(responses = 0, NULL, least(100, nps + margin)) AS nps_high
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

-- Per input topic and partition: read = applied + duplicate + late + dead, always. `dead_letters` counts what the
-- dead-letter topic holds of it; it may run ahead of `dead` by what was read since the last flush.
CREATE OR REPLACE VIEW v_accounting AS
SELECT
    counted.topic AS topic,
    counted.partition AS partition,
    counted.read AS read,
    counted.applied AS applied,
    counted.duplicate AS duplicate,
    counted.late AS late,
    counted.dead AS dead,
    counted.read - counted.applied - counted.duplicate - counted.late - counted.dead AS unaccounted,
    unaccounted = 0 AS balanced,
    letters.found AS dead_letters,
    counted.watermark AS watermark,
    counted.closed_day AS closed_day
FROM (SELECT * FROM accounting FINAL) AS counted
LEFT JOIN (SELECT topic, partition, count() AS found FROM dead_letters FINAL GROUP BY topic, partition) AS letters
    ON letters.topic = counted.topic AND letters.partition = counted.partition
ORDER BY topic, partition;

-- Quality of the churn probabilities, recomputed from the probability given at the time and the label that came
-- later. `log_loss_base_rate` is what always guessing the overall churn rate would have scored: a model that is not
-- below it has learned nothing. Figures are NULL until both outcomes were seen.
CREATE OR REPLACE VIEW v_churn_quality AS
WITH
    least(greatest(assumeNotNull(probability), 1e-15), 1 - 1e-15) AS p,
    toUInt8(ifNull(churned, false)) AS label
SELECT
    count() AS observations,
    countIf(churned IS NOT NULL) AS labelled,
    countIf(churned) AS positives,
    uniqExactIf(customer_id, churned) AS customers_churned,
    positives > 0 AND positives < labelled AS both_seen,
    if(
        both_seen,
        arrayROCAUC(
            groupArrayIf(assumeNotNull(probability), churned IS NOT NULL),
            groupArrayIf(label, churned IS NOT NULL)
        ),
        NULL
    ) AS roc_auc,
    if(both_seen, avgIf(-if(label = 1, log(p), log(1 - p)), churned IS NOT NULL), NULL) AS log_loss,
    if(
        both_seen,
        -(positives * log(positives / labelled) + (labelled - positives) * log(1 - positives / labelled)) / labelled,
        NULL
    ) AS log_loss_base_rate,
    if(labelled = 0, NULL, avgIf(assumeNotNull(probability), churned IS NOT NULL)) AS mean_predicted,
    if(labelled = 0, NULL, positives / labelled) AS mean_observed,
    maxIf(labelled_day, churned IS NOT NULL) AS labelled_through
FROM churn_observations FINAL;
