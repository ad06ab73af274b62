from typing import Any

import pytest

from schemas.metrics import (
    AccountValues,
    CustomerValues,
    FeedbackValues,
    NpsAnswer,
    RevenueValues,
    SupportValues,
    UsageValues,
)
from streams.metrics import health_factors
from streams.metrics.days import DAY_MS
from streams.metrics.health_factors import FACTORS, NOTHING, freshness, seats, started_at
from streams.metrics.health_policy import Freshness, HealthPolicy

NOW = 1000 * DAY_MS
POLICY = HealthPolicy()


def usage(**values: Any) -> CustomerValues:
    return CustomerValues(usage=UsageValues(**values))


def tickets(**values: Any) -> CustomerValues:
    return CustomerValues(support=SupportValues(**{"tickets_total": 1, "last_ticket_at": NOW, **values}))


def paying(**values: Any) -> CustomerValues:
    return CustomerValues(revenue=RevenueValues(**{"paying": True, **values}))


def said(**values: Any) -> CustomerValues:
    return CustomerValues(feedback=FeedbackValues(**{"last_answer_at": NOW, **values}))


def nps_answer(nps_class: Any, answered_at: int = NOW) -> NpsAnswer:
    return NpsAnswer(response_id="r", event_id="e", score=9, nps_class=nps_class, answered_at=answered_at)


@pytest.mark.parametrize("factor", FACTORS)
def test_a_factor_without_its_domain_says_nothing(factor: Any) -> None:
    assert FACTORS[factor](POLICY, CustomerValues(), NOW) == NOTHING


def test_questions_raise_engagement_up_to_a_limit() -> None:
    def value(score: float | None, questions: int) -> float | None:
        values = CustomerValues(
            usage=UsageValues(engagement_score=score), support=SupportValues(questions_28d=questions)
        )
        return health_factors.engagement(POLICY, values, NOW).value

    assert [value(50.0, n) for n in (0, 1, 3, 9)] == [50.0, 52.0, 56.0, 56.0]
    assert value(99.0, 3) == 100.0
    assert value(None, 3) is None


@pytest.mark.parametrize(
    "values, bought, expected",
    [
        ({}, None, None),
        ({"adoption": 0.25}, None, 50.0),
        ({"adoption": 0.9}, None, 100.0),
        ({"active_users_28d": 4}, 10, 50.0),
        ({"active_users_28d": 40}, 10, 100.0),
        ({"adoption": 0.25, "active_users_28d": 8}, 10, 75.0),
    ],
)
def test_adoption_is_the_mean_of_features_and_seats_where_known(
    values: dict[str, Any], bought: int | None, expected: float | None
) -> None:
    both = CustomerValues(usage=UsageValues(**values), revenue=RevenueValues(seats=bought))
    assert health_factors.adoption(POLICY, both, NOW).value == expected


@pytest.mark.parametrize("age_days, expected", [(0, None), (6.9, None), (7, 100.0), (26, 50.0), (45, 0.0), (900, 0.0)])
def test_activation_has_no_verdict_at_first_and_then_falls_to_its_limit(
    age_days: float, expected: float | None
) -> None:
    account = AccountValues(name="Acme", signed_up_at=NOW - round(age_days * DAY_MS))
    values = CustomerValues(usage=UsageValues(), account=account)
    assert health_factors.activation(POLICY, values, NOW).value == expected


def test_activation_is_full_once_reached_and_silent_without_a_start() -> None:
    assert health_factors.activation(POLICY, usage(activated_at=5), NOW).value == 100.0
    assert health_factors.activation(POLICY, usage(), NOW).value is None


@pytest.mark.parametrize(
    "values, expected",
    [
        ({}, 100.0),
        ({"tickets_opened_28d": 3, "questions_28d": 2}, 94.0),
        ({"tickets_open_urgent": 2}, 60.0),
        ({"escalations_28d": 1, "reopenings_28d": 1}, 70.0),
        ({"first_response_minutes_28d": 240.0, "first_resolution_hours_28d": 48.0}, 100.0),
        ({"first_response_minutes_28d": 360.0}, 92.5),
        (
            {"first_response_minutes_28d": 9e9, "first_resolution_hours_28d": 9e9, "oldest_open_hours": 9e9},
            55.0,
        ),
        ({"tickets_open_urgent": 9}, 0.0),
    ],
)
def test_support_loses_points_by_trouble_but_not_by_questions(values: dict[str, Any], expected: float) -> None:
    assert health_factors.support(POLICY, tickets(**values), NOW).value == expected


def test_support_is_unknown_without_tickets_and_ages_from_the_last_one() -> None:
    assert health_factors.support(POLICY, CustomerValues(support=SupportValues()), NOW) == NOTHING
    old = {"last_ticket_at": NOW - 58 * DAY_MS}
    assert health_factors.support(POLICY, tickets(**old), NOW).freshness == 0.5
    assert health_factors.support(POLICY, tickets(**old, tickets_open=1), NOW).freshness == 1.0


