"""`zelo reconcile` follows a profile: criteria, revenue policies, working hours; and finds what was planted."""

from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from dirty_company import company
from reconcile_rig import Reconcile

from streams.cli import reconcile as command
from streams.reconcile.recounts import RECOUNTS

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(240),
    pytest.mark.any_broker("figures are folded in memory; no broker is asked"),
]

CRITERIA = """
name = "mine"
version = 1
[activation.criterion]
rule = "any"
of = [
    { rule = "all", of = [{ rule = "milestone", milestone = "won" }, { rule = "feature_used", feature = "share" }] },
    { rule = "users_did", n = 2, feature = "export", within_days = 30 },
]
[onboarding]
limit_days = 20
[[onboarding.steps]]
name = "people"
criterion = { rule = "users_did", n = 3 }
[[onboarding.steps]]
name = "use"
criterion = { rule = "active_days", n = 4 }
"""


@pytest.mark.parametrize("text, steps", [(CRITERIA, 2), (CRITERIA.partition("[[")[0] + "steps = []", None)])
def test_the_recount_follows_the_criteria_of_a_profile(
    client: Client, fill: Any, reconcile: Reconcile, tmp_path: Path, text: str, steps: int | None
) -> None:
    profile = tmp_path / "mine.toml"
    profile.write_text(text)
    fill(company(1), profile=str(profile))
    assert reconcile.json("--domain", "usage", ZELO_PROFILE=str(profile))["usage"]["shown"][:3] == []
    known = "SELECT countIf(activated_at IS NOT NULL), countIf(activated_at IS NULL), any(onboarding_steps_total) FROM"
    activated, others, total = client.query(f"{known} usage_daily FINAL").result_rows[0]
    assert (activated > 20, others > 20, total) == (True, True, steps)
    assert reconcile("--domain", "usage", ZELO_PROFILE="demo").status == 1


@pytest.mark.parametrize(
    "churn_date, names",
    [("cancellation_request", ("revenue", "movements")), ("cancellation_in_billing", ("movements",))],
)
def test_the_recount_follows_the_policies_of_revenue(
    fill: Any, reconcile: Reconcile, tmp_path: Path, churn_date: str, names: tuple[str, ...]
) -> None:
    profile = tmp_path / "mine.toml"
    policies = f'churn_date = "{churn_date}"\nrefunds = "negative"\ndiscounts = "gross"\nmetered = "included"\n'
    profile.write_text(f'name = "mine"\nversion = 1\n[revenue]\n{policies}')
    fill(company(1), profile=str(profile))
    domains = [part for name in names for part in ("--domain", name)]
    found = reconcile.json(*domains, ZELO_PROFILE=str(profile))
    assert {name: one["shown"][:3] for name, one in found.items()} == {name: [] for name in names}
    assert found["movements"]["rows"] > 50
    # Under the policies of another profile they are not right.
    assert reconcile("--domain", "movements", "--limit", "1", ZELO_PROFILE="demo").status == 1


#: Clocks go forward in the company's place at midnight of 2024-09-08, a Sunday; the calendar's own has no such change.
WORKING = """
name = "working"
version = 1
[sessions]
counted = true
gap_minutes = 240
[feedback]
follow_up_hours = 36.5
[engagement]
features_available = ["export", "share", "invite"]
recency_half_life_days = 5.0
active_days_full = 9.0
features_full = 3.0
uses_full_per_user = 11.0
min_tenure_days = 5
[revenue]
past_due_days = 5
allowed_gap_days = 6
gross_margin = 0.73
[support]
fcr_review_days = 2
[support.calendar]
country = "CL"
extra_holidays = [2024-08-20]
worked_holidays = [2024-08-15]
time_zone = "America/Sao_Paulo"
[support.calendar.hours]
monday = ["00:00-06:30", "08:00-12:00"]
tuesday = ["13:15-24:00"]
wednesday = []
thursday = ["09:07-18:00"]
friday = ["09:00-18:00"]
saturday = ["00:00-02:00"]
sunday = ["00:00-01:30"]
[support.sla]
urgent = { response_minutes = 300, resolution_minutes = 1440.25 }
low = { response_minutes = 900 }
no_priority = { resolution_minutes = 3000 }
"""


