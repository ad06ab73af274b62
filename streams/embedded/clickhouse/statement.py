"""What the endpoint has to know of a statement before the engine sees it. Only a scanner: the engine parses.

Comments, quoted text and simple parentheses are stepped over, so a column called `format` or a string with
VALUES in it is no keyword.
"""

import re
from dataclasses import dataclass

_OPAQUE = rb"""--[^\n]*|/\*.*?\*/|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`"""
_BLANK = rb"(?:\s|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*"
_FLAGS = re.IGNORECASE | re.DOTALL

_INSERT = re.compile(_BLANK + rb"INSERT\s+INTO\b", _FLAGS)
_INSERT_SOURCE = re.compile(
    _OPAQUE + rb"""|\([^()'"`]*\)|\b(?:(?P<other>VALUES|SELECT|WITH|WATCH)|FORMAT\s+(?P<format>\w+))\b""",
    _FLAGS,
)
# The engine's own rule: blanks, an optional semicolon and one line break belong to the statement, no more.
_BEFORE_DATA = re.compile(rb"[ \t\f]*;?(?:\r?\n)?")
_INPUT_FUNCTION = re.compile(_OPAQUE + rb"|\b(?P<input>input\s*\()", _FLAGS)

_OUTPUT_FORMAT = re.compile(_OPAQUE + rb"|\bFORMAT\s+(?P<format>[A-Za-z]\w*)", _FLAGS)
_AFTER_FORMAT = re.compile(_BLANK + rb"(?:SETTINGS\b.*?)?;?" + _BLANK + rb"\Z", _FLAGS)
_SELECT = re.compile(rb"(?:[\s(]|--[^\n]*\n|/\*.*?\*/)*(?:SELECT|WITH|FROM)\b", _FLAGS)


@dataclass(frozen=True)
class InsertData:
    """An INSERT that brings its rows along in some format.

    Attributes:
        head: the statement up to the word FORMAT.
        format: name of the format.
        data_start: where the rows begin.
    """

    head: str
    format: str
    data_start: int


def insert_data(text: bytes) -> InsertData | None:
    r"""Splits `INSERT INTO ... FORMAT name <rows>`; None for everything else, INSERT ... VALUES included.

    Example:
        >>> insert_data(b"INSERT INTO t (a, format) FORMAT CSV\n1,2\n")
        InsertData(head='INSERT INTO t (a, format) ', format='CSV', data_start=37)
        >>> insert_data(b"INSERT INTO t VALUES ('FORMAT CSV')")
    """
    source = _insert_source(text)
    if source is None or source["format"] is None:
        return None
    before_data = _BEFORE_DATA.match(text, source.end())
    assert before_data is not None  # it matches the empty text
    head = text[: source.start()].decode(errors="replace")
    return InsertData(head, source["format"].decode(), before_data.end())


def inserts_from_input(text: bytes) -> bool:
    """Whether rows are to reach the table through `INSERT ... SELECT ... FROM input(...)`."""
    source = _insert_source(text)
    if source is None or source["other"] is None or source["other"].upper() == b"VALUES":
        return False
    return any(found["input"] for found in _INPUT_FUNCTION.finditer(text, source.end()))


def output_format(text: bytes) -> str | None:
    """The format a query asks for in its own text, or None.

    Example:
        >>> output_format(b"SELECT 1 FORMAT JSONEachRow SETTINGS max_threads = 1")
        'JSONEachRow'
        >>> output_format(b"SELECT format AS x FROM t -- FORMAT CSV")
    """
    last = None
    for found in _OUTPUT_FORMAT.finditer(text):
        if found["format"]:
            last = found
    if last is None or not _AFTER_FORMAT.match(text, last.end()):
        return None
    return last["format"].decode()


def is_select(text: bytes) -> bool:
    """Whether the statement is a SELECT, however it is introduced (WITH, FROM first, parentheses)."""
    return _SELECT.match(text) is not None


def _insert_source(text: bytes) -> re.Match[bytes] | None:
    insert = _INSERT.match(text)
    if insert is None:
        return None
    found = _INSERT_SOURCE.finditer(text, insert.end())
    return next((match for match in found if match["other"] or match["format"]), None)
