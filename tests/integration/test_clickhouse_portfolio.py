"""Streamed figures of all customers and of segments beside SQL over what is stored of each customer, and the views."""

import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from clickhouse_connect.driver.client import Client
from clickhouse_server import running

from streams.config import Settings
from streams.intake.generate.company import Request, generate
from streams.intake.jsonl import JsonLines
from streams.intake.ordering import prepare
from streams.metrics.days import Days
from streams.metrics.domain import TimePolicy
from streams.metrics.profile import load_profile
from streams.offline import Input, Offline
from streams.sinks.clickhouse import connect
from streams.sinks.migrate import migrate

sys.path.append(str(Path(__file__).parents[1] / "flow"))
from offline_rig import NOW, PARTITIONS
from system_oracle import store

pytestmark = [
    pytest.mark.integration,
    pytest.mark.any_broker("speaks to ClickHouse alone"),
    pytest.mark.timeout(240),
]

ZONE = "Europe/Madrid"
#: Days on which every partition tallies.
SINCE = "(SELECT min(day) + 30 FROM health_daily)"
DOMAIN_SQL = {
    "usage_daily": {
        "active_customers_28d": "countIf(active_days_28d > 0)",
        "active_users_28d": "sum(ifNull(active_users_28d, 0))",
        "activated_customers": "countIf(isNotNull(activated_at))",
        "activation_share": "countIf(isNotNull(activated_at)) / count()",
        "mean_engagement_score": "round(avg(engagement_score), 4)",
    },
    "support_daily": {
        "tickets_open": "sum(tickets_open)",
        "tickets_opened_28d": "sum(tickets_opened_28d)",
        "fcr_rate_90d": "sum(fcr_first_contact_90d) / nullIf(sum(fcr_solved_90d), 0)",
    },
    "revenue_daily": {
        "paying_customers": "countIf(paying)",
        "late_customers": "countIf(payment_state = 'late')",
        "paying_customers_28d_ago": "countIf(mrr_28d_ago_minor > 0 OR notEmpty(mrr_28d_ago_other_minor))",
        "lost_customers_28d": "countIf((mrr_28d_ago_minor > 0 OR notEmpty(mrr_28d_ago_other_minor)) AND NOT paying)",
    },
    "feedback_daily": {
        "promoters_90d": "sum(promoters_90d)",
        "csat": "sum(csat_positive_90d) / nullIf(sum(csat_ratings_90d), 0)",
        "response_rate_90d": "sum(invited_answered_90d) / nullIf(sum(invitations_90d), 0)",
    },
    "health_daily": {
        "red_customers": "countIf(band = 'red')",
        "green_customers": "countIf(band = 'green')",
        "mean_health_score": "round(avg(score), 4)",
    },
    "upsell_daily": {"mean_upsell_ready": "round(avg(upsell_ready), 4)"},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Settings]:
    async with running(tmp_path_factory.mktemp("clickhouse")) as settings:
        migrate(settings)
        yield settings


