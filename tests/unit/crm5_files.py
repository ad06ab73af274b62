"""Small crm5 files for tests."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import chdb

from schemas.envelope import Event
from streams.intake.crm5 import Crm5
from streams.intake.importer import ImportReport, collect

ACCOUNTS = "account_id,channel,country,start,churn_date,users\n"
PERIODS = "account_id,plan,start,end,mrr,quantity,units,bill_period,discount\n"
ONE_ACCOUNT = "7,web,WA,2022-01-15,,18\n"
ONE_PERIOD = "7,basic_mthly,2022-01-15,2022-02-15,180.0,10,users,1,0.1\n"
_TYPES = "account_id Nullable(Int64), day Nullable(DateTime64(6, \\'UTC\\')), event Nullable(String), n Nullable(Int64)"

Cells = tuple[object, object, object, object]


def write(
    directory: Path,
    counts: Iterable[Cells] = (),
    accounts: str = ONE_ACCOUNT,
    periods: str = ONE_PERIOD,
    columns: str = "account_id, day, event, n",
) -> Path:
    """The three files; a count is account, day, event, n, with None for an empty cell."""
    (directory / "accounts.csv").write_text(ACCOUNTS + accounts)
    (directory / "subscriptions.csv").write_text(PERIODS + periods)
    rows = ["(" + ", ".join("NULL" if cell is None else repr(cell) for cell in row) + ")" for row in counts]
    # A table function cannot be empty: without rows one is written and filtered out.
    values = ", ".join(rows or ["(0, NULL, NULL, 0)"])
    where = "" if rows else " WHERE n > 0"
    target = directory / "daily_counts.parquet"
    ask: Any = chdb.query
    ask(
        f"INSERT INTO FUNCTION file('{target}', Parquet) SELECT {columns} FROM values('{_TYPES}', {values}){where}",
        "Null",
    )
    return directory


def read(directory: Path, share: float = 1.0) -> tuple[list[Event], ImportReport]:
    """Events and report of the files."""
    produced, report = collect(Crm5(share), directory)
    return [item.event for item in produced], report
