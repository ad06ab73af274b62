"""`zelo reconcile` recounts churn examples and what must hold between the parts of a churn score."""

import math
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from dirty_company import PARTITIONS, START, company
from reconcile_rig import Reconcile

from schemas import registry
from schemas.codec import encode
from schemas.events import AccountSet, Event, SubscriptionEnded, SubscriptionSet
from schemas.registry import Topic
from schemas.usage_events import FeatureUsed
from streams.intake.ordering import Record
from streams.metrics.days import DAY_MS

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(240),
    pytest.mark.any_broker("figures are folded in memory; no broker is asked"),
]

NOT_RESTATED = (
    "(customer_id, day) NOT IN (SELECT customer_id, day FROM revenue_daily FINAL WHERE revision > 0 "
    "UNION ALL SELECT customer_id, day FROM usage_daily FINAL WHERE revision > 0)"
)
CHURN = ("--domain", "snapshots", "--domain", "churn")


def replaced(client: Client, table: str, changes: str, condition: str) -> str:
    """Changes the first row for which the condition holds; its customer."""
    customer = client.query(f"SELECT customer_id FROM {table} FINAL WHERE {condition} ORDER BY ALL LIMIT 1").result_rows
    client.command(
        f"INSERT INTO {table} SELECT * REPLACE ({changes}, row_version + 1 AS row_version) FROM {table} FINAL "
        f"WHERE {condition} AND customer_id = '{customer[0][0]}' LIMIT 1"
    )
    return str(customer[0][0])


@pytest.mark.parametrize(
    "changes, condition, figure",
    [
        ("probability * 1.001 AS probability", "probability < 0.9", "probability"),
        ("if(band = 'high', 'low', 'high') AS band", "1", "band"),
        ("baseline + 0.01 AS baseline", "1", "baseline"),
        ("model_version + 1000 AS model_version", "model_version > 0", "model_version"),
        ("mapApply((days, chance) -> (days, 1 - chance), horizons) AS horizons", "notEmpty(horizons)", "horizons"),
        ("changed_by_customer + 0.1 AS changed_by_customer", "notEmpty(changes)", "changed_by_customer"),
        ("""replaceOne(raising, '"odds_ratio":', '"odds_ratio":1') AS raising""", "raising != '[]'", "raising"),
        ("""replaceOne(protecting, '{', '{"family":"use",') AS protecting""", "protecting != '[]'", "protecting"),
        ("arrayPushBack(no_data, 'usage') AS no_data", "1", "no_data"),
        ("quality_roc_auc - 0.01 AS quality_roc_auc", "quality_roc_auc IS NOT NULL", "quality_roc_auc"),
        ("quality_brier + 0.01 AS quality_brier", "quality_brier IS NOT NULL", "quality_brier"),
    ],
)
def test_a_churn_score_whose_parts_do_not_fit_is_found(
    client: Client, fill: Any, reconcile: Reconcile, changes: str, condition: str, figure: str
) -> None:
    fill(company(1))
    customer = replaced(client, "churn_current", changes, condition)
    found = reconcile("--domain", "churn")
    assert found.status == 1
    shown = reconcile.json("--domain", "churn")["churn"]["shown"]
    assert figure in {one["figure"] for one in shown}
    assert {one["customer_id"] for one in shown} == {customer}
    assert all(one["events"] for one in shown)


def test_examples_that_were_changed_or_are_gone_are_found(client: Client, fill: Any, reconcile: Reconcile) -> None:
    fill(company(1))
    changed = "CAST(mapUpdate(features, map('mrr', features['mrr'] + 1)), 'Map(LowCardinality(String), Float64)')"
    customer = replaced(client, "churn_observations", f"{changed} AS features", NOT_RESTATED)
    (one,) = reconcile.json(*CHURN)["snapshots"]["shown"]
    assert (one["customer_id"], one["figure"]) == (customer, "features")
    assert one["published"]["mrr"] == one["recounted"]["mrr"] + 1
    client.command(f"ALTER TABLE churn_observations DELETE WHERE {NOT_RESTATED} SETTINGS mutations_sync = 2")
    assert {one["recounted"] for one in reconcile.json(*CHURN)["snapshots"]["shown"]} == {"a row"}


