"""`zelo reconcile` recounts scores: it follows the profile, knows what was restated since, finds what was planted."""

from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from dirty_company import company
from reconcile_rig import Reconcile

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(240),
    pytest.mark.any_broker("figures are folded in memory; no broker is asked"),
]

SCORES = ("--domain", "health", "--domain", "upsell")

#: Nothing is left as it is by default; variants by segment, by stage and by both.
OTHER = """
name = "other"
version = 3
[engagement]
features_available = 6
features_by_plan = { basic = 3, pro = 4 }
min_tenure_days = 3
[health]
yellow_from = 45.0
green_from = 70.0
hysteresis_points = 4.0
min_coverage = 0.3
min_freshness = 0.2
[health.weights]
engagement = 7.0
adoption = 5.0
activation = 3.0
support = 11.0
relationship = 13.0
billing = 17.0
value = 2.0
trend = 0.0
[health.engagement]
points_per_question = 3.0
points_of_questions_max = 5.0
[health.adoption]
adoption_full = 0.7
seats_full = 0.9
[health.activation]
grace_days = 5.0
limit_days = 33.0
[health.support]
points_per_ticket = 2.5
points_per_urgent_open = 9.0
points_per_escalation = 8.0
points_per_reopening = 4.0
response_minutes = 30.0
resolution_hours = 20.0
open_hours = 100.0
points_slow = 11.0
freshness = { fresh_days = 6.0, half_life_days = 9.0 }
[health.relationship]
nps_weight = 1.5
csat_weight = 2.5
ces_weight = 0.5
csat_prior = 0.6
csat_prior_ratings = 1.0
freshness = { fresh_days = 4.0, half_life_days = 11.0 }
[health.billing]
points_per_day_overdue = 1.5
points_cancellation = 40.0
points_contraction = 30.0
renewal_days = 45.0
points_renewal = 13.0
[health.value]
milestones_expected = 4
[health.trend]
steady = 60.0
[health.journey]
onboarding_days = 30
renewal_days = 20
[[health.variants]]
segment = "small"
yellow_from = 40.0
[[health.variants]]
stage = "onboarding"
weights = { activation = 40.0, trend = 6.0, relationship = 0.0 }
[[health.variants]]
segment = "small"
stage = "renewal"
weights = { billing = 50.0 }
min_coverage = 0.1
[upsell]
adoption_full = 0.9
features_full = 3.0
tenure_full_days = 40.0
seats_from = 0.1
seats_full = 0.7
min_coverage = 0.6
[upsell.weights]
features = 3.0
engagement = 0.0
tenure = 2.0
seats = 4.0
"""

#: Customer and day of a score behind which no row was restated, the newest first.
UNTOUCHED = """
SELECT customer_id, day FROM {table} FINAL
WHERE (customer_id, day) NOT IN (
    SELECT customer_id, day FROM usage_daily FINAL WHERE revision > 0
    UNION ALL SELECT customer_id, day FROM support_daily FINAL WHERE revision > 0
    UNION ALL SELECT customer_id, day FROM revenue_daily FINAL WHERE revision > 0
    UNION ALL SELECT customer_id, day FROM feedback_daily FINAL WHERE revision > 0)
    AND {condition}
ORDER BY day DESC, customer_id LIMIT 1
"""


def clean(found: Any) -> bool:
    """Whether nothing differs."""
    return {name: one["shown"][:3] for name, one in found.items()} == {name: [] for name in found}


def plant(client: Client, table: str, changes: str, condition: str) -> tuple[str, str]:
    """Changes a score of which everything is known; customer and day of it."""
    customer, day = client.query(UNTOUCHED.format(table=table, condition=condition)).result_rows[0]
    client.command(
        f"INSERT INTO {table} SELECT * REPLACE ({changes}, row_version + 1 AS row_version) FROM {table} FINAL "
        f"WHERE customer_id = '{customer}' AND day = '{day}'"
    )
    return customer, str(day)


