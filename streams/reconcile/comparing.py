"""Published rows and recounted rows side by side. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from json import loads
from math import isclose
from typing import Any

Key = tuple[Any, ...]
Row = Mapping[str, Any]

#: Counts and money are equal or they differ; ratios may differ in their last digits, by the order of a sum, and points
#: that are published rounded by what their recount allows.
RELATIVE = 1e-9
#: Stands for a figure's name where a whole row is missing, or too many, or not alone.
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
    domain: str,
    table: str,
    published: Mapping[Key, Row],
    recounted: Mapping[Key, Row],
    within: float = 0.0,
    several: tuple[Counter[Key], Counter[Key]] | None = None,
) -> Iterator[Difference]:
    """Everything in which the rows differ, by key; only figures of `recounted` count, `within` is that of `same`.

    `several` says how many more rows than one a key has, published and recounted: there should be none.
    """
    told_again, counted_again = several or (Counter(), Counter())
    for key in sorted(published.keys() | recounted.keys()):
        told, counted = published.get(key), recounted.get(key)
        revision = told.get("revision") if told else None
        event_id = told.get("event_id", told.get("trigger_event_id")) if told else None
        if told is None or counted is None or told_again[key] or counted_again[key]:
            there, here = _rows(told, told_again[key]), _rows(counted, counted_again[key])
            yield Difference(domain, table, key, WHOLE_ROW, there, here, revision, event_id)
            continue
        for name, value in counted.items():
            if not same(told[name], value, within):
                yield Difference(domain, table, key, name, told[name], value, revision, event_id)


def _rows(one: Row | None, more: int) -> str | None:
    """How many rows a key has, in words."""
    if one is None:
        return None
    return f"{more + 1} rows" if more else "a row"


def same(published: Any, recounted: Any, within: float = 0.0) -> bool:
    """Whether a figure is confirmed: exactly, a ratio to nine digits or `within`; undefined equals undefined alone.

    Lists are compared one by one, in their order, maps by their keys, JSON by what it says.

    Example:
        >>> same(1, 1), same(1, 2), same(1 / 3, 1 / 3 + 1e-15), same(None, 0)
        (True, False, True, False)
        >>> same({"BRL": 1 / 3}, {"BRL": 1 / 3 + 1e-15}), same({"BRL": 1.0}, {})
        (True, False)
        >>> same('{"csat":0.5,"nps":null}', '{"nps":null,"csat":0.5000000000001}'), same('{"nps":0}', '{"nps":null}')
        (True, False)
    """
    if published is None or recounted is None:
        return published is recounted
    if isinstance(published, dict) and isinstance(recounted, dict):
        return published.keys() == recounted.keys() and all(
            same(one, recounted[name], within) for name, one in published.items()
        )
    if isinstance(published, float) or isinstance(recounted, float):
        numbers = isinstance(published, int | float) and isinstance(recounted, int | float)
        return numbers and isclose(published, recounted, rel_tol=RELATIVE, abs_tol=within)
    if isinstance(published, list) and isinstance(recounted, list):
        return len(published) == len(recounted) and all(
            same(one, other, within) for one, other in zip(published, recounted, strict=True)
        )
    if published == recounted:
        return True
    told, counted = _object(published), _object(recounted)
    return told is not None and counted is not None and same(told, counted, within)


def _object(value: Any) -> dict[str, Any] | None:
    """What a text says, if it is a JSON object."""
    if not isinstance(value, str) or value[:1] != "{":
        return None
    try:
        found = loads(value)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
