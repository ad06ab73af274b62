"""Records of any topic to rows of tables, a column at a time. Pure: one record gives at most one row per table.

Which message goes where stands in `_tables`; what has no table is named there too, with the reason.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import compress, groupby
from operator import attrgetter
from typing import Any, NamedTuple

from schemas import registry
from schemas.alerts import Alert, DeadLetter
from schemas.codec import EventDecoder, MessageDecoder
from schemas.envelope import Event, Heartbeat
from schemas.metrics import AccountValues, DayClosed, MetricValues, Movement, Progress
from schemas.models import ModelFigures, ModelSnapshot
from schemas.portfolio import PortfolioFigures, SpendClosed, Tally, TallyChanged, TallyClosed
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
from streams.sinks.event_rows import event_columns
from streams.sinks.record import Entries, Record, dead_letter
from streams.sinks.run import Row, Run
from streams.sinks.table import Table

#: Input topics whose own agent dead-letters what cannot be read; the archive leaves those records to it.
JUDGED = frozenset(topic.name for topic in registry.INPUT_TOPICS)
_Read = Callable[[Sequence[Record]], Sequence[Any]]
_Map = Callable[[list[Record], int], tuple[list[Run], int]]
_topic = attrgetter("topic")
_value = attrgetter("value")


class Unreadable(NamedTuple):
    """A record that nobody else reports: a dead letter."""

    record: Record
    error: Exception


class Mapped(NamedTuple):
    """What a batch of records came to.

    Attributes:
        runs: the rows of each in the order of the records.
        unreadable: to be dead-lettered.
        without_row: records that have no table (heartbeats, markers, tombstones) or that another agent
            reports.
    """

    runs: list[Run]
    unreadable: list[Unreadable]
    without_row: int

    @property
    def rows(self) -> list[Row]:
        """One by one."""
        return [row for run in self.runs for row in run]


class RowMapper:
    """Maps records to rows.

    Args:
        prefix: of topic names; taken off in the tables.
        days: calendar of the company.
        max_future_ms: as for the agents' own decoders.
    """

    def __init__(self, prefix: str, days: Days, max_future_ms: int = 86_400_000) -> None:
        self._prefix = prefix
        self._days = days
        self._maps = {prefix + topic.name: self._map(topic, max_future_ms) for topic in registry.TOPICS}

    def rows(self, records: Sequence[Record], now_ms: int) -> Mapped:
        """The rows of a batch; `now_ms` judges times in the future.

        Raises:
            ConfigurationError: a record of a topic that is not in the registry.
        """
        mapped = Mapped([], [], 0)
        without_row = [self._readable(list(run), now_ms, mapped) for _, run in groupby(records, _topic)]
        return mapped._replace(without_row=sum(without_row))

    def _readable(self, records: list[Record], now_ms: int, mapped: Mapped) -> int:
        """Maps those records of one topic that can be read, found by halves; how many have no row."""
        name = records[0].topic
        if name not in self._maps:
            raise ConfigurationError(f"expected a topic of the registry behind {self._prefix!r}, got {name!r}")
        try:
            runs, without_row = self._maps[name](records, now_ms)
        except Exception as error:  # noqa: BLE001 - nothing in a message may stop the stream (engine/guard.py)
            if len(records) > 1:
                middle = len(records) // 2
                return sum([self._readable(half, now_ms, mapped) for half in (records[:middle], records[middle:])])
            if name.removeprefix(self._prefix) in JUDGED:
                return 1
            mapped.unreadable.append(Unreadable(records[0], error))
            return 0
        mapped.runs.extend(runs)
        return without_row

    def _map(self, topic: Topic, max_future_ms: int) -> _Map:
        if topic.input:
            return partial(self._of_events, topic.name, EventDecoder[Event](topic.message, max_future_ms))
        return partial(self._of_messages, topic.name, _reader(topic))

    def _of_events(
        self, topic: str, read: EventDecoder[Event], records: list[Record], now_ms: int
    ) -> tuple[list[Run], int]:
        events, count = read.many(records, now_ms), len(records)
        if Heartbeat in set(map(type, events)):
            told = [type(event) is not Heartbeat for event in events]
            records, events = [*compress(records, told)], [*compress(events, told)]
        columns = event_columns(records, events, topic, self._days)
        return [Run(tables.EVENTS, columns, records)] if records else [], count - len(records)

    def _of_messages(self, topic: str, read: _Read, records: list[Record], _: int) -> tuple[list[Run], int]:
        of: dict[str, tuple[Table, list[Record], list[Any]]] = {}
        without_row = 0
        for record, message in zip(records, read(records), strict=True):
            table = _table(message)
            if table is None:
                without_row += 1
                continue
            group = of.setdefault(table.name, (table, [], []))
            group[1].append(record)
            group[2].append(message)
        return [run for group in of.values() for run in self._of_table(topic, *group)], without_row

    def _of_table(self, topic: str, table: Table, records: list[Record], messages: list[Any]) -> list[Run]:
        run = Run(table, table.values(Entries(records, messages, topic, self._prefix, self._days)), records)
        return [run, *_newest(run, messages)] if table is tables.HEALTH_DAILY else [run]


def _reader(topic: Topic) -> _Read:
    if topic.message is None:
        return lambda records: [*map(dead_letter, records)]
    read: MessageDecoder[Any] = MessageDecoder(topic.message)
    # A tombstone on our own compacted topics says that the key is gone from the topic; the history here stays.
    return lambda records: read.many([*map(_value, records)])


def _newest(run: Run, scores: Sequence[HealthScore]) -> Iterator[Run]:
    """The same columns, but the version, of those daily scores that are the newest, too."""
    newest = [score.newest for score in scores]
    if any(newest):
        records = [*compress(run.records, newest)]
        columns = [[*compress(column, newest)] for column in run.columns[:-1]]
        yield Run(tables.HEALTH_CURRENT, [*columns, [record.offset for record in records]], records)


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
    ModelFigures: tables.MODEL_QUALITY_DAILY,
    **dict.fromkeys((Tally, TallyClosed, TallyChanged, SpendClosed)),  # parts of these
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
