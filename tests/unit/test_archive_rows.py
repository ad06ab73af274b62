"""Records to rows: what is stored, what wins, what is left to others."""

from typing import Any

import orjson
import pytest
from sink_samples import (
    ACCOUNT,
    AT,
    DAY,
    NOW,
    PREFIX,
    WITH_ROW,
    WITHOUT_ROW,
    Rec,
    alert,
    churn,
    dead_letter,
    health,
    labelled,
    mapper,
    movement,
    profile,
    progress,
    record,
    rows,
    snapshot,
    used,
    values,
)

from schemas import registry
from schemas.metrics import UsageValues
from schemas.registry import Topic
from streams.engine.guard import RETRY_COUNT_HEADER, Poison
from streams.errors import ConfigurationError
from streams.metrics.days import Days
from streams.sinks.memory import MemoryBackend
from streams.sinks.rows import JUDGED, RowMapper
from streams.sinks.run import Row
from streams.sinks.tables import (
    ACCOUNTS,
    CHURN_CURRENT,
    CHURN_OBSERVATIONS,
    DEAD_LETTERS,
    EVENTS,
    HEALTH_CURRENT,
    HEALTH_DAILY,
    MRR_MOVEMENTS,
    USAGE_DAILY,
)


def stored(row: Row) -> dict[str, Any]:
    return dict(zip(row.table.column_names, row.values, strict=True))


def standing(*records: Rec) -> list[dict[str, Any]]:
    """What FINAL shows of the records' one table."""
    made = rows(*records)
    backend = MemoryBackend()
    for number, row in enumerate(made):
        backend.insert(row.table, [row.values], str(number))
    return backend.final(made[0].table)


def test_an_event_is_stored_as_it_came() -> None:
    record = used("e1", offset=7)
    row = stored(rows(record)[0])
    assert row["payload"] == record.value
    assert (row["event_id"], row["type"], row["customer_id"], row["user_id"]) == (
        "e1",
        "feature_used",
        "c1",
        "u1",
    )
    assert (row["occurred_at"], row["day"]) == (AT, DAY)
    assert (row["topic"], row["partition"], row["offset"]) == ("usage.v1", 0, 7)


def test_the_day_of_an_event_is_the_companys() -> None:
    midnight = DAY * 86_400_000
    (row,) = RowMapper(PREFIX, Days("America/Sao_Paulo")).rows([used("e1", at=midnight)], NOW).rows
    assert stored(row)["day"] == DAY - 1


def test_a_cloud_event_is_stored_flat() -> None:
    content: dict[str, object] = {
        "specversion": "1.0",
        "id": "a1",
        "type": "account_set",
        "source": "crm",
        "subject": "customer/c1",
    }
    content |= {"time": "2024-10-04T12:00:00Z", "data": {"name": "Acme"}}
    headers = (("Content-Type", b"application/cloudevents+json"),)
    cloud = Rec(PREFIX + registry.ACCOUNTS.name, orjson.dumps(content), headers=headers)
    row = stored(rows(cloud)[0])
    flat = orjson.loads(row["payload"])
    assert flat["event_id"] == row["event_id"] == "a1"
    assert flat["name"] == ACCOUNT.name


def test_of_an_event_sent_twice_the_first_stands() -> None:
    (row,) = standing(used("e1", offset=3, source="late"), used("e1", offset=1, source="first"))
    assert row["source"] == "first"


def test_one_event_id_in_two_topics_is_two_events() -> None:
    account = record(registry.ACCOUNTS, ACCOUNT)
    assert len(standing(used("a1"), account)) == 2


def test_a_restated_day_wins_over_a_later_offset() -> None:
    first = values(UsageValues(events_28d=1), offset=900)
    restated = values(UsageValues(events_28d=2), offset=5, revision=1)
    (row,) = standing(restated, first)
    assert row["events_28d"] == 2


def test_current_rows_show_what_was_published_last() -> None:
    assert standing(profile("new", offset=9), profile("old", offset=2))[0]["name"] == "new"
    assert standing(health("live", offset=9, score=1.0), health("live", offset=8))[0]["score"] == 1.0
    assert standing(churn(offset=5, probability=0.9), churn(offset=4))[0]["probability"] == 0.9


def test_daily_messages_do_not_touch_current_tables() -> None:
    tables = {row.table for row in rows(profile("x", kind="day"), health("day"))}
    assert not tables & {ACCOUNTS, HEALTH_CURRENT}


def test_a_daily_score_that_is_the_newest_is_a_row_of_both_tables() -> None:
    daily, current = rows(health("day", offset=4, newest=True))
    assert (daily.table, current.table) == (HEALTH_DAILY, HEALTH_CURRENT)
    assert daily.values[:-1] == current.values[:-1]
    newer = health("day", offset=4, newest=True, score=2.0)
    (row,) = standing(health("live", offset=3, score=1.0), newer)
    assert (row["score"], row["row_version"]) == (2.0, 4)


def test_live_metric_values_have_no_row_of_a_day() -> None:
    assert all(row.table is not USAGE_DAILY for row in rows(values(UsageValues(), kind="live")))


