-- Every step of a customer's MRR, by what the customer as a whole paid before, after and ever.
SELECT
    customer_id,
    on_day AS day,
    currency,
    effective AS effective_at,
    movement,
    delta AS amount_minor,
    after - delta AS mrr_before_minor,
    after AS mrr_after_minor
FROM moves
WHERE day BETWEEN {since:Date} AND {until:Date}
