-- The newest churn score of each customer (METRICS.md section 8), from the model it names: log-odds of the typical customer,
-- what the model was when it was published, and what must hold between the parts of a score.
WITH said AS
(
    SELECT
        * EXCEPT (raising, protecting),
        raising AS told_raising,
        protecting AS told_protecting,
        toString(model) AS by_model,
        arrayZip(mapKeys(contributions), mapValues(contributions)) AS families,
        arraySort(pair -> pair.1, arrayMap((window, chance) -> (toUInt32(window), chance), mapKeys(horizons), mapValues(horizons)))
            AS rising
    FROM {published}
    WHERE customer_id IN {customers:Array(String)} AND day BETWEEN {since:Date} AND {until:Date}
),
models AS
(
    SELECT
        toString(model) AS by_model,
        model_version,
        toUInt8(1) AS is_known,
        horizon_days AS window_learned,
        is_prior AS was_prior,
        champion AS served,
        calibration_on,
        quality_observations AS seen,
        quality_labelled AS labelled,
        quality_positives AS positives,
        (quality_customers_churned, quality_roc_auc, quality_log_loss, quality_log_loss_constant, quality_mean_predicted,
            quality_mean_observed, quality_ece, quality_pr_auc, quality_brier, quality_top_decile_recall) AS measured,
        JSONExtract(parameters, 'weights', 'Array(Float64)')[1] AS intercept,
        if(calibration_on, calibration_slope * intercept + calibration_intercept, intercept) AS typical
    FROM churn_models FINAL
),
-- Version 0 is the expert's own, which is published nowhere.
known AS
(
    SELECT
        *,
        is_known OR model_version = 0 AS is_found,
        if(is_known, typical, log({base_rate:Float64} / (1 - {base_rate:Float64}))) AS counted_baseline,
        1 / (1 + exp(-(ifNull(baseline, 0) + arraySum(mapValues(contributions))))) AS chance,
        least(1 - {probability_floor:Float64}, greatest({probability_floor:Float64}, chance)) AS counted
    FROM said
    LEFT JOIN models USING (by_model, model_version)
)
SELECT
    customer_id,
    day,
    if(baseline IS NULL, probability, counted) AS probability,
    multiIf(counted >= {high_at:Float64}, 'high', counted >= {medium_at:Float64}, 'medium', 'low') AS band,
    if(is_found, toNullable(counted_baseline), NULL) AS baseline,
    if(is_found, toNullable(model_version), NULL) AS model_version,
    if(is_known, window_learned, {churn_horizon_days:Int64}) AS horizon_days,
    if(is_known, was_prior, true) AS is_prior,
    if(is_known, served, 'rls') AS champion,
    if(is_known, calibration_on, false) AS calibrated,
    if(is_known, seen, 0) AS quality_observations,
    if(is_known, labelled, 0) AS quality_labelled,
    if(is_known, positives, 0) AS quality_positives,
    measured.1 AS quality_customers_churned,
    measured.2 AS quality_roc_auc,
    measured.3 AS quality_log_loss,
    measured.4 AS quality_log_loss_constant,
    measured.5 AS quality_mean_predicted,
    measured.6 AS quality_mean_observed,
    measured.7 AS quality_ece,
    measured.8 AS quality_pr_auc,
    measured.9 AS quality_brier,
    measured.10 AS quality_top_decile_recall,
    -- No window is safer than a shorter one, and that of the model has its probability.
    CAST(arrayMap(place -> (
            toString(rising[place].1),
            if(rising[place].1 = horizon_days, counted, arrayMax(arrayMap(pair -> pair.2, arraySlice(rising, 1, place))))),
        arrayEnumerate(rising)), 'Map(String, Float64)') AS horizons,
    if(changed_by_customer IS NULL, NULL, arraySum(mapValues(changes))) AS changed_by_customer,
    -- Reasons are the families that move the log-odds most, up or down, and far enough.
    if(baseline IS NULL, told_raising, arrayMap(pair -> concat(toString(pair.1), ' ', toString(round(pair.2, 9)), ' ',
        toString(round(exp(pair.2), 9))), arraySlice(arraySort(pair -> -pair.2, arrayFilter(
            pair -> pair.2 >= log({least_odds_ratio:Float64}), families)), 1, {max_raising:Int64}))) AS raising,
    if(baseline IS NULL, told_protecting, arrayMap(pair -> concat(toString(pair.1), ' ', toString(round(pair.2, 9)), ' ',
        toString(round(exp(pair.2), 9))), arraySlice(arraySort(pair -> pair.2, arrayFilter(
            pair -> pair.2 <= -log({least_odds_ratio:Float64}), families)), 1, {max_protecting:Int64}))) AS protecting,
    if(baseline IS NULL, no_data, arrayFilter(family -> NOT mapContains(contributions, family),
        ['usage', 'lifecycle', 'billing', 'support', 'feedback'])) AS no_data
FROM known
