"""Where in a TOML document a setting stands: errors name the line. No TOML library of ours tells."""

import re

_TABLE = re.compile(r"\[(?P<array>\[)?(?P<name>[^\[\]]+)\]")
_KEY = re.compile(r"(?P<name>(?:[\w-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[\w-]+|\"[^\"]*\"|'[^']*'))*)\s*=")
_STEP = re.compile(r"[^.\[\]]+")
_PART = re.compile(r"[^.\s\"']+")


def line_of(text: str, path: str) -> int | None:
    r"""The line, from 1, on which a setting is written; of what stands inside a value, the line where that begins.

    Args:
        text: the document.
        path: like `a.b[0].c`.

    Returns:
        None when not even a part of the path is written.

    Example:
        >>> line_of("name = 'acme'\n[health]\ngreen_from = 900", "health.green_from")
        3
    """
    wanted = _STEP.findall(path)
    best, depth = None, 0
    table: list[str] = []
    elements: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        written = line.strip()
        if found := _TABLE.match(written):
            table = here = _PART.findall(found["name"])
            if found["array"]:
                elements[found["name"]] = elements.get(found["name"], -1) + 1
                table = here = [*table, str(elements[found["name"]])]
        elif found := _KEY.match(written):
            here = [*table, *_PART.findall(found["name"])]
        else:
            continue
        if len(here) > depth and here == wanted[: len(here)]:
            best, depth = number, len(here)
    return best
