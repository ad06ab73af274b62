-- Shares of a cohort that are not there yet after so many days, by Kaplan and Meier (1958): a product over the lengths of time
-- after which somebody got there, of those who did not, of those who were still watched. Who is still watched is added up from
-- the longest time back; the product is a sum of logarithms, so that a cohort takes no more memory than its customers do.
WITH lengths AS
(
    SELECT
        way.1 AS step,
        month,
        ifNull(way.2, days_known) AS days,
        count() AS customers,
        countIf(way.2 IS NOT NULL) AS there
    FROM v_beginnings
    ARRAY JOIN [('activated', days_to_activate), ('onboarded', days_to_onboard)] AS way
    GROUP BY step, month, days
),
falls AS
(
    SELECT
        step,
        month,
        arraySort(groupArray((days, customers, there))) AS found,
        arrayReverse(arrayCumSum(arrayReverse(found.2))) AS watched_then,
        arrayMap(total -> exp(total), arrayCumSum(arrayMap((got, all) -> log(1 - got / all), found.3, watched_then))) AS open_then
    FROM lengths
    WHERE month BETWEEN {since:Date} AND {until:Date}
    GROUP BY step, month
)
SELECT step, month, days, at_risk, reached, still_open
FROM falls
ARRAY JOIN found.1 AS days, watched_then AS at_risk, found.3 AS reached, open_then AS still_open
WHERE reached > 0