@pytest.fixture(scope="module")
def working(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of that profile; what is made of the same file again is folded once."""
    profile = tmp_path_factory.mktemp("profiles") / "working.toml"
    profile.write_text(WORKING)
    return profile


PLACE = 'time_zone = "America/Sao_Paulo"\n'
REVIEW = "fcr_review_days = 2"


@pytest.mark.parametrize(
    "seed, domains, text",
    [
        (1, ("usage", "revenue", "movements", "feedback", "support", "portfolio"), WORKING),
        (
            2,
            ("usage", "movements", "support"),
            WORKING.replace(PLACE, "").replace(REVIEW, "fcr_review_days = 0").replace("past_due_days = 5\n", ""),
        ),
        (
            1,
            ("movements", "support"),
            WORKING.replace("[support.sla]", '[support.sla]\ntime = "calendar"').replace("allowed_gap_days = 6\n", ""),
        ),
    ],
    ids=["elsewhere", "at the place of the clock change", "calendar limits"],
)
def test_the_recount_follows_working_hours_sessions_and_what_time_does_to_mrr(
    client: Client,
    fill: Any,
    reconcile: Reconcile,
    working: Path,
    tmp_path: Path,
    seed: int,
    domains: tuple[str, ...],
    text: str,
) -> None:
    profile = working
    if text != WORKING:
        profile = tmp_path / "other.toml"
        profile.write_text(text)
    fill(company(seed), profile=str(profile))
    asked = [part for name in domains for part in ("--domain", name)]
    found = reconcile.json(*asked, ZELO_PROFILE=str(profile))
    assert {name: one["shown"][:3] for name, one in found.items()} == {name: [] for name in found}
    assert [name for name, one in found.items() if one["not_recounted"]] == []
    known = {
        "usage_daily": "sessions_28d onboarding_sessions unmapped_features_28d",
        "support_daily": "first_response_business_minutes_28d fcr_first_contact_90d fcr_solved_90d sla_breaches_28d",
        "revenue_daily": "margin_to_date_minor",
        "feedback_daily": "follow_ups_overdue",
    }
    for table, names in known.items():
        many = ", ".join(f"uniqExact({name}) > 1" for name in names.split())
        assert min(client.query(f"SELECT {many} FROM {table} FINAL").result_rows[0]), table
    if "past_due_days" in text:
        unpaid = "SELECT count() FROM mrr_movements FINAL WHERE churn_reason = 'past_due' AND NOT churn_voluntary"
        assert client.query(unpaid).result_rows[0][0] > 0


def test_holidays_and_the_gap_that_is_allowed_make_a_difference(
    fill: Any, reconcile: Reconcile, working: Path, tmp_path: Path
) -> None:
    """Figures of one profile are not those of another that differs in one word."""
    other = tmp_path / "other.toml"
    fill(company(1), profile=str(working))
    for domain, line, instead in (
        ("support", 'country = "CL"', 'country = "DE"'),
        ("usage", "gap_minutes = 240", "gap_minutes = 30"),
        ("movements", "allowed_gap_days = 6", "allowed_gap_days = 1"),
        ("feedback", "follow_up_hours = 36.5", "follow_up_hours = 80.0"),
    ):
        other.write_text(WORKING.replace(line, instead))
        assert reconcile("--domain", domain, "--limit", "1", ZELO_PROFILE=str(other)).status == 1, line


#: By table and figure, what is planted in the first row of a customer where it is known.
PLANTED = {
    "usage_daily": ("engagement_score", "engagement_score + 0.001"),
    "support_daily": ("sla_breaches_28d", "sla_breaches_28d + 1"),
    "revenue_daily": ("days_to_renewal", "days_to_renewal + 1"),
    "mrr_movements": ("churn_reason", "'another'"),
    "feedback_daily": ("nps_low", "nps_low - 0.5"),
}


def test_wrong_values_that_are_planted_are_found_with_their_events(
    client: Client, fill: Any, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(company(1))
    for table, (figure, wrong) in PLANTED.items():
        order = "ORDER BY customer_id, day LIMIT 1"
        client.command(
            f"INSERT INTO {table} SELECT * REPLACE ({wrong} AS {figure}, row_version + pow(2, 44)::UInt64 AS "
            f"row_version) FROM {table} FINAL WHERE {figure} IS NOT NULL {order}"
        )
    asked = ("usage", "support", "revenue", "movements", "feedback", "portfolio")
    found = reconcile.json(*(part for name in asked for part in ("--domain", name)))
    told = {one["table"]: one["shown"] for one in found.values() if one["table"] in PLANTED and one["differences"]}
    assert found["portfolio"]["differing"].keys() == {"sla_breaches_28d"}  # in all, and in a segment if it had one
    assert {one["customer_id"] for one in found["portfolio"]["shown"]} >= {"_portfolio"}
    assert {table: [one["figure"] for one in shown] for table, shown in told.items()} == {
        table: [figure] for table, (figure, _) in PLANTED.items()
    }
    assert all(one["events"] for (one,) in told.values())
    (one,) = told["support_daily"]
    # As if there were no other recounts: all that is said where none is chosen.
    monkeypatch.setattr(command, "RECOUNTS", [known for known in RECOUNTS if known.domain == "support"])
    shown = reconcile("--customer", one["customer_id"], "--since", one["day"], "--until", one["day"])
    assert shown.status == 1
    assert f"events behind it: {', '.join(one['events'])}" in shown.out
    assert "not recounted, health_current: the newest of health" in shown.out
