-- The same figures whatever a server, a profile or a session has set: every view again, those of revenue here, the others
-- in 0027. A LEFT JOIN says itself what stands where nothing was found (ifNull, or a column that is Nullable already), so
-- join_use_nulls changes nothing, also for users with readonly = 1, for whom ClickHouse passes over the SETTINGS of a view;
-- what else would change a figure is set in each view.

-- MRR of every customer at the end of every month, from its first to the last month known of anybody.
CREATE OR REPLACE VIEW v_mrr_monthly AS
WITH
    steps AS
    (
        SELECT customer_id, currency, toStartOfMonth(day) AS month, sum(amount_minor) AS step_minor
        FROM mrr_movements FINAL
        GROUP BY customer_id, currency, month
    ),
    (
        SELECT greatest(
            (SELECT max(month) FROM steps),
            (SELECT toStartOfMonth(max(day)) FROM revenue_daily)
        )
    ) AS last_month
SELECT
    customer_id,
    currency,
    month,
    sum(step_minor) OVER (PARTITION BY customer_id, currency ORDER BY month) AS mrr_minor
FROM
(
    SELECT customer_id, currency, month, sum(step_minor) AS step_minor
    FROM
    (
        SELECT customer_id, currency, month, step_minor FROM steps
        UNION ALL
        SELECT
            customer_id,
            currency,
            arrayJoin(arrayMap(
                n -> addMonths(min(month), n),
                range(toUInt32(dateDiff('month', min(month), last_month)) + 1)
            )) AS month,
            0 AS step_minor
        FROM steps
        GROUP BY customer_id, currency
    )
    GROUP BY customer_id, currency, month
)
SETTINGS join_use_nulls = 0, join_default_strictness = 'ALL', aggregate_functions_null_for_empty = 0,
    empty_result_for_aggregation_by_empty_set = 0, enable_global_with_statement = 1, prefer_column_name_to_alias = 0,
    transform_null_in = 0;

-- MRR at start and end of each month, its movements as they happened, and retention of the customers paying at its
-- start: nrr = their MRR at the end / at the start (cohort form); grr the same with each capped at its start; logo
-- churn = those that pay in no currency at the end / those paying at the start. NULL while nobody paid at the start.
-- Customers that changed to another currency are left out of nrr and grr: nothing tells what their MRR came to.
-- start + new + expansion + reactivation - contraction - churn + currency_change = end.
CREATE OR REPLACE VIEW v_retention AS
SELECT
    currency,
    month,
    start_mrr_minor,
    end_mrr_minor,
    ifNull(steps.new_minor, 0) AS new_minor,
    ifNull(steps.expansion_minor, 0) AS expansion_minor,
    ifNull(steps.contraction_minor, 0) AS contraction_minor,
    ifNull(steps.churn_minor, 0) AS churn_minor,
    ifNull(steps.reactivation_minor, 0) AS reactivation_minor,
    ifNull(steps.currency_change_minor, 0) AS currency_change_minor,
    start_customers,
    end_customers,
    churned_customers,
    nrr,
    grr,
    logo_churn
FROM
(
    SELECT
        currency,
        month,
        sum(before_minor) AS start_mrr_minor,
        sum(mrr_minor) AS end_mrr_minor,
        sumIf(before_minor, NOT moved) AS stayed_minor,
        countIf(before_minor > 0) AS start_customers,
        countIf(mrr_minor > 0) AS end_customers,
        countIf(before_minor > 0 AND anywhere_minor = 0) AS churned_customers,
        if(stayed_minor = 0, NULL, sumIf(mrr_minor, before_minor > 0) / stayed_minor) AS nrr,
        if(stayed_minor = 0, NULL, sumIf(least(mrr_minor, before_minor), before_minor > 0) / stayed_minor) AS grr,
        if(start_customers = 0, NULL, churned_customers / start_customers) AS logo_churn
    FROM
    (
        SELECT
            currency,
            month,
            mrr_minor,
            lagInFrame(mrr_minor, 1, 0) OVER (
                PARTITION BY customer_id, currency ORDER BY month ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
            ) AS before_minor,
            sum(mrr_minor) OVER (PARTITION BY customer_id, month) AS anywhere_minor,
            mrr_minor = 0 AND anywhere_minor > 0 AND (customer_id, currency, month) IN
            (
                SELECT customer_id, currency, toStartOfMonth(day)
                FROM mrr_movements FINAL
                WHERE movement = 'currency_change'
                GROUP BY customer_id, currency, toStartOfMonth(day)
                HAVING sum(amount_minor) < 0
            ) AS moved
        FROM v_mrr_monthly
    )
    GROUP BY currency, month
) AS cohort
LEFT JOIN
(
    SELECT
        currency,
        toStartOfMonth(day) AS month,
        sumIf(amount_minor, movement = 'new') AS new_minor,
        sumIf(amount_minor, movement = 'expansion') AS expansion_minor,
        -sumIf(amount_minor, movement = 'contraction') AS contraction_minor,
        -sumIf(amount_minor, movement = 'churn') AS churn_minor,
        sumIf(amount_minor, movement = 'reactivation') AS reactivation_minor,
        sumIf(amount_minor, movement = 'currency_change') AS currency_change_minor
    FROM mrr_movements FINAL
    GROUP BY currency, month
) AS steps USING (currency, month)
ORDER BY currency, month
SETTINGS join_use_nulls = 0, join_default_strictness = 'ALL', aggregate_functions_null_for_empty = 0,
    empty_result_for_aggregation_by_empty_set = 0, enable_global_with_statement = 1, prefer_column_name_to_alias = 0,
    transform_null_in = 0;

