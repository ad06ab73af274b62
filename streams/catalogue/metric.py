"""One published figure as data: its names, unit, range, window, definition, sources and the switches that change it."""

import re
from typing import Annotated, Literal

from msgspec import Meta, Struct

from streams.catalogue.units import UNITS, Range, parse_range

Language = Literal["en", "pt", "es"]
Better = Literal["higher", "lower", "neutral"]
Said = Annotated[str, Meta(min_length=2)]

_WINDOW = re.compile(r"^(?:now|ever|month|(?P<days>\d+)d)(?: before (?P<back>\d+)d)?$")


class Title(Struct, frozen=True, forbid_unknown_fields=True):
    """What people call a figure, in the three languages."""

    en: Said
    pt: Said
    es: Said

    def in_language(self, language: Language) -> str:
        """The title in one of them."""
        return {"en": self.en, "pt": self.pt, "es": self.es}[language]


class Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A figure as its chapter's file writes it; what is left out is the chapter's, or the unit's.

    Attributes:
        title: in three languages.
        unit: one of `streams.catalogue.units.UNITS`.
        definition: one sentence with the formula; code and ids in back quotes.
        window: `28d`, `14d before 14d` (the 14 days before the last 14), `ever` since the first event, `now` the state
            at the instant, `month`.
        better: which direction is good.
        range: `LOW..HIGH`, either may be left out; by default the unit's.
        one_of: the names the figure can have.
        null: when it is not defined, continuing "null ..."; None for a figure that always is.
        policy: settings of the profile that change it, as paths like `engagement.good_from`.
        events: types of the input events it is made of.
        formula: where the formula is published.
        code: what computes it, as a dotted name.
        table, newest: ClickHouse table or view by day, and of the newest value where there is one.
        column: its column there, by default the id.
        stored: False for what stands on the topic only.
        part: of a score, the factor or component that this is, in `column`.
    """

    title: Title
    unit: str
    definition: Said
    window: Annotated[str, Meta(pattern=_WINDOW.pattern)]
    better: Better = "neutral"
    range: str | None = None
    one_of: tuple[str, ...] = ()
    null: Said | None = None
    policy: tuple[str, ...] = ()
    events: tuple[str, ...] | None = None
    formula: Said | None = None
    code: Said | None = None
    table: Said | None = None
    newest: Said | None = None
    column: Said | None = None
    stored: bool = True
    part: str | None = None

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise ValueError(f"expected a unit among {', '.join(UNITS)}, got {self.unit!r}")
        if self.range is not None:
            parse_range(self.range)


class Metric(Struct, frozen=True, kw_only=True):
    """A published figure with everything said about it (attributes as in `Entry`).

    Attributes:
        id: the field's name in the values, or in the score; unique in its domain.
        domain: the chapter it belongs to.
        portfolio: a figure of many customers, read from a view.
    """

    id: str
    domain: str
    portfolio: bool
    title: Title
    unit: str
    range: Range
    one_of: tuple[str, ...]
    better: Better
    window: str
    definition: str
    null: str | None
    policy: tuple[str, ...]
    events: tuple[str, ...]
    formula: str
    code: str
    table: str
    newest: str | None
    column: str | None
    part: str | None

    @property
    def name(self) -> str:
        """Domain and id, which is unique: `feedback.nps`."""
        return f"{self.domain}.{self.id}"

    def days(self, last: int) -> tuple[int | None, int]:
        """First and last day whose events count for the figure at the end of day `last`; None for no first.

        Example:
            >>> from streams.catalogue.registry import catalogue
            >>> catalogue().named("events_prev_14d")[0].days(100)
            (73, 86)
        """
        return days_of_window(self.window, last)


def days_of_window(window: str, last: int) -> tuple[int | None, int]:
    """First and last day of a window that ends with day `last`; None where it has no beginning.

    Example:
        >>> days_of_window("28d", 100), days_of_window("ever", 100)
        ((73, 100), (None, 100))
    """
    found = _WINDOW.match(window)
    assert found is not None  # entries are validated
    end = last - int(found["back"] or 0)
    return (None if found["days"] is None else end - int(found["days"]) + 1), end
