"""Records of any topic to rows of tables. Pure: one record gives at most one row per table.

Which message goes where stands in `_tables`; what has no table is named there too, with the reason.
"""

from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any, NamedTuple

from schemas import registry
from schemas.alerts import Alert, DeadLetter
from schemas.codec import EventDecoder, MessageDecoder
from schemas.envelope import Event, Heartbeat
from schemas.metrics import AccountValues, DayClosed, MetricValues, Movement, Progress
from schemas.models import ModelSnapshot
from schemas.portfolio import PortfolioFigures, Tally, TallyChanged, TallyClosed
from schemas.registry import Topic
from schemas.scores import (
    Censored,
    ChurnScore,
    HealthScore,
    Labelled,
    ObservationsClosed,
    Outcome,
    Snapshot,
    UpsellScore,
)
from streams.errors import ConfigurationError
from streams.metrics.days import Days
from streams.sinks import tables
from streams.sinks.event_rows import event_rows
from streams.sinks.record import Entry, Record, dead_letter
from streams.sinks.table import Table

#: Input topics whose own agent dead-letters what cannot be read; the archive leaves those records to it.
JUDGED = frozenset(topic.name for topic in registry.INPUT_TOPICS)
_Decode = Callable[[Record, int], Any]
_new: Any = tuple.__new__  # Row's own, in Python, takes three times as long


class Row(NamedTuple):
    """A row and the record it was made of."""

    table: Table
    values: tuple[object, ...]
    record: Record


class Unreadable(NamedTuple):
    """A record that nobody else reports: a dead letter."""

    record: Record
    error: Exception


class Mapped(NamedTuple):
    """What a batch of records came to.

    Attributes:
        rows: in the order of the records.
        unreadable: to be dead-lettered.
        without_row: records that have no table (heartbeats, markers, tombstones) or that another agent
            reports.
    """

    rows: list[Row]
    unreadable: list[Unreadable]
    without_row: int


class RowMapper:
    """Maps records to rows.

    Args:
        prefix: of topic names; taken off in the tables.
        days: calendar of the company.
        max_future_ms: as for the agents' own decoders.

    Raises:
        ConfigurationError: later, on a record of a topic that is not in the registry.
    """

    def __init__(self, prefix: str, days: Days, max_future_ms: int = 86_400_000) -> None:
        self._prefix = prefix
        self._days = days
        self._events: dict[str, EventDecoder[Event]] = {
            topic.name: EventDecoder(topic.message, max_future_ms) for topic in registry.INPUT_TOPICS
        }
        self._topics = {prefix + topic.name: (topic.name, self._decoder(topic)) for topic in registry.TOPICS}

    def rows(self, records: Sequence[Record], now_ms: int) -> Mapped:
        """The rows of a batch; `now_ms` judges times in the future."""
        return self._events_of_one_topic(records, now_ms) or self._one_by_one(records, now_ms)

    def _events_of_one_topic(self, records: Sequence[Record], now_ms: int) -> Mapped | None:
        """The rows of readable input events, at a third of the cost; None for anything else."""
        names = {record.topic for record in records}
        topic = self._topic(names.pop())[0] if len(names) == 1 else ""
        decoder = self._events.get(topic)
        if decoder is None:
            return None
        try:
            events = decoder.many(records, now_ms)
        except Exception:  # noqa: BLE001 - looked for, one by one
            return None
        read = len(records)
        if Heartbeat in set(map(type, events)):
            records = [record for record, event in zip(records, events, strict=True) if type(event) is not Heartbeat]
            events = [event for event in events if type(event) is not Heartbeat]
        values = event_rows(records, events, topic, self._days)
        rows = map(_new, repeat(Row), zip(repeat(tables.EVENTS), values, records, strict=False))
        return Mapped(list(rows), [], read - len(records))

    def _one_by_one(self, records: Sequence[Record], now_ms: int) -> Mapped:
        mapped = Mapped([], [], 0)
        without_row = 0
        for record in records:
            topic, decode = self._topic(record.topic)
            try:
                rows = self._rows(record, topic, decode(record, now_ms))
            except Exception as error:  # noqa: BLE001 - nothing in a message may stop the stream (engine/guard.py)
                if topic in JUDGED:
                    without_row += 1
                else:
                    mapped.unreadable.append(Unreadable(record, error))
                continue
            mapped.rows.extend(rows)
            without_row += not rows
        return mapped._replace(without_row=without_row)

    def _rows(self, record: Record, topic: str, message: Any) -> list[Row]:
        table = _table(message)
        if table is None:
            return []
        values = table.row(Entry(record, message, topic, self._prefix, self._days))
        row = Row(table, values, record)
        if table is tables.HEALTH_DAILY and message.newest:  # the same columns, but the version
            return [row, Row(tables.HEALTH_CURRENT, (*values[:-1], record.offset), record)]
        return [row]

    def _topic(self, name: str) -> tuple[str, _Decode]:
        try:
            return self._topics[name]
        except KeyError:
            raise ConfigurationError(
                f"expected a topic of the registry behind {self._prefix!r}, got {name!r}"
            ) from None

    def _decoder(self, topic: Topic) -> _Decode:
        if topic.message is None:
            return lambda record, _: dead_letter(record)
        if topic.input:
            read_event = self._events[topic.name]
            return lambda record, now_ms: read_event(record.key, record.value, record.headers, now_ms)
        read: MessageDecoder[Any] = MessageDecoder(topic.message)
        # A tombstone on our own compacted topics says that the key is gone from the topic; the history here
        # stays.
        return lambda record, _: None if record.value is None else read(record.value)


def _table(message: Any) -> Table | None:
    """Where a message is stored, None for nowhere."""
    kind = type(message)
    if kind is MetricValues:
        return _metrics_table(message)
    if kind is HealthScore:
        return tables.HEALTH_DAILY if message.kind == "day" else tables.HEALTH_CURRENT
    if kind in _TABLES:
        return _TABLES[kind]
    return tables.EVENTS if isinstance(message, Event) else None


def _metrics_table(message: MetricValues) -> Table | None:
    kind = type(message.values)
    if message.kind == "day":
        return tables.DAILY[kind]
    # Live values of the other domains are in the newest day's row soon enough; a row per change would be
    # many.
    return tables.ACCOUNTS if kind is AccountValues else None


_TABLES: dict[type, Table | None] = {
    Heartbeat: None,  # moves time, says nothing of a customer
    DayClosed: None,  # stands in accounting.closed_day
    Movement: tables.MRR_MOVEMENTS,
    Progress: tables.ACCOUNTING,
    PortfolioFigures: tables.PORTFOLIO_METRICS,
    **dict.fromkeys((Tally, TallyClosed, TallyChanged)),  # parts of these
    ChurnScore: tables.CHURN_CURRENT,
    UpsellScore: tables.UPSELL_DAILY,
    Snapshot: tables.CHURN_OBSERVATIONS,
    Labelled: tables.CHURN_OBSERVATIONS,
    Outcome: None,  # stands in mrr_movements, and in the labels
    Censored: None,  # of whom nothing is learned nothing is stored
    ObservationsClosed: None,  # a marker
    ModelSnapshot: tables.CHURN_MODELS,
    Alert: tables.ALERTS,
    DeadLetter: tables.DEAD_LETTERS,
    type(None): None,  # a tombstone
}