-- By month of a customer's first payment, and the currency of that: who still pays n months later, in whatever
-- currency, and how much of the first month's MRR, of those that have not changed to another currency.
CREATE OR REPLACE VIEW v_cohort_retention AS
WITH
    monthly AS
    (
        SELECT
            customer_id,
            currency,
            month,
            mrr_minor,
            sum(mrr_minor) OVER (PARTITION BY customer_id, month) AS anywhere_minor,
            mrr_minor = 0 AND anywhere_minor > 0 AND (customer_id, currency) IN
            (
                SELECT customer_id, currency
                FROM mrr_movements FINAL
                WHERE movement = 'currency_change' AND amount_minor < 0
            ) AS moved
        FROM v_mrr_monthly
    ),
    firsts AS
    (
        SELECT customer_id, currency, cohort, mrr_minor AS first_mrr_minor
        FROM
        (
            SELECT *, min(month) OVER (PARTITION BY customer_id) AS cohort FROM v_mrr_monthly WHERE mrr_minor > 0
        )
        WHERE month = cohort
    )
SELECT
    firsts.currency AS currency,
    firsts.cohort AS cohort,
    dateDiff('month', firsts.cohort, monthly.month) AS months_after,
    count() AS customers,
    countIf(monthly.anywhere_minor > 0) AS paying_customers,
    paying_customers / customers AS logo_retention,
    sum(monthly.mrr_minor) AS mrr_minor,
    sum(monthly.mrr_minor) / nullIf(sumIf(firsts.first_mrr_minor, NOT monthly.moved), 0) AS mrr_retention
FROM firsts
INNER JOIN monthly ON monthly.customer_id = firsts.customer_id AND monthly.currency = firsts.currency
WHERE monthly.month >= firsts.cohort
GROUP BY currency, cohort, months_after
ORDER BY currency, cohort, months_after
SETTINGS join_use_nulls = 0, join_default_strictness = 'ALL', aggregate_functions_null_for_empty = 0,
    empty_result_for_aggregation_by_empty_set = 0, enable_global_with_statement = 1, prefer_column_name_to_alias = 0,
    transform_null_in = 0;

-- Customers won and what that cost, per currency and month: cac = spend / customers that paid for the first time.
-- NULL while nothing was spent or nobody was won. Spend of a currency nobody pays in stands in its own row.
CREATE OR REPLACE VIEW v_acquisition AS
SELECT
    currency,
    month,
    sum(spend_minor) AS spend_minor,
    sum(new_customers) AS new_customers,
    if(spend_minor > 0 AND new_customers > 0, spend_minor / new_customers, NULL) AS cac_minor
FROM
(
    SELECT
        spent.1 AS currency,
        toStartOfMonth(day) AS month,
        spent.2 AS spend_minor,
        0 AS new_customers
    FROM spend_daily FINAL
    ARRAY JOIN CAST(spend_1d_minor, 'Array(Tuple(String, Int64))') AS spent
    UNION ALL
    SELECT toString(currency), toStartOfMonth(day), 0, 1
    FROM mrr_movements FINAL
    WHERE movement = 'new'
)
GROUP BY currency, month
SETTINGS join_use_nulls = 0, join_default_strictness = 'ALL', aggregate_functions_null_for_empty = 0,
    empty_result_for_aggregation_by_empty_set = 0, enable_global_with_statement = 1, prefer_column_name_to_alias = 0,
    transform_null_in = 0;

