"""Rows side by side: what counts as the same, and what is told of what is not."""

from datetime import date

import pytest

from streams.reconcile.comparing import WHOLE_ROW, Key, Row, differing, same
from streams.reconcile.policy import Support
from streams.reconcile.recounts import LEFT_OUT, RECOUNTS, read
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
        ("late", "current", False),
    ],
)
def test_counts_are_equal_or_not_and_undefined_is_no_zero(published: object, recounted: object, equal: bool) -> None:
    assert same(published, recounted) is equal


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
    assert recounted | set(LEFT_OUT) == {table.name for table in TABLES}
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
