"""The peers' own virtual environment: they pin libraries that we need in other versions.

`.venv-bench` is made from `requirements/bench.txt`, which `scripts/lock` writes. A peer that cannot be installed or
imported here is reported with the reason; it never disappears from the table silently.
"""

import json
import subprocess
import sys
import zlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from bench.contestants import Contestant

_ROOT = Path(__file__).parents[1]
_LOCK = _ROOT / "requirements" / "bench.txt"
_FOLDER = _ROOT / ".venv-bench"
_PYTHON = _FOLDER / "bin" / "python"
_STAMP = _FOLDER / "installed"
_VERSIONS = """
import json, sys
from importlib.metadata import packages_distributions, version
found = packages_distributions()
print(json.dumps({name: version(found[name][0]) for name in sys.argv[1:] if name in found}))
"""


def interpreter(contestant: Contestant) -> str:
    """The Python its worker runs on."""
    return str(_PYTHON) if contestant.package else sys.executable


def install(contestants: Iterable[Contestant]) -> None:
    """Makes the environment, if any of these needs it and it is not as locked, and on the build of Python we run on.

    It takes a few minutes the first time. Another build may be a quarter slower, and then nothing compares.

    What goes wrong is said to standard error, and again by `reason_against` for each peer.
    """
    locked = f"{sys.version} {zlib.crc32(_LOCK.read_bytes())}"
    if not any(one.package for one in contestants) or (_STAMP.exists() and _STAMP.read_text() == locked):
        return
    print(f"Installing the peers into {_FOLDER.name} ({_LOCK.name}); about 1.7 GB, a few minutes", file=sys.stderr)
    pip = [str(_PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(_FOLDER)], check=True, stdout=sys.stderr)
        subprocess.run([*pip, "--require-hashes", "--no-deps", "-r", str(_LOCK)], check=True, stdout=sys.stderr)
    except subprocess.CalledProcessError as error:
        print(f"The peers were not installed: {error}", file=sys.stderr)
        return
    _STAMP.write_text(locked)


@cache
def reason_against(contestant: Contestant) -> str:
    """Why it cannot run here; empty when it can."""
    if not contestant.package:
        return ""
    if not _STAMP.exists():
        return "the peers' environment could not be installed"
    tried = subprocess.run(
        [str(_PYTHON), "-c", f"import {contestant.module}"], check=False, cwd=_ROOT, capture_output=True, text=True
    )
    said = tried.stderr.strip().splitlines()
    return said[-1] if tried.returncode and said else ""


def versions(contestants: Iterable[Contestant]) -> dict[str, str]:
    """Versions of the peers that can run."""
    packages = [one.package for one in contestants if one.package and not reason_against(one)]
    if not packages:
        return {}
    asked = subprocess.run([str(_PYTHON), "-c", _VERSIONS, *packages], check=True, capture_output=True, text=True)
    found: dict[str, str] = json.loads(asked.stdout)
    return found
