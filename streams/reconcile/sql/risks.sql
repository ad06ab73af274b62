(
    -- The newest churn scores with the days they are of; reasons as family, log-odds, odds ratio: what they say besides is words,
    -- and live values, of which no table tells.
    SELECT
        * REPLACE (
            arrayMap(one -> concat(one.1, ' ', toString(round(one.2, 9)), ' ', toString(round(one.3, 9))), JSONExtract(raising,
                'Array(Tuple(family String, contribution Float64, odds_ratio Float64))')) AS raising,
            arrayMap(one -> concat(one.1, ' ', toString(round(one.2, 9)), ' ', toString(round(one.3, 9))), JSONExtract(protecting,
                'Array(Tuple(family String, contribution Float64, odds_ratio Float64))')) AS protecting),
        toDate(as_of - toIntervalMillisecond(1), {zone:String}) AS day
    FROM churn_current FINAL)
