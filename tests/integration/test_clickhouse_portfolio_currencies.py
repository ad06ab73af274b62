"""Streamed figures of all customers beside the views by month, where customers change their currency.

February 2023 has 28 days: what is streamed for its last day speaks of the very window of the views' month.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from schemas.codec import encode
from schemas.events import SubscriptionEnded, SubscriptionSet, TicketOpened
from streams.config import Settings
from streams.intake.jsonl import JsonLines
from streams.intake.ordering import prepare
from streams.metrics.days import Days
from streams.metrics.domain import TimePolicy
from streams.metrics.profile import load_profile
from streams.offline import Input, Offline

sys.path.append(str(Path(__file__).parents[1] / "flow"))
from offline_rig import NOW, PARTITIONS
from system_oracle import store

pytestmark = [
    pytest.mark.integration,
    pytest.mark.any_broker("figures are folded in memory; no broker is asked"),
    pytest.mark.timeout(120),
]

FEBRUARY, LAST = date(2023, 2, 1), date(2023, 2, 28)
#: Customer, day, subscription, amount (None: it ends), currency.
STORY = (
    ("stays", "2023-01-05", "s", 1_000, "EUR"),
    ("stays", "2023-02-20", "s", 1_200, "EUR"),
    ("shrinks", "2023-01-05", "s", 900, "EUR"),
    ("shrinks", "2023-02-03", "s", 600, "EUR"),
    ("changes", "2023-01-06", "s", 2_000, "EUR"),
    ("changes", "2023-02-10", "s", 2_100, "USD"),
    ("changes-and-leaves", "2023-01-07", "s", 500, "EUR"),
    ("changes-and-leaves", "2023-02-05", "s", 550, "USD"),
    ("changes-and-leaves", "2023-02-19", "s", None, ""),
    ("both", "2023-01-08", "s", 700, "USD"),
    ("both", "2023-01-08", "t", 300, "GBP"),
    ("both", "2023-02-14", "t", None, ""),
    ("returns", "2023-01-02", "s", 400, "EUR"),
    ("returns", "2023-01-20", "s", None, ""),
    ("returns", "2023-02-08", "u", 450, "USD"),
    ("leaves", "2023-01-09", "s", 800, "USD"),
    ("leaves", "2023-02-27", "s", None, ""),
    ("joins", "2023-02-16", "s", 350, "GBP"),
)


def at(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=UTC)


def told() -> Iterator[Any]:
    for number, (customer, day, subscription, amount, currency) in enumerate(sorted(STORY, key=lambda row: row[1])):
        head: dict[str, Any] = {
            "event_id": f"e{number}",
            "customer_id": customer,
            "occurred_at": at(day),
            "subscription_id": subscription,
        }
        if amount is None:
            yield SubscriptionEnded(**head)
        else:
            yield SubscriptionSet(amount_minor=amount, currency=currency, **head)
    yield TicketOpened(event_id="z", customer_id="stays", occurred_at=at("2023-03-02"), ticket_id="t")


@pytest.fixture
def filled(archive: Settings, client: Client, tmp_path: Path) -> Client:
    path, days = tmp_path / "company.jsonl", Days()
    path.write_bytes(b"".join(encode(event) + b"\n" for event in told()))
    inputs = tuple(prepare(JsonLines(), path, PARTITIONS, days))
    offline = Offline(load_profile("demo"), PARTITIONS, TimePolicy(), days, NOW)
    offline.feed(Input(*record[:4]) for record in inputs)
    offline.flush()
    store(archive, inputs, offline, days)
    return client


def test_a_month_of_28_days_is_streamed_as_the_views_show_it(filled: Client) -> None:
    sql = "SELECT * FROM portfolio_metrics FINAL WHERE portfolio = '_portfolio' AND day = {day:Date}"
    (streamed,) = filled.query(sql, parameters={"day": LAST}).named_results()
    view = (
        "SELECT * FROM v_unit_economics AS unit INNER JOIN v_retention AS kept USING (currency, month) "
        "WHERE month = {day:Date}"
    )
    months = {row["currency"]: row for row in filled.query(view, parameters={"day": FEBRUARY}).named_results()}
    assert set(months) == {"EUR", "GBP", "USD"}
    pairs = {
        "mrr_28d_ago_minor": "start_mrr_minor",
        "mrr_minor": "end_mrr_minor",
        **{
            f"{name}_28d_minor": f"{name}_minor"
            for name in ("new", "expansion", "contraction", "churn", "reactivation")
        },
        "currency_change_28d_minor": "currency_change_minor",
        "nrr_28d": "nrr",
        "grr_28d": "grr",
        "quick_ratio_28d": "quick_ratio",
        "arpa_minor": "arpa_minor",
    }
    for column, of_month in pairs.items():
        expected = {code: row[of_month] for code, row in months.items() if row[of_month]}
        assert {code: value for code, value in streamed[column].items() if value} == pytest.approx(expected), column
    assert streamed["currency_change_28d_minor"] == {"EUR": -2_500, "USD": 2_650}
    assert streamed["nrr_28d"]["EUR"] == pytest.approx(
        (1_200 + 600) / (1_000 + 900 + 500)
    )  # without 2,000 that went over
    assert streamed["paying_customers_28d_ago"] == 6
    assert streamed["lost_customers_28d"] == sum(row["churned_customers"] for row in months.values()) == 2


def test_a_customer_that_came_back_in_another_currency_has_that(filled: Client) -> None:
    rows = filled.query(
        "SELECT day, currency, mrr_minor FROM revenue_daily FINAL WHERE customer_id = 'returns' AND day IN "
        "('2023-01-19', '2023-01-25', '2023-02-09') ORDER BY day"
    ).result_rows
    assert [row[1:] for row in rows] == [("EUR", 400), ("EUR", 0), ("USD", 450)]
