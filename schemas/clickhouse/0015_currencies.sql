-- Money of several currencies in one (METRICS.md section 5, `fx`). Figures per customer stay in the customer's
-- currency; what is converted stands in these views alone. A currency in which somebody gave rates is one to convert
-- into (`to`). Only rates that were given are used: none is turned round, and none is put together from two others.

-- Rates by day: the newest one given before the end of the day holds, until the newest closed day of the customers'
-- revenue. Of rates of the same instant that of the greatest event id; of an event sent twice the first. A rate that
-- comes late, or a corrected one, counts from its own instant on: the days since are shown anew.
-- rate: units of `to` for one unit of `currency`. minor_rate: minor units of `to` for one minor unit of `currency`, by
-- the digits of ISO 4217: two, but for the currencies listed.
CREATE OR REPLACE VIEW v_exchange_rates AS
WITH
    ['BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'UYI', 'VND', 'VUV', 'XAF', 'XOF',
        'XPF'] AS without_digits,
    ['BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND'] AS with_three,
    ['CLF', 'UYW'] AS with_four,
    assumeNotNull((SELECT max(day) FROM revenue_daily)) AS last_day
SELECT
    day,
    currency,
    to,
    rate,
    rate * intExp10(greatest(to_digits - digits, 0)) / intExp10(greatest(digits - to_digits, 0)) AS minor_rate
FROM
(
    SELECT
        arrayJoin(arrayMap(n -> set_on + n, range(toUInt32(greatest(until - set_on, 0))))) AS day,
        currency,
        to,
        rate,
        multiIf(has(without_digits, currency), 0, has(with_three, currency), 3, has(with_four, currency), 4, 2)
            AS digits,
        multiIf(has(without_digits, to), 0, has(with_three, to), 3, has(with_four, to), 4, 2) AS to_digits
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
            SELECT currency, to, day AS set_on, argMax(given, (occurred_at, event_id)) AS rate
            FROM
            (
                SELECT
                    event_id,
                    occurred_at,
                    day,
                    JSONExtractString(payload, 'currency') AS currency,
                    JSONExtractString(payload, 'to') AS to,
                    JSONExtractFloat(payload, 'rate') AS given
                FROM events FINAL
                WHERE type = 'exchange_rate_set'
                ORDER BY offset
                LIMIT 1 BY customer_id, event_id
            )
            WHERE day <= last_day
            GROUP BY currency, to, day
        )
    )
)
ORDER BY currency, to, day;

-- What v_mrr_bridge_daily adds up, by the currency that customers pay in. NULL while it has no rate.
-- MRR of a currency is converted as a whole and rounded to a minor unit (half to even, in Float64). Movements are the
-- differences of the converted MRR before and after each of them, in the order new, expansion, reactivation,
-- contraction, churn, at the rate of the day: so they add up exactly, and fx is what the rate alone does to the MRR of
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
            sumIf(amount_minor, movement = 'churn') AS churn
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
            sum(churn) AS churn
        FROM
        (
            SELECT currency, day, new, expansion, reactivation, contraction, churn FROM moved
            UNION ALL
            SELECT
                currency,
                arrayJoin(arrayMap(n -> min(day) + n, range(toUInt32(last_day - min(day) + 1)))) AS day,
                0 AS new,
                0 AS expansion,
                0 AS reactivation,
                0 AS contraction,
                0 AS churn
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
    after_reactivation - after_contraction AS contraction_minor,
    after_contraction - mrr_after_minor AS churn_minor,
    after_reactivation - after_expansion AS reactivation_minor,
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
            after,
            after - new - expansion - reactivation - contraction - churn AS before,
            if(book.currency = book.to, 1., nullIf(rates.minor_rate, 0)) AS factor
        FROM
        (
            SELECT *, sum(new + expansion + reactivation + contraction + churn) OVER (
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
-- mrr_before + new + expansion + reactivation - contraction - churn + fx = mrr_after.
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
    ifNull(sum(parts.fx_minor), 0) AS fx_minor,
    ifNull(sum(parts.mrr_after_minor), 0) AS mrr_after_minor
FROM v_mrr_currencies_daily AS parts
GROUP BY day, to
ORDER BY to, day;

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
ORDER BY to, day;
