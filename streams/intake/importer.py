"""What an importer is: files in, envelope events out, with every row accounted for.

An importer reads and interprets, no more: it sends nothing, sorts nothing and reads no clock, so the same
files give the same items in the same order. Nothing is deleted silently: a row gives events or is a `BadRow`;
where the data contradict themselves a named rule decides and leaves a `RuleHit`. The report is the fold of
the items.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from schemas.envelope import Event

KEPT_BAD_ROWS = 100
KEPT_EXAMPLES = 3


class Produced(Struct, frozen=True):
    """An event and the input topic it belongs to (its name in `schemas.registry`, without prefix)."""

    topic: str
    event: Event


class BadRow(Struct, frozen=True):
    """A row no event can be made of: what was expected and what came, in which field of which line."""

    file: str
    line: int
    field: str
    reason: str


class RuleHit(Struct, frozen=True):
    """A row that a rule of the importer decided about; `line` is 0 where no row is concerned."""

    rule: str
    file: str
    line: int
    detail: str = ""


class FileRead(Struct, frozen=True):
    """A file was read to its end, bad rows included in `rows`."""

    file: str
    rows: int


Item = Produced | BadRow | RuleHit | FileRead


class Rule(Struct, frozen=True):
    """A decision about a kind of dirt: what the data say, and what becomes of it."""

    name: str
    meaning: str


class Importer(Protocol):
    """A source of events in files."""

    @property
    def name(self) -> str:
        """What users call it (`zelo import NAME`), and the `source` of its events."""
        ...

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule it may apply."""
        ...

    def read(self, path: Path) -> Iterator[Item]:
        """Reads the files below `path`.

        Raises:
            ConfigurationError: a file or a column is missing.
        """
        ...


class Example(Struct, frozen=True):
    """Where a rule was applied."""

    file: str
    line: int
    detail: str


class RuleCount(Struct, frozen=True):
    """How often a rule was applied, and where first."""

    count: int
    examples: tuple[Example, ...] = ()


class ImportReport(Struct, frozen=True):
    """What an import found.

    Attributes:
        rows: rows read per file.
        events: events per topic and type, heartbeats not included.
        bad_rows: rows per file that gave no event.
        first_bad_rows: the first `KEPT_BAD_ROWS` of them.
        rules: each rule of the importer by name, the unused ones with 0.
    """

    rows: dict[str, int]
    events: dict[str, dict[str, int]]
    bad_rows: dict[str, int]
    first_bad_rows: tuple[BadRow, ...]
    rules: dict[str, RuleCount]

    @property
    def event_count(self) -> int:
        """Events of all topics."""
        return sum(sum(types.values()) for types in self.events.values())

    @property
    def bad_row_count(self) -> int:
        """Bad rows of all files."""
        return sum(self.bad_rows.values())


class Tally:
    """Folds items into an `ImportReport`.

    Args:
        rules: the importer's rules; a hit of any other is a KeyError.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rows: Counter[str] = Counter()
        self._events: dict[str, Counter[str]] = {}
        self._bad: Counter[str] = Counter()
        self._first_bad: list[BadRow] = []
        self._hits = {rule.name: 0 for rule in rules}
        self._examples: dict[str, list[Example]] = {name: [] for name in self._hits}

    def add(self, item: Item) -> None:
        """Counts one item."""
        match item:
            case Produced(topic, event):
                # The tag is in the class: the instance has no field for it.
                self._events.setdefault(topic, Counter())[str(event.__struct_config__.tag)] += 1
            case RuleHit():
                self._add_hit(item)
            case BadRow():
                self._bad[item.file] += 1
                if len(self._first_bad) < KEPT_BAD_ROWS:
                    self._first_bad.append(item)
            case FileRead(file, rows):
                self._rows[file] += rows

    def _add_hit(self, hit: RuleHit) -> None:
        self._hits[hit.rule] += 1
        examples = self._examples[hit.rule]
        if len(examples) < KEPT_EXAMPLES:
            examples.append(Example(hit.file, hit.line, hit.detail))

    def report(self) -> ImportReport:
        """The report of all items so far."""
        return ImportReport(
            rows=dict(self._rows),
            events={topic: dict(sorted(types.items())) for topic, types in sorted(self._events.items())},
            bad_rows=dict(self._bad),
            first_bad_rows=tuple(self._first_bad),
            rules={name: RuleCount(n, tuple(self._examples[name])) for name, n in self._hits.items()},
        )


def collect(importer: Importer, path: Path) -> tuple[list[Produced], ImportReport]:
    """All events of an importer in the order it reads them, and the report."""
    tally = Tally(importer.rules)
    produced: list[Produced] = []
    for item in importer.read(path):
        tally.add(item)
        if isinstance(item, Produced):
            produced.append(item)
    return produced, tally.report()
