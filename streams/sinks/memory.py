"""ClickHouse in memory, for tests: the same tokens, keys and versions; errors on demand."""

from collections import defaultdict, deque

from streams.errors import PoisonError
from streams.sinks.backend import Values
from streams.sinks.table import Table
from streams.sinks.tables import TABLES

_WINDOW = 1000  # as non_replicated_deduplication_window in the migrations


class MemoryBackend:
    """A `Backend` that keeps rows in lists.

    Attributes:
        faults: raised one after the other by the next inserts, None for none.
        lost_answers: as `faults`, but raised after the block was stored.
        inserts: table and number of rows of every insert that came, in order.
    """

    def __init__(self) -> None:
        self.faults: deque[Exception | None] = deque()
        self.lost_answers: deque[Exception | None] = deque()
        self.inserts: list[tuple[str, int]] = []
        self._rows: defaultdict[str, list[tuple[object, ...]]] = defaultdict(list)
        self._tokens: defaultdict[str, deque[str]] = defaultdict(lambda: deque(maxlen=_WINDOW))

    def insert(self, table: Table, rows: Values, token: str) -> None:
        """Stores a block (streams.sinks.backend)."""
        self.inserts.append((table.name, len(rows)))
        fault = self.faults.popleft() if self.faults else None
        if fault is not None:
            raise fault
        for row in rows:
            _check(table, tuple(row))
        if token not in self._tokens[table.name]:
            self._tokens[table.name].append(token)
            self._rows[table.name].extend(tuple(row) for row in rows)
        lost = self.lost_answers.popleft() if self.lost_answers else None
        if lost is not None:
            raise lost

    def close(self) -> None:
        """Nothing to close."""

    def stored(self, table: Table) -> int:
        """Rows a SELECT without FINAL may see."""
        return len(self._rows[table.name])

    def final(self, table: Table) -> list[dict[str, object]]:
        """Rows a SELECT with FINAL sees, in the order of the key."""
        newest: dict[tuple[object, ...], dict[str, object]] = {}
        for values in self._rows[table.name]:
            row = dict(zip(table.column_names, values, strict=True))
            key = tuple(row[name] for name in table.key)
            if key not in newest or _version(row) >= _version(newest[key]):
                newest[key] = row
        standing = [row for _, row in sorted(newest.items(), key=lambda item: repr(item[0]))]
        return [row for row in standing if table.deleted is None or not row[table.deleted]]


def _version(row: dict[str, object]) -> int:
    version = row["row_version"]
    assert isinstance(version, int)
    return version


def _check(table: Table, row: tuple[object, ...]) -> None:
    for one, value in zip(table.columns, row, strict=True):
        unsigned = one.type.startswith("UInt")
        if value is None and "Nullable" not in one.type:
            raise PoisonError(f"{table.name}.{one.name}: expected a value, got None")
        if unsigned and not (isinstance(value, int) and 0 <= value < 2 ** int(one.type[4:])):
            raise PoisonError(f"{table.name}.{one.name}: expected {one.type}, got {value!r}")


assert all(table.columns[-1].name == "row_version" for table in TABLES)
