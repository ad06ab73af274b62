"""A recount of one table: what is counted, from where, and what it is compared with."""

from dataclasses import dataclass
from functools import cached_property
from importlib import resources

from streams.reconcile.staging import Steps, steps

#: In every table of figures: what a row is about, and nothing to recount.
_ABOUT = frozenset(
    "customer_id day revision restated_by as_of version event_id trigger_event_id row_version is_deleted reason".split()  # noqa: SIM905
)

#: What scores are made of.
SCORED_TOPICS = ("usage.v1", "billing.v1", "surveys.v1", "tickets.v1", "accounts.v1")
#: In an answer: that a row rests in part on what was restated since, and what that decides is as published.
TAKEN = "taken"


@dataclass(frozen=True)
class Recount:
    """A recount of one table.

    Attributes:
        domain: its word on the command line.
        topic: where its events came from; none where it is made of rows that other recounts confirm.
        table: what it is compared with.
        key: columns that tell a row from others; the first two are customer, or what is added up, and day or month.
        standing: which rows count, as SQL.
        base, parts: SQL files before its own.
        rows: the published rows, as SQL, where those of the table have no day.
        within: points and shares may differ by so much: what float rounding leaves.
        types: the events its figures are made of; none for all of the topic.
    """

    domain: str
    topic: str
    table: str
    key: tuple[str, ...] = ("customer_id", "day")
    standing: str = "1"
    base: tuple[str, ...] = ("facts",)
    parts: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    rows: str = ""
    within: float = 0.0

    @cached_property
    def sql(self) -> str:
        """The whole statement."""
        text = "".join(read(part) for part in (*self.base, *self.parts, self.domain))
        for name, said in (("standing", self.standing), ("table", self.table), ("published", self.published)):
            text = text.replace(f"{{{name}}}", said)
        return text

    @cached_property
    def steps(self) -> Steps:
        """The same in steps."""
        return steps(self.sql)

    @property
    def published(self) -> str:
        """The published rows, as SQL."""
        return self.rows or (self.table if self.is_view else f"{self.table} FINAL")

    @property
    def is_view(self) -> bool:
        """Whether it is compared with a view, which has no customers of its own."""
        return self.table.startswith("v_")

    @property
    def chosen(self) -> str:
        """The rows of a turn, as SQL."""
        return "1" if self.is_view else f"{self.key[0]} IN {{customers:Array(String)}}"

    @property
    def topics(self) -> list[str]:
        """Where the events behind its figures came from."""
        return [self.topic] if self.topic else list(SCORED_TOPICS)

    @property
    def is_of_all(self) -> bool:
        """Whether its rows are of many customers together."""
        return self.is_view or self.key[0] != "customer_id"

    def figures(self, columns: list[str]) -> list[str]:
        """Those of a table's columns that are figures."""
        return [name for name in columns if name not in _ABOUT and name not in self.key]


def read(name: str) -> str:
    """The text of one of the SQL files."""
    return resources.files("streams.reconcile").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
