"""Why a figure of a customer is what it is: the row it stands in and the events it was made of, from ClickHouse.

Nothing is computed again here; what is read is what analysts have.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson

from schemas.envelope import epoch_ms
from streams.catalogue.metric import Metric
from streams.errors import ConfigurationError
from streams.metrics.days import Days
from streams.sinks.table import Table
from streams.sinks.tables import TABLES

Row = dict[str, Any]

_EPOCH = date(1970, 1, 1)
_TABLES = {table.name: table for table in TABLES}
_WINDOW = (
    "FROM events FINAL WHERE customer_id = {customer:String} AND type IN {types:Array(String)} "
    "AND day >= toDate({first:Int32}) AND day <= toDate({last:Int32}) "
    "AND occurred_at < fromUnixTimestamp64Milli({as_of_ms:Int64}, 'UTC')"
)
_BY_TYPE = (
    f"SELECT type, count() AS events, min(occurred_at) AS first_at, max(occurred_at) AS last_at {_WINDOW} "
    "GROUP BY type ORDER BY type"
)
_NEWEST = (
    f"SELECT event_id, type, occurred_at, source, topic, partition, offset, payload {_WINDOW} "
    "ORDER BY occurred_at DESC, event_id DESC LIMIT {limit:UInt32}"
)
_NESTED = ("factors.", "components.")
_REASONS = ("raising", "protecting")
_ABOUT = ("as_of", "revision", "reason")
_KNOWN = "SELECT count() > 0 AS known FROM events WHERE customer_id = {customer:String}"
_ALIKE = (
    "SELECT DISTINCT customer_id FROM events WHERE startsWith(lowerUTF8(customer_id), lowerUTF8({customer:String})) "
    "OR ngramDistanceCaseInsensitiveUTF8(customer_id, {customer:String}) < 0.7 "
    "ORDER BY ngramDistanceCaseInsensitiveUTF8(customer_id, {customer:String}), customer_id LIMIT 3"
)
_NEWEST_PROFILE = "SELECT profile FROM health_current ORDER BY as_of DESC, version DESC LIMIT 1"
_MADE_BY = "SELECT profile FROM health_current FINAL WHERE customer_id = {customer:String}"


@dataclass(frozen=True)
class Explanation:
    """A figure of a customer with what it rests on.

    Attributes:
        value: as it stands in the table; None is "not defined yet".
        day, as_of: the day it belongs to, the instant it describes.
        revision: how often that day has been restated; None where figures are not restated.
        made_by: the profile behind the customer's newest score, `NAME@VERSION`; None when there is none.
        first_day: first day of the window; None where it has no beginning.
        inputs: the events of the window by type: `type`, `events`, `first_at`, `last_at`.
        newest: the newest of them.
        parts: factors of a health score, reasons of a churn risk, components of an upsell score.
        row: everything that stands in the row.
    """

    metric: Metric
    customer_id: str
    value: Any
    day: date
    as_of: datetime
    revision: int | None
    made_by: str | None
    first_day: date | None
    inputs: list[Row]
    newest: list[Row]
    parts: list[Row]
    row: Row


class Archive:
    """Questions to ClickHouse.

    Args:
        client: of clickhouse-connect.
        days: calendar of the company.
    """

    def __init__(self, client: Any, days: Days) -> None:
        self._client = client
        self._days = days

    def explain(self, metric: Metric, customer_id: str, day: date | None, limit: int) -> Explanation:
        """The newest value of a customer, or that of a day, with the newest `limit` events behind it.

        Raises:
            ConfigurationError: there is no such customer, or no value; says what there is instead.
        """
        row = self._row(metric, customer_id, day)
        as_of: datetime = row["as_of"]
        # The driver gives instants of UTC columns without their zone.
        as_of_ms = epoch_ms(as_of.replace(tzinfo=UTC))
        last = self._days.of(as_of_ms - 1)
        first, last_in_window = metric.days(last)
        window = {
            "customer": customer_id,
            "types": list(metric.events),
            "first": 0 if first is None else first,
            "last": last_in_window,
            "as_of_ms": as_of_ms,
        }
        asked = bool(metric.events)
        made_by = self._rows(_MADE_BY, customer=customer_id)
        return Explanation(
            metric=metric,
            customer_id=customer_id,
            value=_value(metric, row),
            day=_date(last),
            as_of=as_of,
            revision=row.get("revision"),
            made_by=row.get("profile") or (made_by[0]["profile"] if made_by else None),
            first_day=None if first is None else _date(first),
            inputs=self._rows(_BY_TYPE, **window) if asked else [],
            newest=self._rows(_NEWEST, **window, limit=limit) if asked and limit else [],
            parts=_parts(metric, row),
            row=row,
        )

    def of_view(self, metric: Metric, key: tuple[str, ...], customer_id: str | None, limit: int) -> list[Row]:
        """The newest rows of a figure that stands in a view, of one customer or of all: the view's key and `value`.

        Streamed figures come with the instant they describe, how often they were restated, and why, where they can be.
        """
        streamed = metric.table in _TABLES
        about = [name for name in _ABOUT if name in _TABLES[metric.table].column_names] if streamed else []
        columns = ", ".join([*key, f"{metric.column} AS value", *about])
        final = " FINAL" if streamed else ""
        whose = "" if customer_id is None else " WHERE customer_id = {customer:String}"
        order = f" ORDER BY {', '.join(f'{name} DESC' for name in key)}" if key else ""
        # Names come from the catalogue, never from the caller.
        sql = f"SELECT {columns} FROM {metric.table}{final}{whose}{order} LIMIT {{limit:UInt32}}"  # noqa: S608
        return self._rows(sql, limit=limit, **({} if customer_id is None else {"customer": customer_id}))

    def made_by(self) -> str | None:
        """The profile behind the newest health score of anybody; None when there is none."""
        found = self._rows(_NEWEST_PROFILE)
        return found[0]["profile"] if found else None

    def _row(self, metric: Metric, customer_id: str, day: date | None) -> Row:
        table = _TABLES[metric.newest if metric.newest and day is None else metric.table]
        if day is not None and "day" not in table.key:
            raise ConfigurationError(f"{metric.name} is kept for its newest value only: leave --day out")
        of_day = " AND day = {day:Date}" if day is not None else ""
        found = self._rows(
            f"SELECT * FROM {table.name} FINAL WHERE customer_id = {{customer:String}}{of_day} "  # noqa: S608
            "ORDER BY as_of DESC LIMIT 1",
            customer=customer_id,
            **({} if day is None else {"day": day}),
        )
        if not found:
            raise ConfigurationError(self._nothing(metric, table, customer_id, day))
        return found[0]

    def _nothing(self, metric: Metric, table: Table, customer_id: str, day: date | None) -> str:
        """Why there is no value."""
        unknown = stranger(self._rows, customer_id)
        if unknown is not None:
            return unknown
        null = f"; the figure is null {metric.null}" if metric.null else ""
        if day is None:
            events = f": nothing of {', '.join(metric.events)} is known of it" if metric.events else ""
            return f"{customer_id} has no value of {metric.name} yet{events}{null}"
        known = self._rows(
            f"SELECT toString(min(day)) AS first, toString(max(day)) AS last, count() AS days FROM {table.name} "  # noqa: S608
            "WHERE customer_id = {customer:String}",
            customer=customer_id,
        )[0]
        days = f"; days known: {known['first']} to {known['last']}" if known["days"] else ""
        return f"{customer_id} has no value of {metric.name} on {day}{days}{null}"

    def _rows(self, sql: str, **parameters: Any) -> list[Row]:
        result = self._client.query(sql, parameters=parameters)
        return [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]


def stranger(rows: Callable[..., list[Row]], customer_id: str) -> str | None:
    """That no event of a customer is known, with the names that are like it; None when there are events.

    Args:
        rows: asks ClickHouse: a query, and its parameters by name.
        customer_id: whose events.
    """
    if rows(_KNOWN, customer=customer_id)[0]["known"]:
        return None
    alike = [row["customer_id"] for row in rows(_ALIKE, customer=customer_id)]
    hint = f"; there is {', '.join(alike)}" if alike else ""
    return f"no event of a customer {customer_id!r} is known{hint}"


def _date(day: int) -> date:
    return _EPOCH + timedelta(days=day)


def _value(metric: Metric, row: Row) -> Any:
    column = metric.column or metric.id
    if metric.part is not None:
        found = [part for part in _nested(row) if metric.part in (part.get("factor"), part.get("component"))]
        return found[0]["value"] if found else None
    value = row[column]
    return orjson.loads(value) if value and column in _REASONS else value


def _parts(metric: Metric, row: Row) -> list[Row]:
    """What a score is made of; of a single factor or component only that one."""
    reasons = [part for name in _REASONS if name in row for part in orjson.loads(row[name])]
    parts = _nested(row) or reasons
    return [part for part in parts if metric.part in (None, part.get("factor"), part.get("component"))]


def _nested(row: Row) -> list[Row]:
    """The factors or components of a score, one row for each."""
    names = [name for name in row if name.startswith(_NESTED)]
    each = zip(*(row[name] for name in names), strict=True)
    parts = [dict(zip((name.partition(".")[2] for name in names), values, strict=True)) for values in each]
    return [{**part, "evidence": orjson.loads(part["evidence"])} for part in parts]