-- Per currency, month and channel (NULL: the event names none): spend, how much of it on nobody in particular, payments,
-- customers it was spent on. There is no acquisition cost by channel: no event says by which channel a customer came, so
-- dividing by the customers won would invent it; v_acquisition has it by month.
-- Read from the events, of one sent twice the first, as in the folds. Payments that came too late to be applied are in
-- here and not in v_acquisition; v_accounting counts them.
CREATE OR REPLACE VIEW v_acquisition_channels AS
SELECT
    currency,
    month,
    channel,
    sum(amount_minor) AS spend_minor,
    sumIf(amount_minor, customer_id = '_company') AS campaigns_minor,
    count() AS payments,
    uniqExactIf(customer_id, customer_id != '_company') AS customers
FROM
(
    SELECT
        customer_id,
        event_id,
        toStartOfMonth(day) AS month,
        JSONExtractString(payload, 'currency') AS currency,
        nullIf(JSONExtractString(payload, 'channel'), '') AS channel,
        JSONExtractInt(payload, 'amount_minor') AS amount_minor
    FROM events FINAL
    WHERE type = 'spend_recorded'
    ORDER BY offset
    LIMIT 1 BY customer_id, event_id
)
GROUP BY currency, month, channel
SETTINGS join_use_nulls = 0, join_default_strictness = 'ALL', aggregate_functions_null_for_empty = 0,
    empty_result_for_aggregation_by_empty_set = 0, enable_global_with_statement = 1, prefer_column_name_to_alias = 0,
    transform_null_in = 0;

-- What customers are worth, per currency and month. NULL where a denominator is 0 or a figure behind it is unknown.
-- nrr: cohort form; nrr_movements: (start + expansion + reactivation - contraction - churn) / start.
-- mrr_churn_gross: (contraction + churn) / start; mrr_churn_net: less expansion and reactivation.
-- customer_churn leaves out joined_and_lost, customers that came (new or back) and left within the month;
-- customer_churn_with_joiners counts them. customer_churn_yearly: 1 - (1 - c)^12.
-- arpa: MRR / paying customers; arpa_with_free: also over those that run free or trial subscriptions alone.
-- churn_6m, churn_12m: mean customer churn of so many full months before this one; NULL until so many are known.
-- ltv: arpa x gross margin / churn_6m. payback_months: cac / (arpa x gross margin). The margin is the profile's.
CREATE OR REPLACE VIEW v_unit_economics AS
WITH
    passing AS
    (
        SELECT currency, month, uniqExact(customer_id) AS joined_and_lost
        FROM
        (
            SELECT
                customer_id,
                currency,
                month,
                mrr_minor,
                lagInFrame(mrr_minor, 1, 0) OVER (
                    PARTITION BY customer_id, currency ORDER BY month ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
                ) AS before_minor,
                sum(mrr_minor) OVER (PARTITION BY customer_id, month) AS anywhere_minor
            FROM v_mrr_monthly
        ) AS ends
        INNER JOIN
        (
            SELECT DISTINCT customer_id, currency, toStartOfMonth(day) AS month
            FROM mrr_movements FINAL
            WHERE movement IN ('new', 'reactivation')
        ) AS came USING (customer_id, currency, month)
        WHERE before_minor = 0 AND anywhere_minor = 0
        GROUP BY currency, month
    ),
    at_end AS
    (
        SELECT
            assumeNotNull(currency) AS currency,
            toStartOfMonth(day) AS month,
            countIf(NOT paying AND subscriptions_active + trials_active > 0) AS free_customers,
            any(gross_margin) AS gross_margin
        FROM revenue_daily FINAL
        WHERE currency IS NOT NULL
            AND day IN (SELECT max(day) FROM revenue_daily GROUP BY toStartOfMonth(day))
        GROUP BY currency, month
    )