@pytest.fixture(scope="module")
def client(server: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A database with the archive of a generated company: late, doubled and restated events among its own."""
    path, days = tmp_path_factory.mktemp("company") / "company.jsonl", Days(ZONE)
    made = generate(Request(customers=24, days=110, timezone=ZONE))
    path.write_bytes(b"".join(line + b"\n" for line in made.lines))
    inputs = tuple(prepare(JsonLines(), path, PARTITIONS, days, as_arrived=True))
    offline = Offline(load_profile("demo"), PARTITIONS, TimePolicy(), days, NOW)
    offline.feed(Input(*record[:4]) for record in inputs)
    offline.flush()
    store(server, inputs, offline, days)
    with connect(server) as client:
        yield client


def by_day(client: Client, sql: str) -> dict[Any, tuple[Any, ...]]:
    return {row[0]: tuple(row[1:]) for row in client.query(sql).result_rows}


def streamed(client: Client, columns: str, portfolio: str = "_portfolio") -> dict[Any, tuple[Any, ...]]:
    return by_day(
        client,
        f"SELECT day, {columns} FROM portfolio_metrics FINAL WHERE portfolio = '{portfolio}' AND day >= {SINCE}",
    )


@pytest.mark.parametrize("table", DOMAIN_SQL)
def test_counts_and_means_are_those_of_the_customers(client: Client, table: str) -> None:
    wanted = DOMAIN_SQL[table]
    columns = ", ".join(f"round({name}, 4)" if name.startswith("mean_") else name for name in wanted)
    found = streamed(client, columns)
    days = "SELECT day FROM portfolio_metrics FINAL WHERE portfolio = '_portfolio'"
    sql = f"SELECT day, {', '.join(wanted.values())} FROM {table} FINAL WHERE day >= {SINCE} AND day IN ({days})"
    assert len(found) > 60
    assert found == by_day(client, f"{sql} GROUP BY day")


def test_segments_are_those_of_the_day(client: Client) -> None:
    """The newest profile up to the day holds."""
    segments = [row[0] for row in client.query("SELECT DISTINCT segment FROM accounts_daily FINAL").result_rows]
    assert len(segments) > 1
    for segment in filter(None, segments):
        found = streamed(client, "paying_customers, mrr_minor", f"_segment:{segment}")
        assert len(found) > 60
        counted = by_day(
            client,
            f"""
            SELECT day, countIf(paying), mapAdd(
                sumMap(if(mrr_minor > 0, map(assumeNotNull(currency)::String, mrr_minor), map())),
                sumMap(mapApply((name, amount) -> (name::String, amount), mrr_other_minor))
            )
            FROM
            (
                SELECT day, paying, mrr_minor, currency, mrr_other_minor
                FROM revenue_daily AS revenue FINAL
                ASOF JOIN (SELECT customer_id, day AS since, segment FROM accounts_daily FINAL) AS account
                    ON account.customer_id = revenue.customer_id AND account.since <= revenue.day
                WHERE account.segment = '{segment}' AND day >= {SINCE}
            )
            GROUP BY day
            """,
        )
        assert found == {day: counted[day] for day in found}


def test_mrr_is_the_sum_of_all_movements(client: Client) -> None:
    """As in `v_mrr_monthly` and `v_retention`: also what customers pay in a second currency."""
    rows = client.query("SELECT currency, day, sum(amount_minor) FROM mrr_movements FINAL GROUP BY currency, day")
    for day, (mrr,) in streamed(client, "mrr_minor").items():
        expected: defaultdict[str, int] = defaultdict(int)
        for currency, moved, amount in rows.result_rows:
            expected[currency] += amount if moved <= day else 0
        assert mrr == {currency: amount for currency, amount in expected.items() if amount}, day


def test_retention_is_that_of_the_customers_of_then(client: Client) -> None:
    """Counted from movements: what each customer paid in each currency at both ends, and who went over to another."""
    (found,) = client.query(
        f"""
        SELECT
            countIf(abs(streamed.nrr_28d[currency] - nrr) < 1e-12),
            countIf(abs(streamed.grr_28d[currency] - grr) < 1e-12),
            count()
        FROM
        (
            SELECT
                day,
                currency,
                sumIf(then, NOT (exchanged < 0 AND now = 0 AND anywhere > 0)) AS stayed,
                sumIf(now, then > 0) / stayed AS nrr,
                sum(least(now, then)) / stayed AS grr
            FROM
            (
                SELECT
                    day,
                    customer_id,
                    toString(currency) AS currency,
                    sumIf(amount_minor, moved.day <= days.day) AS now,
                    sumIf(amount_minor, moved.day <= days.day - 28) AS then,
                    sumIf(amount_minor, movement = 'currency_change' AND moved.day > days.day - 28
                        AND moved.day <= days.day) AS exchanged,
                    sum(now) OVER (PARTITION BY days.day, customer_id) AS anywhere
                FROM (SELECT DISTINCT day FROM portfolio_metrics WHERE day >= {SINCE}) AS days
                CROSS JOIN (SELECT * FROM mrr_movements FINAL) AS moved
                GROUP BY days.day AS day, customer_id, currency
            )
            GROUP BY day, currency
            HAVING stayed > 0
        ) AS counted
        INNER JOIN (SELECT * FROM portfolio_metrics FINAL WHERE portfolio = '_portfolio') AS streamed
            ON streamed.day = counted.day
        """
    ).result_rows
    assert found[2] > 100
    assert found[:2] == (found[2], found[2])


def test_nps_is_that_of_the_view(client: Client) -> None:
    found = streamed(client, "nps, round(nps_low, 6), round(nps_high, 6)")
    view = by_day(client, "SELECT day, nps, round(nps_low, 6), round(nps_high, 6) FROM v_nps_rolling_90d")
    assert found == {day: view[day] for day in found}


def test_late_events_restate_them(client: Client) -> None:
    ((restated, reasons),) = client.query(
        "SELECT countIf(revision > 0), countIf((revision > 0) = (reason = 'restated')) = count() "
        "FROM portfolio_metrics FINAL"
    ).result_rows
    assert restated > 20
    assert reasons
    ((named, all_restated),) = client.query(
        "SELECT countIf(isNotNull(restated_by)), countIf(revision > 0) FROM usage_daily FINAL"
    ).result_rows
    assert named == all_restated > 20
