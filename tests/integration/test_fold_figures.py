"""`zelo fold` and `zelo demo --json` say the same, one from memory, the other by SQL from ClickHouse."""

import sys
from collections import defaultdict
from pathlib import Path

import pytest

from streams.cli.board import read_board
from streams.cli.folding import figures
from streams.config import Settings
from streams.metrics.days import Days
from streams.offline import Offline
from streams.sinks.clickhouse import ClickHouse
from streams.sinks.rows import RowMapper

sys.path.append(str(Path(__file__).parents[1] / "flow"))
from offline_rig import NOW, Record, folded, some_records
from system_oracle import as_read, as_sent

pytestmark = [pytest.mark.integration, pytest.mark.any_broker("speaks to ClickHouse alone"), pytest.mark.timeout(240)]


def store(backend: ClickHouse, inputs: tuple[Record, ...], offline: Offline) -> None:
    """Puts everything that was read and sent into ClickHouse, a block per table and period."""
    blocks = defaultdict(list)
    for row in RowMapper("", Days()).rows([*as_read(inputs), *as_sent(offline)], NOW).rows:
        blocks[row.table].append(row.values)
    for table, values in blocks.items():
        for start in range(0, len(values), 1000):
            backend.insert(table, values[start : start + 1000], f"{table.name} {start}")


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize("flush_every", [None, 500], ids=["published at the end", "published on the way"])
def test_fold_and_the_board_say_the_same(archive: Settings, flush_every: int | None) -> None:
    inputs = some_records(12, 150)
    offline = folded(inputs, flush_every)
    backend = ClickHouse(archive)
    store(backend, inputs, offline)
    backend.close()
    told = read_board(archive).to_json(0.0)
    assert told.pop("clickhouse_rows")["events"] > 1000
    assert told.pop("seconds") == 0.0
    found = figures(offline, oldest_told_ms=0)
    assert list(found) == list(told)
    assert found == told
    assert found["nps"] is not None
    assert found["slack_messages"] > 0
    assert sum(found["alerts"].values()) > 0
