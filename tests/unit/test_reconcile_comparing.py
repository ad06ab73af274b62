"""Rows side by side: what counts as the same, and what is told of what is not."""

import re
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from streams.reconcile.comparing import WHOLE_ROW, Key, Row, differing, same
from streams.reconcile.policy import Support
from streams.reconcile.recount import read
from streams.reconcile.recounts import LEFT_OUT, RECOUNTS
from streams.sinks.tables import TABLES

DAY = date(2024, 10, 4)


@pytest.mark.parametrize(
    "published, recounted, equal",
    [
        (3, 3, True),
        (3, 4, False),
        (10**15, 10**15 + 1, False),
        (1 / 3, 1 / 3 + 1e-15, True),
        (1 / 3, 0.3334, False),
        (0.0, 0, True),
        (None, None, True),
        (None, 0, False),
        (0, None, False),
        ({"BRL": 1}, {"BRL": 1}, True),
        ({"BRL": 1 / 3}, {"BRL": 1 / 3 + 1e-15}, True),
        ({"BRL": 1}, {"BRL": 2}, False),
        ({"BRL": 1}, {"BRL": 1, "USD": 0}, False),
        ([1 / 3, None], [1 / 3 + 1e-15, None], True),
        ([1, 2], [2, 1], False),
        ([1], [1, 1], False),
        ([None], [0.0], False),
        ("late", "current", False),
        ("late", 1.0, False),
        ('{"csat": 0.5, "nps": null}', '{"nps":null,"csat":0.5}', True),
        ('{"csat": 0.5}', '{"csat":0.6}', False),
        ('{"csat": 0.5}', '{"csat":"late"}', False),
        ('{"csat": 0.5}', "{csat: 0.5}", False),
        ("{a}", "{b}", False),
        ("{a}", "{a}", True),
    ],
)
def test_counts_are_equal_or_not_and_undefined_is_no_zero(published: object, recounted: object, equal: bool) -> None:
    assert same(published, recounted) is equal


@pytest.mark.parametrize("recounted, equal", [(50.000001, True), (50.000002, False)])
def test_points_that_are_published_rounded_may_differ_by_their_last_digit(recounted: float, equal: bool) -> None:
    assert same(50.0, recounted, within=1.5e-6) is equal
    assert same([50.0], [recounted], within=1.5e-6) is equal
    assert same(50.0, recounted) is False


def test_differences_come_in_order_and_say_what_the_row_was_made_of() -> None:
    published: dict[Key, Row] = {
        ("b", DAY): {"revision": 2, "event_id": "e9", "events_28d": 3, "adoption": 0.5},
        ("a", DAY): {"revision": 0, "event_id": "e1", "events_28d": 1, "adoption": 0.5},
    }
    recounted: dict[Key, Row] = {
        ("b", DAY): {"events_28d": 4, "adoption": 0.5},
        ("c", DAY): {"events_28d": 1, "adoption": None},
    }
    found = list(differing("usage", "usage_daily", published, recounted))
    assert [(one.customer_id, one.day, one.figure, one.published, one.recounted) for one in found] == [
        ("a", DAY, WHOLE_ROW, "a row", None),
        ("b", DAY, "events_28d", 3, 4),
        ("c", DAY, WHOLE_ROW, None, "a row"),
    ]
    assert [(one.revision, one.event_id) for one in found] == [(0, "e1"), (2, "e9"), (None, None)]


def test_rows_that_are_told_more_than_once_differ_whatever_they_say() -> None:
    rows: dict[Key, Row] = {(name, DAY): {"events_28d": 3} for name in "abcd"}
    less = {key: row for key, row in rows.items() if key[0] != "d"}
    several = Counter[Key]({("a", DAY): 1, ("c", DAY): 2, ("d", DAY): 1}), Counter[Key]({("b", DAY): 1, ("c", DAY): 2})
    found = list(differing("usage", "usage_daily", rows, less, 0.0, several))
    assert [(one.customer_id, one.figure, one.published, one.recounted) for one in found] == [
        ("a", WHOLE_ROW, "2 rows", "a row"),
        ("b", WHOLE_ROW, "a row", "2 rows"),
        ("c", WHOLE_ROW, "3 rows", "3 rows"),
        ("d", WHOLE_ROW, "2 rows", None),
    ]


@pytest.mark.parametrize("recount", [one for one in RECOUNTS if one.topic], ids=lambda one: one.domain)
def test_recounts_read_events_and_never_the_figures_they_are_compared_with(recount: object) -> None:
    (one,) = [known for known in RECOUNTS if known is recount]
    words = set(one.sql.replace("(", " ").replace(")", " ").split())
    assert "events" in words
    # Only a row of a profile can say that it went out, and what had come by then; heartbeats stand in no table.
    known = {"accounts_daily"} if one.domain == "account" else set()
    assert {word for word in words if word.endswith("_daily") or word == "mrr_movements"} == known
    assert "events" in read("late")


def test_every_table_is_recounted_or_said_why_not() -> None:
    """A table that comes new fails here; a new column of a recounted one in the test of all figures."""
    recounted = {recount.table for recount in RECOUNTS}
    migrations = (Path(__file__).parents[2] / "schemas" / "clickhouse").glob("*.sql")
    views = {name for file in migrations for name in re.findall(r"VIEW (v_\w+)", file.read_text(encoding="utf-8"))}
    assert len(views) > 20
    assert recounted | set(LEFT_OUT) == {table.name for table in TABLES} | views
    assert not recounted & set(LEFT_OUT)


def test_holidays_are_told_to_sql_from_the_first_day_to_the_last() -> None:
    support = Support(
        zone="UTC",
        hours=((1, 540, 1080),),
        is_day_off={date(2024, 10, 3), DAY, date(2024, 10, 9)}.__contains__,
        limits=(("response urgent", 60.0),),
        limits_work=True,
        review_days=3,
    )
    told = support.parameters(DAY, date(2024, 10, 8))
    assert (told["days_off"], told["works"]) == ([DAY], 1)
    assert support.parameters(date(2024, 10, 3), date(2024, 10, 9))["days_off"][0::2] == [
        date(2024, 10, 3),
        date(2024, 10, 9),
    ]