def test_the_recount_of_scores_follows_the_profile(
    client: Client, fill: Any, reconcile: Reconcile, tmp_path: Path
) -> None:
    profile = tmp_path / "other.toml"
    profile.write_text(OTHER)
    fill(company(2), profile=str(profile))
    found = reconcile.json(*SCORES, ZELO_PROFILE=str(profile))
    assert clean(found)
    assert all(one["rows"] - one["taken"] > 100 for one in found.values())
    assert [found[name]["not_recounted"] for name in ("health", "upsell")] == [[], []]
    counted = "uniqExact(profile), uniqExact(band), uniqExact(lift_factor), countIf(lift_factor IS NULL)"
    profiles, bands, lifts, without = client.query(f"SELECT {counted} FROM health_daily FINAL").result_rows[0]
    assert (profiles, bands >= 3, lifts >= 3, without > 10) == (4, True, True, True)
    known = (
        "countIf(upsell_ready > 0), countIf(upsell_ready IS NULL), uniqExact(gate), uniqExact(time_to_activate_days)"
    )
    assert min(client.query(f"SELECT {known} FROM upsell_daily FINAL").result_rows[0]) > 1
    joined = (
        "SELECT countIf(plan_adoption > adoption), countIf(plan_adoption = adoption) FROM upsell_daily AS said FINAL "
        "INNER JOIN (SELECT * FROM usage_daily FINAL) AS used USING (customer_id, day) "
        "WHERE adoption BETWEEN 0.1 AND 0.9"
    )
    assert min(client.query(joined).result_rows[0]) > 10  # by the plan, and of those that have none
    changed = (
        ("upsell", "basic = 3", "basic = 4"),
        ("upsell", "features_by_plan = { basic = 3, pro = 4 }\n", ""),
        ("health", "points_per_ticket = 2.5", "points_per_ticket = 2.0"),
        ("health", "half_life_days = 11.0", "half_life_days = 10.0"),
        ("health", "weights = { billing = 50.0 }", "weights = { billing = 40.0 }"),
        ("upsell", "tenure_full_days = 40.0", "tenure_full_days = 41.0"),
    )
    for domain, line, instead in changed:
        profile.write_text(OTHER.replace(line, instead))
        assert reconcile("--domain", domain, "--limit", "1", ZELO_PROFILE=str(profile)).status == 1, line


#: Evidence with a figure more.
MORE = """arrayMap(one -> replaceOne(one, '}}', ',"more":1}}'), `{0}.evidence`) AS `{0}.evidence`"""

#: By table, what is planted in which score, and the figures that show it.
PLANTED = (
    ("health_daily", "score + 0.001 AS score", "score > 1", {"score"}),
    ("health_daily", "if(band = 'green', 'red', 'green') AS band", "band != 'unknown'", {"band"}),
    ("health_daily", "coverage / 2 AS coverage", "coverage > 0.2", {"coverage"}),
    ("health_daily", "arrayMap(one -> one + 0.5, `factors.earned`) AS `factors.earned`", "1", {"factors.earned"}),
    ("health_daily", "lift_value_to + 1 AS lift_value_to", "lift_value_to IS NOT NULL", {"lift_value_to"}),
    ("health_daily", "previous_score + 1 AS previous_score", "previous_score IS NOT NULL", {"previous_score"}),
    ("health_daily", f"'nobody' AS segment, {MORE.format('factors')}", "1", {"segment", "factors.evidence"}),
    ("upsell_daily", "'payment_late' AS gate", "gate IS NULL AND upsell_ready IS NOT NULL", {"gate"}),
    ("upsell_daily", "upsell_ready + 0.01 AS upsell_ready", "upsell_ready IS NOT NULL", {"upsell_ready"}),
    ("upsell_daily", "plan_adoption / 2 AS plan_adoption", "plan_adoption > 0", {"plan_adoption"}),
    (
        "upsell_daily",
        f"license_utilization + 1 AS license_utilization, {MORE.format('components')}",
        "license_utilization > 0",
        {"license_utilization", "components.evidence"},
    ),
)


def test_scores_that_were_changed_are_found_with_the_events_behind_them(
    client: Client, fill: Any, reconcile: Reconcile
) -> None:
    fill(company(1))
    planted: dict[tuple[str, str, str], set[str]] = {}
    for table, changes, condition, shown in PLANTED:
        # A customer of its own: what is planted in a score shows in that of the day after, too.
        others = [customer for of, customer, _ in planted if of == table]
        customer, day = plant(client, table, changes, f"{condition} AND customer_id NOT IN {[*others, '']}")
        planted[table, customer, day] = shown
    found = reconcile.json(*SCORES, "--limit", "0").values()
    told = [(one["table"], difference) for one in found for difference in one["shown"]]
    assert all(one["events"] and one["event_in_archive"] for _, one in told)
    for row, figures in planted.items():
        assert {one["figure"] for of, one in told if (of, one["customer_id"], one["day"]) == row} == figures
    *_, (_, customer, day) = planted
    of_day = ("--customer", customer, "--since", day, "--until", day)
    said = reconcile(*SCORES, *of_day)
    assert said.status == 1
    assert f"upsell_daily {customer} {day}" in said.out


