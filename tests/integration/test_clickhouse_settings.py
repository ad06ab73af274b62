"""Views say the same whatever a server, a profile or a session has set: nobody's dashboard tells other figures."""

from collections.abc import Callable
from math import isnan
from typing import Any

import pytest
from archive_rig import Put
from clickhouse_connect.driver.client import Client
from dirty_company import START, company
from msgspec.structs import replace
from sink_samples import RATE, alert, dead_letter, record, values

from schemas import registry
from schemas.metrics import AccountValues

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(240),
    pytest.mark.any_broker("figures are folded in memory; no broker is asked"),
]

#: What companies set, for one because their other databases do it that way; each is off, or another one, by default.
SET = (
    "join_use_nulls = 1",
    "join_use_nulls = 1, readonly = 1",  # for whom ClickHouse passes over what a view sets
    "readonly = 1",
    "aggregate_functions_null_for_empty = 1, prefer_column_name_to_alias = 1, transform_null_in = 1, "
    "empty_result_for_aggregation_by_empty_set = 1, enable_global_with_statement = 0, join_default_strictness = 'ANY'",
    "union_default_mode = 'DISTINCT', group_by_use_nulls = 1, analyzer_inline_views = 1, cast_keep_nullable = 1, "
    "data_type_default_nullable = 1, date_time_overflow_behavior = 'saturate', session_timezone = 'Asia/Tokyo', "
    "final = 1",
)


def read(client: Client, view: str, settings: str = "") -> list[tuple[Any, ...]]:
    """The rows of a view, floats to nine digits: threads add them up in any order."""
    found = client.query(f"SELECT * FROM {view}{settings and f' SETTINGS {settings}'}").result_rows
    return sorted((tuple(map(rounded, row)) for row in found), key=repr)


def rounded(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [rounded(one) for one in value]
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in sorted(value.items())}
    return (
        None
        if isinstance(value, float) and isnan(value)
        else float(f"{value:.9g}")
        if isinstance(value, float)
        else value
    )


@pytest.fixture
def views(client: Client, fill: Callable[..., None], put: Put) -> dict[str, list[tuple[Any, ...]]]:
    """What every view says by default: of customers of whom all is known, and of one of whom a name is."""
    fill(company(1))
    put(values(AccountValues(name="Só"), kind="live", customer="alone"), dead_letter(partition="0"), alert("opened", 1))
    put(record(registry.SPEND, replace(RATE, occurred_at=START), key=b"_company"))
    names = "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View' ORDER BY name"
    return {name: read(client, name) for (name,) in client.query(names).result_rows}


def test_no_setting_changes_a_view(client: Client, views: dict[str, list[tuple[Any, ...]]]) -> None:
    assert len(views) > 30
    assert [name for name, rows in views.items() if not rows] == []
    assert None in next(row for row in views["v_customers"] if row[0] == "alone")
    assert {row[9] for row in views["v_accounting"]} == {0, 1}  # with and without dead letters
    for settings in SET:
        differing = [name for name, rows in views.items() if read(client, name, settings) != rows]
        assert differing == [], settings