SELECT
    currency,
    month,
    start_mrr_minor,
    end_mrr_minor,
    end_mrr_minor * 12 AS arr_minor,
    start_customers,
    end_customers,
    ifNull(ends.free_customers, 0) AS free_customers,
    if(end_customers = 0, NULL, end_mrr_minor / end_customers) AS arpa_minor,
    if(end_customers + free_customers = 0, NULL, end_mrr_minor / (end_customers + free_customers))
        AS arpa_with_free_minor,
    nrr,
    if(start_mrr_minor = 0, NULL,
        (start_mrr_minor + expansion_minor + reactivation_minor - contraction_minor - churn_minor) / start_mrr_minor)
        AS nrr_movements,
    grr,
    if(start_mrr_minor = 0, NULL, (contraction_minor + churn_minor) / start_mrr_minor) AS mrr_churn_gross,
    if(start_mrr_minor = 0, NULL,
        (contraction_minor + churn_minor - expansion_minor - reactivation_minor) / start_mrr_minor) AS mrr_churn_net,
    if(contraction_minor + churn_minor = 0, NULL,
        (new_minor + expansion_minor + reactivation_minor) / (contraction_minor + churn_minor)) AS quick_ratio,
    logo_churn AS customer_churn,
    ifNull(passing.joined_and_lost, 0) AS joined_and_lost,
    if(start_customers = 0, NULL, (churned_customers + joined_and_lost) / start_customers)
        AS customer_churn_with_joiners,
    1 - pow(1 - logo_churn, 12) AS customer_churn_yearly,
    if(count(logo_churn) OVER half = 6, avg(logo_churn) OVER half, NULL) AS churn_6m,
    if(count(logo_churn) OVER year = 12, avg(logo_churn) OVER year, NULL) AS churn_12m,
    ends.gross_margin AS gross_margin,
    arpa_minor * gross_margin / nullIf(churn_6m, 0) AS ltv_minor,
    acquisition.cac_minor AS cac_minor,
    ltv_minor / cac_minor AS ltv_cac,
    cac_minor / nullIf(arpa_minor * gross_margin, 0) AS payback_months
FROM v_retention AS months
LEFT JOIN passing USING (currency, month)
LEFT JOIN at_end AS ends USING (currency, month)
LEFT JOIN v_acquisition AS acquisition USING (currency, month)
WINDOW
    half AS (PARTITION BY currency ORDER BY month ROWS BETWEEN 6 PRECEDING AND 1 PRECEDING),
    year AS (PARTITION BY currency ORDER BY month ROWS BETWEEN 12 PRECEDING AND 1 PRECEDING)
ORDER BY currency, month
SETTINGS join_use_nulls = 0, join_default_strictness = 'ALL', aggregate_functions_null_for_empty = 0,
    empty_result_for_aggregation_by_empty_set = 0, enable_global_with_statement = 1, prefer_column_name_to_alias = 0,
    transform_null_in = 0;

-- Why customers left, per currency and month: reason and whether they wanted it, NULL where nobody said; with their
-- shares of the customers and of the MRR that left in the month.
CREATE OR REPLACE VIEW v_churn_reasons AS
SELECT
    currency,
    toStartOfMonth(day) AS month,
    churn_reason,
    churn_voluntary,
    count() AS customers,
    -sum(amount_minor) AS churn_minor,
    customers / sum(customers) OVER (PARTITION BY currency, month) AS share_of_customers,
    churn_minor / sum(churn_minor) OVER (PARTITION BY currency, month) AS share_of_mrr
FROM mrr_movements FINAL
WHERE movement = 'churn'
GROUP BY currency, month, churn_reason, churn_voluntary
ORDER BY currency, month, customers DESC
SETTINGS join_use_nulls = 0, join_default_strictness = 'ALL', aggregate_functions_null_for_empty = 0,
    empty_result_for_aggregation_by_empty_set = 0, enable_global_with_statement = 1, prefer_column_name_to_alias = 0,
    transform_null_in = 0;

-- Terms that ended, per currency and month, and those whose service went on: judged one day after the end. NULL while
-- no term ended.
CREATE OR REPLACE VIEW v_renewals AS
SELECT
    assumeNotNull(currency) AS currency,
    toStartOfMonth(day) AS month,
    sum(terms_ended_1d) AS terms_ended,
    sum(terms_renewed_1d) AS terms_renewed,
    if(terms_ended = 0, NULL, terms_renewed / terms_ended) AS renewal_rate
FROM revenue_daily FINAL
WHERE revenue_daily.currency IS NOT NULL
GROUP BY currency, month
ORDER BY currency, month
SETTINGS join_use_nulls = 0, join_default_strictness = 'ALL', aggregate_functions_null_for_empty = 0,
    empty_result_for_aggregation_by_empty_set = 0, enable_global_with_statement = 1, prefer_column_name_to_alias = 0,
    transform_null_in = 0;

