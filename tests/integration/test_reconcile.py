"""`zelo reconcile` beside what the machines published of a company with much dirt, and beside planted faults."""

import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cli_rig import Outcome, Zelo, clean_environment, command_line
from clickhouse_connect.driver.client import Client
from dirty_company import HORIZON_DAYS, PARTITIONS, START, ZONE, company

from schemas import registry
from schemas.codec import encode
from schemas.envelope import CLOCK_CUSTOMER, Heartbeat
from schemas.usage_events import FeatureUsed
from streams.config import Settings
from streams.intake.jsonl import JsonLines
from streams.intake.ordering import Record, prepare
from streams.intake.ravenstack import ravenstack_events
from streams.metrics.days import DAY_MS, Days
from streams.metrics.domain import TimePolicy
from streams.metrics.profile import load_profile
from streams.offline import Input, Offline
from streams.sinks.clickhouse import ClickHouse
from streams.sinks.rows import RowMapper

sys.path.append(str(Path(__file__).parents[1] / "flow"))
from offline_rig import NOW
from system_oracle import as_read, as_sent

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(240),
    pytest.mark.any_broker("figures are folded in memory; no broker is asked"),
]

DEMO = Path(__file__).parents[2] / "demo" / "ravenstack"


@cache
def archived(
    inputs: tuple[Record, ...], zone: str, horizon_days: int, profile: str
) -> dict[Any, list[tuple[object, ...]]]:
    """The rows of the whole archive, by table."""
    days, time = Days(zone), TimePolicy(horizon_days=horizon_days, dedup_days=horizon_days)
    offline = Offline(load_profile(profile), PARTITIONS, time, days, NOW)
    offline.feed(Input(*record[:4]) for record in inputs)
    offline.flush()
    found: dict[Any, list[tuple[object, ...]]] = defaultdict(list)
    for row in RowMapper("", days).rows([*as_read(inputs), *as_sent(offline)], NOW).rows:
        found[row.table].append(row.values)
    return found


@pytest.fixture
def fill(archive: Settings, client: Client) -> Iterator[Callable[..., None]]:
    backend = ClickHouse(archive)

    def put(
        inputs: tuple[Record, ...], zone: str = ZONE, horizon_days: int = HORIZON_DAYS, profile: str = "demo"
    ) -> None:
        for table, rows in archived(inputs, zone, horizon_days, profile).items():
            backend.insert(table, rows, "")

    yield put
    backend.close()


class Reconcile:
    def __init__(self, zelo: Zelo) -> None:
        self.zelo = zelo

    def __call__(self, *arguments: str, **environment: str) -> Outcome:
        return self.zelo("reconcile", *arguments, **environment)

    def json(self, *arguments: str, **environment: str) -> Any:
        found = self(*arguments, "--json", **environment)
        assert found.status in (0, 1), found.err
        return {one["domain"]: one for one in json.loads(found.out)}


