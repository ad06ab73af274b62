"""`zelo reconcile` beside a generated company with every hard case: figures, and views over those of all customers."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cli_rig import Zelo
from clickhouse_connect.driver.client import Client
from dirty_company import PARTITIONS, company
from reconcile_rig import Reconcile

from streams.intake.jsonl import JsonLines
from streams.intake.ordering import prepare
from streams.metrics.days import DAY_MS, Days
from streams.reconcile import reconciler
from streams.reconcile.recounts import RECOUNTS

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(240),
    pytest.mark.any_broker("figures are folded in memory; no broker is asked"),
]

ZONE = "Europe/Madrid"
VIEWS = ("rates", "converted", "economics", "cohorts")
OPTIONS = tuple(part for name in VIEWS for part in ("--domain", name))

PROFILE = """
name = "worth"
version = 1
[engagement]
features_available = 12
features_by_plan = { starter = 3, team = 2 }
[revenue]
gross_margin = 0.8
churn_target = 0.02
"""

#: Rates that nobody gives in the generated company, whose own currency is the target of all others.
GIVEN_TOO = (("EUR", "GBP", 0.86), ("USD", "CLP", 948.25), ("USD", "CLP", 951.0), ("BRL", "CLP", 170.5))


def give_rates(client: Client) -> None:
    """Sets further rates, each some days after the one before; every one is sent twice, the second time doubled."""
    given = "SELECT day, any(event_id) FROM events FINAL WHERE type = 'exchange_rate_set' GROUP BY day ORDER BY day"
    for (currency, to, rate), (day, event_id) in zip(GIVEN_TOO, client.query(given).result_rows[2:], strict=False):
        for again in (0, 1):
            payload = json.dumps({"currency": currency, "to": to, "rate": rate * (1 + again)})
            client.command(
                f"INSERT INTO events SELECT * REPLACE ('{to}-{rate}' AS event_id, '{payload}' AS payload, "
                f"day + {again} AS day, occurred_at + toIntervalDay({again}) AS occurred_at, "
                f"offset + {again} AS offset) "
                f"FROM (SELECT * FROM events FINAL WHERE event_id = '{event_id}' AND day = '{day}')"
            )


def labels_that_were_changed_are_found(client: Client, reconcile: Reconcile, environment: dict[str, str]) -> None:
    """One who left as having stayed, one who stayed a day later, one of whom nobody knows yet; each as it was again."""
    known = (
        "(customer_id, day) NOT IN (SELECT customer_id, day FROM churn_observations FINAL INNER JOIN "
        "(SELECT customer_id, day AS restated FROM revenue_daily FINAL WHERE revision > 0) AS late USING (customer_id) "
        "WHERE restated BETWEEN day AND day + 30)"
    )
    for condition, changes, figures in (
        ("churned", "toNullable(false) AS churned", {"churned"}),
        ("NOT churned", "labelled_day + 1 AS labelled_day", {"labelled_day"}),
        ("churned", "NULL AS churned, NULL AS labelled_day", {"churned", "labelled_day"}),
    ):
        (row,) = client.query(
            f"SELECT customer_id, day, churned, labelled_day, row_version FROM churn_observations FINAL "
            f"WHERE {condition} AND {known} ORDER BY day DESC, customer_id LIMIT 1"
        ).named_results()
        one = f"customer_id = '{row['customer_id']}' AND day = '{row['day']}'"
        put = "INSERT INTO churn_observations SELECT * REPLACE ({}) FROM churn_observations FINAL WHERE {} LIMIT 1"
        client.command(put.format(f"{changes}, row_version + 1 AS row_version", one))
        shown = reconcile.json("--domain", "snapshots", "--limit", "0", **environment)["snapshots"]["shown"]
        assert {(told["customer_id"], told["day"]) for told in shown} == {(row["customer_id"], str(row["day"]))}
        assert {told["figure"] for told in shown} == figures
        before = f"{row['churned']} AS churned, toDate('{row['labelled_day']}') AS labelled_day"
        client.command(put.format(f"{before}, row_version + 2 AS row_version", one))


@contextmanager
def changed(client: Client, view: str, text: str, instead: str) -> Iterator[None]:
    """A view that is defined otherwise for a while."""
    definition = client.query(f"SELECT as_select FROM system.tables WHERE name = '{view}'").result_rows[0][0]
    assert text in definition
    client.command(f"CREATE OR REPLACE VIEW {view} AS {definition.replace(text, instead)}")
    try:
        yield
    finally:
        client.command(f"CREATE OR REPLACE VIEW {view} AS {definition}")


def test_a_generated_company_with_every_hard_case_and_what_is_wrong_in_views_of_it(
    client: Client, fill: Any, reconcile: Reconcile, zelo: Zelo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of seven months: what a customer is worth takes the churn of six windows of 28 days."""
    path, profile = tmp_path / "company.jsonl", tmp_path / "worth.toml"
    profile.write_text(PROFILE)
    made = zelo("generate", "--customers", "28", "--days", "215", "--timezone", ZONE, "--report", "--output", str(path))
    assert made.status == 0, made.err
    fill(tuple(prepare(JsonLines(), path, PARTITIONS, Days(ZONE), as_arrived=True)), ZONE, 90, str(profile))
    environment = {"ZELO_TIMEZONE": ZONE, "ZELO_HORIZON_DAYS": "90", "ZELO_PROFILE": str(profile)}
    found = reconcile.json(**environment)
    assert {name: one["shown"][:3] for name, one in found.items()} == {name: [] for name in found}
    few = ("churn", "economics", "cohorts")  # a row of each customer or month
    others = {one.domain for one in RECOUNTS if one.is_view} - {*VIEWS}
    assert min(one["rows"] for name, one in found.items() if name not in {*few, *others}) > 30
    assert min(found[name]["rows"] for name in few) > 12
    assert min(found[name]["rows"] for name in others) > 3
    assert found["snapshots"]["rows"] > 2 * found["snapshots"]["taken"]
    assert {name: found[name]["not_recounted"] for name in (*VIEWS, "portfolio")} == {
        name: [] for name in (*VIEWS, "portfolio")
    }
    exchanged = "SELECT uniqExact(customer_id) FROM mrr_movements FINAL WHERE movement = 'currency_change'"
    assert client.query(exchanged).result_rows[0][0] == json.loads(made.out)["planted"]["currency_changed"]
    planned = "SELECT countIf(plan_adoption IS NOT NULL), uniqExact(plan_adoption) FROM upsell_daily FINAL"
    assert min(client.query(planned).result_rows[0]) > 2

    names = ["cac_28d_minor", "ltv_minor", "ltv_cac", "cac_payback_months"]
    known = ", ".join(f"countIf(notEmpty({name}))" for name in names)
    counts = client.query(
        f"SELECT {known}, countIf(spend_28d_minor != map()), countIf(churn_target = 0.02) = count(), "
        "countIf(portfolio != '_portfolio' AND notEmpty(mean_churn_168d)), "
        "countIf(portfolio != '_portfolio' AND notEmpty(cac_28d_minor)), "
        "countIf(notEmpty(lost_before_payback_28d)), "
        "countIf(arrayExists(lost -> lost > 0, mapValues(lost_before_payback_28d))) "
        "FROM portfolio_metrics FINAL"
    ).result_rows[0]
    assert min(counts) > 0, counts
    # The same in turns so short that all windows but one lie before each of them.
    with monkeypatch.context() as patch:
        patch.setattr(reconciler, "DAYS_A_TURN", 27)
        turns = reconcile.json("--domain", "portfolio", "--limit", "0", **environment)["portfolio"]
    assert (turns["differing"], turns["rows"]) == ({}, found["portfolio"]["rows"])
    last = client.query("SELECT max(day) FROM portfolio_metrics FINAL WHERE notEmpty(ltv_minor)").result_rows[0][0]
    alone = reconcile.json("--domain", "portfolio", "--since", str(last), **environment)["portfolio"]
    assert (alone["differences"], alone["rows"] > 0) == (0, True)
    wrong = reconcile.json("--domain", "portfolio", "--limit", "1", **{**environment, "ZELO_PROFILE": "demo"})
    assert wrong["portfolio"]["differing"].keys() == {"churn_target"}

    labels_that_were_changed_are_found(client, reconcile, environment)
    give_rates(client)
    rates = reconcile.json(*OPTIONS, **environment)
    assert {name: one["shown"][:3] for name, one in rates.items()} == {name: [] for name in VIEWS}
    kinds = "SELECT countIf(through IS NULL), countIf(through = to), countIf(through != to) FROM v_exchange_rates"
    assert min(client.query(kinds).result_rows[0]) > 50
    for text, instead, figure in (
        ("AS minor_rate", "+ 0.01 AS minor_rate", "minor_rate"),
        ("argMin((", "argMax((", "through"),
    ):
        with changed(client, "v_exchange_rates", text, instead):
            rates = reconcile.json("--domain", "rates", "--limit", "1", **environment)["rates"]
        assert figure in rates["differing"], text

    # A movement nobody's MRR knows of: views add movements up, the recount what customers pay.
    client.command(
        "INSERT INTO mrr_movements "
        "SELECT * REPLACE (amount_minor + 777 AS amount_minor, row_version + 1 AS row_version) "
        "FROM mrr_movements FINAL WHERE movement = 'new' ORDER BY effective_at LIMIT 1"
    )
    tampered = reconcile.json(*OPTIONS, "--limit", "0", **environment)
    assert {name for name, one in tampered.items() if one["differences"]} == {"converted", "economics", "cohorts"}
    assert tampered["economics"]["differing"].keys() >= {"start_mrr_minor", "end_mrr_minor", "arpa_minor"}
    assert tampered["cohorts"]["differing"].keys() >= {"mrr_minor"}
    first = tampered["economics"]["shown"][0]
    assert first["figure"] == "end_mrr_minor"
    assert first["published"] == first["recounted"] + 777
    said = reconcile("--domain", "economics", **environment)
    assert said.status == 1
    assert f"v_unit_economics {first['customer_id']} {first['day']} end_mrr_minor: published" in said.out


