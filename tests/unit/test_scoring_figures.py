"""What goes to a profile's own alert rules: every figure they may name, as it is published elsewhere."""

from typing import Any

import pytest

from schemas.metrics import AccountValues, CustomerValues, FeedbackValues, RevenueValues, SupportValues, UsageValues
from schemas.scores import HealthScore, UpsellScore
from streams.alerts.own_policy import CHAPTERS, OwnRule
from streams.catalogue.registry import catalogue
from streams.metrics.days import DAY_MS
from streams.metrics.health import HealthScorer
from streams.metrics.health_policy import HealthPolicy
from streams.metrics.health_variants import Journey
from streams.metrics.upsell import UpsellScorer
from streams.metrics.upsell_policy import UpsellPolicy
from streams.scoring.figures import Figures
from streams.scoring.risk import View

AT = 20_000 * DAY_MS
VALUES = CustomerValues(
    usage=UsageValues(active_users_28d=12, adoption=0.25, engagement_score=50.0, onboarding_overdue=False),
    support=SupportValues(tickets_open=3, tickets_opened_28d=6, tickets_open_by_priority={"urgent": 2}),
    revenue=RevenueValues(paying=True, mrr_minor=500, currency="BRL", seats=10, days_to_renewal=3, plan="gold"),
    feedback=FeedbackValues(nps=-10.0),
    account=AccountValues(name="Acme", plan="silver", segment="smb"),
)


def rules(*metrics: str, **settings: Any) -> list[OwnRule]:
    found: list[OwnRule] = []
    for number, name in enumerate(metrics):
        (metric,) = [one for one in catalogue().named(name) if one.domain in CHAPTERS]
        words = metric.unit in ("name", "text", "yes or no")
        limit = metric.one_of[0] if metric.one_of else ("x" if metric.unit != "yes or no" else True) if words else 1
        when = "is" if words else "above"
        found.append(OwnRule(**({"name": f"r{number}", "metric": name, "when": when, "limit": limit} | settings)))
    return found


def seen(found: list[OwnRule], values: CustomerValues = VALUES, journey: Journey | None = None) -> dict[str, Any]:
    health = HealthScorer(HealthPolicy(), "test@1").score(values, AT, 19_999, None)
    upsell = UpsellScorer(UpsellPolicy()).score(values)
    told = UpsellScore(
        customer_id="c",
        as_of=AT,
        day=19_999,
        upsell_ready=upsell.ready,
        gate=upsell.gate,
        coverage=upsell.coverage,
        profile="test@1",
        components=upsell.components,
        license_utilization=1.2,
    )
    return Figures(found, journey).of(View(values, AT, 19_999, None, values), health, told)


def test_figures_of_the_domains_are_those_of_their_values() -> None:
    assert seen(rules("tickets_open", "nps", "mrr_minor", "onboarding_overdue", "account.plan", "revenue.plan")) == {
        "support.tickets_open": 3,
        "feedback.nps": -10.0,
        "revenue.mrr_minor": 500,
        "usage.onboarding_overdue": False,
        "account.plan": "silver",
        "revenue.plan": "gold",
    }


def test_scores_come_with_their_parts() -> None:
    found = seen(rules("health_score", "health_band", "health.engagement", "upsell_gate", "license_utilization"))
    health = HealthScorer(HealthPolicy(), "test@1").score(VALUES, AT, 19_999, None)
    assert (found["health.health_score"], found["health.health_band"]) == (health.score, health.band)
    assert found["health.engagement"] == 50.0
    assert (found["upsell.upsell_gate"], found["upsell.license_utilization"]) == (None, 1.2)
    assert seen(rules("upsell.engagement"))["upsell.engagement"] == 50.0


@pytest.mark.parametrize("key, number", [("urgent", 2), ("low", 0)])
def test_of_a_name_that_nobody_has_there_are_none(key: str, number: int) -> None:
    source = f"support.tickets_open_by_priority:{key}"
    assert seen(rules("tickets_open_by_priority", key=key)) == {source: number}
    assert seen(rules("tickets_open_by_priority", key=key), CustomerValues()) == {source: None}


def test_the_stage_comes_when_a_rule_asks_for_it() -> None:
    assert seen(rules("nps", stages=("renewal",)))["stage"] == "renewal"
    assert seen(rules("nps", stages=("renewal",)), journey=Journey(renewal_days=2))["stage"] == "adoption"
    assert seen([]) == {}


def test_nothing_is_defined_of_a_customer_nothing_is_known_of() -> None:
    everything = [
        metric
        for metric in catalogue().metrics
        if metric.domain in CHAPTERS and metric.unit not in ("instant", "answer", "answers")
    ]
    plain = rules(*(one.name for one in everything if one.unit not in ("tickets by name", "money by currency")))
    found = seen(plain, CustomerValues())
    assert len(found) == len(plain)
    scores = {"health.health_band": "unknown", "health.health_coverage": 0.0, "upsell.upsell_coverage": 0.0}
    assert {name: value for name, value in found.items() if value is not None} == scores | {
        "upsell.license_utilization": 1.2
    }


def test_what_stands_in_a_score_has_the_name_the_catalogue_says() -> None:
    for metric in catalogue().metrics:
        if metric.domain in ("health", "upsell") and metric.part is None:
            struct = HealthScore if metric.domain == "health" else UpsellScore
            assert metric.column in struct.__struct_fields__
