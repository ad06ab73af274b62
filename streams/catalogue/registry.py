"""The catalogue itself: all chapters read, checked and put in the order of the documentation."""

import difflib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from streams.catalogue.metric import Entry, Metric, Said
from streams.catalogue.units import UNITS, parse_range

#: Names of the files below `entries`, in the order of the documentation.
CHAPTERS = (
    "usage",
    "support",
    "revenue",
    "feedback",
    "account",
    "spend",
    "health",
    "churn",
    "upsell",
    "portfolio",
    "company",
    "model",
)


class Alike(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A view that has the figures of another one: the columns of its key, and the other's name."""

    key: tuple[str, ...]
    of: str


class Chapter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A chapter as its file writes it; figures that say nothing else have its sources and its table.

    Attributes:
        table, newest, events, formula, code: as in `Entry`.
        views: for a chapter of many customers, each view with the columns that are the key of a row.
        alike: views with the figures of another one for other keys.
        also: by view, columns that entries elsewhere define.
        metrics: the figures by id, in the order of the documentation.
    """

    formula: Said
    code: Said
    metrics: Annotated[dict[str, Entry], Meta(min_length=1)]
    events: tuple[str, ...] = ()
    table: str = ""
    newest: str | None = None
    views: dict[str, tuple[str, ...]] = {}
    alike: dict[str, Alike] = {}
    also: dict[str, tuple[str, ...]] = {}


class Catalogue:
    """Every figure there is.

    Args:
        chapters: by name, in order.
    """

    def __init__(self, chapters: Mapping[str, Chapter]) -> None:
        self.chapters = chapters
        self.metrics: tuple[Metric, ...] = tuple(
            _metric(name, chapter, key, entry)
            for name, chapter in chapters.items()
            for key, entry in chapter.metrics.items()
        )

    def of(self, domain: str) -> tuple[Metric, ...]:
        """The figures of a chapter, in order."""
        return tuple(metric for metric in self.metrics if metric.domain == domain)

    def named(self, name: str) -> tuple[Metric, ...]:
        """The figures with this id, or the one with this domain and id: several domains may use one word.

        Example:
            >>> [metric.name for metric in catalogue().named("plan")]
            ['revenue.plan', 'account.plan']
        """
        return tuple(metric for metric in self.metrics if name in (metric.id, metric.name))

    def key(self, metric: Metric) -> tuple[str, ...]:
        """The columns that are the key of a row of a figure's view; empty where it stands in no view.

        Example:
            >>> catalogue().key(catalogue().named("nrr")[0])
            ('currency', 'month')
        """
        return self.chapters[metric.domain].views.get(metric.table, ())

    def near(self, name: str) -> list[str]:
        """Ids that look like a name nobody has, the nearest first.

        Example:
            >>> catalogue().near("stickines")
            ['stickiness']
        """
        return difflib.get_close_matches(name.rpartition(".")[2], {metric.id for metric in self.metrics}, n=3)


@cache
def catalogue() -> Catalogue:
    """The catalogue of this version.

    Example:
        >>> catalogue().named("stickiness")[0].window
        '28d'
    """
    folder = resources.files("streams.catalogue").joinpath("entries")
    return Catalogue({name: read_chapter(folder.joinpath(f"{name}.toml").read_bytes(), name) for name in CHAPTERS})


def read_chapter(text: bytes, name: str) -> Chapter:
    """A chapter's file.

    Raises:
        ValueError: says which chapter, which place in it, and what was expected.
    """
    try:
        return msgspec.toml.decode(text, type=Chapter)
    except msgspec.DecodeError as error:  # ValidationError is one, too
        raise ValueError(f"chapter {name}: {error}") from error


def _metric(domain: str, chapter: Chapter, key: str, entry: Entry) -> Metric:
    return Metric(
        id=key,
        domain=domain,
        portfolio=bool(chapter.views),
        title=entry.title,
        unit=entry.unit,
        range=UNITS[entry.unit] if entry.range is None else parse_range(entry.range),
        one_of=entry.one_of,
        better=entry.better,
        window=entry.window,
        definition=entry.definition,
        null=entry.null,
        policy=entry.policy,
        events=chapter.events if entry.events is None else entry.events,
        formula=entry.formula or chapter.formula,
        code=entry.code or chapter.code,
        table=entry.table or chapter.table,
        newest=entry.newest or chapter.newest,
        column=(entry.column or key) if entry.stored else None,
        part=entry.part,
    )
