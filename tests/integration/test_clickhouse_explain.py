"""`zelo metrics explain` beside an archive whose every row is known."""

import json
from collections.abc import Iterator
from pathlib import Path
from time import tzset
from typing import Any

import pytest
from archive_rig import empty
from cli_rig import Outcome, clean_environment, command_line
from sink_samples import AT, DAY, churn, health, model_quality, movement, portfolio, rows, upsell, used, values

from schemas.metrics import AccountValues, FeedbackValues, RevenueValues, SpendValues, SupportValues, UsageValues
from streams.catalogue.metric import Metric
from streams.catalogue.registry import catalogue
from streams.config import Settings
from streams.metrics.days import DAY_MS
from streams.sinks.clickhouse import ClickHouse, connect
from streams.sinks.tables import TABLES

pytestmark = [pytest.mark.integration, pytest.mark.any_broker("speaks to ClickHouse alone")]

DAY_BEFORE = DAY - 1
RECORDS = [
    used("e1", offset=1, at=AT - 40 * DAY_MS),
    used("e2", offset=2, at=AT - DAY_MS),
    used("e3", offset=3, at=AT, quantity=7),
    used("e3", offset=4, at=AT, quantity=7),  # sent twice
    used("e4", offset=5, at=AT + DAY_MS),  # after the day
    used("x1", offset=6, customer="acme [bold]"),
    values(UsageValues(stickiness=0.5, events_28d=1, active_users_28d=1), offset=2, day=DAY_BEFORE),
    values(UsageValues(stickiness=0.25, events_28d=2, active_users_28d=1), offset=4, day=DAY),
    values(UsageValues(stickiness=0.75, events_28d=2, active_users_28d=1), offset=5, day=DAY, revision=1),
    values(UsageValues(), offset=6, customer="acme [bold]"),
    values(RevenueValues(mrr_minor=49_900, currency="BRL", paying=True, plan="gold"), offset=3),
    values(AccountValues(name="Acme", plan="silver", signed_up_at=AT), offset=3),
    values(AccountValues(name="Acme", plan="silver", signed_up_at=AT), offset=3, kind="live"),
    values(SupportValues(tickets_open=2), offset=3),
    values(SpendValues(spend_1d_minor={"BRL": 5}), offset=3),
    values(FeedbackValues(nps=50.0), offset=3, customer="surveyed"),
    movement("new", 49_900, 0, currency="BRL"),
    health("live", offset=8, profile="demo@1"),
    health("day", offset=7, profile="demo@1", score=60.0),
    churn(offset=9),
    upsell(offset=10),
    portfolio(offset=11),
    portfolio(revision=1, offset=12),
    model_quality(offset=13),
]


@pytest.fixture(scope="module")
def clickhouse(archive: Settings) -> Iterator[Settings]:
    backend = ClickHouse(archive)
    for number, row in enumerate(rows(*RECORDS)):
        backend.insert(row.table, [row.values], f"token {number}")
    backend.close()
    yield archive
    with connect(archive) as client:
        empty(client)


class Explain:
    def __init__(self, zelo: Any) -> None:
        self.zelo = zelo

    def __call__(self, *arguments: str) -> Outcome:
        return self.zelo("metrics", "explain", *arguments)

    def json(self, *arguments: str) -> Any:
        found = self(*arguments, "--json")
        assert found.status == 0, found.err
        return json.loads(found.out)


