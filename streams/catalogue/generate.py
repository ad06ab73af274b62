"""Writes the tables of docs/metrics.md from the catalogue; `--check` compares instead.

    python -m streams.catalogue.generate [--check]

CI fails when what is committed differs from what the catalogue says.
"""

import sys
from pathlib import Path

from streams.catalogue.page import rendered
from streams.catalogue.registry import catalogue

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def main(arguments: list[str]) -> int:
    """Writes or compares; 1 when something differs."""
    text = PAGE.read_text(encoding="utf-8")
    wanted = rendered(text, catalogue())
    if "--check" not in arguments:
        PAGE.write_text(wanted, encoding="utf-8")
        return 0
    if text != wanted:
        print(
            "docs/metrics.md is not what the catalogue says: run python -m streams.catalogue.generate", file=sys.stderr
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
