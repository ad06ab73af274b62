"""House rules of the repository: what may not stand in it, how large things may be, what must be listed."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
PRODUCT = ("agents/", "schemas/", "streams/")
MODULE_LINES = 300
AGENT_LINES = 80

# Written so that none of these finds itself.
REGISTRY_HOST = re.compile(
    r"(pypi\.org|pythonhosted\.org|registry\.npmjs|npmjs\.org|deb\.debian\.org|repo1?\.maven|maven\.org)"
)
MACHINE_PATH = re.compile(r"/(w[o]rk|f[a]rm|r[o]ot|h[o]me/[a-z]+)/")
UNFINISHED = re.compile(r"\b(T[O]DO|F[I]XME|X[X]X|H[A]CK)\b|NotImplementedError\(\)?$")


@cache
def texts() -> dict[str, str]:
    """Every text file that is committed or would be, by its path from the root."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    found: dict[str, str] = {}
    for name in sorted(filter(None, listed.split("\0"))):
        raw = (ROOT / name).read_bytes() if (ROOT / name).is_file() else b""
        if b"\0" not in raw[:8000]:
            found[name] = raw.decode("utf-8", errors="replace")
    return found


def places(pattern: re.Pattern[str], prefixes: tuple[str, ...] = ("",)) -> list[str]:
    """Where the pattern stands, as path:line."""
    return [
        f"{name}:{number}"
        for name, text in texts().items()
        if name.startswith(prefixes)
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]


def modules(*prefixes: str) -> Iterator[tuple[str, int]]:
    """The Python modules below these folders with their numbers of lines."""
    for name, text in texts().items():
        if name.startswith(prefixes) and name.endswith(".py"):
            yield name, len(text.splitlines())


def direct_dependencies() -> dict[str, Requirement]:
    groups = [
        PROJECT["dependencies"],
        *PYPROJECT["dependency-groups"].values(),
        *PROJECT["optional-dependencies"].values(),
    ]
    requirements = [Requirement(line) for group in groups for line in group]
    requirements += [Requirement(line) for line in PYPROJECT["build-system"]["requires"]]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


def locked(name: str) -> dict[str, str]:
    """The versions in one of the locks."""
    pins = re.findall(r"^([\w.-]+)==(\S+)", (ROOT / f"requirements/{name}.txt").read_text(), flags=re.MULTILINE)
    return {canonicalize_name(package): version for package, version in pins}


def test_tests_that_start_processes_stand_in_the_folders_where_scripts_test_looks_for_them() -> None:
    runs = texts()["scripts/test"].replace("\\\n", " ")
    for begins, marks in ((r"\(integration", "integration|chaos"), ("alone", "alone")):
        run = re.search(rf'^run "{begins}.*$', runs, flags=re.MULTILINE)
        assert run is not None
        looked_in = re.findall(r"tests/\w+", run[0])
        marked = {path.partition(":")[0] for path in places(re.compile(rf"pytest\.mark\.({marks})\b"), ("tests/",))}
        assert {"/".join(path.split("/")[:2]) for path in marked} <= set(looked_in)


def test_no_registry_host_stands_in_the_repository() -> None:
    assert places(REGISTRY_HOST) == []


def test_no_path_of_a_machine_stands_in_the_repository() -> None:
    assert places(MACHINE_PATH) == []


def test_nothing_in_the_product_is_left_unfinished() -> None:
    assert places(UNFINISHED, (*PRODUCT, "scripts/", "bench/", "Dockerfile")) == []


def test_only_what_reads_settings_knows_what_people_call_them() -> None:
    rooms = ("engine", "embedded", "metrics", "churn", "scoring", "alerts")
    assert places(re.compile(r"\bZELO_"), tuple(f"streams/{room}/" for room in rooms)) == []


def test_modules_hold_one_idea_each() -> None:
    assert {name: lines for name, lines in modules(*PRODUCT) if lines > MODULE_LINES} == {}


def test_agents_are_thin() -> None:
    assert {name: lines for name, lines in modules("agents/") if lines > AGENT_LINES} == {}


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = {"utils", "util", "common", "helpers", "manager", "misc", "data", "info"}
    assert [name for name, _ in modules(*PRODUCT) if drawers & set(Path(name).with_suffix("").parts)] == []


def test_no_test_folder_shadows_a_package() -> None:
    shadows = ("tests/agents/", "tests/schemas/", "tests/streams/")
    assert [name for name in texts() if name.startswith(shadows)] == []
    assert [name for name in texts() if name.startswith("tests/") and name.endswith("__init__.py")] == []


def test_test_files_have_names_of_their_own() -> None:
    names = [Path(name).name for name, _ in modules("tests/")]
    assert sorted({name for name in names if names.count(name) > 1}) in ([], ["conftest.py"])


def test_scripts_are_strict_and_executable() -> None:
    scripts = [name for name in texts() if name.startswith(("scripts/", ".ci/"))]
    assert scripts
    for name in scripts:
        assert (ROOT / name).stat().st_mode & 0o111, f"{name} is not executable"
        assert texts()[name].startswith("#!/usr/bin/env bash\n"), name
        assert re.search(r"^set -e?uo pipefail$", texts()[name], flags=re.MULTILINE), name


def test_every_room_has_its_place_in_the_order_of_imports() -> None:
    contracts = PYPROJECT["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    placed = {module.strip("() ") for layer in layers for module in layer.split(":")}
    rooms = {".".join(Path(name).with_suffix("").parts[:2]) for name, _ in modules("streams/") if name.count("/") >= 1}
    assert rooms - {"streams.__init__"} <= placed


def test_every_dependency_has_its_line_in_the_documentation() -> None:
    rows = re.findall(r"^\| `([\w.-]+)` \|(.+)\|$", texts()["docs/dependencies.md"], flags=re.MULTILINE)
    named = [canonicalize_name(name) for name, _ in rows]
    assert sorted(named) == sorted(direct_dependencies())
    for name, cells in rows:
        assert all(cell.strip() for cell in cells.split("|")), f"{name}: an empty cell"


@pytest.mark.parametrize("lock", ["build", "runtime", "embedded", "dev", "bench"])
def test_locks_have_hashes_and_name_no_place(lock: str) -> None:
    text = texts()[f"requirements/{lock}.txt"]
    blocks = re.split(r"\n(?=\S)", "\n".join(line for line in text.splitlines() if not line.startswith("#")))
    assert all("--hash=sha256:" in block for block in blocks)
    assert not re.search(r"https?:|--index|--find-links|file:", text)


def test_locks_satisfy_the_project_and_agree_with_each_other() -> None:
    for name, requirement in direct_dependencies().items():
        version = (locked("bench") | locked("build") | locked("dev")).get(name)
        assert version, f"{name} is not locked: scripts/lock"
        assert requirement.specifier.contains(version), f"{name}=={version} is not {requirement}: scripts/lock"
    assert locked("runtime").items() <= locked("embedded").items() <= locked("dev").items()


def test_nothing_is_raised_out_of_except_star() -> None:
    """Python 3.11.0 to 3.11.3, which Debian 12 has, wraps it into a group that no caller catches; later ones do not."""
    found = [
        f"{name}:{node.lineno}"
        for name, text in texts().items()
        if name.endswith(".py")
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.TryStar) and any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
    ]
    assert found == []
