"""When a customer is at risk, when it is lost, and when it is an example for the churn model."""

import msgspec
import pytest

from schemas.metrics import AccountValues, CustomerValues, RevenueValues, UsageValues
from schemas.scores import Censored, Outcome, Snapshot
from streams.scoring.observing import at_risk, is_open, noted, observe

SUNDAY, MONDAY = 19_701, 19_702


def paying(**changes: object) -> CustomerValues:
    revenue = {"paying": True, "subscriptions_active": 2, "mrr_minor": 500, **changes}
    return CustomerValues(revenue=RevenueValues(**revenue), usage=UsageValues(events_28d=3))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "values,is_at_risk",
    [
        (CustomerValues(), False),
        (CustomerValues(usage=UsageValues(events_28d=3)), False),
        (paying(paying=False), False),
        (paying(), True),
        (paying(subscriptions_ending=1), True),  # one of two goes on
        (paying(subscriptions_ending=2), False),
        (paying(subscriptions_ending=2, trials_active=1), True),  # a trial goes on
        (paying(subscriptions_ending=3, trials_active=1), False),
        (paying(subscriptions_ending=2, subscriptions_paused=1), True),
        (paying(subscriptions_active=0), True),  # paid for, and nothing is announced to end
        (paying(cancellation_reported_while_paying=True), False),
        (paying(cancellations_reported_90d=1), True),  # before it paid as it does now
    ],
)
def test_at_risk_is_who_pays_and_gave_no_notice_for_all_it_has(values: CustomerValues, is_at_risk: bool) -> None:
    assert at_risk(values, False) is is_at_risk
    assert [type(one) for one in observe("c", False, values, SUNDAY, 7)] == [Snapshot] * is_at_risk


@pytest.mark.parametrize(
    "lost",
    [
        paying(paying=False),
        paying(subscriptions_ending=2),
        paying(cancellation_reported_while_paying=True),
        paying(paying=False, subscriptions_active=0, subscriptions_paused=1, subscriptions_ending=1),
    ],
)
@pytest.mark.parametrize("day", [SUNDAY, MONDAY])
def test_the_first_sign_of_the_loss_is_the_outcome_and_no_later_one(lost: CustomerValues, day: int) -> None:
    assert observe("c", True, lost, day, 7) == [Outcome(customer_id="c", day=day, version=7)]
    assert observe("c", False, lost, day, 7) == []


@pytest.mark.parametrize("day", [SUNDAY, MONDAY])
def test_a_pause_is_no_loss_and_no_example(day: int) -> None:
    pause = paying(paying=False, subscriptions_active=0, subscriptions_paused=1)
    assert observe("c", True, pause, day, 7) == []
    assert at_risk(pause, True)
    assert not at_risk(pause, False)  # it never paid, or was lost before
    assert [type(one) for one in observe("c", True, paying(paying=False), day, 7)] == [Outcome]  # it ended after all


def test_a_snapshot_holds_what_was_known_on_its_sunday_and_there_is_none_on_other_days() -> None:
    (snapshot,) = observe("c", True, paying(), SUNDAY, 7)
    assert isinstance(snapshot, Snapshot)
    assert (snapshot.customer_id, snapshot.day, snapshot.version) == ("c", SUNDAY, 7)
    assert snapshot.features["mrr"] == 500.0
    assert observe("c", True, paying(), MONDAY, 7) == []


def test_features_that_are_learned_never_show_a_notice_for_all() -> None:
    """Else the answer would stand among the questions."""
    (snapshot,) = observe("c", True, paying(subscriptions_ending=1), SUNDAY, 7)
    assert isinstance(snapshot, Snapshot)
    assert (snapshot.features["ending_share"], snapshot.features["cancellation_reported"]) == (0.5, 0.0)


@pytest.mark.parametrize(
    "segment,reason", [("test", "test"), (" Internal ", "test"), ("DELETED", "deleted"), ("merged", "merged")]
)
@pytest.mark.parametrize("still_paying", [True, False])
def test_a_customer_that_is_none_is_censored_once_and_no_example(segment: str, reason: str, still_paying: bool) -> None:
    account = AccountValues(name="Acme", segment=segment)
    values = msgspec.structs.replace(paying(paying=still_paying), account=account)
    assert not at_risk(values, True)
    assert [(type(one), one.reason) for one in observe("c", True, values, SUNDAY, 7) if isinstance(one, Censored)] == [
        (Censored, reason)
    ]
    assert observe("c", False, values, SUNDAY, 7) == []


@pytest.mark.parametrize("still_paying", [True, False])
def test_a_customer_that_was_lost_lately_is_censored_when_it_turns_out_to_be_none(still_paying: bool) -> None:
    """A merge mostly ends the subscription of the one first; that counted as a customer who left."""
    values = msgspec.structs.replace(paying(paying=still_paying), account=AccountValues(name="Acme", segment="merged"))
    assert observe("c", False, values, MONDAY, 7, True) == [
        Censored(customer_id="c", day=MONDAY, reason="merged", version=7)
    ]
    assert observe("c", False, paying(paying=False), MONDAY, 7, True) == []


def test_a_window_may_be_open_as_long_as_one_of_the_day_before_the_loss_is() -> None:
    assert [is_open(100, day, 30) for day in (101, 129, 130)] == [True, True, False]
    assert not is_open(None, 101, 30)


def test_the_day_of_the_loss_is_noted_until_the_customer_is_an_example_again_or_censored() -> None:
    assert noted(Outcome(customer_id="c", day=5)) == (5, None)
    assert noted(Censored(customer_id="c", day=5, reason="test")) == (None, None)
    assert noted(Snapshot(customer_id="c", day=5, features={"nps": 1.0})) == (None, {"nps": 1.0})


@pytest.mark.parametrize("segment", [None, "smb", "testing tools", ""])
def test_other_segments_censor_nobody(segment: str | None) -> None:
    values = msgspec.structs.replace(paying(), account=AccountValues(name="Acme", segment=segment))
    assert at_risk(values, False)
    assert [type(one) for one in observe("c", True, values, SUNDAY, 7)] == [Snapshot]
