"""THE list of ClickHouse tables: columns, key, version. Pure.

Every table is a ReplacingMergeTree: of the rows with one `key` the one with the largest `row_version` stands.
The migrations in schemas/clickhouse create exactly these columns (a test compares them with system.columns).

Versions, all derived from the log, none from a clock:
 daily metrics, portfolios, the model's quality
                  revision << 44 | source offset: the newest restatement wins, then the newest input.
 events           2^64 - 1 - offset: of an event sent twice the first stands, as in the folds.
 current values   the record's own offset: a customer has one partition, so the last one published wins.
 observations     bit 63 set once labelled: the label wins over the bare snapshot.
 everything else  the source offset the message includes (its `version`).
Offsets of a topic that was deleted and made anew start again: empty the database with it.
"""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

from schemas.alerts import Alert, DeadLetter
from schemas.envelope import epoch_ms
from schemas.metrics import (
    AccountValues,
    FeedbackValues,
    Movement,
    Progress,
    RevenueValues,
    SpendValues,
    SupportValues,
    UsageValues,
)
from schemas.models import ModelSnapshot, ModelValues
from schemas.portfolio import PortfolioValues
from schemas.scores import ChurnScore, Factor, HealthScore, UpsellComponent, UpsellScore
from streams.sinks.columns import INSTANT, Column, as_json, at, column, struct_columns
from streams.sinks.record import Entries, Entry, headers, payload, person
from streams.sinks.table import Table

MAX_UINT64 = 2**64 - 1
OFFSET_BITS = 44
_MAX_OFFSET = (1 << OFFSET_BITS) - 1
_MAX_REVISION = (1 << 64 - OFFSET_BITS) - 1
_LABELLED = 1 << 63
#: Fields without a column: the answers rules act on travel with every score while they are news; each stands in
#: `events`, the newest in `feedback_daily`, what came of it in `alerts`. Figures that rules look at stand in the tables
#: of their domains.
ON_TOPICS_ONLY = frozenset({"answers", "figures", "recent_nps"})


def revised(revision: int, offset: int) -> int:
    """Version of a restatable row: revision first, then source offset; both saturate.

    Example:
        >>> revised(1, 0) > revised(0, 10**12)
        True
    """
    return (min(revision, _MAX_REVISION) << OFFSET_BITS) | min(offset, _MAX_OFFSET)


def _version(read: Callable[[Entry], object]) -> Column:
    return Column("row_version", "UInt64", read)


_BY_SOURCE_OFFSET = at("message.version", "row_version", "UInt64")
_BY_OWN_OFFSET = at("record.offset", "row_version", "UInt64")
_BY_REVISION = Column(
    "row_version",
    "UInt64",
    lambda entry: revised(entry.message.revision, entry.message.version),
    lambda entries: [*map(revised, entries.at("message.revision"), entries.at("message.version"))],
)


def _from(struct: Any, omit: frozenset[str] = frozenset()) -> tuple[Column, ...]:
    return tuple(one for one in struct_columns(struct) if one.name not in omit | ON_TOPICS_ONLY)


def _values(struct: Any) -> tuple[Column, ...]:
    return tuple(one for one in struct_columns(struct, "message.values") if one.name not in ON_TOPICS_ONLY)


_ABOUT_VALUES = (
    column("customer_id", "String"),
    column("as_of", INSTANT),
    column("version", "UInt64"),
    column("event_id", "Nullable(String)"),
)
_RESTATED_BY = column("restated_by", "Nullable(String)")


def _daily(name: str, struct: Any) -> Table:
    of_day = (column("day", "Date"), column("revision", "UInt32"))
    return Table(
        name,
        ("customer_id", "day"),
        (*_ABOUT_VALUES[:1], *of_day, *_ABOUT_VALUES[1:], _RESTATED_BY, *_values(struct), _BY_REVISION),
    )