def test_the_probability_of_an_example_is_that_of_the_model_it_names(
    client: Client, fill: Any, reconcile: Reconcile
) -> None:
    """Worked by hand: one feature in spreads of 0.5 from a typical 6, in signed logs, and a calibration."""
    fill(company(1))
    labelled = "probability IS NOT NULL AND features['mrr'] > 0"
    query = f"SELECT model_version, features['mrr'] FROM churn_observations FINAL WHERE {labelled} ORDER BY ALL LIMIT 1"
    version, mrr = client.query(query).result_rows[0]
    model = '{"weights":[-2.0,0.25],"constants":[["mrr","log",6.0,0.5]],"clip":4.0}'
    client.command(
        f"INSERT INTO churn_models SELECT * REPLACE ({version}::UInt64 AS model_version, '{model}' AS parameters, "
        "true AS calibration_on, 0.5 AS calibration_slope, 0.1 AS calibration_intercept) "
        "FROM churn_models FINAL LIMIT 1"
    )
    spread = min(4.0, max(-4.0, (math.log1p(mrr) - math.log1p(6.0)) / 0.5))
    wanted = 1 / (1 + math.exp(-(0.5 * (-2.0 + 0.25 * spread) + 0.1)))
    shown = reconcile.json("--domain", "snapshots", "--limit", "0")["snapshots"]["shown"]
    assert {one["figure"] for one in shown} == {"probability"}
    assert any(math.isclose(one["recounted"], wanted, rel_tol=1e-9) for one in shown)
    client.command(
        "INSERT INTO churn_observations SELECT * REPLACE (toNullable(0.3) AS probability, row_version + 1 AS "
        f"row_version) FROM churn_observations FINAL WHERE {labelled} AND model_version = {version}"
    )
    again = reconcile.json("--domain", "snapshots", "--limit", "0")["snapshots"]["shown"]
    assert {one["published"] for one in again} == {0.3}


def test_the_label_of_another_window_is_taken_as_it_was_given(client: Client, fill: Any, reconcile: Reconcile) -> None:
    fill(company(1))
    stayed = f"labelled_day = day + 30 AND {NOT_RESTATED}"
    customer = replaced(client, "churn_observations", "toNullable(true) AS churned", stayed)
    (one,) = reconcile.json("--domain", "snapshots")["snapshots"]["shown"]
    assert (one["customer_id"], one["figure"]) == (customer, "churned")
    client.command(
        "INSERT INTO churn_models SELECT * REPLACE (horizon_days + 60 AS horizon_days, "
        "model_version + 1000 AS model_version) FROM churn_models FINAL ORDER BY model_version DESC LIMIT 1"
    )
    assert reconcile.json("--domain", "snapshots")["snapshots"]["shown"] == []


def merged(customer: str, merged_after: int) -> list[Record]:
    """Of a customer that used and paid for thirty days, ended, and says some days later that it was merged."""

    def record(topic: Topic, kind: type[Event], day: int, **fields: Any) -> Record:
        at = START + day * DAY_MS + 1
        event = kind(event_id=f"{topic.name}-{customer}-{day}", customer_id=customer, occurred_at=at, **fields)
        return Record(topic.name, PARTITIONS - 1, customer.encode(), encode(event), at)

    of = {"subscription_id": "s0"}
    price = {"amount_minor": 5_000, "currency": "USD", "interval": "month"}
    return [
        record(registry.BILLING, SubscriptionSet, 30, **of, **price),
        *(record(registry.USAGE, FeatureUsed, day, user_id="ana") for day in range(30, 60, 2)),
        record(registry.BILLING, SubscriptionEnded, 60, **of),
        record(registry.ACCOUNTS, AccountSet, 60 + merged_after, name="Aurora", segment="merged"),
    ]


def test_a_customer_that_was_merged_after_it_ended_has_a_label_taken_back(
    client: Client, fill: Any, reconcile: Reconcile
) -> None:
    records = [*company(1), *merged("m0", 5), *merged("m1", 21), *merged("m2", 31)]
    fill(tuple(sorted(records, key=lambda one: one.timestamp_ms)))
    query = (
        "SELECT customer_id, groupArray((toInt32(day) - intDiv({start:Int64}, 86400000), churned)) "
        "FROM (SELECT * FROM churn_observations FINAL WHERE customer_id LIKE 'm%' ORDER BY day) GROUP BY ALL"
    )
    labels = {customer: dict(rows) for customer, rows in client.query(query, {"start": START}).result_rows}
    assert labels == {  # by the day of the snapshot; its window ends thirty days later
        "m0": {31: True, 38: None, 45: None, 52: None},
        "m1": {31: True, 38: True, 45: True, 52: None},
        "m2": {31: True, 38: True, 45: True, 52: True},
    }
    found = reconcile("--domain", "snapshots")
    assert found.status == 0, found.out
