"""Published rows and recounted rows side by side. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from math import isclose
from typing import Any

Key = tuple[Any, ...]
Row = Mapping[str, Any]

#: Counts and money are equal or they differ; ratios may differ in their last digits, by the order of a sum.
RELATIVE = 1e-9
#: Stands for a figure's name where a whole row is missing or too many.
WHOLE_ROW = "(row)"


@dataclass(frozen=True)
class Difference:
    """A figure that the recount does not confirm.

    Attributes:
        key: of the row; the first two are customer and day.
        published: what the table says; None also for "not defined".
        recounted: what the events say.
        revision: of the published row; None where there is none.
        event_id: the event the published row names as its newest.
        in_archive: whether that event stands in `events`.
        events: ids of the events behind the figure, newest first.
    """

    domain: str
    table: str
    key: Key
    figure: str
    published: Any
    recounted: Any
    revision: int | None = None
    event_id: str | None = None
    in_archive: bool = True
    events: Sequence[str] = field(default=())

    @property
    def customer_id(self) -> str:
        """Whose figure it is."""
        return str(self.key[0])

    @property
    def day(self) -> date:
        """The day it belongs to."""
        found: date = self.key[1]
        return found


def differing(
    domain: str, table: str, published: Mapping[Key, Row], recounted: Mapping[Key, Row]
) -> Iterator[Difference]:
    """Everything in which the rows differ, by key; only the figures of `recounted` are looked at."""
    for key in sorted(published.keys() | recounted.keys()):
        told, counted = published.get(key), recounted.get(key)
        revision = told.get("revision") if told else None
        event_id = told.get("event_id") if told else None
        if told is None or counted is None:
            there = "a row" if told is not None else None
            yield Difference(
                domain, table, key, WHOLE_ROW, there, "a row" if counted is not None else None, revision, event_id
            )
            continue
        for name, value in counted.items():
            if not same(told[name], value):
                yield Difference(domain, table, key, name, told[name], value, revision, event_id)


def same(published: Any, recounted: Any) -> bool:
    """Whether a figure is confirmed: exactly, a ratio to nine digits; undefined is equal to undefined alone.

    Example:
        >>> same(1, 1), same(1, 2), same(1 / 3, 1 / 3 + 1e-15), same(None, 0)
        (True, False, True, False)
    """
    if published is None or recounted is None:
        return published is recounted
    if isinstance(published, float) or isinstance(recounted, float):
        return isclose(published, recounted, rel_tol=RELATIVE)
    return bool(published == recounted)
