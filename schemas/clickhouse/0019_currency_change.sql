-- A customer that goes from one currency to another is neither lost nor new (METRICS.md section 5): its movements of that
-- instant are called `currency_change`, and it is lost when it pays in no currency any more. Movements told before keep
-- their names until the topic is folded again.

ALTER TABLE revenue_daily
    ADD COLUMN IF NOT EXISTS currency_change_28d_minor Int64 AFTER billing_impossible;

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
    new_minor,
    expansion_minor,
    contraction_minor,
    churn_minor,
    reactivation_minor,
    currency_change_minor,
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
ORDER BY currency, month;

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
ORDER BY currency, cohort, months_after;

-- What customers are worth again, per currency and month. NULL where a denominator is 0 or a figure behind it is unknown.
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
    ends.free_customers AS free_customers,
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
    passing.joined_and_lost AS joined_and_lost,
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
ORDER BY currency, month;

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
ORDER BY to, day, currency;

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
ORDER BY to, day;
