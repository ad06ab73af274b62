"""scripts/setup chooses an interpreter: these stand for real ones, and say what they are asked to do."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_TOOLS = ("bash", "cat", "cksum", "dirname", "rm", "env")

# What scripts/setup asks: can it make environments, was it optimised, what is it; and to make one, which ends it.
_PYTHON = """#!/bin/bash
case "$*" in
  *ensurepip*) exit {unusable} ;;
  *enable-optimizations*) exit {slow} ;;
  --version) echo "Python 3.{minor}.0" ;;
  *venv*) echo "made by 3.{minor}" >&2; exit 7 ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout that has no environment yet, and a folder of nothing but what the script calls."""
    for folder in ("scripts", "requirements", "bin"):
        (tmp_path / folder).mkdir()
    shutil.copy(ROOT / "scripts/setup", tmp_path / "scripts/setup")
    for name in ("pyproject.toml", "requirements/build.txt", "requirements/dev.txt"):
        (tmp_path / name).touch()
    for tool in _TOOLS:
        (tmp_path / "bin" / tool).symlink_to(str(shutil.which(tool)))
    return tmp_path


def python(checkout: Path, name: str, minor: int, *, slow: bool = False, unusable: bool = False) -> None:
    path = checkout / "bin" / name
    path.write_text(_PYTHON.format(minor=minor, slow=int(slow), unusable=int(unusable)))
    path.chmod(0o755)


def setup(checkout: Path, **environment: str) -> str:
    """What the script says until it has chosen."""
    done = subprocess.run(
        [checkout / "scripts/setup", "dev"],
        env={"PATH": str(checkout / "bin"), **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode != 0
    return done.stderr


def test_the_first_that_was_compiled_with_optimisation_is_taken(checkout: Path) -> None:
    python(checkout, "python3", 14, slow=True)
    python(checkout, "python3.13", 13, unusable=True)
    python(checkout, "python3.12", 12)
    python(checkout, "python3.11", 11)
    assert setup(checkout).endswith("made by 3.12\n")


def test_python3_goes_before_all_others(checkout: Path) -> None:
    python(checkout, "python3.12", 12)
    python(checkout, "python3", 11)
    assert setup(checkout).endswith("made by 3.11\n")


def test_one_without_optimisation_is_better_than_none(checkout: Path) -> None:
    python(checkout, "python3", 10, unusable=True)
    python(checkout, "python3.13", 13, slow=True)
    python(checkout, "python3.11", 11, slow=True)
    assert setup(checkout).endswith("made by 3.13\n")


def test_what_the_environment_names_is_taken_as_it_is(checkout: Path) -> None:
    python(checkout, "python3", 12)
    python(checkout, "my own", 11, slow=True)
    assert setup(checkout, PYTHON=str(checkout / "bin/my own")).endswith("made by 3.11\n")
    python(checkout, "my own", 11, unusable=True)
    assert "with venv and pip as my own. Install" in setup(checkout, PYTHON="my own")


def test_without_any_it_says_what_to_install(checkout: Path) -> None:
    python(checkout, "python3", 10, unusable=True)
    assert "found no Python 3.11 to 3.14 with venv and pip. Install" in setup(checkout)


@pytest.mark.parametrize("name", ["scripts/setup", "Dockerfile", "bench/peers.py"])
def test_what_is_locked_is_installed_as_it_is(name: str) -> None:
    """Where pip may resolve, a release newer than the locked one of what is wanted with an extra stops it."""
    asked = re.findall(r"--require-hashes\b(\W+--no-deps\b)?", (ROOT / name).read_text())
    assert asked
    assert all(asked)