def test_what_was_spent_is_not_looked_for_where_a_partition_is_behind_with_it(
    client: Client, fill: Any, reconcile: Reconcile
) -> None:
    records = company(1)
    newest = max(one.timestamp_ms for one in records) - 40 * DAY_MS
    fill(tuple(one for one in records if one.topic != "spend.v1" or one.partition == 1 or one.timestamp_ms < newest))
    behind = (
        "SELECT count() FROM portfolio_metrics FINAL WHERE empty(spend_28d_minor) AND portfolio = '_portfolio' "
        "AND day IN (SELECT day FROM spend_daily FINAL WHERE spend_28d_minor != map())"
    )
    assert client.query(behind).result_rows[0][0] > 5
    assert reconcile.json("--domain", "portfolio")["portfolio"]["shown"] == []


def test_figures_of_all_customers_are_not_looked_for_before_every_partition_has_closed_a_day_of_every_topic(
    client: Client, fill: Any, reconcile: Reconcile
) -> None:
    fill(tuple(one for one in company(1) if (one.topic, one.partition) != ("tickets.v1", 1)))
    (row,) = client.query("SELECT (SELECT count() FROM portfolio_metrics), count() FROM health_daily").result_rows
    assert (row[0], row[1] > 200) == (0, True)
    assert reconcile.json("--domain", "portfolio")["portfolio"]["differing"] == {}
    months = reconcile.json("--domain", "monthly")["monthly"]  # what people pay does not wait for tickets
    assert (months["differing"], months["rows"] > 10) == ({}, True)
