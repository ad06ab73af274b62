"""How many snapshots wait for their outcome, by the product's own view, in ClickHouse's engine without a server."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import chdb
import orjson
import pytest

from streams.cli.churn_archive import ChurnArchive

MIGRATION = Path(__file__).parents[2] / "schemas" / "clickhouse" / "0017_churn_serving.sql"
COLUMNS = (
    "customer_id String, day Date, probability Nullable(Float64), churned Nullable(Bool), "
    "labelled_day Nullable(Date), model_version Nullable(UInt64)"
)
STAYED = "('a', '2024-06-02', 0.1, false, '2024-07-02', 1)"
CENSORED = "('c', '2024-01-07', NULL, NULL, NULL, NULL)"  # its segment is "test": it never gets a label
RECENT = "('a', '2024-06-09', NULL, NULL, NULL, NULL)"
LEFT_EARLY = "('b', '2024-06-09', 0.1, true, '2024-06-20', 1)"  # the week of that day is not over for the others


class Client:
    """Answers what is asked of labels from some observations; of models there is one, and of all else nothing."""

    def __init__(self, observations: tuple[str, ...]) -> None:
        body = MIGRATION.read_text().partition("VIEW v_churn_labels AS\n")[2].partition(";")[0]
        table = f"values('{COLUMNS}', {', '.join(observations)})"
        self._view = f"({body.replace('churn_observations FINAL', table)})"

    def query(self, sql: str, parameters: dict[str, Any]) -> Any:
        if "waiting" not in sql:
            models = [(1,)] if "churn_models" in sql else []
            return SimpleNamespace(column_names=["model_version"], result_rows=models)
        ask: Any = chdb.query
        answer = orjson.loads(str(ask(sql.replace("v_churn_labels", self._view), "JSONCompact")))
        rows = [tuple(map(int, row)) for row in answer["data"]]
        return SimpleNamespace(column_names=[column["name"] for column in answer["meta"]], result_rows=rows)


@pytest.mark.parametrize(
    "observations,waiting",
    [
        ((STAYED, RECENT, LEFT_EARLY), 2),
        ((STAYED, CENSORED), 0),
        ((STAYED, CENSORED, RECENT), 1),
        ((RECENT, LEFT_EARLY), 2),  # nothing is mature yet
    ],
)
def test_a_snapshot_waits_until_its_day_is_mature_and_a_censored_one_no_longer(
    observations: tuple[str, ...], waiting: int
) -> None:
    assert ChurnArchive(Client(observations)).standing(1).waiting == waiting
