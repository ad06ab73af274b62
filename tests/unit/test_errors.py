"""The tree of errors: what the docstring draws is what there is."""

import ast
import inspect
import re
from pathlib import Path

import pytest

from streams import errors
from streams.errors import ConfigurationError, PoisonError, TransientError, ZeloError

ROOT = Path(__file__).resolve().parents[2]
# Told to a protocol's peer, or to the caller next door: they never reach the people who run Zelo.
TOLD_TO_OTHERS = {"ClickHouseError", "FieldError", "OutOfOrderError"}
FAMILIES = (PoisonError, TransientError, ConfigurationError)


def test_the_docstring_draws_every_class() -> None:
    drawn = re.findall(r"\b(\w+Error)\b", (errors.__doc__ or "").split("A message says")[0])
    classes = [name for name, _ in inspect.getmembers(errors, inspect.isclass)]
    assert sorted(drawn) == sorted(classes)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_a_zelo_error_and_no_other_family(family: type[ZeloError]) -> None:
    assert issubclass(family, ZeloError)
    assert [other for other in FAMILIES if issubclass(family, other)] == [family]


def test_a_transient_error_says_when_to_try_again() -> None:
    assert TransientError("broker away").retry_after_seconds > 0
    assert TransientError("rate limited", retry_after_seconds=30.0).retry_after_seconds == 30.0
    assert str(TransientError("rate limited", retry_after_seconds=30.0)) == "rate limited"


def test_every_error_of_ours_belongs_to_a_family() -> None:
    known = {family.__name__ for family in (ZeloError, *FAMILIES)}
    found: dict[str, set[str]] = {}
    for path in [*(ROOT / "streams").rglob("*.py"), *(ROOT / "agents").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and node.name.endswith("Error"):
                found[node.name] = {ast.unparse(base) for base in node.bases}
    while grown := {name for name, bases in found.items() if bases & known} - known:
        known |= grown
    assert set(found) - known == TOLD_TO_OTHERS
