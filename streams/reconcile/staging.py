"""A recount in steps: what it reads in several places becomes a temporary table. Pure.

ClickHouse puts the text of a `WITH` in wherever it is read, and plans each copy: of a recount whose parts read one
another by and by there are hundreds, and planning them took longer than counting. A table is planned once.
"""

import re
from collections.abc import Container
from dataclasses import dataclass

# Parts begin and end in the first column of the SQL files; what is in them is indented.
_PART = re.compile(r"^(?:WITH |, )?(\w+) AS\n\(\n(.*?)\n\),?\n", re.MULTILINE | re.DOTALL)
_READ = re.compile(r"\b(?:FROM|JOIN)\s+(\w+)")
# Raw events, and days of all customers: too many to keep in memory, and planned at once.
_NO_TABLE = frozenset({"facts", "rated"})


@dataclass(frozen=True)
class Steps:
    """A statement in steps.

    Attributes:
        tables: temporary tables by name, each as SQL that reads those before it.
        answer: SQL of the statement's rows, which reads them.
    """

    tables: tuple[tuple[str, str], ...]
    answer: str


def steps(sql: str) -> Steps:
    r"""A statement that begins with `WITH`, in steps; what is read once stays where it is read.

    Example:
        >>> sql = "WITH a AS\n(\n    SELECT 1\n),\nb AS\n(\n    SELECT * FROM a\n)\nSELECT * FROM b CROSS JOIN b AS c"
        >>> [name for name, _ in steps(sql).tables], steps(sql).answer
        (['b'], 'SELECT * FROM b CROSS JOIN b AS c')
    """
    parts = {match[1]: match[2] for match in _PART.finditer(sql)}
    end = max((match.end() for match in _PART.finditer(sql)), default=0)
    texts = [*parts.values(), sql[end:]]
    read = [name for text in texts for name in _READ.findall(text)]
    often = {name for name in parts if read.count(name) > 1} - _NO_TABLE
    return Steps(
        tuple((name, _with(parts, often, text)) for name, text in parts.items() if name in often),
        _with(parts, often, sql[end:]),
    )


def _with(parts: dict[str, str], often: Container[str], text: str) -> str:
    """The text, behind the parts it reads that become no table."""
    wanted, inside = set(_READ.findall(text)), ""
    for name, body in reversed(parts.items()):
        if name in wanted and name not in often:
            wanted |= set(_READ.findall(body))
            inside = f"{name} AS\n(\n{body}\n){inside and ','}\n{inside}"
    return f"WITH {inside}{text}" if inside else text
