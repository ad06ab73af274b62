"""The questions to ClickHouse: a recount and the published figures, for some customers at a time.

Nothing is written but temporary tables (`staging`), where they are allowed. Memory is bounded by the customers of one
turn, not by the archive; figures of many customers are added up from the rows of all of them on the days of the scope.
Views with rows of each customer have no turns: half a year of everybody's rows is compared at a time.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property
from itertools import islice
from typing import Any

from streams.errors import ConfigurationError
from streams.reconcile import questions
from streams.reconcile.asking import Asking
from streams.reconcile.comparing import Difference, Key, differing
from streams.reconcile.policy import Policy
from streams.reconcile.recount import SCORED_TOPICS, TAKEN, Recount, read

CUSTOMERS_A_TURN = 100  # chosen: some 100,000 rows of three years
DAYS_A_TURN = 184  # of figures of all customers
FIRST_DAY = date(1970, 1, 1)
LAST_DAY = date(2149, 6, 6)  # of ClickHouse's Date
_EVENTS_SHOWN = 20
_NEWEST = ("event_id", "trigger_event_id")  # an event a row names


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
        taken: rows that rest in part on what was restated since; what that decides was taken as published.
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
    taken: int = 0
    late: int = 0
    late_untold: int = 0


class Reconciler:
    """Compares what was published with a recount.

    Args:
        client: of clickhouse-connect, as in `Asking`; its errors pass through.
        policy: what the figures were made with.
        limit: how many differences of a table are kept with their events; all are counted.
    """

    def __init__(self, client: Any, policy: Policy, limit: int = 20) -> None:
        self._asking = Asking(client)
        self._policy = policy
        self._limit = limit

    def check(self) -> None:
        """Makes sure that there is something to compare.

        Raises:
            ConfigurationError: there are no events, or the archive's days are those of another time zone.
        """
        if not self._asking.one("SELECT count() FROM events"):
            raise ConfigurationError("there are no events in ClickHouse to count from: is the archive running?")
        other = self._asking.one(questions.OTHER_DAYS, zone=self._policy.zone)
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
        columns = [row[0] for row in self._asking.rows(f"DESCRIBE TABLE {recount.table}")]
        outcome.not_recounted = recount.figures(columns)
        late = self._late(recount, outcome)
        for part in self._spans(recount, scope) if recount.is_of_all else [scope]:
            for customers in _turns(self._customers(recount, scope)):
                self._turn(recount, part, customers, late, outcome, columns)
        # Without rows on either side nothing is left out.
        outcome.not_recounted = [
            name for name in outcome.not_recounted if outcome.recounted and name not in outcome.recounted
        ]
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
        found = self._asking.recounted(recount, {**self._parameters, **asked, "topic": recount.topic, "late": of_turn})
        names = [name for name in found.column_names if name not in (*recount.key, TAKEN)]
        counted, counted_again = _by_key(recount.key, found, names)
        outcome.recounted = names or outcome.recounted
        about = [name for name in ("revision", *_NEWEST) if name in columns]
        # Names come from the SQL files, never from the caller.
        told = self._asking.answer(
            f"SELECT {', '.join([*recount.key, *about, *names])} FROM {recount.published} "  # noqa: S608
            f"WHERE {recount.chosen} AND {recount.standing} "
            f"AND {recount.key[1]} BETWEEN {{since:Date}} AND {{until:Date}}",
            {**self._parameters, **asked},
        )
        published, told_again = _by_key(recount.key, told, [*about, *names])
        if TAKEN in found.column_names:
            outcome.taken += sum(one[TAKEN] for one in _by_key(recount.key, found, [TAKEN])[0].values())
        outcome.rows += len(published)
        outcome.values += len(published) * len(names)
        several = told_again, counted_again
        for one in differing(recount.domain, recount.table, published, counted, recount.within, several):
            outcome.differing[one.figure] += 1
            if not self._limit or len(outcome.shown) < self._limit:
                outcome.shown.append(one)

    @cached_property
    def _parameters(self) -> dict[str, Any]:
        """What the policy says, with the holidays of all days there are."""
        first, last = self._asking.rows(questions.FIRST_AND_LAST)[0]
        around = timedelta(days=2)  # the calendar's place may lie in another zone
        scored = [tuple(row) for row in self._asking.rows(questions.SCORED, topics=list(SCORED_TOPICS))]
        partitions = self._asking.one(questions.PARTITIONS, topics=list(SCORED_TOPICS))
        closed = min([until for _, _, until in scored], default=FIRST_DAY)
        return {
            **self._policy.parameters(),
            **self._policy.support.parameters(first - around, last + around),
            "scored_days": scored,
            "closed_until": closed,
            # Nothing of all customers goes out while a partition has yet to close a day of some topic.
            "portfolio_until": closed if partitions == len(scored) else FIRST_DAY,
        }

    def _spans(self, recount: Recount, scope: Scope) -> Iterator[Scope]:
        """The days of a scope, some at a time; all where rows are of months, unless each customer has some."""
        first, last = self._asking.rows(questions.FIRST_AND_LAST)[0]
        since, until = max(scope.since, first), min(scope.until, last)
        # Views of months, and of beginnings, have rows for days before the first event; a day before is asked for, too.
        begin = max(scope.since, FIRST_DAY + timedelta(days=1)) if recount.is_view else since
        in_parts = recount.key[1] == "day" or recount.key[0] == "customer_id"
        while since <= until:
            end = min(until, since + timedelta(days=DAYS_A_TURN - 1)) if in_parts else until
            yield replace(scope, since=begin, until=end)
            begin = since = end + timedelta(days=1)

    def _late(self, recount: Recount, outcome: Outcome) -> dict[str, list[int]]:
        """Fingerprints of late events by customer; the outcome learns how many more there are."""
        if not recount.topic:
            return {}
        accounted: dict[int, int] = dict(self._asking.rows(questions.LATE, topic=recount.topic))  # type: ignore[arg-type]
        if not accounted:
            return {}
        found: dict[str, list[int]] = {}
        told: Counter[int] = Counter()
        for customer, partition, mark, _ in self._asking.rows(
            read("late"), **{**self._parameters, "topic": recount.topic}
        ):
            found.setdefault(customer, []).append(mark)
            told[partition] += 1
        outcome.late = told.total()
        outcome.late_untold = sum(max(0, late - told[partition]) for partition, late in accounted.items())
        return found

    def _customers(self, recount: Recount, scope: Scope) -> Iterable[str]:
        if scope.customer_id is not None:
            return [scope.customer_id]
        if recount.is_view:
            return [""]
        if recount.is_of_all:
            return [row[0] for row in self._asking.rows(questions.PORTFOLIOS)]
        rows = self._asking.rows(
            "SELECT DISTINCT customer_id FROM "  # noqa: S608
            "(SELECT customer_id FROM events WHERE topic IN {topics:Array(String)} "
            f"UNION ALL SELECT customer_id FROM {recount.table}) ORDER BY customer_id",
            topics=recount.topics,
        )
        return [row[0] for row in rows]

    def _explained(
        self, one: Difference, recount: Recount, behind: Mapping[str, Behind], late: Mapping[str, list[int]]
    ) -> Difference:
        """A difference with the ids of the events behind it; those that came behind the horizon are not."""
        if recount.is_of_all:
            return one
        found = Behind(types=recount.types) if recount.types else behind.get(one.figure, Behind())
        first = FIRST_DAY if found.first is None else max(FIRST_DAY, one.day - timedelta(days=found.first))
        rows = self._asking.rows(
            questions.BEHIND,
            customer=one.customer_id,
            topics=recount.topics,
            types=list(found.types),
            first=first,
            last=one.day - timedelta(days=found.last),
            late=late.get(one.customer_id, []),
            limit=_EVENTS_SHOWN,
        )
        known = one.event_id is None or bool(
            self._asking.one(questions.KNOWN, customer=one.customer_id, topics=recount.topics, event=one.event_id)
        )
        return replace(one, events=tuple(row[0] for row in rows), in_archive=known)


def _turns(customers: Iterable[str]) -> Iterator[list[str]]:
    left = iter(customers)
    while some := list(islice(left, CUSTOMERS_A_TURN)):
        yield some


def _by_key(key: Sequence[str], found: Any, names: Sequence[str]) -> tuple[dict[Key, dict[str, Any]], Counter[Key]]:
    """Rows of an answer by their key, with the columns asked for; and how many more rows keys had that came again."""
    rows: dict[Key, dict[str, Any]] = {}
    again: Counter[Key] = Counter()
    if not found.result_rows:
        return rows, again  # the driver names no columns then
    places = {name: place for place, name in enumerate(found.column_names)}
    keys, wanted = [places[name] for name in key], [(name, places[name]) for name in names]
    for row in found.result_rows:
        one = tuple(row[place] for place in keys)
        if one in rows:
            again[one] += 1
        rows[one] = {name: row[place] for name, place in wanted}
    return rows, again
