"""The Parquet file of daily counts, read a month at a time by chdb (the extra `embedded`)."""

import re
from collections.abc import Iterator
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from streams.errors import ConfigurationError
from streams.intake.importer import BadRow
from streams.metrics.days import to_date

FILE = "daily_counts.parquet"
_EXPECTED = {"account_id": "an account", "day": "a date", "event": "a name", "n": "a whole number of at least 1"}
_COUNTABLE = "n >= 1 AND n < 9e18 AND n = floor(n)"  # what is no number or infinite is neither
_SOUND = f"ifNull(toString(account_id) != '' AND day IS NOT NULL AND event != '' AND {_COUNTABLE}, false)"
#: What ClickHouse would read as a pattern or an archive; it has no way to say that it is neither.
_PATTERN = re.compile(r"[*?{}]|::")


class Count(NamedTuple):
    """A row: how often a customer did something on a day; `line` counts rows from 1."""

    line: int
    account_id: str
    day: int
    event: str
    n: int


_MONTH = msgspec.json.Decoder(tuple[date])
_NUMBER = msgspec.json.Decoder(tuple[int])
_COUNT = msgspec.json.Decoder(tuple[int, str, int, str, int])
_CELLS = msgspec.json.Decoder(tuple[int, str | None, str | None, str | None, str | None])


class DailyCounts:
    """The counts of a file.

    Args:
        directory: where the file is.

    Raises:
        ConfigurationError: no such file, no Parquet in it, a column is missing, chdb is not installed, or would take
            the path for a pattern.

    Attributes:
        rows: all of them, bad ones included.
    """

    def __init__(self, directory: Path) -> None:
        path = directory / FILE
        if not path.is_file():
            raise ConfigurationError(f"expected the file {FILE} in {directory}, found none")
        if find_spec("chdb") is None:
            raise ConfigurationError(
                "Parquet is read by chdb, which is not installed: run pip install 'zelo[embedded]' (Linux and macOS "
                "only)"
            )
        if _PATTERN.search(str(path.absolute())):
            raise ConfigurationError(
                f"expected a directory without * ? {{ }} or :: in its path, got {path.absolute().parent}"
            )
        quoted = str(path.absolute()).replace("\\", "\\\\").replace("'", "\\'")
        self._table = f"file('{quoted}', Parquet)"
        self.rows = self._number("count()", f"NOT ignore({', '.join(_EXPECTED)})")

    def bad(self) -> Iterator[BadRow]:
        """Rows that lack a cell or count nothing, in the order of the file."""
        texts = ", ".join(f"toString({column})" for column in _EXPECTED)
        for row in self._ask(f"_row_number + 1, {texts}", f"NOT {_SOUND} ORDER BY _row_number"):
            line, *texts_found = _CELLS.decode(row)
            cells = dict(zip(_EXPECTED, texts_found, strict=True))
            field = next((name for name, cell in cells.items() if not cell), "n")
            yield BadRow(FILE, line, field, f"expected {_EXPECTED[field]}, got {cells[field] or 'none'}")

    def until(self, last: int) -> Iterator[Count]:
        """The sound rows of the days up to `last`, by day, customer and event."""
        known = f"{_SOUND} AND toDate(day) <= '{to_date(last)}'"
        month = "toStartOfMonth(toDate(day))"
        columns = "_row_number + 1, toString(account_id), toInt32(assumeNotNull(toDate(day))), event, toInt64(n)"
        for row in list(self._ask(f"DISTINCT {month} AS month", f"{known} ORDER BY month")):
            (of,) = _MONTH.decode(row)
            order = "toDate(day), toString(account_id), event, _row_number"
            for found in self._ask(columns, f"{known} AND {month} = '{of}' ORDER BY {order}"):
                yield Count(*_COUNT.decode(found))

    def after(self, last: int) -> int:
        """How many sound rows are of days after `last`."""
        return self._number("count()", f"{_SOUND} AND toDate(day) > '{to_date(last)}'")

    def _number(self, expression: str, where: str) -> int:
        ((number,),) = (_NUMBER.decode(row) for row in self._ask(expression, where))
        return number

    def _ask(self, columns: str, where: str) -> Iterator[bytes]:
        import chdb  # noqa: PLC0415 - an extra, and slow to load

        asked = f"SELECT {columns} FROM {self._table} WHERE {where}"  # noqa: S608 - all of it is written here
        try:
            found: Any = chdb.query(asked, "JSONCompactEachRow")  # type: ignore[no-untyped-call]
        except RuntimeError as error:  # what chdb raises
            wanted = ", ".join(_EXPECTED)
            reason = str(error).partition(". In scope")[0][:300]
            raise ConfigurationError(f"expected Parquet with the columns {wanted} in {FILE}: {reason}") from error
        yield from found.bytes().splitlines()