-- Whether a customer has earned what winning it cost: cac of the month of its first payment; what winning this one cost
-- (own_cac_minor); margin to date from its invoices, what may still come (MRR x margin / newest churn_6m; 0 once it
-- left), and their sum, its lifetime value.
-- own_cac_minor: what was spent on it by name, ever, + its share of the campaigns of the month it was won in (spent on
-- nobody in particular / customers won). What was spent by name on those that never came is in cac_minor alone.
-- lost_before_payback: it left before its margin covered what it cost. NULL where cost, margin or churn is unknown.
CREATE OR REPLACE VIEW v_payback AS
WITH newest AS
(
    SELECT
        currency,
        argMax(tuple(churn_6m), month).1 AS churn,
        argMax(tuple(unit.gross_margin), month).1 AS margin
    FROM v_unit_economics AS unit
    GROUP BY currency
)
SELECT
    customers.customer_id AS customer_id,
    customers.currency AS currency,
    customers.won AS won,
    customers.paying AS paying,
    acquisition.cac_minor AS cac_minor,
    nullIf(
        named.spent[customers.currency]
            + ifNull(campaigns.spent[customers.currency] / nullIf(acquisition.new_customers, 0), 0),
        0) AS own_cac_minor,
    customers.margin_to_date_minor AS margin_to_date_minor,
    if(paying, customers.mrr_minor * newest.margin / nullIf(newest.churn, 0), 0) AS expected_minor,
    margin_to_date_minor + expected_minor AS ltv_minor,
    margin_to_date_minor >= own_cac_minor AS paid_back,
    NOT paying AND margin_to_date_minor < own_cac_minor AS lost_before_payback
FROM
(
    SELECT
        revenue.customer_id AS customer_id,
        assumeNotNull(revenue.currency) AS currency,
        first.month AS won,
        paying,
        mrr_minor,
        margin_to_date_minor
    FROM revenue_daily AS revenue FINAL
    INNER JOIN
    (
        SELECT customer_id, toStartOfMonth(min(day)) AS month -- of the company's days, as the costs are
        FROM revenue_daily FINAL
        WHERE first_paid_at IS NOT NULL
        GROUP BY customer_id
    ) AS first ON first.customer_id = revenue.customer_id
    WHERE revenue.currency IS NOT NULL AND first_paid_at IS NOT NULL
    ORDER BY revenue.day DESC
    LIMIT 1 BY revenue.customer_id
) AS customers
LEFT JOIN v_acquisition AS acquisition ON acquisition.currency = customers.currency AND acquisition.month = customers.won
LEFT JOIN
(
    SELECT toStartOfMonth(day) AS month, sumMap(CAST(spend_1d_minor, 'Map(String, Int64)')) AS spent
    FROM spend_daily FINAL
    WHERE customer_id = '_company'
    GROUP BY month
) AS campaigns ON campaigns.month = customers.won
LEFT JOIN
(
    SELECT customer_id, argMax(CAST(spend_total_minor, 'Map(String, Int64)'), day) AS spent
    FROM spend_daily FINAL
    GROUP BY customer_id
) AS named ON named.customer_id = customers.customer_id
LEFT JOIN newest ON newest.currency = customers.currency
ORDER BY customer_id
SETTINGS join_use_nulls = 0, join_default_strictness = 'ALL', aggregate_functions_null_for_empty = 0,
    empty_result_for_aggregation_by_empty_set = 0, enable_global_with_statement = 1, prefer_column_name_to_alias = 0,
    transform_null_in = 0;

-- The churn of customers beside the company's target, per currency and month (METRICS.md, churn_target).
-- churn_target: the profile's of the month's last day; where it sets none, a tenth under the mean of the twelve full
-- months before: the tenth is chosen, not measured.
-- churn_target_gap: how far the month lies above its target, under 0 when it lies below. NULL while there is no target.
CREATE OR REPLACE VIEW v_churn_targets AS
WITH 0.1 AS under
SELECT
    currency,
    month,
    customer_churn,
    churn_12m,
    ifNull(own.target, churn_12m * (1 - under)) AS churn_target,
    customer_churn - churn_target AS churn_target_gap
FROM v_unit_economics AS unit
LEFT JOIN
(
    SELECT toStartOfMonth(day) AS month, argMax(tuple(churn_target), day).1 AS target
    FROM portfolio_metrics FINAL
    WHERE portfolio = '_portfolio'
    GROUP BY month
) AS own USING (month)
ORDER BY currency, month
SETTINGS join_use_nulls = 0, join_default_strictness = 'ALL', aggregate_functions_null_for_empty = 0,
    empty_result_for_aggregation_by_empty_set = 0, enable_global_with_statement = 1, prefer_column_name_to_alias = 0,
    transform_null_in = 0;

