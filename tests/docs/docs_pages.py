"""Reading our own documentation: pages, their sections, tables and code blocks."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PAGES = tuple(sorted([ROOT / "README.md", ROOT / "demo" / "README.md", *(ROOT / "docs").glob("*.md")]))


class Block(NamedTuple):
    """A fenced block: its language, its text and the line it starts at."""

    language: str
    text: str
    line: int


@cache
def page(name: str) -> str:
    """The text of a page by its path from the root."""
    return (ROOT / name).read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """What stands below a heading, up to the next one of its level or higher."""
    lines = text.splitlines()
    start = lines.index(heading)
    level = len(heading) - len(heading.lstrip("#"))
    higher = re.compile(rf"#{{1,{level}}} ")
    below = lines[start + 1 :]
    length = next((i for i, line in enumerate(below) if higher.match(line)), len(below))
    return "\n".join(below[:length])


def rows(text: str) -> list[list[str]]:
    """The cells of every table row, heads and rules left out."""
    found: list[list[str]] = []
    lines = text.splitlines()
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if line.startswith("|") and not _is_rule(line) and not _is_rule(following):
            found.append([cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return found


def named(text: str) -> dict[str, list[str]]:
    """Table rows by their first cell, without its back quotes; the first cell must be unique."""
    found: dict[str, list[str]] = {}
    for first, *rest in rows(text):
        name = first.strip("`")
        assert name not in found, f"{name} stands twice"
        found[name] = rest
    return found


def blocks(text: str, *languages: str) -> Iterator[Block]:
    """The fenced blocks in these languages."""
    for match in re.finditer(r"^```(\w*)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL):
        if match[1] in languages:
            yield Block(match[1], match[2], text[: match.start()].count("\n") + 2)


def _is_rule(line: str) -> bool:
    return bool(re.fullmatch(r"\|[\s|:-]+\|", line))