def test_a_label_stands_over_its_snapshot_in_any_order() -> None:
    for records in (
        (snapshot(offset=50), labelled(0.2, True, offset=3)),
        (labelled(0.2, True), snapshot(offset=50)),
    ):
        (row,) = standing(*records)
        assert (row["churned"], row["probability"], row["labelled_day"]) == (True, 0.2, DAY + 30)


def test_an_unlabelled_snapshot_has_no_outcome() -> None:
    (row,) = standing(snapshot())
    assert (row["churned"], row["probability"], row["labelled_day"], row["model_version"]) == (
        None,
        None,
        None,
        None,
    )


def test_a_removed_movement_leaves_and_may_come_back() -> None:
    gone = (movement("new", 100, 0, version=1), movement("new", 100, 0, version=2, removed=True))
    assert standing(*gone) == []
    (row,) = standing(*gone, movement("new", 80, 0, version=3))
    assert row["amount_minor"] == 80


def test_accounting_names_the_topic_without_prefix() -> None:
    (row,) = standing(progress(offset=1, read=4), progress(offset=2, read=10))
    assert (row["topic"], row["read"], row["closed_day"]) == ("usage.v1", 10, DAY - 1)


def test_health_factors_are_parallel_arrays() -> None:
    (row,) = standing(health("live"))
    assert row["factors.factor"] == ["engagement", "support"]
    assert row["factors.value"] == [30.0, None]
    assert orjson.loads(row["factors.evidence"][0]) == {"events_28d": 3}
    assert (row["lift_factor"], row["answer_nps_class"]) == ("engagement", "detractor")
    (bare,) = standing(health("live", lift=None, answer=None))
    assert (bare["lift_factor"], bare["answer_score"]) == (None, None)


def test_churn_reasons_keep_their_numbers() -> None:
    (row,) = standing(churn())
    assert orjson.loads(row["raising"])[0]["values"] == {"n": 2}
    assert (row["protecting"], row["no_data"]) == ("[]", ["nps"])


def test_every_step_of_an_alert_is_kept() -> None:
    assert len(standing(alert("opened", 1), alert("resolved", 2), alert("opened", 1))) == 2


def test_a_dead_letter_keeps_bytes_and_source_position() -> None:
    (row,) = standing(dead_letter(own_offset=4), dead_letter(own_offset=5))
    assert (row["topic"], row["partition"], row["offset"]) == ("usage.v1", 2, 17)
    assert (row["value"], row["key"], row["dead_letter_offset"]) == (b"\xff\x00 not json", b"\xc3", 5)
    assert (b"x-raw", b"\xfe\xff") in row["headers"]


def test_what_the_guard_writes_is_what_the_archive_reads() -> None:
    failed = used("e1", offset=2**40)
    letter = Poison(failed, "decode", "here", ValueError("no such thing")).dead_letter("dead", 3, 1_000_000)
    headers = (*letter.headers, (RETRY_COUNT_HEADER, b"2"))
    own = Rec(PREFIX + registry.DEAD_LETTERS.name, letter.value, letter.key, 3, 9, AT, headers)
    (row,) = standing(own)
    assert (row["topic"], row["partition"], row["offset"]) == ("usage.v1", 0, 2**40)
    assert (row["stage"], row["error"], row["reason"]) == ("decode", "builtins.ValueError", "no such thing")
    assert (row["retries"], row["value"]) == (2, failed.value)


@pytest.mark.parametrize("wrong", [{"offset": "-1"}, {"offset": "x"}, {"partition": "9" * 20}, {"topic": ""}])
def test_a_dead_letter_with_wrong_headers_is_named_by_its_own_position(wrong: dict[str, str]) -> None:
    (row,) = standing(dead_letter(None, 4, **wrong))
    assert (row["topic"], row["partition"], row["offset"]) == ("dead-letters.v1", 0, 4)
    assert (row["value"], row["stage"]) == (None, "decode")


def test_what_has_no_table_is_counted() -> None:
    mapped = mapper().rows([*WITH_ROW, *WITHOUT_ROW], NOW)
    assert (len(mapped.rows), mapped.unreadable, mapped.without_row) == (len(WITH_ROW), [], len(WITHOUT_ROW))


@pytest.mark.parametrize("topic", [topic for topic in registry.TOPICS if topic.message is not None])
def test_unreadable_records_are_reported_once_by_whoever_judges_the_topic(topic: Topic) -> None:
    broken = Rec(PREFIX + topic.name, b"{")
    mapped = mapper().rows([broken], NOW)
    judged = topic.name in JUDGED
    assert mapped.without_row == judged
    assert [found.record for found in mapped.unreadable] == ([] if judged else [broken])


def test_a_topic_nobody_registered_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"other\.usage\.v1"):
        rows(Rec("other.usage.v1", b"{}"))


def test_one_record_gives_at_most_one_row_per_table() -> None:
    made = rows(*WITH_ROW)
    assert len({(row.table.name, row.record.topic, row.record.offset) for row in made}) == len(made)


def test_the_tables_of_these_tests_are_those_of_the_list() -> None:
    assert [rows(one)[0].table for one in (used("e"), churn(), snapshot(), dead_letter(), movement("new", 1, 0))] == [
        EVENTS,
        CHURN_CURRENT,
        CHURN_OBSERVATIONS,
        DEAD_LETTERS,
        MRR_MOVEMENTS,
    ]
