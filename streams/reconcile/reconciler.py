"""The questions to ClickHouse: a recount and the published figures, for some customers at a time.

Nothing is written. Memory is bounded by the customers of one turn, not by the archive; figures of many customers are
added up from the rows of all of them on the days of the scope.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property
from itertools import islice
from typing import Any

from streams.errors import ConfigurationError
from streams.reconcile.comparing import Difference, Key, differing
from streams.reconcile.policy import Policy
from streams.reconcile.recounts import Recount, read

CUSTOMERS_A_TURN = 100  # chosen: some 100,000 rows of three years
FIRST_DAY = date(1970, 1, 1)
LAST_DAY = date(2149, 6, 6)  # of ClickHouse's Date
_EVENTS_SHOWN = 20
_SETTINGS = {"join_use_nulls": 0}  # what is not there counts 0; a server may have it otherwise

_OTHER_DAYS = "SELECT count() FROM events FINAL WHERE day != toDate(occurred_at, {zone:String})"
_FIRST_AND_LAST = (
    "SELECT min(day), greatest(max(day), (SELECT ifNull(max(closed_day), toDate(0)) FROM accounting)) FROM events"
)
_LATE = "SELECT partition, late FROM accounting FINAL WHERE topic = {topic:String} AND late > 0"
_BEHIND = (
    "SELECT event_id FROM events FINAL WHERE customer_id = {customer:String} AND topic = {topic:String} "
    "AND (empty({types:Array(String)}) OR type IN {types:Array(String)}) "
    "AND day >= {first:Date} AND day <= {last:Date} "
    "AND cityHash64(customer_id, day, event_id) NOT IN {late:Array(UInt64)} "
    "ORDER BY occurred_at DESC, event_id DESC LIMIT {limit:UInt32}"
)
_PORTFOLIOS = (
    "SELECT DISTINCT portfolio FROM (SELECT portfolio FROM portfolio_metrics UNION ALL SELECT '_portfolio' "
    "AS portfolio UNION ALL SELECT concat('_segment:', assumeNotNull(segment)) AS portfolio FROM health_daily "
    "WHERE ifNull(segment, '') != '') ORDER BY portfolio"
)
_KNOWN = (
    "SELECT count() FROM events "
    "WHERE customer_id = {customer:String} AND topic = {topic:String} AND event_id = {event:String}"
)


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What is reconciled: days from `since` to `until`, both included; all customers or one."""

    since: date = FIRST_DAY
    until: date = LAST_DAY
    customer_id: str | None = None


@dataclass(frozen=True)
class Behind:
    """Which events are behind a figure of a day.

    Attributes:
        first: so many days before it; None: from the beginning.
        last: so many days before it.
        types: none for all of the topic.
    """

    first: int | None = None
    last: int = 0
    types: tuple[str, ...] = ()


@dataclass
class Outcome:
    """What the recount of one table came to.

    Attributes:
        rows, values: how many published rows and figures were looked at.
        differing: how many figures differ, by name.
        shown: the first of the differences, with the events behind them.
        recounted, not_recounted: names of the figures.
        late: events left out, because they came behind the horizon.
        late_untold: records counted late beyond those: sent again, or late by a heartbeat, which stands in no table.
    """

    recount: Recount
    rows: int = 0
    values: int = 0
    differing: Counter[str] = field(default_factory=Counter)
    shown: list[Difference] = field(default_factory=list)
    recounted: list[str] = field(default_factory=list)
    not_recounted: list[str] = field(default_factory=list)
    late: int = 0
    late_untold: int = 0