-- Rates by day: the newest one given before the end of the day holds, until the newest closed day of the customers'
-- revenue. Of rates of the same instant that of the greatest event id; of an event sent twice the first. A rate that
-- comes late, or a corrected one, counts from its own instant on: the days since are shown anew.
-- Into a currency in which somebody gave rates (`to`), where none holds on the day for a currency: one that holds for
-- the other direction is turned round, and else one is put together over a third currency, the first in the alphabet
-- that both have a rate with on that day, given or turned round.
-- rate: units of `to` for one unit of `currency`. minor_rate: minor units of `to` for one minor unit of `currency`, by
-- the digits of ISO 4217: two, but for the currencies listed. through: the third currency; `to`, of a rate that was
-- turned round; NULL of one that was given.
CREATE OR REPLACE VIEW v_exchange_rates AS
WITH
    ['BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'UYI', 'VND', 'VUV', 'XAF', 'XOF',
        'XPF'] AS without_digits,
    ['BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND'] AS with_three,
    ['CLF', 'UYW'] AS with_four,
    assumeNotNull((SELECT max(day) FROM revenue_daily)) AS last_day,
    given AS
    (
        SELECT
            arrayJoin(arrayMap(n -> set_on + n, range(toUInt32(greatest(until - set_on, 0))))) AS day,
            currency,
            to,
            rate
        FROM
        (
            SELECT
                currency,
                to,
                set_on,
                rate,
                leadInFrame(set_on, 1, last_day + 1) OVER (
                    PARTITION BY currency, to ORDER BY set_on ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
                ) AS until
            FROM
            (
                SELECT currency, to, day AS set_on, argMax(said, (occurred_at, event_id)) AS rate
                FROM
                (
                    SELECT
                        event_id,
                        occurred_at,
                        day,
                        JSONExtractString(payload, 'currency') AS currency,
                        JSONExtractString(payload, 'to') AS to,
                        JSONExtractFloat(payload, 'rate') AS said
                    FROM events FINAL
                    WHERE type = 'exchange_rate_set'
                    ORDER BY offset
                    LIMIT 1 BY customer_id, event_id
                )
                WHERE day <= last_day
                GROUP BY currency, to, day
            )
        )
    ),
    -- leg: rank, through, rate; of a direction that was given and turned round the given one.
    legs AS
    (
        SELECT day, way.1 AS currency, way.2 AS to, min(way.3) AS leg
        FROM
        (
            SELECT
                day,
                arrayJoin(arrayFilter(way -> way.3.1 = 0 OR rate > 0, [
                    (currency, to, (0, '', rate)), (to, currency, (1, currency, 1 / rate))])) AS way
            FROM given
        )
        GROUP BY day, currency, to
    )
SELECT
    day,
    currency,
    to,
    chosen.1 AS rate,
    rate * intExp10(greatest(to_digits - digits, 0)) / intExp10(greatest(digits - to_digits, 0)) AS minor_rate,
    nullIf(chosen.2, '') AS through
FROM
(
    SELECT
        day,
        currency,
        to,
        argMin((leg.3, leg.2), (leg.1, leg.2)) AS chosen,
        multiIf(has(without_digits, currency), 0, has(with_three, currency), 3, has(with_four, currency), 4, 2)
            AS digits,
        multiIf(has(without_digits, to), 0, has(with_three, to), 3, has(with_four, to), 4, 2) AS to_digits
    FROM
    (
        SELECT day, currency, to, leg
        FROM legs
        UNION ALL
        SELECT first.day AS day, first.currency AS currency, second.to AS to,
            (2, first.to, first.leg.3 * second.leg.3) AS leg
        FROM legs AS first
        INNER JOIN (SELECT * FROM legs WHERE to IN (SELECT to FROM given)) AS second
            ON second.day = first.day AND second.currency = first.to
        WHERE second.to != first.currency
    )
    WHERE to IN (SELECT to FROM given)
    GROUP BY day, currency, to
)
ORDER BY currency, to, day
SETTINGS join_use_nulls = 0, join_default_strictness = 'ALL', aggregate_functions_null_for_empty = 0,
    empty_result_for_aggregation_by_empty_set = 0, enable_global_with_statement = 1, prefer_column_name_to_alias = 0,
    transform_null_in = 0;

