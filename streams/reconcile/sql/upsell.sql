-- Upsell readiness of a day and the figures that join two domains (METRICS.md section 6).
, told AS
(
    SELECT
        customer_id,
        day,
        toUInt8(1) AS is_told,
        upsell_ready AS told_ready,
        toString(gate) AS told_gate,
        license_utilization AS told_utilization,
        plan_adoption AS told_adoption,
        tickets_per_active_user_28d AS told_tickets,
        time_to_activate_days AS told_activation,
        mrr_minor AS told_mrr_minor,
        toString(currency) AS told_currency,
        `components.component` AS told_names,
        `components.value` AS told_values,
        `components.evidence` AS told_evidence
    FROM upsell_daily FINAL
    WHERE customer_id IN {customers:Array(String)} AND day BETWEEN {since:Date} AND {until:Date}
),
read AS
(
    SELECT
        *,
        CAST({upsell:Array(Tuple(String, Float64))}, 'Map(String, Float64)') AS u,
        is_told AND usage_restated AS usage_taken,
        is_told AND adoption_restated AS adoption_taken,
        is_told AND revenue_restated AS revenue_taken,
        usage_taken OR revenue_taken AS joined_taken,
        ['features', 'engagement', 'tenure', 'seats'] AS all_names,
        arrayFilter(position -> {components:Array(Float64)}[position] >= 0, range(1, 5)) AS positions,
        arrayMap(position -> all_names[position], positions) AS names,
        arrayMap(position -> {components:Array(Float64)}[position], positions) AS own_weights,
        multiIf(
            NOT has_usage, NULL,
            adoption IS NOT NULL, adoption / u['adoption_full'],
            events_28d > 0 AND features_used_28d = 0, NULL,
            features_used_28d / u['features_full']) AS of_features,
        (used_of_seats - u['seats_from']) / (u['seats_full'] - u['seats_from']) AS of_seats,
        tenure_days / u['tenure_full_days'] AS of_tenure,
        -- What is not known must stay so: least and greatest pass over it.
        [
            if(of_features IS NULL, NULL, 100 * least(1., greatest(0., of_features))),
            engagement_score,
            if(of_tenure IS NULL, NULL, 100 * least(1., greatest(0., of_tenure))),
            if(of_seats IS NULL, NULL, 100 * least(1., greatest(0., of_seats)))] AS readings,
        [adoption_taken, usage_taken, revenue_taken, joined_taken] AS taken_all,
        arrayMap(position -> if(taken_all[position], told_values[indexOf(told_names, all_names[position])],
            roundBankers(readings[position] * 1e6) / 1e6), positions) AS values,
        -- The figures behind each, as JSON.
        [
            if(has_usage, toJSONString(map('adoption', adoption, 'features_used_28d', toFloat64(features_used_28d))), '{}'),
            if(has_usage, toJSONString(map('engagement_score', engagement_score)), '{}'),
            if(tenure_days IS NULL, '{}', toJSONString(map('tenure_days', toFloat64(tenure_days)))),
            toJSONString(map('license_utilization', used_of_seats, 'seats', toFloat64(seats),
                'active_users_28d', toFloat64(active_users_28d)))] AS evidence_all,
        arrayMap(position -> if(taken_all[position], told_evidence[indexOf(told_names, all_names[position])],
            evidence_all[position]), positions) AS evidence
    FROM then
    LEFT JOIN told USING (customer_id, day)
),
weighed AS
(
    SELECT
        *,
        arrayMap((weight, value) -> if(value IS NULL, 0., weight), own_weights, values) AS raw,
        arrayMap(one -> roundBankers(one / arraySum(raw) * 1e8), raw) AS rounded,
        indexOf(rounded, arrayMax(rounded)) AS largest,
        if(arraySum(raw) = 0, raw,
            arrayMap((one, number) -> if(number = largest, one + 1e8 - arraySum(rounded), one), rounded, arrayEnumerate(rounded)))
            AS shares,
        roundBankers(arraySum(raw) / arraySum(own_weights) * 1e6) / 1e6 AS counted_coverage,
        multiIf(
            revenue_taken, told_gate,
            NOT has_revenue, NULL,
            ifNull(payment_state, '') = 'late', 'payment_late',
            paying_then, NULL,
            'not_paying') AS counted_gate,
        if(revenue_taken, told_ready IS NOT NULL, has_revenue)
            AND counted_coverage > 0 AND counted_coverage >= u['min_coverage'] AS is_said,
        arrayMap((value, share) -> if(is_said AND counted_gate IS NULL, assumeNotNull(ifNull(roundBankers(share * value / 100), 0.)), 0.),
            values, shares) AS earned
    FROM read
)
SELECT
    customer_id,
    day,
    if(is_said OR counted_gate IS NOT NULL, arraySum(earned) / 1e6, NULL) AS upsell_ready,
    counted_gate AS gate,
    counted_coverage AS coverage,
    {profiles:Array(String)}[1] AS profile,
    if(joined_taken, told_utilization, used_of_seats) AS license_utilization,
    if(adoption_taken, told_adoption, adoption) AS plan_adoption,
    if(is_told AND (usage_restated OR support_restated), told_tickets,
        if(has_support AND active_users_28d > 0, tickets_opened_28d / active_users_28d, NULL)) AS tickets_per_active_user_28d,
    multiIf(
        joined_taken, told_activation,
        activated_ms >= started_ms, (activated_ms - started_ms) / 86400000,
        NULL) AS time_to_activate_days,
    if(has_account, toNullable(name_then), NULL) AS name,
    owner_then AS owner,
    segment_then AS segment,
    if(revenue_taken, told_mrr_minor, mrr_then_minor) AS mrr_minor,
    if(revenue_taken, told_currency, currency_then) AS currency,
    names AS `components.component`,
    values AS `components.value`,
    arrayMap(share -> share / 1e8, shares) AS `components.weight`,
    arrayMap(points -> points / 1e6, earned) AS `components.earned`,
    evidence AS `components.evidence`,
    is_told AND (usage_restated OR revenue_restated OR support_restated) AS taken
FROM weighed
