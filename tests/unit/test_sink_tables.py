"""The one list of tables: nothing of a message is lost on its way to a column."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from sink_samples import QUALITY, WITH_ROW, WITHOUT_ROW, rows

from schemas import registry
from schemas.envelope import Event
from schemas.metrics import (
    AccountValues,
    FeedbackValues,
    MetricValues,
    RevenueValues,
    SpendValues,
    SupportValues,
    UsageValues,
)
from schemas.models import ModelSnapshot
from schemas.scores import ChurnScore, HealthScore, Snapshot, UpsellScore
from streams.sinks import rows as routes
from streams.sinks.columns import INSTANT, struct_columns
from streams.sinks.tables import (
    CHURN_CURRENT,
    CHURN_MODELS,
    CHURN_OBSERVATIONS,
    DAILY,
    HEALTH_CURRENT,
    OFFSET_BITS,
    ON_TOPICS_ONLY,
    TABLES,
    UPSELL_DAILY,
    revised,
)


def test_table_names_are_unique_and_keys_are_columns_that_cannot_be_null() -> None:
    assert len({table.name for table in TABLES}) == len(TABLES)
    for table in TABLES:
        types = dict(zip(table.column_names, table.column_types, strict=True))
        assert len(types) == len(table.columns)
        assert types["row_version"] == "UInt64"
        assert not any("Nullable" in types[name] for name in table.key)
        assert table.deleted is None or types[table.deleted] == "UInt8"


@pytest.mark.parametrize(
    "values", [UsageValues, SupportValues, RevenueValues, FeedbackValues, AccountValues, SpendValues]
)
def test_every_metric_has_a_column_of_its_day(values: type[Struct]) -> None:
    names = set(DAILY[values].column_names)
    for name in set(values.__struct_fields__) - ON_TOPICS_ONLY:
        assert name in names or any(column.startswith(f"{name}_") for column in names), name


@pytest.mark.parametrize(
    "struct, table",
    [
        (HealthScore, HEALTH_CURRENT),
        (ChurnScore, CHURN_CURRENT),
        (UpsellScore, UPSELL_DAILY),
        (ModelSnapshot, CHURN_MODELS),
        (Snapshot, CHURN_OBSERVATIONS),
    ],
)
def test_every_field_of_a_score_has_a_column(struct: type[Struct], table: Any) -> None:
    for name in set(struct.__struct_fields__) - {"kind", "newest"} - ON_TOPICS_ONLY:
        assert any(column == name or column.startswith((f"{name}_", f"{name}.")) for column in table.column_names), name


def test_every_message_of_every_topic_has_a_table_or_a_reason_to_have_none() -> None:
    for topic in registry.TOPICS:
        for kind in get_args(topic.message) or (topic.message,):
            if kind is None or issubclass(kind, Event):
                continue
            assert kind in {*routes._TABLES, MetricValues, HealthScore}, kind


def test_the_samples_fill_every_table() -> None:
    assert {row.table.name for row in rows(*WITH_ROW)} == {table.name for table in TABLES}
    assert len(rows(*WITH_ROW)) == len(WITH_ROW)
    assert rows(*WITHOUT_ROW) == []


class Kinds(Struct):
    at: int
    seen_at: int | None
    labelled_day: int
    count: int
    owner: str | None
    name: str
    share: float | None
    paying: bool
    tags: list[str]
    by_currency: dict[str, int]
    free: dict[str, float | str | None]
    version: int


def test_types_follow_names_and_annotations() -> None:
    assert {column.name: column.type for column in struct_columns(Kinds)} == {
        "at": INSTANT,
        "seen_at": f"Nullable({INSTANT})",
        "labelled_day": "Date",
        "count": "Int64",
        "owner": "LowCardinality(Nullable(String))",
        "name": "String",
        "share": "Nullable(Float64)",
        "paying": "Bool",
        "tags": "Array(String)",
        "by_currency": "Map(LowCardinality(String), Int64)",
        "free": "String",
        "version": "UInt64",
    }


class Outer(Struct):
    last_nps: Kinds | None


def test_a_nested_struct_is_flattened_and_null_as_a_whole() -> None:
    types = {column.name: column.type for column in struct_columns(Outer)}
    assert types["last_nps_count"] == "Nullable(Int64)"
    assert types["last_nps_paying"] == "Nullable(Bool)"


def test_the_components_of_upsell_readiness_stand_in_columns_of_their_own() -> None:
    (row,) = [row for row in rows(*WITH_ROW) if row.table is UPSELL_DAILY]
    stored = dict(zip(row.table.column_names, row.values, strict=True))
    assert (stored["upsell_ready"], stored["gate"], stored["components.component"]) == (62.5, None, ["seats", "tenure"])
    assert (stored["components.value"], stored["components.earned"]) == ([62.5, None], [62.5, 0.0])
    assert stored["components.evidence"] == ['{"seats":10}', "{}"]


def test_quality_is_flattened_beside_its_score() -> None:
    (row,) = [row for row in rows(*WITH_ROW) if row.table is CHURN_CURRENT]
    stored = dict(zip(row.table.column_names, row.values, strict=True))
    assert stored["quality_roc_auc"] == QUALITY.roc_auc
    assert stored["quality_log_loss"] is None


offsets = st.integers(0, 2**OFFSET_BITS - 1)
revisions = st.integers(0, 2 ** (64 - OFFSET_BITS) - 1)


@given(revisions, offsets, revisions, offsets)
def test_revision_decides_before_offset(revision: int, offset: int, other_revision: int, other_offset: int) -> None:
    first, second = revised(revision, offset), revised(other_revision, other_offset)
    assert (first < second) == ((revision, offset) < (other_revision, other_offset))
    assert 0 <= first < 2**64


@given(st.integers(0, 2**70), st.integers(0, 2**70))
def test_a_version_never_leaves_its_column(revision: int, offset: int) -> None:
    assert 0 <= revised(revision, offset) < 2**64
