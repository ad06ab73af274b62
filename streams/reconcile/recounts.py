"""What is recounted: one SQL file for each table of published figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources

#: In every table of figures: what a row is about, and nothing to recount.
_ABOUT = frozenset(
    "customer_id day revision restated_by as_of version event_id row_version is_deleted reason".split()  # noqa: SIM905
)


@dataclass(frozen=True)
class Recount:
    """A recount of one table.

    Attributes:
        domain: its word on the command line.
        topic: where its events came from; none where it is made of the rows of customers.
        table: what it is compared with.
        key: columns that tell a row from others; the first two are customer, or portfolio, and day.
        standing: which rows count, as SQL.
        base, parts: SQL files before its own.
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

    @cached_property
    def sql(self) -> str:
        """The whole statement."""
        return "".join(read(part) for part in (*self.base, *self.parts, self.domain)).replace(
            "{standing}", self.standing
        )

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

#: From the first day on which every partition is added up: that of the first score of each.
_ALL_PARTITIONS = """day >= (
    SELECT max(first_day)
    FROM
    (
        SELECT min(day) AS first_day
        FROM health_daily
        INNER JOIN (SELECT customer_id, any(partition) AS home FROM events GROUP BY customer_id) AS homes
            USING (customer_id)
        GROUP BY home
    ))"""

RECOUNTS: tuple[Recount, ...] = (
    Recount("usage", "usage.v1", "usage_daily"),
    Recount("revenue", "billing.v1", "revenue_daily", parts=("service",)),
    Recount(
        "movements",
        "billing.v1",
        "mrr_movements",
        key=("customer_id", "day", "currency", "effective_at"),
        standing="is_deleted = 0",
        parts=("service",),
        types=_SUBSCRIPTIONS,
    ),
    Recount("feedback", "surveys.v1", "feedback_daily"),
    Recount("support", "tickets.v1", "support_daily", parts=("calendar",)),
    Recount("account", "accounts.v1", "accounts_daily"),
    Recount("spend", "spend.v1", "spend_daily"),
    Recount(
        "portfolio",
        "",
        "portfolio_metrics",
        key=("portfolio", "day"),
        standing=_ALL_PARTITIONS,
        base=(),
    ),
)

_AS_IT_WAS = "made of a day's figures as they were when it closed, of which the archive keeps the newest alone"
_MODEL = "what a model that learns says and has seen: zelo churn tells how good it is"
NO_FIGURES = "no figures of a customer and a day"

#: Every other table of the archive, and why there is no recount of it.
LEFT_OUT: Mapping[str, str] = {
    "health_daily": _AS_IT_WAS,
    "upsell_daily": _AS_IT_WAS,
    "health_current": "the newest of health",
    "accounts": "the newest of accounts_daily",
    "churn_current": _MODEL,
    "churn_observations": _MODEL,
    "churn_models": _MODEL,
    "alerts": NO_FIGURES,
    "events": NO_FIGURES,
    "accounting": NO_FIGURES,
    "dead_letters": NO_FIGURES,
}
