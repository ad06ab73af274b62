"""Each rule for RavenStack's dirt, on a row that needs it: what is sent, what is counted, where it was."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from ravenstack_files import Cells, read_files

from schemas.envelope import Event
from schemas.events import (
    AccountSet,
    CancellationReported,
    SubscriptionEnded,
    SubscriptionSet,
    SurveyAnswered,
    TicketEscalated,
    TicketReplied,
    TicketSolved,
)
from schemas.usage_events import FeatureUsed
from streams.intake.importer import ImportReport
from streams.intake.ravenstack.rules import RULES

Read = Callable[..., tuple[list[Event], ImportReport]]

# The clean rows' own: an open subscription, a customer that said goodbye before it began and is not flagged.
ALWAYS = {"subscription_without_end", "cancellation_before_subscription", "account_says_kept_but_cancelled"}


@pytest.fixture
def read(tmp_path: Path) -> Read:
    return partial(read_files, tmp_path)


def one(events: list[Event], kind: type[Event]) -> Event:
    found = [event for event in events if type(event) is kind]
    assert len(found) == 1
    return found[0]


def used_rules(report: ImportReport) -> set[str]:
    return {name for name, rule in report.rules.items() if rule.count} - ALWAYS - {"nps_generated"}


def at(day: int, hour: int, minute: int = 0) -> int:
    return int(datetime(2024, 1, day, hour, minute, tzinfo=UTC).timestamp()) * 1000


def test_clean_rows_need_no_rule_and_give_all_their_events(read: Read) -> None:
    events, report = read()
    assert used_rules(report) == set()
    assert report.bad_row_count == 0
    assert [(event.event_id, event.occurred_at) for event in events] == [
        ("A-1", at(13, 9)),
        ("S-1:start", at(15, 10)),
        ("U-1", at(20, 12)),
        ("T-1:opened", at(21, 0)),
        ("T-1:replied", at(21, 0, 30)),
        ("T-1:solved", at(21, 5)),
        ("T-1:rated", at(21, 5)),
        ("C-1", at(14, 14)),
    ]
    assert {event.customer_id for event in events} == {"A-1"}


def test_profile_carries_plan_industry_country_seats_and_signup(read: Read) -> None:
    profile = one(read()[0], AccountSet)
    assert isinstance(profile, AccountSet)
    assert (profile.name, profile.segment, profile.plan, profile.industry) == ("Acme", "Pro", "Pro", "EdTech")
    assert (profile.country, profile.seats, profile.signed_up_at) == ("US", 10, at(13, 9))


@pytest.mark.parametrize("billing, interval, amount_minor", [("monthly", "month", 49_000), ("annual", "year", 588_000)])
def test_price_per_billing_period_gives_exactly_the_stated_mrr(
    read: Read, billing: str, interval: str, amount_minor: int
) -> None:
    terms = one(read(subscriptions={"billing_frequency": billing})[0], SubscriptionSet)
    assert isinstance(terms, SubscriptionSet)
    assert (terms.interval, terms.amount_minor, terms.currency) == (interval, amount_minor, "USD")
    assert (terms.quantity, terms.seats, terms.interval_count) == (1, 10, 1)


def test_an_annual_price_that_contradicts_the_monthly_one_gives_way(read: Read) -> None:
    events, report = read(subscriptions={"billing_frequency": "annual", "arr_amount": "9999"})
    terms = one(events, SubscriptionSet)
    assert isinstance(terms, SubscriptionSet)
    assert terms.amount_minor == 588_000
    assert used_rules(report) == {"annual_price_is_not_twelve_months"}


def test_no_term_is_made_up_for_a_contract_that_says_it_will_not_renew(read: Read) -> None:
    events, report = read(
        {"feature_usage": [{"usage_id": "U-2", "usage_date": "28-12-2024"}]},
        subscriptions={"auto_renew_flag": "FALSE"},
    )
    terms = one(events, SubscriptionSet)
    assert isinstance(terms, SubscriptionSet)
    assert (terms.auto_renews, terms.term_ends_at) == (False, None)
    assert used_rules(report) == {"non_renewing_outlives_its_term"}


def test_a_subscription_that_ends_on_its_first_day_starts_before_it_ends(read: Read) -> None:
    events, report = read(subscriptions={"end_date": "15-01-2024", "churn_flag": "TRUE"})
    start, end = one(events, SubscriptionSet), one(events, SubscriptionEnded)
    assert start.occurred_at < end.occurred_at
    assert "subscription_ends_on_its_first_day" in used_rules(report)


@pytest.mark.parametrize(
    "churn_date, code, reason",
    [("20-01-2024", "pricing", "pricing"), ("20-01-2024", "unknown", None), ("21-01-2024", "pricing", None)],
)
def test_an_end_takes_its_reason_from_a_churn_event_of_the_same_day_only(
    read: Read, churn_date: str, code: str, reason: str | None
) -> None:
    events, report = read(
        subscriptions={"end_date": "20-01-2024", "churn_flag": "TRUE"},
        churn_events={"churn_date": churn_date, "reason_code": code},
    )
    end = one(events, SubscriptionEnded)
    assert isinstance(end, SubscriptionEnded)
    assert (end.occurred_at, end.reason, end.voluntary) == (at(20, 14, 30), reason, None)
    assert ("subscription_end_without_reason" in used_rules(report)) is (reason is None)


def test_a_churn_event_of_a_paying_customer_is_a_statement_and_ends_nothing(read: Read) -> None:
    events, report = read(churn_events={"churn_date": "22-01-2024", "refund_amount_usd": "4.03"})
    said = one(events, CancellationReported)
    assert isinstance(said, CancellationReported)
    assert (said.reason, said.feedback, said.refund_minor, said.currency) == (
        "pricing",
        "too expensive",
        403,
        "USD",
    )
    assert not any(isinstance(event, SubscriptionEnded) for event in events)
    assert used_rules(report) == {"cancellation_of_paying_customer"}


def test_the_same_row_again_has_the_same_event_id(read: Read) -> None:
    events, report = read({"feature_usage": [{}]})
    assert [event.event_id for event in events if isinstance(event, FeatureUsed)] == ["U-1", "U-1"]
    assert used_rules(report) == {"row_repeated"}


def test_the_same_id_with_other_content_is_another_event(read: Read) -> None:
    events, report = read({"feature_usage": [{"usage_count": "4"}, {"usage_count": "5"}, {"usage_count": "4"}]})
    ids = [event.event_id for event in events if isinstance(event, FeatureUsed)]
    assert ids == ["U-1", "U-1#2", "U-1#3", "U-1#2"]
    assert (report.rules["id_reused"].count, report.rules["row_repeated"].count) == (2, 1)
    assert report.rules["id_reused"].examples[0].line == 3


@pytest.mark.parametrize(
    "changes, rule",
    [
        ({"accounts": {"country": "UK"}}, "country_uk_is_gb"),
        ({"accounts": {"churn_flag": "TRUE"}}, "account_says_churned_but_pays"),
        ({"accounts": {"is_trial": "TRUE"}}, "account_says_trial_but_pays"),
        ({"accounts": {"signup_date": "03-01-2024"}}, "date_has_two_readings"),
        ({"subscriptions": {"account_id": "A-2"}}, "customer_without_account"),
        ({"subscriptions": {"start_date": "12-12-2023"}}, "subscription_before_signup"),
        ({"subscriptions": {"churn_flag": "TRUE"}}, "subscription_flag_contradicts_end"),
        (
            {"subscriptions": {"end_date": "14-01-2024", "churn_flag": "TRUE"}},
            "subscription_ends_before_it_starts",
        ),
        ({"subscriptions": {"is_trial": "TRUE"}}, "trial_with_price"),
        ({"subscriptions": {"upgrade_flag": "TRUE"}}, "plan_change_without_terms"),
        (
            {"subscriptions": {"upgrade_flag": "TRUE", "downgrade_flag": "TRUE"}},
            "upgrade_and_downgrade_at_once",
        ),
        ({"feature_usage": {"usage_date": "14-01-2024"}}, "usage_before_subscription"),
        ({"feature_usage": {"usage_date": "31-12-2023"}}, "usage_before_signup"),
        ({"subscriptions": {"end_date": "16-01-2024", "churn_flag": "TRUE"}}, "usage_after_subscription"),
        ({"feature_usage": {"error_count": "4"}}, "usage_with_more_errors_than_uses"),
        ({"support_tickets": {"account_id": "A-2"}}, "customer_without_account"),
        ({"support_tickets": {"submitted_at": "31-12-2023"}}, "ticket_before_signup"),
        ({"support_tickets": {"closed_at": "20-01-2024 05:00"}}, "ticket_closed_before_opened"),
        ({"support_tickets": {"first_response_time_minutes": "301"}}, "ticket_reply_after_close"),
        ({"support_tickets": {"resolution_time_hours": "6"}}, "ticket_hours_contradict_close"),
        ({"support_tickets": {"closed_at": ""}}, "ticket_without_close"),
        ({"support_tickets": {"closed_at": ""}}, "ticket_score_without_close"),
        ({"support_tickets": {"first_response_time_minutes": ""}}, "ticket_without_reply"),
        ({"support_tickets": {"satisfaction_score": ""}}, "ticket_without_score"),
        ({"support_tickets": {"escalation_flag": "TRUE"}}, "ticket_escalated_at_no_time"),
        ({"churn_events": {"is_reactivation": "TRUE"}}, "cancellation_called_reactivation"),
        ({"churn_events": {"reason_code": "unknown"}}, "cancellation_reason_unknown"),
        ({"churn_events": {"account_id": "A-2"}}, "customer_without_account"),
    ],
)
def test_dirt_is_counted_with_its_line_and_costs_no_row(read: Read, changes: dict[str, Cells], rule: str) -> None:
    _, report = read(**changes)
    assert report.rules[rule].count == 1
    assert report.rules[rule].examples[0].line == 2
    assert report.bad_row_count == 0


def test_every_rule_says_what_it_means_and_has_a_name_of_its_own() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.meaning.endswith(".") for rule in RULES)


def test_uk_is_sent_under_its_iso_code(read: Read) -> None:
    profile = one(read(accounts={"country": "UK"})[0], AccountSet)
    assert isinstance(profile, AccountSet)
    assert profile.country == "GB"


def test_use_on_the_last_day_of_a_subscription_is_inside(read: Read) -> None:
    _, report = read(subscriptions={"end_date": "20-01-2024", "churn_flag": "TRUE"})
    assert "usage_after_subscription" not in used_rules(report)


def test_a_missing_score_is_no_answer_and_a_score_is_csat_of_one_to_five(read: Read) -> None:
    assert not any(isinstance(e, SurveyAnswered) for e in read(support_tickets={"satisfaction_score": ""})[0])
    answer = one(read()[0], SurveyAnswered)
    assert isinstance(answer, SurveyAnswered)
    assert (answer.survey, answer.score, answer.scale_min, answer.scale_max) == ("csat", 4, 1, 5)
    assert (answer.response_id, answer.ticket_id) == ("T-1", "T-1")


def test_contradicting_ticket_times_are_sent_as_the_facts_they_are(read: Read) -> None:
    events, _ = read(support_tickets={"first_response_time_minutes": "301", "escalation_flag": "TRUE"})
    assert one(events, TicketReplied).occurred_at == at(21, 5, 1)
    assert one(events, TicketSolved).occurred_at == at(21, 5)
    assert one(events, TicketEscalated).occurred_at == at(21, 5)
