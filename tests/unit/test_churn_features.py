"""The feature registry: sound, read from metric values alone, absent where nothing is known."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.metrics import AccountValues, CustomerValues, FeedbackValues, RevenueValues, SupportValues, UsageValues
from streams.churn.features import (
    BY_NAME,
    FAMILIES,
    FEATURES,
    REASON_CODES,
    evidence,
    features,
    if_renewal_due,
    known,
)
from streams.churn.readings import is_settled
from streams.churn.scale import number

USAGE = UsageValues(
    active_users_28d=6,
    events_14d=180,
    events_prev_14d=310,
    events_28d=490,
    quantity_28d=600,
    errors_28d=49,
    active_days_14d=7,
    active_days_prev_14d=10,
    active_days_28d=17,
    features_used_28d=4,
    usage_trend=0.7,
    days_since_last_use=3,
    activated_at=1,
    onboarding_progress=0.25,
    onboarding_overdue=True,
)
REVENUE = RevenueValues(
    mrr_minor=30_000,
    mrr_28d_ago_minor=60_000,
    paying=True,
    subscriptions_active=2,
    seats=12,
    tenure_days=90,
    days_to_renewal=12,
    renewal_automatic=False,
    days_overdue=14,
    payment_state="late",
    cancellation_reported_while_paying=True,
    subscriptions_ending=1,
    trials_active=1,
    subscriptions_paused=1,
    renewal_period_days=365,
)
SUPPORT = SupportValues(tickets_open=2, tickets_opened_28d=3, first_response_minutes_28d=120.0)
FEEDBACK = FeedbackValues(nps=-20.0, csat=0.5, follow_ups_open=1)
ALL = CustomerValues(usage=USAGE, revenue=REVENUE, support=SUPPORT, feedback=FEEDBACK)


def with_usage(**changes: object) -> CustomerValues:
    return msgspec.structs.replace(ALL, usage=msgspec.structs.replace(USAGE, **changes))


def with_revenue(**changes: object) -> CustomerValues:
    return msgspec.structs.replace(ALL, revenue=msgspec.structs.replace(REVENUE, **changes))


def unused_for(days: int | None) -> CustomerValues:
    """It has paid for so many days and never used the product."""
    return msgspec.structs.replace(
        with_usage(days_since_last_use=None, active_users_28d=0, quantity_28d=0, active_days_28d=0),
        revenue=msgspec.structs.replace(REVENUE, tenure_days=days),
    )


def test_every_feature_is_named_once_scaled_and_expected_to_point_somewhere() -> None:
    assert len(BY_NAME) == len(FEATURES)
    for feature in FEATURES:
        assert feature.scale > 0
        assert feature.weight != 0
        assert feature.family in FAMILIES
        assert feature.transform in ("linear", "log")
        assert math.isfinite(feature.typical)
        least, most = feature.bounds
        assert (-math.inf if least is None else least) <= feature.typical <= (math.inf if most is None else most)
        assert feature.unit


def test_every_reason_code_is_unique_to_a_feature_and_a_direction() -> None:
    assert len(REASON_CODES) == 2 * len(FEATURES) + len(FAMILIES)


def test_every_evidence_is_a_metric_value_that_exists() -> None:
    types = {
        "usage": UsageValues,
        "support": SupportValues,
        "revenue": RevenueValues,
        "feedback": FeedbackValues,
        "account": AccountValues,
    }
    for feature in FEATURES:
        for path in feature.evidence:
            domain, _, name = path.partition(".")
            assert name in types[domain].__struct_fields__, path


def test_a_customer_of_whom_nothing_is_known_has_no_features() -> None:
    assert features(CustomerValues()) == {}


def test_readings_of_a_known_customer() -> None:
    read = features(ALL)
    assert read["active_days_28d"] == 17.0
    assert read["usage_change"] == pytest.approx(math.log(181 / 311))
    assert read["error_share"] == pytest.approx(0.1)
    assert read["seats_used"] == 0.5
    assert read["usage_per_user"] == 100.0
    assert read["mrr_per_user"] == 5_000.0
    assert read["mrr_change"] == pytest.approx(math.log(0.5))
    assert read["days_overdue"] == 14.0
    assert read["renewal_due"] == read["renewal_by_hand"] == 1.0
    assert read["renewal_due_use"] == pytest.approx(math.log(101 / 51))
    assert read["renewal_due_price"] == 0.0
    assert read["renewal_due_level"] == pytest.approx(math.log(601 / 201))
    assert read["renewal_due_term"] == pytest.approx(math.log(366 / 31))
    assert read["ending_share"] == 0.25
    assert (read["onboarding_progress"], read["onboarding_overdue"]) == (0.25, 1.0)
    assert read["cancellation_reported"] == 1.0
    assert read["not_activated"] == 0.0
    assert read["first_response_hours"] == 2.0
    assert read["nps"] == -20.0
    assert list(read) == [feature.name for feature in FEATURES if feature.name in read]


@pytest.mark.parametrize(
    "values,absent",
    [
        (with_usage(usage_trend=None), {"usage_trend", "usage_change"}),
        (with_usage(events_28d=0), {"error_share"}),
        (
            with_usage(active_users_28d=None),
            {
                "seats_used",
                "active_users_28d",
                "usage_per_user",
                "mrr_per_user",
                "renewal_due_use",
                "renewal_due_price",
            },
        ),
        (
            with_usage(active_users_28d=0),
            {"usage_per_user", "mrr_per_user", "renewal_due_use", "renewal_due_price"},
        ),
        (with_usage(days_since_last_use=None), {"days_since_last_use"}),
        (with_revenue(seats=None), {"seats_used"}),
        (with_revenue(seats=0), {"seats_used"}),
        (with_revenue(tenure_days=None), {"tenure_days", "not_activated", "onboarding_progress"}),
        (with_revenue(tenure_days=400), {"not_activated", "onboarding_progress"}),
        (with_revenue(mrr_28d_ago_minor=0), {"mrr_change"}),
        (with_revenue(mrr_minor=0), {"mrr_change", "mrr_per_user", "renewal_due_price"}),
        (with_revenue(payment_state=None), {"days_overdue"}),
        (
            with_revenue(days_to_renewal=None),
            {
                "renewal_due",
                "renewal_due_level",
                "renewal_due_use",
                "renewal_due_price",
                "renewal_due_term",
                "renewal_by_hand",
            },
        ),
        (with_revenue(renewal_period_days=None), {"renewal_due_term"}),
        (with_revenue(subscriptions_active=0, trials_active=0, subscriptions_paused=0), {"ending_share"}),
        (with_usage(onboarded_at=5), {"onboarding_progress"}),
        (with_usage(onboarding_progress=None), {"onboarding_progress"}),
        (with_usage(onboarding_overdue=None), {"onboarding_overdue"}),
        (with_revenue(renewal_automatic=None), {"renewal_by_hand"}),
    ],
)
def test_what_values_do_not_tell_is_absent_and_never_zero(values: CustomerValues, absent: set[str]) -> None:
    assert set(features(ALL)) - set(features(values)) == absent


COUNTED = {feature.name for feature in FEATURES if feature.counted}
DAY = 86_400_000


def test_what_rests_on_counts_of_28_days_of_use_says_so() -> None:
    """All that a week of use looks like little in: what is read from it, and what is read from what is."""
    only = CustomerValues(
        usage=UsageValues(active_users_28d=6, quantity_28d=600, active_days_28d=17, features_used_28d=4),
        revenue=msgspec.structs.replace(REVENUE, tenure_days=400),
    )
    without = msgspec.structs.replace(only, usage=None)
    rests_on_use = set(features(only)) - set(features(without)) - {"not_activated"}
    assert rests_on_use == COUNTED


@pytest.mark.parametrize(
    "values,settled",
    [
        (with_usage(first_used_at=5 * DAY, last_used_at=16 * DAY, days_since_last_use=3), True),
        (with_usage(first_used_at=5 * DAY + 1, last_used_at=16 * DAY, days_since_last_use=3), False),
        (with_usage(first_used_at=5 * DAY, last_used_at=5 * DAY, days_since_last_use=0), False),
        (with_usage(first_used_at=5 * DAY, last_used_at=5 * DAY, days_since_last_use=14), True),
        (with_usage(first_used_at=5 * DAY, last_used_at=5 * DAY, days_since_last_use=None), False),
        (unused_for(13), False),
        (unused_for(14), True),
        (unused_for(None), True),
        (msgspec.structs.replace(ALL, usage=None), True),
        (msgspec.structs.replace(ALL, revenue=None), True),
        (CustomerValues(), True),
    ],
)
def test_counts_of_28_days_are_told_of_who_is_there_for_14(values: CustomerValues, settled: bool) -> None:
    assert is_settled(values) is settled
    assert bool(COUNTED & features(values).keys()) is (settled and values.usage is not None)
    renewal = settled and values.usage is not None and values.revenue is not None
    assert bool(COUNTED & if_renewal_due(values).keys()) is renewal


def test_a_customer_of_a_week_is_not_told_for_hardly_using_the_product() -> None:
    """Of one whose use begins now all stays known that is no count, be it the oldest customer."""
    fresh = with_usage(first_used_at=0, last_used_at=6 * DAY, days_since_last_use=0)
    assert features(fresh).keys() == features(ALL).keys() - COUNTED


def test_who_begins_to_pay_after_a_trial_has_its_use_counted() -> None:
    used = msgspec.structs.replace(USAGE, first_used_at=0, last_used_at=60 * DAY)
    paying = msgspec.structs.replace(REVENUE, tenure_days=3)
    assert features(msgspec.structs.replace(ALL, usage=used, revenue=paying)).keys() >= COUNTED


@pytest.mark.parametrize("days,due", [(-1, 0.0), (0, 1.0), (30, 1.0), (31, 0.0)])
def test_a_renewal_is_due_within_thirty_days(days: int, due: float) -> None:
    assert features(with_revenue(days_to_renewal=days))["renewal_due"] == due


@pytest.mark.parametrize("huge", [2**53 - 1, 2**53, 2**62, -(2**60)])
def test_numbers_of_any_size_are_read_as_floats(huge: int) -> None:
    assert features(CustomerValues(support=SupportValues(tickets_open=huge)))["tickets_open"] == float(huge)


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_what_is_no_finite_number_is_no_feature(odd: float) -> None:
    assert "nps" not in features(CustomerValues(feedback=FeedbackValues(nps=odd)))


def test_payments_without_arrears_are_zero_days_overdue() -> None:
    assert features(with_revenue(payment_state="current", days_overdue=None))["days_overdue"] == 0.0


def test_an_automatic_renewal_is_not_one_by_hand() -> None:
    assert features(with_revenue(renewal_automatic=True))["renewal_by_hand"] == 0.0


def test_a_young_customer_that_is_not_activated_says_so() -> None:
    assert features(with_usage(activated_at=None))["not_activated"] == 1.0


def test_seats_of_the_account_stand_in_for_those_of_the_subscription() -> None:
    values = msgspec.structs.replace(with_revenue(seats=None), account=AccountValues(name="a", seats=24))
    assert features(values)["seats_used"] == 0.25


def test_first_response_falls_back_to_ninety_days() -> None:
    slow = SupportValues(first_response_minutes_90d=600.0)
    assert features(CustomerValues(support=slow))["first_response_hours"] == 10.0
    assert "first_response_hours" not in features(CustomerValues(support=SupportValues()))


def test_values_of_one_domain_alone_can_be_read() -> None:
    for name in CustomerValues.__struct_fields__[:4]:
        assert features(CustomerValues(**{name: getattr(ALL, name)}))


def test_a_non_finite_metric_is_dropped() -> None:
    assert "nps" not in features(CustomerValues(feedback=FeedbackValues(nps=float("nan"))))


def test_evidence_brings_the_numbers_of_the_text() -> None:
    assert evidence(BY_NAME["usage_change"], ALL) == {"events_14d": 180, "events_prev_14d": 310}
    assert evidence(BY_NAME["usage_change"], CustomerValues()) == {
        "events_14d": None,
        "events_prev_14d": None,
    }


@pytest.mark.parametrize("billed, said, shown", [(12, 24, 12), (None, 24, 24), (0, 24, 24), (None, None, None)])
def test_the_seats_a_text_shows_are_those_the_ratio_is_of(
    billed: int | None, said: int | None, shown: int | None
) -> None:
    values = msgspec.structs.replace(with_revenue(seats=billed), account=AccountValues(name="a", seats=said))
    assert evidence(BY_NAME["seats_used"], values) == {"active_users_28d": 6, "seats": shown}
    assert features(values).get("seats_used") == (None if shown is None else 6 / shown)


def test_evidence_of_0_is_a_number() -> None:
    values = CustomerValues(usage=msgspec.structs.replace(ALL.usage, active_users_28d=0))
    assert evidence(BY_NAME["seats_used"], values) == {"active_users_28d": 0, "seats": None}


def test_only_known_finite_features_are_kept() -> None:
    raw = {"nps": 1, "csat": "0.5", "made_up": 1.0, "mrr": float("inf"), "tickets_open": 2.0}
    assert known(raw) == {"tickets_open": 2.0, "nps": 1.0}


@given(st.one_of(st.none(), st.text(), st.binary(), st.booleans(), st.integers(), st.floats(), st.decimals()))
def test_number_is_finite_or_none_for_anything(value: object) -> None:
    got = number(value)
    assert got is None or math.isfinite(got)


def test_number_takes_no_text_lists_or_giants() -> None:
    assert [number(v) for v in ("1", b"1", [1], {}, 10**400, None, complex(1, 1))] == [None] * 7
    assert number(True) == 1.0