-- What v_mrr_bridge_daily adds up, by the currency that customers pay in. NULL while it has no rate.
-- MRR of a currency is converted as a whole and rounded to a minor unit (half to even, in Float64). Movements are the
-- differences of the converted MRR before and after each of them, in the order new, expansion, reactivation, change of
-- currency, contraction, churn, at the rate of the day: so they add up exactly, and fx is what the rate alone does to the MRR of
-- the day before: 0 on every day on which it is the same. On the day of its first rate all of it comes in by fx.
CREATE OR REPLACE VIEW v_mrr_currencies_daily AS
WITH
    assumeNotNull((SELECT max(day) FROM revenue_daily)) AS last_day,
    moved AS
    (
        SELECT
            toString(currency) AS currency,
            day,
            sumIf(amount_minor, movement = 'new') AS new,
            sumIf(amount_minor, movement = 'expansion') AS expansion,
            sumIf(amount_minor, movement = 'reactivation') AS reactivation,
            sumIf(amount_minor, movement = 'contraction') AS contraction,
            sumIf(amount_minor, movement = 'churn') AS churn,
            sumIf(amount_minor, movement = 'currency_change') AS exchanged
        FROM mrr_movements FINAL
        WHERE day <= last_day
        GROUP BY currency, day
    ),
    filled AS
    (
        SELECT
            currency,
            day,
            sum(new) AS new,
            sum(expansion) AS expansion,
            sum(reactivation) AS reactivation,
            sum(contraction) AS contraction,
            sum(churn) AS churn,
            sum(exchanged) AS exchanged
        FROM
        (
            SELECT currency, day, new, expansion, reactivation, contraction, churn, exchanged FROM moved
            UNION ALL
            SELECT
                currency,
                arrayJoin(arrayMap(n -> min(day) + n, range(toUInt32(last_day - min(day) + 1)))) AS day,
                0 AS new,
                0 AS expansion,
                0 AS reactivation,
                0 AS contraction,
                0 AS churn,
                0 AS exchanged
            FROM moved
            GROUP BY currency
        )
        GROUP BY currency, day
    )
SELECT
    day,
    to,
    currency,
    if(isNull(factor), NULL, ifNull(previous_minor, 0)) AS mrr_before_minor,
    after_new - unmoved AS new_minor,
    after_expansion - after_new AS expansion_minor,
    after_exchange - after_contraction AS contraction_minor,
    after_contraction - mrr_after_minor AS churn_minor,
    after_reactivation - after_expansion AS reactivation_minor,
    after_exchange - after_reactivation AS currency_change_minor,
    unmoved - mrr_before_minor AS fx_minor,
    mrr_after_minor
FROM
(
    SELECT
        day,
        to,
        currency,
        factor,
        toInt64(round(before * factor)) AS unmoved,
        toInt64(round((before + new) * factor)) AS after_new,
        toInt64(round((before + new + expansion) * factor)) AS after_expansion,
        toInt64(round((before + new + expansion + reactivation) * factor)) AS after_reactivation,
        toInt64(round((before + new + expansion + reactivation + exchanged) * factor)) AS after_exchange,
        toInt64(round((after - churn) * factor)) AS after_contraction,
        toInt64(round(after * factor)) AS mrr_after_minor,
        lagInFrame(mrr_after_minor) OVER (
            PARTITION BY currency, to ORDER BY day ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
        ) AS previous_minor
    FROM
    (
        SELECT
            book.day AS day,
            book.to AS to,
            book.currency AS currency,
            new,
            expansion,
            reactivation,
            contraction,
            churn,
            exchanged,
            after,
            after - new - expansion - reactivation - contraction - churn - exchanged AS before,
            if(book.currency = book.to, 1., nullIf(rates.minor_rate, 0)) AS factor
        FROM
        (
            SELECT *, sum(new + expansion + reactivation + contraction + churn + exchanged) OVER (
                PARTITION BY currency, to ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ) AS after
            FROM filled
            CROSS JOIN (SELECT DISTINCT to FROM v_exchange_rates) AS targets
        ) AS book
        LEFT JOIN v_exchange_rates AS rates
            ON rates.day = book.day AND rates.currency = book.currency AND rates.to = book.to
    )
)
ORDER BY to, day, currency
SETTINGS join_use_nulls = 0, join_default_strictness = 'ALL', aggregate_functions_null_for_empty = 0,
    empty_result_for_aggregation_by_empty_set = 0, enable_global_with_statement = 1, prefer_column_name_to_alias = 0,
    transform_null_in = 0;

-- From the MRR of a day to that of the next, in one currency:
-- mrr_before + new + expansion + reactivation - contraction - churn + currency_change + fx = mrr_after. What customers
-- brought from other currencies and took into others is one sum here: what their MRR came to at the rates of the day.
CREATE OR REPLACE VIEW v_mrr_bridge_daily AS
SELECT
    day,
    to,
    ifNull(sum(parts.mrr_before_minor), 0) AS mrr_before_minor,
    ifNull(sum(parts.new_minor), 0) AS new_minor,
    ifNull(sum(parts.expansion_minor), 0) AS expansion_minor,
    ifNull(sum(parts.contraction_minor), 0) AS contraction_minor,
    ifNull(sum(parts.churn_minor), 0) AS churn_minor,
    ifNull(sum(parts.reactivation_minor), 0) AS reactivation_minor,
    ifNull(sum(parts.currency_change_minor), 0) AS currency_change_minor,
    ifNull(sum(parts.fx_minor), 0) AS fx_minor,
    ifNull(sum(parts.mrr_after_minor), 0) AS mrr_after_minor