@pytest.mark.parametrize(
    "values, expected",
    [
        ({"nps": 50.0, "last_nps": nps_answer("promoter")}, 75.0),
        ({"last_nps": nps_answer("detractor")}, 0.0),
        ({"last_nps": nps_answer("passive")}, 50.0),
        ({"csat_positive_90d": 0, "csat_ratings_90d": 1}, 100 * 1.6 / 3),
        ({"ces_mean": 0.25}, 25.0),
        ({"last_nps": nps_answer("promoter"), "ces_mean": 0.4}, (2 * 100 + 40) / 3),
        ({}, None),
    ],
)
def test_relationship_is_the_weighted_mean_of_what_was_answered(values: dict[str, Any], expected: float | None) -> None:
    assert health_factors.relationship(POLICY, said(**values), NOW).value == pytest.approx(expected)


def test_an_old_nps_answer_does_not_borrow_the_freshness_of_a_new_rating() -> None:
    old = nps_answer("detractor", answered_at=NOW - 150 * DAY_MS)  # a quarter of its weight is left
    reading = health_factors.relationship(POLICY, said(last_nps=old, ces_mean=1.0), NOW)
    assert (reading.value, reading.freshness) == (pytest.approx(100 / 1.5), 1.0)
    alone = health_factors.relationship(POLICY, said(last_nps=old, last_answer_at=old.answered_at), NOW)
    assert (alone.value, alone.freshness) == (0.0, 0.25)


def test_relationship_is_unknown_before_the_first_answer() -> None:
    assert health_factors.relationship(POLICY, said(last_answer_at=None), NOW) == NOTHING


@pytest.mark.parametrize(
    "values, expected",
    [
        ({}, 100.0),
        ({"days_overdue": 10}, 70.0),
        ({"days_overdue": 90}, 0.0),
        ({"cancellation_reported_while_paying": True}, 40.0),
        ({"subscriptions_active": 2, "subscriptions_ending": 2}, 40.0),
        ({"subscriptions_active": 2, "subscriptions_ending": 1}, 100.0),
        ({"mrr_minor": 50, "mrr_28d_ago_minor": 100}, 70.0),
        ({"mrr_minor": 200, "mrr_28d_ago_minor": 100}, 100.0),
        ({"days_to_renewal": 60, "renewal_automatic": False}, 80.0),
        ({"days_to_renewal": 61, "renewal_automatic": False}, 100.0),
        ({"days_to_renewal": None, "renewal_automatic": False}, 100.0),
        ({"days_to_renewal": 10, "renewal_automatic": None}, 100.0),
        ({"paying": False}, None),
        ({"paying": False, "churned_at": 5}, 0.0),
    ],
)
def test_billing_loses_points_by_what_threatens_the_revenue(values: dict[str, Any], expected: float | None) -> None:
    assert health_factors.billing(POLICY, paying(**values), NOW).value == expected


def test_value_is_milestones_reached_of_those_expected() -> None:
    values = [health_factors.value(POLICY, usage(milestones=n), NOW).value for n in (0, 3, 9)]
    assert values == [0.0, 100.0, 100.0]


@pytest.mark.parametrize(
    "ratio, expected", [(None, None), (0.0, 0.0), (0.5, 50.0), (1.0, 75.0), (2.0, 100.0), (9.0, 100.0)]
)
def test_trend_is_steady_at_unchanged_use(ratio: float | None, expected: float | None) -> None:
    assert health_factors.trend(POLICY, usage(usage_trend=ratio), NOW).value == expected


@pytest.mark.parametrize("age, share", [(-5, 1.0), (0, 1.0), (30, 1.0), (90, 0.5), (150, 0.25)])
def test_data_keep_their_weight_while_fresh_and_halve_by_half_life(age: int, share: float) -> None:
    assert freshness(Freshness(fresh_days=30, half_life_days=60), age * DAY_MS) == share


def test_seats_come_from_billing_before_the_account() -> None:
    account = AccountValues(name="Acme", seats=7)
    assert seats(CustomerValues(revenue=RevenueValues(seats=5), account=account)) == 5
    assert seats(CustomerValues(revenue=RevenueValues(), account=account)) == 7
    assert seats(CustomerValues()) is None


def test_a_customer_starts_at_sign_up_else_first_payment_else_first_use() -> None:
    account = AccountValues(name="Acme", signed_up_at=3)
    unknown = AccountValues(name="Acme")
    revenue, used = RevenueValues(first_paid_at=2), UsageValues(first_used_at=1)
    assert started_at(CustomerValues(usage=used, revenue=revenue, account=account)) == 3
    assert started_at(CustomerValues(usage=used, revenue=revenue, account=unknown)) == 2
    assert started_at(CustomerValues(usage=used)) == 1
    assert started_at(CustomerValues(revenue=revenue)) == 2
    assert started_at(CustomerValues()) is None
