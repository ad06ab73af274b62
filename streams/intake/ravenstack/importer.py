"""The RavenStack importer: five CSV files in, events out.

Theory. First all rows are read and named (`rows`, `book`), since rules compare tables; then each row, alone,
becomes events and rule hits (`facts`), which pass the gate together or turn into one bad row. Last come the
generated NPS answers, the only thing that is not in the files. The data's tables contradict each other on
purpose or by chance; `rules` says what is done about it. Nothing about a customer's future goes into an
earlier event.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from streams.intake.csv_table import Row, read_table
from streams.intake.fields import FieldError, Fields
from streams.intake.gate import Gate
from streams.intake.generated_nps import DEFAULT_SEED, generated_nps
from streams.intake.importer import Item, Produced, RuleHit
from streams.intake.ordering import PreparedImport, prepare
from streams.intake.ravenstack import facts
from streams.intake.ravenstack.book import Book, Entry, Fact, RowNames, Tables
from streams.intake.ravenstack.rows import (
    COLUMNS,
    DATE_COLUMNS,
    read_account,
    read_churn,
    read_subscription,
    read_ticket,
    read_usage,
)
from streams.intake.ravenstack.rules import RULES, SOURCE
from streams.intake.ravenstack.tickets import ticket_facts
from streams.metrics.days import Days

T = TypeVar("T")


class Ravenstack:
    """Reads the directory of `ravenstack_*.csv`.

    Args:
        seed: of the generated NPS answers.
    """

    name = SOURCE
    rules = RULES

    def __init__(self, seed: int = DEFAULT_SEED) -> None:
        self._seed = seed
        self._gate = Gate()

    def read(self, path: Path) -> Iterator[Item]:
        """The events of all five files, file by file, then the generated NPS answers.

        Raises:
            ConfigurationError: a file or a column is missing.
        """
        tables = Tables(
            accounts=(yield from _entries(path, "accounts", read_account)),
            subscriptions=(yield from _entries(path, "subscriptions", read_subscription)),
            usage=(yield from _entries(path, "feature_usage", read_usage)),
            tickets=(yield from _entries(path, "support_tickets", read_ticket)),
            churn=(yield from _entries(path, "churn_events", read_churn)),
        )
        book = Book(tables)
        yield from self._facts(tables.accounts, facts.account_facts, book)
        yield from self._facts(tables.subscriptions, facts.subscription_facts, book)
        yield from self._facts(tables.usage, facts.usage_facts, book)
        yield from self._facts(tables.tickets, ticket_facts, book)
        yield from self._facts(tables.churn, facts.churn_facts, book)
        yield from self._generated(book)

    def _facts(
        self, entries: Sequence[Entry[T]], say: Callable[[Entry[T], Book], Iterator[Fact]], book: Book
    ) -> Iterator[Item]:
        for entry in entries:
            try:
                said = list(say(entry, book))
                self._gate.check(fact for fact in said if isinstance(fact, Produced))
            except FieldError as error:
                yield entry.row.bad(error.field, error.reason)
            else:
                yield from said

    def _generated(self, book: Book) -> Iterator[Item]:
        customers = ((account.account_id, account.signup_day) for account in book.accounts.values())
        for answer in generated_nps(customers, book.last_day, self._seed):
            yield answer
            yield RuleHit("nps_generated", "", 0, answer.event.event_id)


def ravenstack_events(
    directory: Path, partitions: int, seed: int = DEFAULT_SEED, days: Days | None = None
) -> PreparedImport:
    """The records an import of RavenStack sends, in exactly that order, heartbeats included; and the report.

    Args:
        directory: of the CSV files.
        partitions: of every input topic.
        seed: of the generated NPS answers.
        days: the company's calendar, for the heartbeats; UTC when not given.
    """
    return prepare(Ravenstack(seed), directory, partitions, days)


def _entries(directory: Path, table: str, read: Callable[[Fields], T]) -> Generator[Item, None, list[Entry[T]]]:
    """Reads one file; gives its bad rows and rule hits, returns its readable rows."""
    entries: list[Entry[T]] = []
    names = RowNames()
    dates = [column for column in COLUMNS[table] if column in DATE_COLUMNS]
    for row in read_table(directory / f"ravenstack_{table}.csv", COLUMNS[table]):
        if not isinstance(row, Row):
            yield row
            continue
        try:
            value = read(row.fields)
        except FieldError as error:
            yield row.bad(error.field, error.reason)
            continue
        # The first column is the row's id; its raw cells are its content.
        name, rule = names(row.cells[COLUMNS[table][0]], tuple(row.cells.values()))
        if rule is not None:
            yield row.hit(rule, name)
        yield from (row.hit("date_has_two_readings", row.cells[c]) for c in dates if row.fields.has_two_readings(c))
        entries.append(Entry(row, value, name))
    return entries