def _part(of: str, name: str, type_name: str, convert: Callable[[Any], object] | None = None) -> Column:
    """A column of a Nested: one field of all the structs in a list."""
    parts, part = attrgetter(f"message.{of}"), attrgetter(name)

    def read(entry: Entry) -> list[object]:
        found = map(part, parts(entry))
        return list(found if convert is None else map(convert, found))

    def many(entries: Entries) -> list[list[object]]:
        found = entries.at(f"message.{of}[].{name}")
        return entries.lists(f"message.{of}", found if convert is None else [*map(convert, found)])

    return Column(f"{of}.{name}", f"Array({type_name})", read, many)


_FACTORS = (
    _part("factors", "factor", "LowCardinality(String)"),
    _part("factors", "value", "Nullable(Float64)"),
    _part("factors", "weight", "Float64"),
    _part("factors", "earned", "Float64"),
    _part("factors", "missed", "Float64"),
    _part("factors", "change", "Nullable(Float64)"),
    _part("factors", "evidence", "String", as_json),
)
_COMPONENTS = (
    _part("components", "component", "LowCardinality(String)"),
    _part("components", "value", "Nullable(Float64)"),
    _part("components", "weight", "Float64"),
    _part("components", "earned", "Float64"),
    _part("components", "evidence", "String", as_json),
)
assert [one.name for one in _FACTORS] == [f"factors.{name}" for name in Factor.__struct_fields__]
assert [one.name for one in _COMPONENTS] == [f"components.{name}" for name in UpsellComponent.__struct_fields__]
_HEALTH = (*_from(HealthScore, frozenset({"kind", "newest", "factors"})), *_FACTORS)


def _observed(name: str, type_name: str) -> Column:
    return Column(name, type_name, lambda entry: getattr(entry.message, name, None))


def _named_topic(entry: Entry) -> object:
    return entry.message.topic.removeprefix(entry.prefix)


