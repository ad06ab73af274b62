"""The rules for RavenStack's dirt: what the data say against themselves, and what the importer does.

Every row becomes events or a bad row; a rule never removes one. Counts are in the report (`zelo import
ravenstack`), those of the shipped files in `tests/golden/ravenstack_report.json`.
"""

from streams.intake.importer import Rule

SOURCE = "ravenstack"

RULES: tuple[Rule, ...] = (
    Rule(
        "date_has_two_readings",
        "A date that would also be valid month first, like 03-04-2023. Read day first like all: in every "
        "date column first numbers go beyond 12 and second numbers never do. A date that is only valid "
        "month first is a bad row.",
    ),
    Rule(
        "row_repeated",
        "The same id and the same content again. Sent with the same event_id: a duplicate downstream.",
    ),
    Rule("id_reused", "The same id with other content. Another event: its id gets `#2`, `#3` and so on."),
    Rule("country_uk_is_gb", "The country UK. Sent as GB, its ISO 3166 code."),
    Rule(
        "account_says_churned_but_pays",
        "churn_flag of the account is TRUE while a paid subscription is open. The profile has no such "
        "field; subscriptions decide.",
    ),
    Rule(
        "account_says_kept_but_cancelled",
        "churn_flag of the account is FALSE while churn events name it. Each churn event is sent as a cancellation.",
    ),
    Rule(
        "account_says_trial_but_pays",
        "is_trial of the account is TRUE while it has a paid subscription. Not sent.",
    ),
    Rule(
        "customer_without_account",
        "A row of an account that accounts.csv does not have. Sent; it has no profile.",
    ),
    Rule("subscription_before_signup", "start_date is before the account's signup_date. Sent as it is."),
    Rule("subscription_without_end", "end_date is empty. The subscription stays open: no end is sent."),
    Rule("subscription_ends_before_it_starts", "end_date is before start_date. Both are sent as they are."),
    Rule(
        "subscription_ends_on_its_first_day",
        "end_date is start_date. Start in the morning, end in the afternoon.",
    ),
    Rule(
        "subscription_flag_contradicts_end",
        "churn_flag is TRUE without end_date, or FALSE with one. The date decides.",
    ),
    Rule(
        "subscription_end_without_reason",
        "No churn event of the customer on the day of the end, or one of unknown reason. Sent without a reason.",
    ),
    Rule(
        "annual_price_is_not_twelve_months",
        "arr_amount is not 12 times mrr_amount. 12 times mrr_amount is sent.",
    ),
    Rule("trial_with_price", "A trial with a price. Sent with both; a trial counts no MRR."),
    Rule(
        "non_renewing_outlives_its_term",
        "auto_renew_flag is FALSE, yet the subscription runs on for more than one billing period. "
        "auto_renews=False is sent, but no term_ends_at: the data have none, and a guessed one would end "
        "what the data say goes on.",
    ),
    Rule(
        "plan_change_without_terms",
        "upgrade_flag or downgrade_flag is TRUE, without a date or the terms before. No movement is made up.",
    ),
    Rule("upgrade_and_downgrade_at_once", "Both flags are TRUE. As above."),
    Rule("usage_before_signup", "Use before the account's signup_date. Sent: it is use of the customer."),
    Rule(
        "usage_before_subscription",
        "Use before its subscription's start_date. Sent: it is use of the customer.",
    ),
    Rule(
        "usage_after_subscription",
        "Use after its subscription's end_date. Sent: it is use of the customer.",
    ),
    Rule("usage_with_more_errors_than_uses", "error_count is above usage_count. Sent as it is."),
    Rule("ticket_before_signup", "A ticket before the account's signup_date. Sent as it is."),
    Rule("ticket_closed_before_opened", "closed_at is before submitted_at. Sent as it is; the fold decides."),
    Rule(
        "ticket_reply_after_close",
        "The first response is later than closed_at. Sent as it is; the fold decides.",
    ),
    Rule(
        "ticket_hours_contradict_close",
        "resolution_time_hours is not closed_at minus submitted_at. closed_at is sent.",
    ),
    Rule("ticket_without_close", "closed_at is empty. The ticket stays open."),
    Rule("ticket_without_reply", "first_response_time_minutes is empty. No reply is sent."),
    Rule("ticket_without_score", "satisfaction_score is empty. No answer is sent."),
    Rule(
        "ticket_score_without_close",
        "A score without closed_at. The answer is dated to the reply or the opening.",
    ),
    Rule(
        "ticket_escalated_at_no_time",
        "escalation_flag is TRUE; the data have no time for it. Dated to the first reply, at the latest to closed_at.",
    ),
    Rule(
        "cancellation_of_paying_customer",
        "A churn event of a customer that goes on paying. Sent as a cancellation reported: a statement. "
        "MRR follows subscriptions alone.",
    ),
    Rule(
        "cancellation_before_subscription",
        "A churn event before the customer's first subscription. Sent likewise.",
    ),
    Rule(
        "cancellation_called_reactivation",
        "is_reactivation is TRUE on a churn event: it says the customer had left before. Sent as a cancellation.",
    ),
    Rule("cancellation_reason_unknown", "reason_code is `unknown`. Sent without a reason."),
    Rule(
        "nps_generated",
        "An NPS answer made up by the seeded generator (`generated_nps`), source `generated`.",
    ),
)