def test_a_score_of_a_restated_day_is_recounted_from_its_own_readings(
    client: Client, fill: Any, reconcile: Reconcile
) -> None:
    fill(company(1))
    row = (
        "SELECT customer_id, day FROM health_daily FINAL INNER JOIN (SELECT customer_id, day FROM feedback_daily FINAL "
        "WHERE revision > 0) AS restated USING (customer_id, day) WHERE score > 1 "
        "ORDER BY day DESC, customer_id LIMIT 1"
    )
    customer, day = client.query(row).result_rows[0]
    of_day = ("--domain", "health", "--customer", customer, "--since", str(day), "--until", str(day))
    assert reconcile.json(*of_day)["health"]["taken"] == 1
    client.command(
        "INSERT INTO health_daily SELECT * REPLACE (score + 1 AS score, row_version + 1 AS row_version) "
        f"FROM health_daily FINAL WHERE customer_id = '{customer}' AND day = '{day}'"
    )
    assert [one["figure"] for one in reconcile.json(*of_day)["health"]["shown"]] == ["score"]
    assert "1 rows rest in part on figures that were restated since" in reconcile(*of_day).out


def test_scores_that_are_gone_are_found_up_to_the_newest_day(client: Client, fill: Any, reconcile: Reconcile) -> None:
    fill(company(1))
    last = client.query("SELECT max(day) FROM health_daily").result_rows[0][0]
    first = client.query("SELECT min(day) FROM upsell_daily").result_rows[0][0]
    added = client.query("SELECT max(day) FROM portfolio_metrics").result_rows[0][0]
    for table, day in (("health_daily", last), ("upsell_daily", first), ("portfolio_metrics", added)):
        client.command(f"ALTER TABLE {table} DELETE WHERE day = '{day}' SETTINGS mutations_sync = 2")
    found = reconcile.json(*SCORES, "--domain", "portfolio", "--limit", "0")
    rows = {
        name: {(one["day"], one["figure"], one["published"], one["recounted"]) for one in one["shown"]}
        for name, one in found.items()
        if one["differences"] and name != "portfolio"
    }
    assert rows == {"health": {(str(last), "(row)", None, "a row")}, "upsell": {(str(first), "(row)", None, "a row")}}
    rows_gone = [one for one in found["portfolio"]["shown"] if one["figure"] == "(row)"]
    assert {one["day"] for one in rows_gone} == {str(added)}
    assert "_portfolio" in {one["customer_id"] for one in rows_gone}
    client.command("TRUNCATE TABLE health_daily")
    client.command("TRUNCATE TABLE upsell_daily")
    assert {name for name, one in reconcile.json(*SCORES).items() if one["differences"]} == {"health", "upsell"}


def test_mrr_in_red_that_was_changed_is_found(client: Client, fill: Any, reconcile: Reconcile, tmp_path: Path) -> None:
    profile = tmp_path / "strict.toml"
    profile.write_text(
        'name = "strict"\nversion = 1\n[health]\nyellow_from = 80.0\ngreen_from = 90.0\nmin_coverage = 0.1\n'
    )
    fill(company(1), profile=str(profile))
    found = reconcile.json("--domain", "portfolio", ZELO_PROFILE=str(profile))["portfolio"]
    assert (found["differing"], found["not_recounted"]) == ({}, [])
    assert found["rows"] > found["taken"] > 0
    day = client.query(
        "SELECT max(day) FROM portfolio_metrics FINAL WHERE notEmpty(mrr_red_minor) AND day NOT IN "
        "(SELECT day FROM revenue_daily FINAL WHERE revision > 0)"
    ).result_rows[0][0]
    client.command(
        "INSERT INTO portfolio_metrics SELECT * REPLACE (mapApply((code, minor) -> (code, minor + 1), mrr_red_minor) "
        "AS mrr_red_minor, row_version + 1 AS row_version) FROM portfolio_metrics FINAL "
        f"WHERE portfolio = '_portfolio' AND day = '{day}'"
    )
    (one,) = reconcile.json("--domain", "portfolio", ZELO_PROFILE=str(profile))["portfolio"]["shown"]
    assert (one["customer_id"], one["day"], one["figure"]) == ("_portfolio", str(day), "mrr_red_minor")