EVENTS = Table(
    "events",
    ("customer_id", "day", "topic", "event_id"),
    (
        column("event_id", "String"),
        Column("type", "LowCardinality(String)", lambda entry: entry.message.__struct_config__.tag),
        column("customer_id", "String"),
        Column("user_id", "Nullable(String)", lambda entry: person(entry.message)),
        Column("occurred_at", INSTANT, lambda entry: epoch_ms(entry.message.occurred_at)),
        Column("day", "Date", lambda entry: entry.days.of(epoch_ms(entry.message.occurred_at))),
        column("source", "LowCardinality(String)"),
        Column("payload", "String", lambda entry: payload(entry.record, entry.message)),
        Column("topic", "LowCardinality(String)", attrgetter("topic")),
        at("record.partition", "partition", "UInt32"),
        at("record.offset", "offset", "UInt64"),
        _version(lambda entry: MAX_UINT64 - entry.record.offset),
    ),
)
USAGE_DAILY = _daily("usage_daily", UsageValues)
SUPPORT_DAILY = _daily("support_daily", SupportValues)
REVENUE_DAILY = _daily("revenue_daily", RevenueValues)
FEEDBACK_DAILY = _daily("feedback_daily", FeedbackValues)
ACCOUNTS_DAILY = _daily("accounts_daily", AccountValues)
SPEND_DAILY = _daily("spend_daily", SpendValues)
PORTFOLIO_METRICS = Table(
    "portfolio_metrics",
    ("portfolio", "day"),
    (
        column("portfolio", "String"),
        column("segment", "LowCardinality(Nullable(String))"),
        column("day", "Date"),
        column("revision", "UInt32"),
        column("reason", "LowCardinality(String)"),
        column("as_of", INSTANT),
        column("version", "UInt64"),
        *_values(PortfolioValues),
        _BY_REVISION,
    ),
)
MODEL_QUALITY_DAILY = Table(
    "model_quality_daily",
    ("model", "day"),
    (
        column("portfolio", "LowCardinality(String)"),
        column("model", "LowCardinality(String)"),
        column("day", "Date"),
        column("revision", "UInt32"),
        column("as_of", INSTANT),
        column("version", "UInt64"),
        *_values(ModelValues),
        _BY_REVISION,
    ),
)
ACCOUNTS = Table("accounts", ("customer_id",), (*_ABOUT_VALUES, *_values(AccountValues), _BY_OWN_OFFSET))
MRR_MOVEMENTS = Table(
    "mrr_movements",
    ("customer_id", "currency", "effective_at"),
    (
        *_from(Movement, frozenset({"removed"})),
        Column("day", "Date", lambda entry: entry.days.of(entry.message.effective_at)),
        Column("is_deleted", "UInt8", lambda entry: int(entry.message.removed)),
        _BY_SOURCE_OFFSET,
    ),
    deleted="is_deleted",
)
_TOPIC = Column("topic", "LowCardinality(String)", _named_topic)
ACCOUNTING = Table(
    "accounting", ("topic", "partition"), (_TOPIC, *_from(Progress, frozenset({"topic"})), _BY_SOURCE_OFFSET)
)
HEALTH_DAILY = Table("health_daily", ("customer_id", "day"), (*_HEALTH, _BY_SOURCE_OFFSET))
HEALTH_CURRENT = Table("health_current", ("customer_id",), (*_HEALTH, _BY_OWN_OFFSET))
CHURN_CURRENT = Table("churn_current", ("customer_id",), (*_from(ChurnScore), _BY_OWN_OFFSET))
UPSELL_DAILY = Table(
    "upsell_daily",
    ("customer_id", "day"),
    (*_from(UpsellScore, frozenset({"components"})), *_COMPONENTS, _BY_SOURCE_OFFSET),
)
CHURN_OBSERVATIONS = Table(
    "churn_observations",
    ("customer_id", "day"),
    (
        column("customer_id", "String"),
        column("day", "Date"),
        column("features", "Map(LowCardinality(String), Float64)"),
        _observed("probability", "Nullable(Float64)"),
        _observed("churned", "Nullable(Bool)"),
        _observed("labelled_day", "Nullable(Date)"),
        _observed("model_version", "Nullable(UInt64)"),
        column("version", "UInt64"),
        _version(lambda entry: entry.message.version | (_LABELLED if hasattr(entry.message, "churned") else 0)),
    ),
)
CHURN_MODELS = Table("churn_models", ("model", "model_version"), (*_from(ModelSnapshot), _BY_SOURCE_OFFSET))
ALERTS = Table("alerts", ("customer_id", "episode_id", "alert_id"), (*_from(Alert), _BY_SOURCE_OFFSET))
DEAD_LETTERS = Table(
    "dead_letters",
    ("topic", "partition", "offset"),
    (
        _TOPIC,
        *_from(DeadLetter, frozenset({"topic"})),
        at("record.key", "key", "Nullable(String)"),
        at("record.value", "value", "Nullable(String)"),
        Column("headers", "Array(Tuple(String, String))", lambda entry: headers(entry.record)),
        Column("recorded_at", INSTANT, lambda entry: max(0, entry.record.timestamp)),
        at("record.partition", "dead_letter_partition", "UInt32"),
        at("record.offset", "dead_letter_offset", "UInt64"),
        _BY_OWN_OFFSET,
    ),
)

TABLES: tuple[Table, ...] = (
    EVENTS,
    USAGE_DAILY,
    SUPPORT_DAILY,
    REVENUE_DAILY,
    FEEDBACK_DAILY,
    ACCOUNTS_DAILY,
    SPEND_DAILY,
    PORTFOLIO_METRICS,
    MODEL_QUALITY_DAILY,
    ACCOUNTS,
    MRR_MOVEMENTS,
    ACCOUNTING,
    HEALTH_DAILY,
    HEALTH_CURRENT,
    CHURN_CURRENT,
    UPSELL_DAILY,
    CHURN_OBSERVATIONS,
    CHURN_MODELS,
    ALERTS,
    DEAD_LETTERS,
)
DAILY: Mapping[type, Table] = {
    UsageValues: USAGE_DAILY,
    SupportValues: SUPPORT_DAILY,
    RevenueValues: REVENUE_DAILY,
    FeedbackValues: FEEDBACK_DAILY,
    AccountValues: ACCOUNTS_DAILY,
    SpendValues: SPEND_DAILY,
}
