"""The whole system against the oracle, and against a recount by SQL that knows nothing of our folds."""

from collections.abc import AsyncIterator
from itertools import pairwise

import msgspec
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition
from system_oracle import differences, oracle, sample
from system_rig import System, running, until

from schemas.codec import MessageDecoder, encode
from schemas.models import ModelSnapshot
from schemas.registry import MODELS
from streams.embedded import EmbeddedStack
from streams.metrics.days import to_date
from streams.sinks.tables import DEAD_LETTERS, TABLES
from streams.topics import topic_name

pytestmark = [
    pytest.mark.integration,
    pytest.mark.any_broker("about the figures; on Kafka four other tests compare every table with the oracle"),
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]

LAST_DAY = 20_088  # 2024-12-30, the day before the last heartbeats
DAYS = [str(to_date(LAST_DAY - ago)) for ago in (0, 1, 30, 100, 211, 365)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system() -> AsyncIterator[System]:
    async with EmbeddedStack() as stack, running(stack, "oracle") as system:
        await system.send(sample())
        await system.drained()
        yield system


async def test_every_table_holds_what_the_oracle_says(system: System) -> None:
    assert await system.differences(sample()) == []
    found = await system.tables()
    filled = {table.name for table in TABLES if found[table.name]}
    assert filled == {table.name for table in TABLES} - {DEAD_LETTERS.name}


async def test_the_sample_has_all_that_can_differ() -> None:
    tables = oracle(sample())
    assert len(tables["health_daily"]) > 5_000
    assert {row["churned"] for row in tables["churn_observations"].values()} == {None, True, False}
    assert {row["movement"] for row in tables["mrr_movements"].values()} >= {
        b"new",
        b"expansion",
        b"contraction",
        b"churn",
    }
    assert {row["rule"] for row in tables["alerts"].values()} == {b"health_red", b"detractor"}
    assert {row["status"] for row in tables["alerts"].values()} >= {b"opened", b"resolved"}


RECOUNTS = {
    "support_daily.tickets_opened_28d": """
        SELECT customer_id, uniqExact(JSONExtractString(payload, 'ticket_id')) FROM events FINAL
        WHERE type = 'ticket_opened' AND day > '{day}'::Date - 28 AND day <= '{day}' GROUP BY customer_id""",
    "usage_daily.active_days_28d": """
        SELECT customer_id, uniqExact(day) FROM events FINAL
        WHERE type = 'feature_used' AND day > '{day}'::Date - 28 AND day <= '{day}' GROUP BY customer_id""",
    # No respondent is named in the sample, so every response is one.
    "feedback_daily.(promoters_90d, passives_90d, detractors_90d)": """
        SELECT customer_id, (countIf(score >= 9), countIf(score IN (7, 8)), countIf(score <= 6)) FROM
            (SELECT customer_id, JSONExtractString(payload, 'response_id') AS response,
                argMax(JSONExtractFloat(payload, 'score'), (occurred_at, event_id)) AS score
            FROM events FINAL
            WHERE type = 'survey_answered' AND JSONExtractString(payload, 'survey') = 'nps'
                AND day > '{day}'::Date - 90 AND day <= '{day}' GROUP BY customer_id, response)
        GROUP BY customer_id""",
    "spend_daily.spend_28d_minor['BRL']": """
        SELECT customer_id, sum(JSONExtractInt(payload, 'amount_minor')) FROM events FINAL
        WHERE type = 'spend_recorded' AND JSONExtractString(payload, 'currency') = 'BRL'
            AND day > '{day}'::Date - 28 AND day <= '{day}' GROUP BY customer_id""",
    "revenue_daily.mrr_minor": """
        SELECT customer_id, sum(mrr) FROM
            (SELECT customer_id, JSONExtractString(payload, 'subscription_id') AS subscription,
                argMax(if(type = 'subscription_ended' OR JSONExtractBool(payload, 'trial'), 0,
                    toInt64(roundBankers(JSONExtractInt(payload, 'amount_minor') * JSONExtractInt(payload, 'quantity')
                        / if(JSONExtractString(payload, 'interval') = 'year', 12, 1)))), (occurred_at, event_id)) AS mrr
            FROM events FINAL
            WHERE type IN ('subscription_set', 'subscription_ended') AND day <= '{day}'
            GROUP BY customer_id, subscription)
        GROUP BY customer_id""",
}


@pytest.mark.parametrize("figure", RECOUNTS)
async def test_a_recount_of_the_events_by_sql_gives_the_daily_figure_of_every_customer(
    system: System, figure: str
) -> None:
    table, column = figure.split(".")
    told = 0
    for day in DAYS:
        shown = pairs(system, f"SELECT customer_id, {column} FROM {table} FINAL WHERE day = '{day}'")
        counted = pairs(system, RECOUNTS[figure].format(day=day))
        nothing = (0, 0, 0) if "(" in column else 0
        assert shown == {customer: counted.get(customer, nothing) for customer in shown}, (figure, day)
        assert {c for c, value in counted.items() if value != nothing} <= shown.keys(), (figure, day)
        told += sum(value != nothing for value in shown.values())
    assert told, "nothing was there to be counted"


MATURE = """
    SELECT told.day AS day, week_labelled,
        told.labelled = counted.labelled AND told.positives = counted.positives AS same
    FROM (SELECT * FROM model_quality_daily FINAL) AS told
    INNER JOIN
    (
        SELECT days.day AS day, countIf(churned IS NOT NULL) AS labelled, countIf(churned = true) AS positives
        FROM (SELECT DISTINCT day FROM model_quality_daily) AS days
        CROSS JOIN (SELECT day, churned FROM churn_observations FINAL) AS seen
        WHERE seen.day + 30 <= days.day
        GROUP BY day
    ) AS counted ON counted.day = told.day
    ORDER BY day"""


async def test_the_quality_of_the_model_arrives_once_a_week_with_the_labels_that_are_mature_by_sql(
    system: System,
) -> None:
    found = system.query(MATURE)
    days = [row["day"] for row in found]
    assert len(days) > 20
    assert {(after - before).days % 7 for before, after in pairwise(days)} == {0}
    assert [row for row in found if not row["same"] or not row["week_labelled"]] == []
    newest = "SELECT max(labelled) AS streamed FROM model_quality_daily FINAL"
    published = "SELECT argMax(quality_labelled, model_version) AS of_the_model FROM churn_models FINAL"
    assert system.query(newest)[0]["streamed"] == system.query(published)[0]["of_the_model"]


async def test_the_import_twice_changes_nothing_but_the_duplicate_count(system: System) -> None:
    once = await system.tables()
    await system.send(sample())
    await system.drained()
    twice = await system.tables()
    for place, row in once["accounting"].items():
        more = row["read"]
        row["duplicate"] += more
        row["read"] += more
        row["version"] += more
        row["row_version"] += more
        now = twice["accounting"][place]
        assert now["read"] == now["applied"] + now["duplicate"] + now["late"] + now["dead"]
    assert differences(twice, once) == []


async def test_a_model_published_while_nothing_else_happens_scores_everybody_again(system: System) -> None:
    """Nobody asked for publication then: the scores of the last model waited for the next event."""
    name = topic_name(system.settings, MODELS)
    async with AIOKafkaConsumer(bootstrap_servers=system.settings.kafka_bootstrap) as consumer:
        consumer.assign([TopicPartition(name, 0)])
        await consumer.seek_to_beginning()
        found = [record for records in (await consumer.getmany(timeout_ms=10_000)).values() for record in records]
    newest = MessageDecoder[ModelSnapshot](ModelSnapshot)(found[-1].value)
    newer = msgspec.structs.replace(newest, model_version=newest.model_version + 1_000_000)
    async with AIOKafkaProducer(bootstrap_servers=system.settings.kafka_bootstrap) as producer:
        await producer.send_and_wait(name, encode(newer), key=found[-1].key, partition=0)
    sql = (
        "SELECT min(model_version) AS oldest FROM churn_current FINAL "
        "WHERE customer_id IN (SELECT customer_id FROM health_current FINAL WHERE paying)"
    )
    await until(lambda: system.query(sql)[0]["oldest"] == newer.model_version, "scores of the newer model")


def pairs(system: System, sql: str) -> dict[str, object]:
    found = [tuple(row.values()) for row in system.query(sql)]
    return {customer: tuple(value) if isinstance(value, list) else value for customer, value in found}
