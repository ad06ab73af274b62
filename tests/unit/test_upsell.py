"""Upsell readiness on customers small enough to be worked out by hand."""

from typing import Any

import pytest

from schemas.metrics import AccountValues, CustomerValues, RevenueValues, UsageValues
from schemas.scores import UpsellComponent
from streams.metrics.points import whole
from streams.metrics.upsell import Upsell, UpsellScorer
from streams.metrics.upsell_policy import UpsellPolicy, UpsellWeights

EQUAL = UpsellPolicy(weights=UpsellWeights(features=1, engagement=1, tenure=1, seats=1))


def score(policy: UpsellPolicy = EQUAL, seats: int | None = 10, tenure: int | None = 90, **usage: Any) -> Upsell:
    known = {"adoption": 0.25, "engagement_score": 80.0, "active_users_28d": 8, **usage}
    revenue = RevenueValues(paying=True, payment_state="current", seats=seats, tenure_days=tenure)
    return UpsellScorer(policy).score(CustomerValues(usage=UsageValues(**known), revenue=revenue))


def told(upsell: Upsell) -> dict[str, UpsellComponent]:
    return {component.component: component for component in upsell.components}


def test_readiness_is_the_weighted_mean_of_its_components() -> None:
    # features 0.25 of 0.5, engagement 80, tenure 90 of 180 days, seats 0.8 between 0.5 and 0.9
    upsell = score()
    assert {name: one.value for name, one in told(upsell).items()} == {
        "features": 50.0,
        "engagement": 80.0,
        "tenure": 50.0,
        "seats": 75.0,
    }
    assert (upsell.ready, upsell.gate, upsell.coverage) == ((50 + 80 + 50 + 75) / 4, None, 1.0)
    assert [one.earned for one in upsell.components] == [12.5, 20.0, 12.5, 18.75]
    weighted = score(UpsellPolicy(weights=UpsellWeights(features=2, engagement=1, tenure=0, seats=1)))
    assert (weighted.ready, set(told(weighted))) == ((100 + 80 + 75) / 4, {"features", "engagement", "seats"})


def test_every_component_says_what_it_rests_on() -> None:
    assert {name: one.evidence for name, one in told(score(features_used_28d=3)).items()} == {
        "features": {"adoption": 0.25, "features_used_28d": 3},
        "engagement": {"engagement_score": 80.0},
        "tenure": {"tenure_days": 90},
        "seats": {"license_utilization": 0.8, "seats": 10, "active_users_28d": 8},
    }


@pytest.mark.parametrize(
    "revenue, gate",
    [
        (RevenueValues(paying=True, payment_state="late"), "payment_late"),
        (RevenueValues(paying=False, payment_state="late"), "payment_late"),
        (RevenueValues(paying=False, payment_state="current"), "not_paying"),
        (RevenueValues(paying=True, payment_state="current"), None),
        (RevenueValues(paying=True), None),  # no invoice is known, so none is overdue
    ],
)
def test_who_pays_late_or_not_at_all_is_not_ready(revenue: RevenueValues, gate: str | None) -> None:
    usage = UsageValues(adoption=1.0, engagement_score=100.0)
    upsell = UpsellScorer(EQUAL).score(CustomerValues(usage=usage, revenue=revenue))
    assert (upsell.gate, upsell.ready) == (gate, 100.0 if gate is None else 0.0)
    assert sum(one.earned for one in upsell.components) == upsell.ready
    assert [one.value for one in upsell.components][:2] == [100.0, 100.0]


def test_a_late_payer_of_whom_nothing_else_is_known_is_not_ready_either() -> None:
    upsell = UpsellScorer(EQUAL).score(CustomerValues(revenue=RevenueValues(payment_state="late")))
    assert (upsell.ready, upsell.gate, upsell.coverage) == (0.0, "payment_late", 0.0)


def test_nothing_is_said_while_too_little_is_known() -> None:
    alone = UpsellScorer(EQUAL).score(CustomerValues(usage=UsageValues(adoption=1.0, engagement_score=90.0)))
    assert (alone.ready, alone.gate, alone.coverage) == (None, None, 0.5)  # nothing is known of its payments
    thin = score(seats=None, tenure=None, adoption=None, engagement_score=None, events_28d=3)
    assert (thin.ready, thin.coverage) == (None, 0.0)
    quarter = score(seats=None, tenure=None, adoption=None, events_28d=3)
    assert (quarter.ready, quarter.coverage) == (None, 0.25)
    assert [one.earned for one in quarter.components] == [0.0] * 4
    assert score(UpsellPolicy(min_coverage=0.0), seats=None, tenure=None, adoption=None, events_28d=3).ready == 80.0
    nobody = UpsellScorer(UpsellPolicy(min_coverage=0.0)).score(CustomerValues(revenue=RevenueValues(paying=True)))
    assert (nobody.ready, nobody.coverage) == (None, 0.0)


def test_a_component_without_data_leaves_its_weight_to_the_others() -> None:
    upsell = score(seats=None)
    assert (told(upsell)["seats"].value, told(upsell)["seats"].weight) == (None, 0.0)
    assert upsell.ready == pytest.approx((50 + 80 + 50) / 3, abs=1e-6)
    assert upsell.coverage == 0.75


@pytest.mark.parametrize(
    "used, events, value", [(4, 9, 50.0), (8, 9, 100.0), (99, 9, 100.0), (0, 9, None), (0, 0, 0.0)]
)
def test_where_adoption_is_not_known_features_are_counted(used: int, events: int, value: float | None) -> None:
    upsell = score(adoption=None, features_used_28d=used, events_28d=events)
    assert told(upsell)["features"].value == value


@pytest.mark.parametrize("users, value", [(0, 0.0), (5, 0.0), (7, 50.0), (9, 100.0), (30, 100.0), (None, None)])
def test_seats_speak_from_a_share_in_use_up_to_the_full_one(users: int | None, value: float | None) -> None:
    found = told(score(active_users_28d=users))["seats"].value
    assert found == (None if value is None else pytest.approx(value, abs=1e-6))


def test_seats_of_the_account_count_where_billing_names_none() -> None:
    values = CustomerValues(
        usage=UsageValues(active_users_28d=9),
        revenue=RevenueValues(paying=True),
        account=AccountValues(name="Ana", seats=10),
    )
    assert told(UpsellScorer(EQUAL).score(values))["seats"].value == 100.0


def test_a_policy_that_cannot_work_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected seats_from < seats_full, got 0\.9 and 0\.9"):
        UpsellPolicy(seats_from=0.9)
    with pytest.raises(ValueError, match="at least one weight above 0"):
        UpsellWeights(features=0, engagement=0, tenure=0, seats=0)


def test_whole_weights_sum_to_all_points_or_none() -> None:
    assert whole([0.0, 0.0]) == [0, 0]
    assert sum(whole([1.0, 1.0, 1.0])) == 100_000_000
