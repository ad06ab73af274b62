-- Where the money spent on winning customers went, by channel.

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
GROUP BY currency, month, channel;
