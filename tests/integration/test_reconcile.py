"""`zelo reconcile` beside what the machines published of a company with much dirt, and beside planted faults."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from dirty_company import PARTITIONS, START, company
from reconcile_rig import Reconcile

from schemas import registry
from schemas.codec import encode
from schemas.envelope import CLOCK_CUSTOMER, Heartbeat
from schemas.usage_events import FeatureUsed
from streams.intake.ordering import Record
from streams.intake.ravenstack import ravenstack_events
from streams.metrics.days import DAY_MS
from streams.reconcile.recounts import RECOUNTS

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(240),
    pytest.mark.any_broker("figures are folded in memory; no broker is asked"),
]

#: By recount the columns it passes over: words, live values, and what a score had been when it was last told.
PASSED_OVER = {
    "snapshots": ["model_version"],
    "churn": [
        "model",
        "mrr_minor",
        "currency",
        "name",
        "contributions",
        "previous_day",
        "previous_probability",
        "changed_by_model",
        "changes",
        "owner",
        "segment",
        "locale",
    ],
}

DEMO = Path(__file__).parents[2] / "demo" / "ravenstack"


def test_the_recount_confirms_every_figure(client: Client, fill: Any, reconcile: Reconcile) -> None:
    fill(company(2))
    found = reconcile.json()
    assert {name: one["shown"][:3] for name, one in found.items()} == {name: [] for name in found}
    counted = ["usage", "revenue", "movements", "feedback", "support", "account", "spend"]
    scores = ["health", "upsell", "snapshots", "churn"]
    views = [one.domain for one in RECOUNTS if one.is_view]
    assert list(found) == [*counted, *scores, "portfolio", *views]
    assert {name: one["not_recounted"] for name, one in found.items() if one["not_recounted"]} == PASSED_OVER
    assert found["portfolio"]["rows"] > 150
    for name, least in (("health", 200), ("upsell", 200), ("snapshots", 0)):  # most days of this company are restated
        assert found[name]["rows"] - found[name]["taken"] > least, name
    assert found["churn"]["rows"] > 5
    for name in counted:
        one = found[name]
        assert one["rows"] > 50, name
        assert one["late"] > 0, name
        assert one["late_untold"] == 0, name
        assert one["recounted"], name
        assert one["not_recounted"] == [], name
    # What is rare is there.
    sums = "sum(terms_ended_1d), sum(terms_renewed_1d), sum(billing_impossible), sum(subscriptions_ending)"
    assert min(client.query(f"SELECT {sums} FROM revenue_daily FINAL").result_rows[0]) > 3
    known = {
        "usage_daily": "activated_at onboarded_at onboarding_users onboarding_emails_opened onboarding_steps_done "
        "resource_helpful_28d engagement_score engagement_band",
        "support_daily": "first_response_minutes_28d full_resolution_hours_28d oldest_open_hours tickets_open_urgent",
        "revenue_daily": "plan days_to_renewal renewal_automatic renewal_period_days "
        "cancellation_reported_while_paying",
        "mrr_movements": "churn_reason churn_voluntary",
        "feedback_daily": "nps_low nps_high response_rate_90d follow_ups_overdue last_nps_reason "
        "last_nps_respondent_id",
    }
    for table, names in known.items():
        many = ", ".join(f"uniqExact({name}) + countIf({name} IS NULL) > 1" for name in names.split())
        assert min(client.query(f"SELECT {many} FROM {table} FINAL").result_rows[0]), table
    restated = client.query("SELECT countIf(revision > 0) FROM usage_daily FINAL").result_rows[0][0]
    assert restated > 10
    (day, portfolio) = emptied(client)
    assert portfolio.startswith("_segment:")
    alone = reconcile.json("--domain", "portfolio", "--since", str(day), "--until", str(day))["portfolio"]
    assert (alone["differences"], alone["rows"]) == (0, 3)


def emptied(client: Client) -> tuple[date, str]:
    """A segment that had lost its last customer, and the day."""
    rows = client.query("SELECT day, portfolio FROM portfolio_metrics FINAL WHERE customers = 0 ORDER BY day LIMIT 1")
    day, portfolio = rows.result_rows[0]
    return day, portfolio


def test_rows_of_a_segment_that_are_gone_are_found(client: Client, fill: Any, reconcile: Reconcile) -> None:
    fill(company(2))
    day, portfolio = emptied(client)
    gone = "ALTER TABLE portfolio_metrics DELETE WHERE"
    client.command(f"{gone} portfolio = '{portfolio}' AND day = '{day}' SETTINGS mutations_sync = 2")
    shown = reconcile.json("--domain", "portfolio")["portfolio"]["shown"]
    assert [(one["customer_id"], one["day"], one["recounted"]) for one in shown] == [(portfolio, str(day), "a row")]
    said = reconcile("--domain", "portfolio").out
    assert f"{portfolio} {day} (row): published None, recounted a row" in said
    assert "events behind it" not in said  # nobody looked for those of many customers
    client.command(f"{gone} portfolio = '{portfolio}' SETTINGS mutations_sync = 2")
    shown = reconcile.json("--domain", "portfolio", "--limit", "0")["portfolio"]["shown"]
    assert {(one["customer_id"], one["published"], one["recounted"]) for one in shown} == {(portfolio, None, "a row")}
    assert len(shown) > 5


def test_the_recount_confirms_the_demo_data(fill: Any, reconcile: Reconcile) -> None:
    """Of every fortieth customer in the first year, to be quick; `zelo reconcile` after `zelo demo` looks at all."""
    sent = list(ravenstack_events(DEMO, PARTITIONS))
    chosen = {*sorted({record.key for record in sent})[::40], CLOCK_CUSTOMER.encode()}
    end = min(record.timestamp_ms for record in sent) + 366 * DAY_MS
    fill(tuple(record for record in sent if record.key in chosen and record.timestamp_ms < end), "UTC", 90)
    found = reconcile.json(ZELO_TIMEZONE="UTC", ZELO_HORIZON_DAYS="90")
    assert {name: one["shown"][:3] for name, one in found.items()} == {name: [] for name in found}
    assert sum(one["values"] for one in found.values()) > 40_000


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
    assert "health_current" not in found.out  # the other tables were not asked for
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
    assert reconcile("--domain", "feedback", "--domain", "spend").status == 0
    assert reconcile("--domain", "usage", "--customer", "c3", "--since", one["day"]).status == 1


def test_an_event_that_is_gone_is_found_by_what_was_published_of_it(
    client: Client, fill: Any, reconcile: Reconcile
) -> None:
    fill(company(2))
    newest = (
        "SELECT event_id, customer_id FROM (SELECT * FROM events FINAL WHERE type = 'feature_used') AS used "
        "INNER JOIN (SELECT customer_id, event_id, day FROM usage_daily FINAL) AS told "
        "USING (customer_id, event_id, day) ORDER BY day DESC, customer_id LIMIT 1"
    )
    gone, customer = client.query(newest).result_rows[0]
    client.command(f"ALTER TABLE events DELETE WHERE event_id = '{gone}' SETTINGS mutations_sync = 2")
    found = reconcile.json("--domain", "usage", "--domain", "feedback", "--domain", "upsell", "--limit", "0")
    assert {name for name, one in found.items() if one["differences"]} == {"usage"}
    shown = found["usage"]["shown"]
    assert len(shown) == found["usage"]["differences"] == sum(found["usage"]["differing"].values())
    assert {one["customer_id"] for one in shown} == {customer}
    assert {one["event_id"] for one in shown if not one["event_in_archive"]} == {gone}
    assert all(gone not in one["events"] for one in shown)
    text = reconcile("--domain", "usage", "--limit", "1")
    assert text.status == 1
    assert "more differences" in text.out


def test_an_answer_that_does_not_state_its_scale_says_nothing(client: Client, fill: Any, reconcile: Reconcile) -> None:
    """An earlier release took such answers in, and they stand in its archive."""
    fill(company(1))
    client.command(
        """
        INSERT INTO events SELECT * REPLACE (
            concat(event_id, '-plain') AS event_id,
            replaceAll(replaceRegexpAll(payload, ',"scale_(min|max)":[0-9.]+', ''), '"response_id":"',
                '"response_id":"plain-') AS payload
        )
        FROM events FINAL WHERE type = 'survey_answered' AND JSONExtractString(payload, 'survey') IN ('csat', 'ces')
        """
    )
    planted = (
        "SELECT countIf(NOT JSONHas(payload, 'scale_min') AND NOT JSONHas(payload, 'scale_max')), count() FROM events"
    )
    (plain, all_planted) = client.query(f"{planted} WHERE endsWith(event_id, '-plain')").result_rows[0]
    assert plain == all_planted > 10
    assert reconcile("--domain", "feedback").status == 0


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
    found = reconcile.json("--domain", "support", "--domain", "movements", "--limit", "0", "--since", "2024-09-10")
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


def test_what_cannot_be_compared_is_an_error_in_words(fill: Any, reconcile: Reconcile) -> None:
    assert reconcile().err == "error: there are no events in ClickHouse to count from: is the archive running?"
    fill(company(1))
    for arguments, said in (
        (("--domain", "weather"), "there is no recount of 'weather'; there is usage, revenue, movements"),
        (("--customer", "c1", "--domain", "portfolio"), "portfolio is of all customers: leave it or --customer out"),
        (("--customer", "nobody", "--domain", "usage"), "nothing is known of a customer 'nobody' on these days"),
        (("--since", "2090-01-01"), "nothing is known on these days"),  # it compared nothing, and all was well
        (("--until", "1990-01-01", "--domain", "usage"), "nothing is known on these days"),
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
