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
    code = f"import sys, streams.worker, {', '.join(ROLES[role])}\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert set(ROLES[role]) <= set(loaded)
    assert FORBIDDEN[role] & set(loaded) == set()
