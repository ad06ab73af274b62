"""The crm5 importer: two CSV files and one of Parquet in, events out, in the order of time.

Theory. Accounts and subscriptions are read whole and sorted; the daily counts, forty times as many, are read a month
at a time and merged in. So the file that `--output` writes is in the order of time without four million events in
memory, and `zelo churn evaluate` can read it as it comes.

A share of the customers is chosen by a hash of their ids: the same customers every time, and a smaller share is part
of a larger one.
"""

from collections.abc import Callable, Container, Generator, Iterable, Iterator
from hashlib import sha256
from heapq import merge
from itertools import groupby
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import TypeVar

from schemas.envelope import epoch_ms
from streams.errors import ConfigurationError
from streams.intake.crm5.daily import FILE, DailyCounts
from streams.intake.crm5.facts import DayOfUse, Fact, account_facts, end_facts, start_facts
from streams.intake.crm5.rows import ACCOUNT_COLUMNS, PERIOD_COLUMNS, Account, Period, read_account, read_period
from streams.intake.crm5.rules import RULES, SOURCE
from streams.intake.csv_table import Row, read_table
from streams.intake.fields import FieldError, Fields
from streams.intake.gate import Gate
from streams.intake.importer import BadRow, FileRead, Item, Produced, RuleHit

T = TypeVar("T", Account, Period)
Dated = tuple[int, Produced]

ACCOUNTS, SUBSCRIPTIONS = "accounts.csv", "subscriptions.csv"


class Crm5:
    """Reads the directory with `accounts.csv`, `subscriptions.csv` and `daily_counts.parquet`.

    Args:
        share: of the customers to read, above 0 and at most 1.

    Raises:
        ConfigurationError: a share that is none.
    """

    name = SOURCE
    rules = RULES

    def __init__(self, share: float = 1.0) -> None:
        if not 0 < share <= 1:
            raise ConfigurationError(f"expected a share of the customers above 0 and at most 1, got {share}")
        self._share = share
        self._gate = Gate()

    def read(self, path: Path) -> Iterator[Item]:
        """The events of the chosen customers, by time.

        Raises:
            ConfigurationError: a file or a column is missing, or chdb is.
        """
        daily = DailyCounts(path)
        accounts = yield from _entries(path / ACCOUNTS, ACCOUNT_COLUMNS, read_account)
        periods = yield from _entries(path / SUBSCRIPTIONS, PERIOD_COLUMNS, read_period)
        known_days = [of.start_day for _, of in accounts] + [of.start_day for _, of in periods]
        known_days += [of.churn_day for _, of in accounts if of.churn_day is not None]
        end = max(known_days, default=-1)
        known = {account.account_id: account for _, account in accounts}
        dated: list[Dated] = []
        for row, account in self._chosen(accounts):
            yield from self._sound(account_facts(account), row, dated)
        periods = self._chosen(periods)
        for row, period in periods:
            yield from self._sound(start_facts(period), row, dated)
        for subscription in _subscriptions(periods):
            row, period = subscription[0]
            owner = known.get(period.account_id)
            if owner is None:
                yield row.hit("customer_without_account", period.account_id)
            churn_day = None if owner is None else owner.churn_day
            yield from self._sound(end_facts(subscription, churn_day), row, dated)
        dated.sort(key=itemgetter(0))
        yield from daily.bad()
        yield from (RuleHit("usage_after_the_end", FILE, 0) for _ in range(daily.after(end)))
        first: Iterable[tuple[int, Item]] = dated
        yield from (item for _, item in merge(first, self._usage(daily, end, known), key=itemgetter(0)))
        yield FileRead(FILE, daily.rows)

    def _chosen(self, entries: list[tuple[Row, T]]) -> list[tuple[Row, T]]:
        return [(row, of) for row, of in entries if self._is_chosen(of.account_id)]

    def _is_chosen(self, account_id: str) -> bool:
        return int.from_bytes(sha256(account_id.encode()).digest()[:8]) < self._share * 2**64

    def _sound(self, facts: Iterable[Fact], row: Row, into: list[Dated]) -> Iterator[Item]:
        """Keeps the events of a row, by time; gives what else there is to say of it."""
        said = list(facts)
        events = [fact for fact in said if isinstance(fact, Produced)]
        try:
            self._gate.check(events)
        except FieldError as error:
            yield row.bad(error.field, error.reason)
            return
        yield from (fact for fact in said if not isinstance(fact, Produced))
        into += [(epoch_ms(item.event.occurred_at), item) for item in events]

    def _usage(self, daily: DailyCounts, end: int, known: Container[str]) -> Iterator[tuple[int, Item]]:
        """The events of the daily counts by time, with bad rows and rule hits among them."""
        use, chosen, at = DayOfUse(), dict[str, bool](), 0
        for (account_id, _), counts in groupby(daily.until(end), key=attrgetter("account_id", "day")):
            if account_id not in chosen:
                chosen[account_id] = self._is_chosen(account_id)
                if chosen[account_id] and account_id not in known:
                    yield at, RuleHit("customer_without_account", FILE, 0, account_id)
            if not chosen[account_id]:
                continue
            for count, facts in use.facts(list(counts)):
                events = [fact for fact in facts if isinstance(fact, Produced)]
                try:
                    self._gate.check(events)
                except FieldError as error:
                    yield at, BadRow(FILE, count.line, error.field, error.reason)
                    continue
                at = max([at, *(epoch_ms(item.event.occurred_at) for item in events)])
                yield from ((at, fact) for fact in facts)


def _entries(
    path: Path, columns: tuple[str, ...], read: Callable[[Fields], T]
) -> Generator[Item, None, list[tuple[Row, T]]]:
    """Reads one file; gives its bad rows, returns its readable ones."""
    entries: list[tuple[Row, T]] = []
    for row in read_table(path, columns):
        if not isinstance(row, Row):
            yield row
            continue
        try:
            entries.append((row, read(row.fields)))
        except FieldError as error:
            yield row.bad(error.field, error.reason)
    return entries


def _subscriptions(periods: list[tuple[Row, Period]]) -> Iterator[list[tuple[Row, Period]]]:
    """The periods of each subscription, by start."""
    ordered = sorted(periods, key=lambda entry: (entry[1].account_id, entry[1].units, entry[1].start_day))
    for _, of in groupby(ordered, key=lambda entry: (entry[1].account_id, entry[1].units)):
        yield list(of)
