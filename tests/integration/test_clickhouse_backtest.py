"""`zelo backtest` of the archived events: what it says of the same events in a file."""

import json
from collections import defaultdict
from pathlib import Path

import pytest
from cli_rig import Zelo, clean_environment, command_line
from sink_samples import PREFIX, Rec, mapper

from streams.clock import SystemClock
from streams.config import Settings
from streams.intake.jsonl import JsonLines
from streams.intake.ordering import prepare
from streams.metrics.days import Days
from streams.metrics.profile import load_profile
from streams.sinks.clickhouse import ClickHouse

pytestmark = [pytest.mark.integration, pytest.mark.any_broker("speaks to ClickHouse alone")]

HARSH = """
name = "harsh"
version = 1
[health]
yellow_from = 70.0
green_from = 90.0
"""


@pytest.fixture
def zelo(archive: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Zelo:
    clean_environment(monkeypatch)
    monkeypatch.setenv("ZELO_CLICKHOUSE_URL", archive.clickhouse_url)
    return command_line(monkeypatch, capsys)


def store(settings: Settings, file: Path) -> None:
    """Everything an import of the file would have left in the archive, its first event of each partition twice."""
    offsets: defaultdict[tuple[str, int], int] = defaultdict(int)
    records = []
    for record in prepare(JsonLines(), file, settings.partitions, Days()).events:
        place = record.topic, record.partition
        for _ in range(1 if offsets[place] else 2):
            found = Rec(PREFIX + record.topic, record.value, record.key, record.partition, offsets[place])
            records.append(found)
            offsets[place] += 1
    mapped = mapper().rows(records, SystemClock().now_ms())
    assert mapped.unreadable == []
    backend = ClickHouse(settings)
    for table in {row.table.name: row.table for row in mapped.rows}.values():
        rows = [row.values for row in mapped.rows if row.table is table]
        backend.insert(table, rows, f"token {table.name}")
    backend.close()


@pytest.mark.usefixtures("client")
def test_the_archive_says_what_the_file_says(zelo: Zelo, archive: Settings, tmp_path: Path) -> None:
    file, profile = tmp_path / "events.jsonl", tmp_path / "harsh.toml"
    profile.write_text(HARSH)
    made = zelo("generate", "--customers", "20", "--days", "120", "--seed", "5", "--output", str(file))
    assert made.status == 0, made.err
    empty = zelo("backtest", str(profile))
    assert empty.status == 2
    assert "expected events in the table events of zelo, found none" in empty.err
    store(archive, file)
    of_file = zelo("backtest", str(profile), "--events", str(file), "--json")
    of_archive = zelo("backtest", str(profile), "--json")
    assert of_archive.status == 0, of_archive.err
    assert json.loads(of_archive.out) == json.loads(of_file.out)
    found = json.loads(of_archive.out)
    assert found["present"]["profile"] == f"default@{load_profile('default').version}"
    assert found["moved"]
