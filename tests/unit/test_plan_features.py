"""Adoption by what a customer's plan offers."""

from datetime import UTC, datetime

import pytest

from schemas.events import FeatureUsed
from schemas.metrics import AccountValues, CustomerValues, RevenueValues, UsageValues
from streams.errors import ConfigurationError
from streams.metrics.days import DAY_MS, Days
from streams.metrics.plan_features import PlanFeatures, plan_of
from streams.metrics.profile import parse_profile
from streams.metrics.usage import UsageFold

HEAD = b'name = "acme"\nversion = 1\n[engagement]\n'
USED = UsageValues(features_used_28d=6, adoption=0.1, first_used_at=1)


def adoption(plans: PlanFeatures, account: str | None, billed: str | None, usage: UsageValues = USED) -> float | None:
    said = AccountValues(name="A", plan=account)
    found = plans.fit(CustomerValues(usage=usage, account=said, revenue=RevenueValues(plan=billed))).usage
    return None if found is None else found.adoption


def test_six_features_of_the_plans_eight_are_three_quarters_and_never_more_than_all() -> None:
    plans = PlanFeatures({"pro": 8, "basic": 4})
    assert (adoption(plans, None, "pro"), adoption(plans, "pro", None), adoption(plans, "pro", "basic")) == (
        0.75,
        0.75,
        1,
    )


def test_of_other_plans_and_without_use_it_stays_what_it_is() -> None:
    plans = PlanFeatures({"pro": 8})
    assert (adoption(plans, "free", None), adoption(plans, None, None), adoption(PlanFeatures(), "pro", None)) == (
        0.1,
    ) * 3
    assert adoption(plans, "pro", None, UsageValues()) is None
    nothing = CustomerValues(account=AccountValues(name="A", plan="pro"))
    assert plans.fit(nothing) is nothing
    assert plan_of(CustomerValues()) is None


def test_a_profile_names_what_plans_offer() -> None:
    text = HEAD + b'features_available = ["a", "b", "c"]\nfeatures_by_plan = { basic = 3, pro = ["a", "b"] }'
    assert parse_profile(text, "acme.toml").engagement.features_by_plan == {"basic": 3, "pro": ("a", "b")}
    with pytest.raises(ConfigurationError, match=r"acme\.toml.*features_by_plan"):
        parse_profile(text.replace(b"3", b"0"), "acme.toml")


@pytest.mark.parametrize(
    "available, reason",
    [
        (b"", "a number, or features_available by name, got 'a' of plan 'pro'"),
        (b"features_available = 9\n", "a number, or features_available by name, got 'a' of plan 'pro'"),
        (b'features_available = ["a", "c"]\n', "names in features_available, got 'b' of plan 'pro'"),
    ],
)
def test_names_a_plan_offers_must_be_among_those_the_product_does(available: bytes, reason: str) -> None:
    """Only features that are listed by name are told from others, so use of any would count for the plan's."""
    text = HEAD + available + b'features_by_plan = { basic = 3, pro = ["a", "b"] }'
    line = 4 + bool(available)
    with pytest.raises(ConfigurationError) as refused:
        parse_profile(text, "acme.toml")
    assert str(refused.value) == f"profile acme.toml:{line}, engagement.features_by_plan: expected {reason}"


def test_use_of_what_nobody_offers_is_no_adoption_of_a_plan_that_has_names() -> None:
    text = HEAD + b'features_available = ["a", "b", "c"]\nfeatures_by_plan = { pro = ["a", "b"] }'
    profile = parse_profile(text, "acme.toml")
    fold, at = UsageFold(profile.usage, Days()), 20_000 * DAY_MS
    state = fold.new()
    for place, name in enumerate(("login", "help", "b")):
        moment = datetime.fromtimestamp(at / 1000 + place, UTC)
        event = FeatureUsed(event_id=name, customer_id="c", occurred_at=moment, feature=name)
        fold.apply(state, event, at + place * 1000)
    plans = PlanFeatures(profile.engagement.features_by_plan)
    assert adoption(plans, "pro", None, fold.values(state, 20_000, at + DAY_MS)) == 0.5
