import msgspec
import pytest

from streams.metrics.activation import (
    Activation,
    ActivationPolicy,
    ActiveDays,
    AllOf,
    AnyCriterion,
    AnyOf,
    DistinctFeatures,
    FeatureUse,
    Milestone,
    Progress,
    UsersDid,
)
from streams.metrics.days import DAY_MS

Use = tuple[str | None, str | None, int]  # feature, user, day


def activated_on(criterion: AnyCriterion, uses: list[Use]) -> int | None:
    """The day a customer is activated; everything happens at midnight."""
    activation = Activation(ActivationPolicy(criterion=criterion))
    progress: Progress = {}
    for feature, user, day in uses:
        activation.used(progress, feature, user, day, day * DAY_MS)
    at = activation.activated_at(progress, min(day for _, _, day in uses) * DAY_MS)
    return None if at is None else at // DAY_MS


USES: list[Use] = [
    ("report", "ana", 10),
    ("report", "bia", 11),
    ("export", "ana", 11),
    (None, "caio", 14),
    ("share", None, 15),
    ("export", "caio", 40),
]


@pytest.mark.parametrize(
    "criterion, day",
    [
        (FeatureUse(feature="export"), 11),
        (FeatureUse(feature="billing"), None),
        (DistinctFeatures(n=3), 15),
        (DistinctFeatures(n=4), None),
        (ActiveDays(n=3), 14),
        (UsersDid(n=3), 14),
        (UsersDid(n=2, feature="export"), 40),
        (UsersDid(n=3, feature="export"), None),
        (AllOf(of=(FeatureUse(feature="export"), ActiveDays(n=3))), 14),
        (AllOf(of=(FeatureUse(feature="billing"), ActiveDays(n=3))), None),
        (AnyOf(of=(FeatureUse(feature="billing"), ActiveDays(n=3), DistinctFeatures(n=3))), 14),
        (AnyOf(of=(FeatureUse(feature="billing"), FeatureUse(feature="api"))), None),
        (AllOf(of=(AnyOf(of=(FeatureUse(feature="api"), FeatureUse(feature="share"))), ActiveDays(n=1))), 15),
    ],
)
def test_a_customer_is_activated_at_the_first_instant_all_holds(criterion: AnyCriterion, day: int | None) -> None:
    assert activated_on(criterion, USES) == day
    assert activated_on(criterion, USES[::-1]) == day


def test_the_time_limit_counts_from_the_first_use() -> None:
    activation = Activation(ActivationPolicy(criterion=UsersDid(n=2, within_days=7)))
    progress: Progress = {}
    activation.used(progress, None, "ana", 10, 10 * DAY_MS)
    activation.used(progress, None, "bia", 17, 17 * DAY_MS - 1)
    assert activation.activated_at(progress, 10 * DAY_MS) == 17 * DAY_MS - 1
    assert activation.activated_at(progress, 10 * DAY_MS - 1) is None


def test_a_milestone_activates_without_any_use() -> None:
    activation = Activation(ActivationPolicy(criterion=Milestone(milestone="live")))
    progress: Progress = {}
    activation.reached(progress, "won", 5)
    assert activation.activated_at(progress, None) is None
    activation.reached(progress, "live", 9)
    activation.reached(progress, "live", 7)
    assert activation.activated_at(progress, None) == 7


def test_only_facts_of_the_policys_criteria_are_kept_and_no_more_than_needed() -> None:
    activation = Activation(ActivationPolicy(criterion=AllOf(of=(DistinctFeatures(n=2), UsersDid(n=1)))))
    progress: Progress = {}
    for n in range(50):
        activation.used(progress, f"feature{n}", f"user{n}", n, 1000 - n)
    assert {key: sorted(members.values()) for key, members in progress.items()} == {
        "distinct_features/2": [951, 952],
        "users_did/1/any": [951],
    }


def test_criteria_that_look_alike_keep_their_facts_apart() -> None:
    criterion = AllOf(of=(UsersDid(n=1), UsersDid(n=1, feature="any"), UsersDid(n=2)))
    activation = Activation(ActivationPolicy(criterion=criterion))
    progress: Progress = {}
    activation.used(progress, "report", "ana", 1, DAY_MS)
    assert set(progress) == {"users_did/1/any", "users_did/2/any"}


def test_criteria_are_read_from_plain_data() -> None:
    written = {"rule": "any", "of": [{"rule": "users_did", "n": 2, "feature": "x", "within_days": 7}]}
    policy = msgspec.convert({"criterion": written}, ActivationPolicy)
    assert policy.criterion == AnyOf(of=(UsersDid(n=2, feature="x", within_days=7),))
