-- A churn target of a company's own, what winning each customer cost, rates of currencies that nobody gave directly, and
-- adoption of what a customer's plan offers.

ALTER TABLE upsell_daily ADD COLUMN IF NOT EXISTS plan_adoption Nullable(Float64) AFTER version;

ALTER TABLE portfolio_metrics
    ADD COLUMN IF NOT EXISTS churn_target Nullable(Float64) AFTER cac_payback_months;

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
FROM v_unit_economics
LEFT JOIN
(
    SELECT toStartOfMonth(day) AS month, argMax(tuple(churn_target), day).1 AS target
    FROM portfolio_metrics FINAL
    WHERE portfolio = '_portfolio'
    GROUP BY month
) AS own USING (month)
ORDER BY currency, month
SETTINGS join_use_nulls = 1;

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
ORDER BY customer_id;

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
ORDER BY currency, to, day;