@pytest.fixture
def zelo(archive: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Zelo:
    clean_environment(monkeypatch)
    monkeypatch.setenv("ZELO_CLICKHOUSE_URL", archive.clickhouse_url)
    monkeypatch.setenv("ZELO_PROFILE", "demo")
    monkeypatch.setenv("ZELO_TIMEZONE", ZONE)
    monkeypatch.setenv("ZELO_HORIZON_DAYS", str(HORIZON_DAYS))
    return command_line(monkeypatch, capsys)


@pytest.fixture
def reconcile(zelo: Zelo) -> Reconcile:
    return Reconcile(zelo)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_recount_confirms_every_figure(client: Client, fill: Any, reconcile: Reconcile, seed: int) -> None:
    fill(company(seed))
    found = reconcile.json()
    assert {name: one["shown"][:3] for name, one in found.items()} == {name: [] for name in found}
    assert list(found) == ["usage", "revenue", "movements", "feedback", "support", "account", "spend"]
    for name, one in found.items():
        assert one["rows"] > 50, name
        assert one["late"] > 0, name
        assert one["late_untold"] == 0, name
        assert one["recounted"], name
    assert {name: one["not_recounted"] for name, one in found.items() if name in ("movements", "account", "spend")} == {
        "movements": ["churn_reason", "churn_voluntary"],
        "account": [],
        "spend": [],
    }
    # What is rare is there.
    sums = "sum(terms_ended_1d), sum(terms_renewed_1d), sum(billing_impossible), sum(subscriptions_ending)"
    assert min(client.query(f"SELECT {sums} FROM revenue_daily FINAL").result_rows[0]) > 3
    scored = ["engagement_score", "engagement_band", "sessions_28d", "onboarding_sessions"]
    assert sorted(found["usage"]["not_recounted"]) == sorted(scored)
    beginnings = "activated_at", "onboarded_at", "onboarding_users", "onboarding_emails_opened"
    known = ", ".join(f"uniqExact({name})" for name in (*beginnings, "onboarding_steps_done", "resource_helpful_28d"))
    assert min(client.query(f"SELECT {known} FROM usage_daily FINAL").result_rows[0]) > 1
    working_time = ["first_response_business_minutes_28d", "first_response_business_minutes_90d"]
    judged = ["fcr_solved_90d", "fcr_first_contact_90d", "fcr_rate_90d", "sla_breaches_28d"]
    assert found["support"]["not_recounted"] == working_time + judged
    clocks = ("first_response_minutes_28d", "full_resolution_hours_28d")
    known = ", ".join(f"uniqExact({name})" for name in (*clocks, "oldest_open_hours", "tickets_open_urgent"))
    assert min(client.query(f"SELECT {known} FROM support_daily FINAL").result_rows[0]) > 1
    restated = client.query("SELECT countIf(revision > 0) FROM usage_daily FINAL").result_rows[0][0]
    assert restated > 10
    assert reconcile().status == 0


def test_the_recount_confirms_a_generated_company_with_every_hard_case(
    client: Client, fill: Any, reconcile: Reconcile, zelo: Zelo, tmp_path: Path
) -> None:
    path, zone = tmp_path / "company.jsonl", "Europe/Madrid"
    made = zelo("generate", "--customers", "40", "--days", "150", "--timezone", zone, "--report", "--output", str(path))
    assert made.status == 0, made.err
    fill(tuple(prepare(JsonLines(), path, PARTITIONS, Days(zone), as_arrived=True)), zone, 90)
    environment = {"ZELO_TIMEZONE": zone, "ZELO_HORIZON_DAYS": "90"}
    found = reconcile.json(**environment)
    assert {name: one["shown"][:3] for name, one in found.items()} == {name: [] for name in found}
    assert min(one["rows"] for one in found.values()) > 50
    exchanged = "SELECT uniqExact(customer_id) FROM mrr_movements FINAL WHERE movement = 'currency_change'"
    assert client.query(exchanged).result_rows[0][0] == json.loads(made.out)["planted"]["currency_changed"]


def test_the_recount_confirms_the_demo_data(fill: Any, reconcile: Reconcile) -> None:
    """Of every twelfth customer, to be quick; `zelo reconcile` after `zelo demo` looks at all."""
    sent = list(ravenstack_events(DEMO, PARTITIONS))
    chosen = {*sorted({record.key for record in sent})[::12], CLOCK_CUSTOMER.encode()}
    fill(tuple(record for record in sent if record.key in chosen), "UTC", 90)
    found = reconcile.json(ZELO_TIMEZONE="UTC", ZELO_HORIZON_DAYS="90")
    assert {name: one["shown"][:3] for name, one in found.items()} == {name: [] for name in found}
    assert sum(one["values"] for one in found.values()) > 400_000


def test_a_figure_that_was_changed_is_found_with_the_events_behind_it(
    client: Client, fill: Any, reconcile: Reconcile
) -> None:
    fill(company(1))
    client.command(
        "INSERT INTO usage_daily SELECT * REPLACE (events_28d + 1 AS events_28d, revision + 1 AS revision, "
        "row_version + pow(2, 44)::UInt64 AS row_version) FROM usage_daily FINAL "
        "WHERE customer_id = 'c3' AND events_28d > 2 ORDER BY day LIMIT 1"
    )
    found = reconcile("--domain", "usage")
    assert found.status == 1
    (one,) = reconcile.json("--domain", "usage")["usage"]["shown"]
    assert (one["customer_id"], one["figure"]) == ("c3", "events_28d")
    assert one["published"] == one["recounted"] + 1
    assert len(one["events"]) == one["recounted"]
    told = f"usage_daily c3 {one['day']} events_28d: published {one['published']} (revision {one['revision']})"
    assert f"{told}, recounted {one['recounted']} events behind it: {', '.join(one['events'])}" in found.out
    # Neither other days, nor others' figures, nor other domains.
    before = date.fromordinal(date.fromisoformat(one["day"]).toordinal() - 1)
    assert reconcile("--domain", "usage", "--until", str(before)).status == 0
    assert reconcile("--domain", "usage", "--customer", "c4").status == 0
    assert reconcile("--domain", "support", "--domain", "movements").status == 0
    assert reconcile("--customer", "c3", "--since", one["day"]).status == 1


def test_an_event_that_is_gone_is_found_by_what_was_published_of_it(
    client: Client, fill: Any, reconcile: Reconcile
) -> None:
    fill(company(2))
    newest = (
        "SELECT event_id FROM (SELECT * FROM events FINAL WHERE customer_id = 'c5' AND type = 'feature_used') AS used "
        "INNER JOIN (SELECT event_id, day FROM usage_daily FINAL WHERE customer_id = 'c5') AS told "
        "USING (event_id, day) ORDER BY day DESC LIMIT 1"
    )
    gone = client.query(newest).result_rows[0][0]
    client.command(f"ALTER TABLE events DELETE WHERE event_id = '{gone}' SETTINGS mutations_sync = 2")
    found = reconcile.json("--limit", "0")
    assert {name for name, one in found.items() if one["differences"]} == {"usage"}
    shown = found["usage"]["shown"]
    assert len(shown) == found["usage"]["differences"] == sum(found["usage"]["differing"].values())
    assert {one["customer_id"] for one in shown} == {"c5"}
    assert {one["event_id"] for one in shown if not one["event_in_archive"]} == {gone}
    assert all(gone not in one["events"] for one in shown)
    text = reconcile("--domain", "usage", "--limit", "1")
    assert text.status == 1
    assert "more differences" in text.out


def test_a_customer_without_events_and_one_without_figures_are_found(
    client: Client, fill: Any, reconcile: Reconcile
) -> None:
    fill(company(1))
    for sql in (
        "ALTER TABLE events DELETE WHERE customer_id = 'c1' AND topic = 'tickets.v1'",
        "ALTER TABLE support_daily DELETE WHERE customer_id = 'c2'",
        "ALTER TABLE mrr_movements DELETE WHERE customer_id = 'c2'",
    ):
        client.command(f"{sql} SETTINGS mutations_sync = 2")
    found = reconcile.json("--limit", "0")
    rows = {(one["customer_id"], one["figure"], one["published"]) for one in found["support"]["shown"]}
    assert rows == {("c1", "(row)", "a row"), ("c2", "(row)", None)}
    assert {(one["customer_id"], one["figure"]) for one in found["movements"]["shown"]} == {("c2", "(row)")}
    assert all(one["events"] for one in found["movements"]["shown"])
    assert reconcile("--customer", "c1", "--domain", "support").status == 1


def test_late_events_that_only_a_heartbeat_could_tell_are_said_to_be_there(fill: Any, reconcile: Reconcile) -> None:
    head: dict[str, Any] = {"event_id": "e1", "customer_id": "c1", "occurred_at": START}
    beat = Heartbeat(event_id="b", customer_id="_clock", occurred_at=START + 60 * DAY_MS)
    fill(
        (
            Record(registry.USAGE.name, 0, b"_clock", encode(beat), 0),
            Record(registry.USAGE.name, 0, b"c1", encode(FeatureUsed(**head)), 0),
        )
    )
    found = reconcile("--domain", "usage")
    assert found.status == 1
    assert "usage.v1: 1 more records were counted late than the archive can tell" in found.out


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


@pytest.mark.parametrize("churn_date", ["cancellation_request", "cancellation_in_billing"])
def test_the_recount_follows_the_policies_of_revenue(
    fill: Any, reconcile: Reconcile, tmp_path: Path, churn_date: str
) -> None:
    profile = tmp_path / "mine.toml"
    policies = f'churn_date = "{churn_date}"\nrefunds = "negative"\ndiscounts = "gross"\nmetered = "included"\n'
    profile.write_text(f'name = "mine"\nversion = 1\n[revenue]\n{policies}')
    fill(company(1), profile=str(profile))
    domains = ("--domain", "revenue", "--domain", "movements")
    found = reconcile.json(*domains, ZELO_PROFILE=str(profile))
    assert {name: one["shown"][:3] for name, one in found.items()} == {"revenue": [], "movements": []}
    assert found["movements"]["rows"] > 50
    assert (
        reconcile(*domains, ZELO_PROFILE="demo").status == 1
    )  # under the policies of another profile they are not right


def test_what_mrr_follows_otherwise_is_said_to_be_left_out(fill: Any, reconcile: Reconcile, tmp_path: Path) -> None:
    fill(company(1))
    profile = tmp_path / "mine.toml"
    profile.write_text('name = "mine"\nversion = 1\n[revenue]\nallowed_gap_days = 30\n')
    found = reconcile("--domain", "revenue", ZELO_PROFILE=str(profile))
    assert found.status == 0
    assert "not recounted, revenue (the profile lets MRR end past due or go on through a gap" in found.out


def test_what_cannot_be_compared_is_an_error_in_words(fill: Any, reconcile: Reconcile) -> None:
    assert reconcile().err == "error: there are no events in ClickHouse to count from: is the archive running?"
    fill(company(1))
    for arguments, said in (
        (("--domain", "weather"), "there is no recount of 'weather'; there is usage, revenue, movements"),
        (("--customer", "nobody"), "nothing is known of a customer 'nobody' on these days"),
        (("--since", "2024-02-02", "--until", "2024-02-01"), "--since 2024-02-02 lies after --until 2024-02-01"),
    ):
        found = reconcile(*arguments)
        assert (found.status, said in found.err) == (2, True), found.err
    zone = reconcile(ZELO_TIMEZONE="Asia/Tokyo")
    assert zone.status == 2
    assert "lie on other days than in Asia/Tokyo: set ZELO_TIMEZONE" in zone.err
    nowhere = reconcile(ZELO_CLICKHOUSE_URL="http://127.0.0.1:9")
    assert nowhere.status == 2
    assert "ClickHouse" in nowhere.err