@pytest.fixture
def explain(clickhouse: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Explain:
    clean_environment(monkeypatch)
    monkeypatch.setenv("ZELO_CLICKHOUSE_URL", clickhouse.clickhouse_url)
    monkeypatch.setenv("ZELO_PROFILE", "demo")
    return Explain(command_line(monkeypatch, capsys))


def test_the_newest_value_comes_with_its_revision_and_the_events_of_its_window(explain: Explain) -> None:
    found = explain.json("stickiness", "--customer", "c1")
    assert (found["value"], found["day"], found["revision"]) == (0.75, "2024-10-04", 1)
    assert found["as_of"] == "2024-10-05T00:00:00Z"
    assert found["first_day"] == "2024-09-07"
    assert [(row["type"], row["events"]) for row in found["inputs"]] == [("feature_used", 2)]
    assert [row["event_id"] for row in found["newest"]] == ["e3", "e2"]
    assert found["metric"]["title"]["pt"] == catalogue().named("stickiness")[0].title.pt


def test_a_day_before_has_its_own_value_and_events(explain: Explain) -> None:
    found = explain.json("usage.stickiness", "--customer", "c1", "--day", "2024-10-03")
    assert (found["value"], found["revision"]) == (0.5, 0)
    assert [row["event_id"] for row in found["newest"]] == ["e2"]


def test_a_window_without_a_beginning_has_every_event_before_as_of(explain: Explain) -> None:
    found = explain.json("first_used_at", "--customer", "c1", "--limit", "1")
    assert found["first_day"] is None
    assert found["inputs"][0]["events"] == 3
    assert [row["event_id"] for row in found["newest"]] == ["e3"]


def test_the_time_zone_of_the_machine_moves_nothing(explain: Explain, monkeypatch: pytest.MonkeyPatch) -> None:
    # Instants of UTC columns come without a zone: read as local time they moved the day and its events.
    before = explain.json("stickiness", "--customer", "c1")
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Pacific/Kiritimati")  # 14 hours ahead
        tzset()
        shifted = explain.json("stickiness", "--customer", "c1")
    tzset()
    assert shifted == before


def test_the_settings_that_count_are_those_of_the_workers_profile(explain: Explain) -> None:
    found = explain.json("engagement_score", "--customer", "c1")
    assert found["profile"] == "demo@1"
    assert found["policy"]["engagement.recency_half_life_days"] == 28.0
    assert found["profile_doubt"] is None


def test_people_read_value_definition_profile_and_events(explain: Explain) -> None:
    shown = explain("stickiness", "--customer", "c1", "--lang", "pt")
    assert shown.status == 0
    for words in (
        "usage.stickiness",
        catalogue().named("stickiness")[0].title.pt,
        "0.75 share",
        "customer c1, day 2024-10-04, as of 2024-10-05 00:00:00 UTC, revision 1",
        "mean of daily distinct users over 28 days",
        "without active users in 28 days",
        "profile demo@1",
        "made of 2 events, from 2024-09-07, window 28d",
        "feature_used 2 2024-10-03 12:00:00 2024-10-04 12:00:00",
        "e3 unknown",
    ):
        assert words in shown.out, words


def test_a_value_not_defined_yet_says_its_rule(explain: Explain) -> None:
    shown = explain("usage_trend", "--customer", "acme [bold]", "--limit", "0")
    assert shown.status == 0
    assert "not defined yet: null under 28 days since the first use" in shown.out
    assert "customer acme [bold], day" in shown.out


def test_money_is_said_as_people_write_it(explain: Explain) -> None:
    shown = explain("mrr_minor", "--customer", "c1")
    assert "R$499.00 (49,900 in minor units)" in shown.out


def test_instants_are_said_in_words(explain: Explain) -> None:
    assert "2024-10-04 12:00:00" in explain("signed_up_at", "--customer", "c1").out.split("customer c1")[0]


def test_a_score_comes_with_its_factors_and_their_evidence(explain: Explain) -> None:
    found = explain.json("health_score", "--customer", "c1")
    assert (found["value"], found["revision"]) == (41.5, None)
    assert [part["factor"] for part in found["parts"]] == ["engagement", "support"]
    assert found["parts"][0]["evidence"] == {"events_28d": 3}
    assert explain.json("health_score", "--customer", "c1", "--day", "2024-10-04")["value"] == 60.0
    assert "engagement 30 0.7 21 49 – events_28d=3" in explain("health_score", "--customer", "c1").out


def test_a_streamed_figure_of_many_customers_shows_its_newest_rows(explain: Explain) -> None:
    found = explain.json("company.nrr_28d", "--limit", "5")
    about = {"as_of": "2024-10-05T00:00:00Z", "revision": 1, "reason": "restated"}
    assert found["rows"] == [{"day": "2024-10-04", "portfolio": "_segment:smb", "value": {"BRL": 0.9}, **about}]
    assert "nps is the id of several figures: say portfolio.nps or company.nps" in explain("nps").err


def test_the_quality_of_the_model_is_explained_as_it_was_streamed(explain: Explain) -> None:
    found = explain.json("model.roc_auc")
    about = {"as_of": "2024-10-05T00:00:00Z", "revision": 0}
    assert found["rows"] == [{"day": "2024-10-04", "model": "churn", "value": 0.75, **about}]
    assert found["metric"]["null"] == "until both outcomes were seen"
    assert explain.json("drift_alarm_day")["rows"][0]["value"] == "2024-03-18"


def test_a_factor_is_explained_alone(explain: Explain) -> None:
    found = explain.json("health.engagement", "--customer", "c1")
    assert (found["value"], [part["factor"] for part in found["parts"]]) == (30.0, ["engagement"])
    assert explain.json("health.support", "--customer", "c1")["value"] is None
    assert explain.json("health.billing", "--customer", "c1")["parts"] == []


def test_a_churn_risk_comes_with_its_reasons(explain: Explain) -> None:
    found = explain.json("churn_probability", "--customer", "c1")
    assert found["value"] == 0.12
    assert [part["code"] for part in found["parts"]] == ["usage_falling"]
    assert explain.json("raising", "--customer", "c1")["value"][0]["code"] == "usage_falling"


def test_upsell_readiness_comes_with_its_components(explain: Explain) -> None:
    found = explain.json("upsell_ready", "--customer", "c1")
    assert (found["value"], [part["component"] for part in found["parts"]]) == (62.5, ["seats", "tenure"])
    found = explain.json("upsell.seats", "--customer", "c1", "--day", "2024-10-04")
    assert (found["value"], found["parts"][0]["evidence"]) == (62.5, {"seats": 10})
    assert explain.json("upsell_gate", "--customer", "c1")["value"] is None


def test_a_figure_of_all_customers_shows_the_rows_of_its_view(explain: Explain) -> None:
    found = explain.json("end_mrr_minor")
    assert found["rows"][-1] == {"currency": "BRL", "month": "2024-10-01", "value": 49_900}
    shown = explain("end_mrr_minor")
    assert "view v_retention, column end_mrr_minor" in shown.out
    assert "BRL 2024-10-01 49900" in shown.out
    assert explain.json("won", "--customer", "nobody")["rows"] == []
    assert "the view has no rows yet" in explain("cac_minor", "--limit", "0").out


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("stickines", "--customer", "c1"), "there is no figure 'stickines'; did you mean stickiness?"),
        (("qqqq", "--customer", "c1"), "there is no figure 'qqqq'; `zelo metrics` lists all"),
        (("stickiness",), "stickiness is a figure of a customer: say whose with --customer"),
        (
            ("nrr", "--customer", "c1"),
            "nrr is a figure of all customers, from the view v_retention: leave --customer out",
        ),
        (("plan", "--customer", "c1"), "plan is the id of several figures: say revenue.plan or account.plan"),
        (("recent_nps", "--customer", "c1"), "feedback.recent_nps stands on the topic metrics.v1 only"),
        (("churn_band", "--customer", "c1", "--day", "2024-10-04"), "kept for its newest value only: leave --day out"),
        (("stickiness", "--customer", "c2x"), "no event of a customer 'c2x' is known"),
        (("stickiness", "--customer", "acme"), "no event of a customer 'acme' is known; there is acme [bold]"),
        (
            ("nps", "--customer", "c1"),
            "c1 has no value of feedback.nps yet: nothing of survey_answered is known of it; "
            "the figure is null without an answer in 90 days",
        ),
        (("health_score", "--customer", "acme [bold]"), "has no value of health.health_score yet; the figure is null"),
        (
            ("stickiness", "--customer", "c1", "--day", "2024-01-01"),
            "c1 has no value of usage.stickiness on 2024-01-01; days known: 2024-10-03 to 2024-10-04; the figure is",
        ),
        (
            ("tickets_open", "--customer", "c1", "--day", "2024-01-01"),
            "c1 has no value of support.tickets_open on 2024-01-01",
        ),
        (("stickiness", "--customer", "c1", "--day", "1/1/2024"), "--day"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_explained_is_said_in_words(explain: Explain, arguments: tuple[str, ...], said: str) -> None:
    stopped = explain(*arguments)
    assert stopped.status == 2
    assert said in stopped.err
    assert "Traceback" not in stopped.err


def test_another_profile_than_the_workers_is_said(
    explain: Explain, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = tmp_path / "own.toml"
    own.write_text("name = 'own'\nversion = 3\n")
    monkeypatch.setenv("ZELO_PROFILE", str(own))
    assert explain.json("engagement_score", "--customer", "c1")["profile"] == "demo@1"  # built in: ours to read
    assert "profile own@3" in explain("usage_trend", "--customer", "acme [bold]").out  # no score says otherwise


EVERYWHERE = [metric for metric in catalogue().metrics if metric.column is not None]


@pytest.mark.parametrize("metric", [one for one in EVERYWHERE if not one.portfolio], ids=lambda one: one.name)
def test_every_figure_of_a_customer_is_explained(explain: Explain, metric: Metric) -> None:
    customer = ("--customer", "surveyed" if metric.domain == "feedback" else "c1")
    found = explain.json(metric.name, *customer)
    assert (found["metric"]["id"], found["customer_id"]) == (metric.id, customer[1])
    assert found["metric"]["definition"] == metric.definition
    assert found["as_of"] >= found["day"]
    of_values = metric.domain in ("usage", "support", "revenue", "feedback", "spend")
    assert found["revision"] == (int(metric.domain == "usage") if of_values else None)
    assert found["profile"] == ("default@1" if metric.domain == "upsell" else "demo@1")
    assert found["policy"].keys() == set(metric.policy)
    types = {row["type"] for row in found["inputs"]}
    assert types <= set(metric.events)
    assert ("feature_used" in metric.events and "before" not in metric.window) == (types == {"feature_used"})
    assert found["value"] is not None or metric.null is not None
    shown = explain(metric.name, *customer).out
    for said in (metric.name, metric.title.en, "definition", "as of", "profile", *metric.policy):
        assert said in shown


@pytest.mark.parametrize("metric", [one for one in EVERYWHERE if one.portfolio], ids=lambda one: one.name)
def test_every_figure_of_many_customers_is_explained(explain: Explain, metric: Metric) -> None:
    found = explain.json(metric.name)
    about = {"company": ("as_of", "revision", "reason"), "model": ("as_of", "revision")}.get(metric.domain, ())
    assert all(row.keys() == {*catalogue().key(metric), "value", *about} for row in found["rows"])
    assert found["rows"] or not about
    assert (found["metric"]["definition"], found["profile"]) == (metric.definition, "demo@1")
    assert found["policy"].keys() == set(metric.policy)


TABLE_NAMES = {table.name for table in TABLES}
#: What a table says beside figures: which they are, how new.
ABOUT_FIGURES = {"segment", "revision", "reason", "as_of", "version", "row_version"}
#: Of the model's: whose customers they are of, which the key of its rows leaves out.
ABOUT_THE_MODEL = ABOUT_FIGURES | {"portfolio"}


def test_every_figure_of_many_customers_is_a_column_of_its_view_and_every_column_a_figure(clickhouse: Settings) -> None:
    client = connect(clickhouse)
    try:
        found = client.query("SELECT table, name FROM system.columns WHERE database = currentDatabase()").result_rows
    finally:
        client.close()
    for name, chapter in catalogue().chapters.items():
        for view, key in chapter.views.items():
            streamed = ABOUT_THE_MODEL if name == "model" else ABOUT_FIGURES
            about = streamed if view in TABLE_NAMES else ()
            columns = [column for table, column in found if table == view and column not in about]
            told = [str(metric.column) for metric in catalogue().of(name) if metric.table == view]
            assert sorted([*key, *told, *chapter.also.get(view, ())]) == sorted(columns), (
                f"{view} in entries/{name}.toml"
            )
        for view, like in chapter.alike.items():
            columns = [column for table, column in found if table == view]
            told = [str(metric.column) for metric in catalogue().of(name) if metric.table == like.of]
            assert sorted([*like.key, *told]) == sorted(columns), f"{view} in entries/{name}.toml"


#: Views that show other figures together, or are about ourselves.
NO_FIGURES_OF_THEIR_OWN = {
    "v_accounting",
    "v_alerts_open",
    "v_churn_labels",
    "v_customers",
    "v_mrr_monthly",
    "v_upsell",
}


def test_every_view_is_in_the_catalogue(clickhouse: Settings) -> None:
    client = connect(clickhouse)
    try:
        views = client.query(
            "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View'"
        ).result_rows
    finally:
        client.close()
    known = {view for chapter in catalogue().chapters.values() for view in (*chapter.views, *chapter.alike)}
    assert {view for (view,) in views} - NO_FIGURES_OF_THEIR_OWN == known - TABLE_NAMES
