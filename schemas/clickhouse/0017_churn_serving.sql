-- What product teams and customer success are told of a churn risk besides, and how good the risks were over time.

ALTER TABLE churn_current
    ADD COLUMN IF NOT EXISTS horizons Map(LowCardinality(String), Float64) AFTER version,
    ADD COLUMN IF NOT EXISTS calibrated Bool AFTER horizons,
    ADD COLUMN IF NOT EXISTS champion String AFTER calibrated,
    ADD COLUMN IF NOT EXISTS baseline Nullable(Float64) AFTER champion,
    ADD COLUMN IF NOT EXISTS contributions Map(LowCardinality(String), Float64) AFTER baseline,
    ADD COLUMN IF NOT EXISTS previous_day Nullable(Date) AFTER contributions,
    ADD COLUMN IF NOT EXISTS previous_probability Nullable(Float64) AFTER previous_day,
    ADD COLUMN IF NOT EXISTS changed_by_customer Nullable(Float64) AFTER previous_probability,
    ADD COLUMN IF NOT EXISTS changed_by_model Nullable(Float64) AFTER changed_by_customer,
    ADD COLUMN IF NOT EXISTS changes Map(LowCardinality(String), Float64) AFTER changed_by_model,
    ADD COLUMN IF NOT EXISTS owner LowCardinality(Nullable(String)) AFTER changes,
    ADD COLUMN IF NOT EXISTS segment LowCardinality(Nullable(String)) AFTER owner,
    ADD COLUMN IF NOT EXISTS locale LowCardinality(Nullable(String)) AFTER segment;

-- Snapshots with the probability given, and the label where it is mature. Who leaves is labelled at once, who stays
-- only when the whole window has passed: counting both as they come would show too many that left. Mature are the days
-- up to the newest one with a label that somebody stayed; `label` and `p` are NULL of later ones.
CREATE OR REPLACE VIEW v_churn_labels AS
WITH (SELECT max(day) FROM churn_observations FINAL WHERE churned = false) AS mature_through
SELECT
    customer_id,
    day,
    model_version,
    labelled_day,
    if(churned IS NULL OR day > mature_through, NULL, toUInt8(assumeNotNull(churned))) AS label,
    if(isNull(label), NULL, least(greatest(assumeNotNull(probability), 1e-15), 1 - 1e-15)) AS p
FROM churn_observations FINAL;

-- Quality of the churn probabilities, recomputed from the probability given at the time and the mature label.
-- `log_loss_base_rate` is what always guessing the overall churn rate would have scored: a model that is not below it
-- has learned nothing. Figures are NULL until both outcomes were seen.
CREATE OR REPLACE VIEW v_churn_quality AS
SELECT
    count() AS observations,
    countIf(label IS NOT NULL) AS labelled,
    countIf(label = 1) AS positives,
    uniqExactIf(customer_id, label = 1) AS customers_churned,
    positives > 0 AND positives < labelled AS both_seen,
    if(
        both_seen,
        arrayROCAUC(
            groupArrayIf(assumeNotNull(p), label IS NOT NULL),
            groupArrayIf(assumeNotNull(label), label IS NOT NULL)
        ),
        NULL
    ) AS roc_auc,
    if(both_seen, avgIf(-if(label = 1, log(p), log(1 - p)), label IS NOT NULL), NULL) AS log_loss,
    if(
        both_seen,
        -(positives * log(positives / labelled) + (labelled - positives) * log(1 - positives / labelled)) / labelled,
        NULL
    ) AS log_loss_base_rate,
    if(labelled = 0, NULL, avgIf(p, label IS NOT NULL)) AS mean_predicted,
    if(labelled = 0, NULL, positives / labelled) AS mean_observed,
    maxIf(labelled_day, label IS NOT NULL) AS labelled_through
FROM v_churn_labels;

-- The same of the snapshots of each day (they are taken weekly): quality over time.
CREATE OR REPLACE VIEW v_churn_quality_weekly AS
SELECT
    day,
    count() AS observations,
    countIf(label IS NOT NULL) AS labelled,
    countIf(label = 1) AS positives,
    uniqExactIf(customer_id, label = 1) AS customers_churned,
    positives > 0 AND positives < labelled AS both_seen,
    if(
        both_seen,
        arrayROCAUC(
            groupArrayIf(assumeNotNull(p), label IS NOT NULL),
            groupArrayIf(assumeNotNull(label), label IS NOT NULL)
        ),
        NULL
    ) AS roc_auc,
    if(both_seen, avgIf(-if(label = 1, log(p), log(1 - p)), label IS NOT NULL), NULL) AS log_loss,
    if(
        both_seen,
        -(positives * log(positives / labelled) + (labelled - positives) * log(1 - positives / labelled)) / labelled,
        NULL
    ) AS log_loss_base_rate,
    if(labelled = 0, NULL, avgIf(p, label IS NOT NULL)) AS mean_predicted,
    if(labelled = 0, NULL, positives / labelled) AS mean_observed,
    maxIf(labelled_day, label IS NOT NULL) AS labelled_through
FROM v_churn_labels
GROUP BY day
ORDER BY day;

-- The same by the version of the model that gave the probability.
CREATE OR REPLACE VIEW v_churn_quality_models AS
SELECT
    model_version,
    count() AS observations,
    countIf(label IS NOT NULL) AS labelled,
    countIf(label = 1) AS positives,
    uniqExactIf(customer_id, label = 1) AS customers_churned,
    positives > 0 AND positives < labelled AS both_seen,
    if(
        both_seen,
        arrayROCAUC(
            groupArrayIf(assumeNotNull(p), label IS NOT NULL),
            groupArrayIf(assumeNotNull(label), label IS NOT NULL)
        ),
        NULL
    ) AS roc_auc,
    if(both_seen, avgIf(-if(label = 1, log(p), log(1 - p)), label IS NOT NULL), NULL) AS log_loss,
    if(
        both_seen,
        -(positives * log(positives / labelled) + (labelled - positives) * log(1 - positives / labelled)) / labelled,
        NULL
    ) AS log_loss_base_rate,
    if(labelled = 0, NULL, avgIf(p, label IS NOT NULL)) AS mean_predicted,
    if(labelled = 0, NULL, positives / labelled) AS mean_observed,
    maxIf(labelled_day, label IS NOT NULL) AS labelled_through
FROM v_churn_labels
WHERE model_version IS NOT NULL
GROUP BY model_version
ORDER BY model_version;

-- Reliability: mature snapshots in 15 bins of equal size by the probability given; of a calibrated model the mean
-- probability of a bin is the share of it that left.
CREATE OR REPLACE VIEW v_churn_reliability AS
SELECT
    bin,
    count() AS snapshots,
    min(given) AS lowest,
    max(given) AS highest,
    avg(given) AS predicted,
    avg(left_company) AS observed,
    uniqExactIf(customer_id, left_company = 1) AS churned
FROM
(
    SELECT
        customer_id,
        assumeNotNull(p) AS given,
        assumeNotNull(label) AS left_company,
        intDiv((row_number() OVER (ORDER BY p, customer_id, day) - 1) * 15, count() OVER ()) + 1 AS bin
    FROM v_churn_labels
    WHERE label IS NOT NULL
)
GROUP BY bin
ORDER BY bin;
