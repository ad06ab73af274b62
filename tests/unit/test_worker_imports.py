"""What a worker loads before it does anything: each module is paid for at every start, and in memory ever after."""

import subprocess
import sys

import pytest

from streams.app import ROLES, Role

#: Of the command line, of tests, of the embedded stack, of other roles.
_NOBODYS = {"chdb", "hypothesis", "pandas", "pyarrow", "pytest", "typer", "streams.cli", "streams.embedded"}
_CLICKHOUSE = {"clickhouse_connect", "clickhouse_driver", "clickhouse_migrations", "streams.sinks.clickhouse"}
_LEARNING = {"numpy", "river", "streams.churn.trainer"}
FORBIDDEN: dict[Role, set[str]] = {
    "stream": _NOBODYS | _CLICKHOUSE | {"slack_sdk", "streams.offline"},
    "archive": _NOBODYS | _LEARNING | {"clickhouse_driver", "clickhouse_migrations", "slack_sdk"},
    "notify": _NOBODYS | _CLICKHOUSE | _LEARNING,
}


@pytest.mark.parametrize("role", ROLES)
def test_a_worker_loads_nothing_that_its_role_does_not_use(role: Role) -> None:
    """The schema's check brought two clients of ClickHouse into every worker, 0.3 s and 30 MB."""
    loaded = loaded_after(f"import streams.worker, {', '.join(ROLES[role])}")
    assert set(ROLES[role]) <= loaded
    assert FORBIDDEN[role] & loaded == set()


@pytest.mark.parametrize("role", ROLES)
def test_the_command_that_starts_a_worker_loads_nothing_for_other_commands(role: Role) -> None:
    """Every start imported all commands, a third of its CPU."""
    worker = "from streams.cli.main import app\napp.commands['worker'].loaded()"
    loaded = loaded_after(f"{worker}\nimport streams.worker, {', '.join(ROLES[role])}")
    assert FORBIDDEN[role] & loaded <= {"typer", "streams.cli", "streams.embedded"}
    assert not {"streams.cli.demo", "streams.cli.stack", "streams.backtest", "streams.reconcile"} & loaded


def test_the_list_of_commands_needs_none_of_them() -> None:
    shown = (
        "from contextlib import suppress\nfrom streams.cli.main import app\nwith suppress(SystemExit): app(['--help'])"
    )
    loaded = loaded_after(shown)
    assert not {"aiohttp", "faust", "numpy", "pydantic", "streams.config"} & loaded


def loaded_after(code: str) -> set[str]:
    """Every module that a new Python has after this code."""
    command = [sys.executable, "-c", f"{code}\nimport sys\nprint('modules', *sys.modules)"]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return set(out.rpartition("modules ")[2].split())