FROM v_mrr_currencies_daily AS parts
GROUP BY day, to
ORDER BY to, day
SETTINGS join_use_nulls = 0, join_default_strictness = 'ALL', aggregate_functions_null_for_empty = 0,
    empty_result_for_aggregation_by_empty_set = 0, enable_global_with_statement = 1, prefer_column_name_to_alias = 0,
    transform_null_in = 0;

-- MRR of all customers at the end of a day in one currency. unconverted_customers pay in a currency that has no rate
-- yet, and that part of their MRR is left out; who pays in two currencies may be in both counts.
CREATE OR REPLACE VIEW v_mrr_converted_daily AS
WITH
    firsts AS
    (
        SELECT currency, to, min(day) AS since FROM v_exchange_rates GROUP BY currency, to
    ),
    -- +1 on the day a customer begins to pay in a currency, -1 on the day it ends
    turns AS
    (
        SELECT customer_id, currency, day, paying - before AS turn
        FROM
        (
            SELECT
                customer_id,
                currency,
                day,
                toInt8(mrr > 0) AS paying,
                lagInFrame(paying) OVER (
                    PARTITION BY customer_id, currency ORDER BY day ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
                ) AS before
            FROM
            (
                SELECT
                    customer_id,
                    toString(currency) AS currency,
                    day,
                    sum(sum(amount_minor)) OVER (
                        PARTITION BY customer_id, currency ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
                    ) AS mrr
                FROM mrr_movements FINAL
                WHERE day <= (SELECT max(day) FROM revenue_daily)
                GROUP BY customer_id, currency, day
            )
        )
        WHERE turn != 0
    ),
    -- the same by whether the currency has a rate: with the first one it goes over from one side to the other
    sides AS
    (
        SELECT customer_id, to, side.1 AS converted, side.2 AS day, sum(side.3) AS turn
        FROM
        (
            SELECT
                customer_id,
                targets.to AS to,
                if(turns.currency = targets.to, toDate('1970-01-02'), nullIf(firsts.since, toDate(0))) AS rated,
                greatest(turns.day, assumeNotNull(rated)) AS moved_over,
                arrayJoin(if(
                    isNull(rated),
                    [(0, turns.day, turns.turn)],
                    [(1, moved_over, turns.turn), (0, turns.day, turns.turn), (0, moved_over, -turns.turn)]
                )) AS side
            FROM turns
            CROSS JOIN (SELECT DISTINCT to FROM v_exchange_rates) AS targets
            LEFT JOIN firsts ON firsts.currency = turns.currency AND firsts.to = targets.to
        )
        GROUP BY customer_id, to, converted, day
    ),
    -- customers, not currencies: who pays in two begins with the first of them and ends with the last
    changes AS
    (
        SELECT
            to,
            day,
            sumIf(there - was_there, converted = 1) AS customers,
            sumIf(there - was_there, converted = 0) AS unconverted
        FROM
        (
            SELECT
                to,
                day,
                converted,
                toInt8(currencies > 0) AS there,
                lagInFrame(there) OVER (
                    PARTITION BY customer_id, to, converted ORDER BY day ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
                ) AS was_there
            FROM
            (
                SELECT
                    customer_id,
                    to,
                    converted,
                    day,
                    sum(turn) OVER (
                        PARTITION BY customer_id, to, converted ORDER BY day
                        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
                    ) AS currencies
                FROM sides
            )
        )
        GROUP BY to, day
    )
SELECT
    bridge.day AS day,
    bridge.to AS to,
    sum(ifNull(changes.customers, 0)) OVER so_far AS customers,
    bridge.mrr_after_minor AS mrr_minor,
    sum(ifNull(changes.unconverted, 0)) OVER so_far AS unconverted_customers
FROM v_mrr_bridge_daily AS bridge
LEFT JOIN changes ON changes.day = bridge.day AND changes.to = bridge.to
WINDOW so_far AS (PARTITION BY bridge.to ORDER BY bridge.day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
ORDER BY to, day
SETTINGS join_use_nulls = 0, join_default_strictness = 'ALL', aggregate_functions_null_for_empty = 0,
    empty_result_for_aggregation_by_empty_set = 0, enable_global_with_statement = 1, prefer_column_name_to_alias = 0,
    transform_null_in = 0;