class Reconciler:
    """Compares what was published with a recount.

    Args:
        client: of clickhouse-connect; its errors pass through.
        policy: what the figures were made with.
        limit: how many differences of a table are kept with their events; all are counted.
    """

    def __init__(self, client: Any, policy: Policy, limit: int = 20) -> None:
        self._client = client
        self._policy = policy
        self._limit = limit

    def check(self) -> None:
        """Makes sure that there is something to compare.

        Raises:
            ConfigurationError: there are no events, or the archive's days are those of another time zone.
        """
        if not self._one("SELECT count() FROM events"):
            raise ConfigurationError("there are no events in ClickHouse to count from: is the archive running?")
        other = self._one(_OTHER_DAYS, zone=self._policy.zone)
        if other:
            raise ConfigurationError(
                f"{other} events lie on other days than in {self._policy.zone}: set ZELO_TIMEZONE to the workers'"
            )

    def run(self, recount: Recount, scope: Scope, behind: Mapping[str, Behind]) -> Outcome:
        """Recounts one table.

        Args:
            recount: which.
            scope: of which days and customers.
            behind: the events behind each figure, by its name.
        """
        outcome = Outcome(recount)
        columns = [row[0] for row in self._rows(f"DESCRIBE TABLE {recount.table}")]
        outcome.not_recounted = recount.figures(columns)
        late = self._late(recount, outcome)
        for customers in _turns(self._customers(recount, scope)):
            self._turn(recount, scope, customers, late, outcome, columns)
        outcome.not_recounted = [name for name in outcome.not_recounted if name not in outcome.recounted]
        outcome.shown = [self._explained(one, recount, behind, late) for one in outcome.shown]
        return outcome

    def _turn(
        self,
        recount: Recount,
        scope: Scope,
        customers: Sequence[str],
        late: dict[str, list[int]],
        outcome: Outcome,
        columns: Sequence[str],
    ) -> None:
        of_turn = [mark for customer in customers for mark in late.get(customer, ())]
        asked = {"customers": list(customers), "since": scope.since, "until": scope.until}
        found = self._client.query(
            recount.sql,
            parameters={**self._parameters, **asked, "topic": recount.topic, "late": of_turn},
            settings=_SETTINGS,
        )
        names = [name for name in found.column_names if name not in recount.key]
        counted = _by_key(recount.key, found, names)
        outcome.recounted = names or outcome.recounted
        about = [name for name in ("revision", "event_id") if name in columns]
        # Names come from the SQL files, never from the caller.
        told = self._client.query(
            f"SELECT {', '.join([*recount.key, *about, *names])} FROM {recount.table} FINAL "  # noqa: S608
            f"WHERE {recount.key[0]} IN {{customers:Array(String)}} AND {recount.standing} "
            "AND day BETWEEN {since:Date} AND {until:Date}",
            parameters=asked,
        )
        published = _by_key(recount.key, told, [*about, *names])
        outcome.rows += len(published)
        outcome.values += len(published) * len(names)
        for one in differing(recount.domain, recount.table, published, counted):
            outcome.differing[one.figure] += 1
            if not self._limit or len(outcome.shown) < self._limit:
                outcome.shown.append(one)

    @cached_property
    def _parameters(self) -> dict[str, Any]:
        """What the policy says, with the holidays of all days there are."""
        first, last = self._rows(_FIRST_AND_LAST)[0]
        around = timedelta(days=2)  # the calendar's place may lie in another zone
        return {**self._policy.parameters(), **self._policy.support.parameters(first - around, last + around)}

    def _late(self, recount: Recount, outcome: Outcome) -> dict[str, list[int]]:
        """Fingerprints of late events by customer; the outcome learns how many more there are."""
        accounted: dict[int, int] = dict(self._rows(_LATE, topic=recount.topic))  # type: ignore[arg-type]
        if not accounted:
            return {}
        found: dict[str, list[int]] = {}
        told: Counter[int] = Counter()
        for customer, partition, mark, _ in self._rows(read("late"), **{**self._parameters, "topic": recount.topic}):
            found.setdefault(customer, []).append(mark)
            told[partition] += 1
        outcome.late = told.total()
        outcome.late_untold = sum(max(0, late - told[partition]) for partition, late in accounted.items())
        return found

    def _customers(self, recount: Recount, scope: Scope) -> Iterable[str]:
        if scope.customer_id is not None:
            return [scope.customer_id]
        if not recount.topic:
            return [row[0] for row in self._rows(_PORTFOLIOS)]
        rows = self._rows(
            "SELECT DISTINCT customer_id FROM (SELECT customer_id FROM events WHERE topic = {topic:String} "  # noqa: S608
            f"UNION ALL SELECT customer_id FROM {recount.table}) ORDER BY customer_id",
            topic=recount.topic,
        )
        return [row[0] for row in rows]

    def _explained(
        self, one: Difference, recount: Recount, behind: Mapping[str, Behind], late: Mapping[str, list[int]]
    ) -> Difference:
        """A difference with the ids of the events behind it; those that came behind the horizon are not."""
        if not recount.topic:
            return one
        found = Behind(types=recount.types) if recount.types else behind.get(one.figure, Behind())
        first = FIRST_DAY if found.first is None else max(FIRST_DAY, one.day - timedelta(days=found.first))
        rows = self._rows(
            _BEHIND,
            customer=one.customer_id,
            topic=recount.topic,
            types=list(found.types),
            first=first,
            last=one.day - timedelta(days=found.last),
            late=late.get(one.customer_id, []),
            limit=_EVENTS_SHOWN,
        )
        known = one.event_id is None or bool(
            self._one(_KNOWN, customer=one.customer_id, topic=recount.topic, event=one.event_id)
        )
        return replace(one, events=tuple(row[0] for row in rows), in_archive=known)

    def _one(self, sql: str, **parameters: Any) -> int:
        found: int = self._rows(sql, **parameters)[0][0]
        return found

    def _rows(self, sql: str, **parameters: Any) -> Sequence[Sequence[Any]]:
        rows: Sequence[Sequence[Any]] = self._client.query(sql, parameters=parameters).result_rows
        return rows


def _turns(customers: Iterable[str]) -> Iterator[list[str]]:
    left = iter(customers)
    while some := list(islice(left, CUSTOMERS_A_TURN)):
        yield some


def _by_key(key: Sequence[str], found: Any, names: Sequence[str]) -> dict[Key, dict[str, Any]]:
    """Rows of an answer by their key, with the columns asked for."""
    if not found.result_rows:
        return {}  # the driver names no columns then
    places = {name: place for place, name in enumerate(found.column_names)}
    keys, wanted = [places[name] for name in key], [(name, places[name]) for name in names]
    return {
        tuple(row[place] for place in keys): {name: row[place] for name, place in wanted} for row in found.result_rows
    }
