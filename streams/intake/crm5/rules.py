"""The rules for crm5: what its files leave open, and what the importer does about it."""

from streams.intake.importer import Rule

SOURCE = "crm5"

RULES: tuple[Rule, ...] = (
    Rule(
        "users_numbered",
        "The data count the active users of a day and do not name them. A customer's users get numbers, and the events "
        "of a day name users 1 to the day's count in turn. So the distinct users of 28 days come to about the busiest "
        "day's count, the least number of people that explains it; who used which feature, and the distinct users of "
        "one day, the data do not tell. Counted once for each customer.",
    ),
    Rule(
        "active_without_counts",
        "A day with active users and no counted feature. Sent as one use for each of them, without a feature.",
    ),
    Rule(
        "usage_after_the_end",
        "A daily count from after the last day on which a subscription starts or a customer leaves: from then on the "
        "tables no longer say who left. Not sent.",
    ),
    Rule("customer_without_account", "An account_id that accounts.csv does not have. Sent; it has no profile."),
    Rule(
        "subscription_interrupted",
        "A period begins after the one before it has ended. The subscription ends in between and starts again.",
    ),
    Rule(
        "churn_inside_a_period",
        "churn_date is before the end of the paid period. The subscription ends on churn_date.",
    ),
    Rule(
        "subscription_ends_before_churn",
        "The last period ends before churn_date. The subscription ends with its period.",
    ),
)
