"""Fixtures of the tests of `zelo reconcile`: an archive filled by the machines in memory, and the command."""

import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cli_rig import Outcome, Zelo, clean_environment, command_line
from clickhouse_connect.driver.client import Client

from streams.config import Settings
from streams.intake.ordering import Record
from streams.metrics.days import Days
from streams.metrics.domain import TimePolicy
from streams.metrics.profile import load_profile
from streams.offline import Input, Offline
from streams.sinks.clickhouse import ClickHouse
from streams.sinks.rows import RowMapper

sys.path += [str(Path(__file__).parent / folder) for folder in ("flow", "integration")]
from dirty_company import HORIZON_DAYS, PARTITIONS, ZONE
from offline_rig import NOW
from system_oracle import as_read, as_sent


@cache
def archived(
    inputs: tuple[Record, ...], zone: str, horizon_days: int, profile: str
) -> dict[Any, list[tuple[object, ...]]]:
    """The rows of the whole archive, by table."""
    days, time = Days(zone), TimePolicy(horizon_days=horizon_days, dedup_days=horizon_days)
    offline = Offline(load_profile(profile), PARTITIONS, time, days, NOW)
    offline.feed(Input(*record[:4]) for record in inputs)
    offline.flush()
    found: dict[Any, list[tuple[object, ...]]] = defaultdict(list)
    for row in RowMapper("", days).rows([*as_read(inputs), *as_sent(offline)], NOW).rows:
        found[row.table].append(row.values)
    return found


@pytest.fixture
def fill(archive: Settings, client: Client) -> Iterator[Callable[..., None]]:
    backend = ClickHouse(archive)

    def put(
        inputs: tuple[Record, ...], zone: str = ZONE, horizon_days: int = HORIZON_DAYS, profile: str = "demo"
    ) -> None:
        for table, rows in archived(inputs, zone, horizon_days, profile).items():
            backend.insert(table, rows, "")

    yield put
    backend.close()


class Reconcile:
    def __init__(self, zelo: Zelo) -> None:
        self.zelo = zelo

    def __call__(self, *arguments: str, **environment: str) -> Outcome:
        return self.zelo("reconcile", *arguments, **environment)

    def json(self, *arguments: str, **environment: str) -> Any:
        found = self(*arguments, "--json", **environment)
        assert found.status in (0, 1), found.err
        return {one["domain"]: one for one in json.loads(found.out)}


@pytest.fixture
def zelo(archive: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Zelo:
    clean_environment(monkeypatch)
    monkeypatch.setenv("ZELO_CLICKHOUSE_URL", archive.clickhouse_url)
    monkeypatch.setenv("ZELO_PROFILE", "demo")
    monkeypatch.setenv("ZELO_TIMEZONE", ZONE)
    monkeypatch.setenv("ZELO_HORIZON_DAYS", str(HORIZON_DAYS))
    return command_line(monkeypatch, capsys)


@pytest.fixture
def reconcile(zelo: Zelo) -> Reconcile:
    return Reconcile(zelo)
