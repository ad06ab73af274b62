"""The tables of docs/metrics.md, from the catalogue. The prose around them is the page's own.

A table stands between `<!-- CHAPTER -->` and `<!-- /CHAPTER -->`; whatever was there is replaced. Pure.
"""

import re
from collections.abc import Iterable

from schemas.registry import INPUT_TOPICS
from streams.catalogue.metric import Metric
from streams.catalogue.registry import Catalogue, Chapter
from streams.catalogue.sources import topic_of
from streams.catalogue.units import UNITS, Range

#: The place of the names in Portuguese and Spanish.
NAMES = "names"
_HEAD = ("id", "name", "unit", "better", "definition")


def rendered(text: str, catalogue: Catalogue) -> str:
    """The page with every table as the catalogue has it.

    Args:
        text: the page as it is.
        catalogue: what to show.

    Raises:
        ValueError: the page has no place for a chapter, or has it twice.
    """
    for name, chapter in catalogue.chapters.items():
        text = _placed(text, name, _views(chapter, catalogue) if chapter.views else _chapter(chapter, name, catalogue))
    return _placed(text, NAMES, _table(("id", "Português", "Español"), map(_names, catalogue.metrics)))


def _placed(text: str, name: str, content: str) -> str:
    begins, ends = f"<!-- {name} -->", f"<!-- /{name} -->"
    found = re.findall(rf"{begins}\n.*?{ends}", text, flags=re.DOTALL)
    if len(found) != 1:
        raise ValueError(f"expected one place {begins} ... {ends} for the table of {name}, found {len(found)}")
    return text.replace(found[0], f"{begins}\n{content}\n{ends}")


def _chapter(chapter: Chapter, name: str, catalogue: Catalogue) -> str:
    return f"{_sources(chapter)}\n\n{_table(_HEAD, map(_row, catalogue.of(name)))}"


def _views(chapter: Chapter, catalogue: Catalogue) -> str:
    """One table for each view, the figures under the names of its columns where these differ."""
    parts: list[str] = []
    for view, key in chapter.views.items():
        metrics = [metric for metric in catalogue.metrics if metric.table == view]
        rows = [(*_row(metric), f"`{metric.column}`") for metric in metrics]
        parts.append(f"`{view}`, {_per(key)}:\n\n{_table((*_HEAD, 'column'), rows)}")
        if also := chapter.also.get(view):
            parts.append(f"Beside them, as defined elsewhere on this page: {', '.join(_code(also))}.")
        parts += [
            f"The same figures in `{name}`, {_per(like.key)}."
            for name, like in chapter.alike.items()
            if like.of == view
        ]
    return "\n\n".join(parts)


def _per(key: Iterable[str]) -> str:
    return f"one row per {', '.join(_code(key))}" if key else "one row"


def _sources(chapter: Chapter) -> str:
    table = f"Table `{chapter.table}`"
    newest = f", newest values in `{chapter.newest}`" if chapter.newest else ""
    if not chapter.events:
        return f"{table}{newest}."
    topics = [topic.name for topic in INPUT_TOPICS if topic.name in map(topic_of, chapter.events)]
    return f"From {', '.join(_code(topics))}. {table}{newest}."


def _row(metric: Metric) -> tuple[str, ...]:
    better = "" if metric.better == "neutral" else metric.better
    return (f"`{metric.id}`", metric.title.en, _unit(metric), better, definition(metric))


def definition(metric: Metric) -> str:
    """The whole definition in one cell: formula, null rule, switches of the profile.

    Example:
        >>> from streams.catalogue.registry import catalogue
        >>> definition(catalogue().named("oldest_open_hours")[0])
        'age of the oldest open ticket; null when none is open'
    """
    null = f"; null {metric.null}" if metric.null else ""
    policy = f" (profile: {', '.join(_code(metric.policy))})" if metric.policy else ""
    return metric.definition + null + policy


def _unit(metric: Metric) -> str:
    plain = metric.range == UNITS[metric.unit] and metric.range in (Range(), Range(0))
    return metric.unit if plain or not metric.range.words() else f"{metric.unit}, {metric.range.words()}"


def _names(metric: Metric) -> tuple[str, ...]:
    return (f"`{metric.name}`", metric.title.pt, metric.title.es)


def _code(words: Iterable[str]) -> list[str]:
    return [f"`{word}`" for word in words]


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    escaped = [[cell.replace("|", r"\|") for cell in line] for line in lines]
    return "\n".join("|".join(["", *(_cell(cell) for cell in line), ""]) for line in escaped)


def _cell(text: str) -> str:
    return text if text == "---" else f" {text} " if text else " "
