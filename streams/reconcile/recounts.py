"""What is recounted: one SQL file for each table of published figures."""

from dataclasses import dataclass
from functools import cached_property
from importlib import resources

#: In every table of figures: what a row is about, and nothing to recount.
_ABOUT = frozenset(
    {"customer_id", "day", "revision", "restated_by", "as_of", "version", "event_id", "row_version", "is_deleted"}
)


@dataclass(frozen=True)
class Recount:
    """A recount of one table.

    Attributes:
        domain: its word on the command line.
        topic: where its events came from.
        table: what it is compared with.
        key: columns that tell a row from others; the first two are customer and day.
        standing: which rows of the table count, as SQL.
        of_service: right only where time alone moves no MRR (`Policy.time_moves_nothing`).
        parts: SQL files between the facts and its own.
        types: the events its figures are made of; none for all of the topic.
    """

    domain: str
    topic: str
    table: str
    key: tuple[str, ...] = ("customer_id", "day")
    standing: str = "1"
    of_service: bool = False
    parts: tuple[str, ...] = ()
    types: tuple[str, ...] = ()

    @cached_property
    def sql(self) -> str:
        """The whole statement."""
        return "".join(read(part) for part in ("facts", *self.parts, self.domain))

    def figures(self, columns: list[str]) -> list[str]:
        """Those of a table's columns that are figures."""
        return [name for name in columns if name not in _ABOUT and name not in self.key]


def read(name: str) -> str:
    """The text of one of the SQL files."""
    return resources.files("streams.reconcile").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


_SUBSCRIPTIONS = (
    "subscription_set",
    "subscription_ended",
    "subscription_paused",
    "subscription_resumed",
    "cancellation_scheduled",
    "cancellation_withdrawn",
    "subscription_cancelled",
)

RECOUNTS: tuple[Recount, ...] = (
    Recount("usage", "usage.v1", "usage_daily"),
    Recount("revenue", "billing.v1", "revenue_daily", of_service=True, parts=("service",)),
    Recount(
        "movements",
        "billing.v1",
        "mrr_movements",
        key=("customer_id", "day", "currency", "effective_at"),
        standing="is_deleted = 0",
        of_service=True,
        parts=("service",),
        types=_SUBSCRIPTIONS,
    ),
    Recount("feedback", "surveys.v1", "feedback_daily"),
    Recount("support", "tickets.v1", "support_daily"),
    Recount("account", "accounts.v1", "accounts_daily"),
    Recount("spend", "spend.v1", "spend_daily"),
)
