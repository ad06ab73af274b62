"""Every SQL query in the documentation runs on a database with all migrations applied."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError
from clickhouse_server import running
from docs_pages import PAGES, blocks

from streams.sinks.clickhouse import connect
from streams.sinks.migrate import migrate

pytestmark = pytest.mark.integration


def queries() -> dict[str, str]:
    """Queries by page and line: SQL blocks, and what shell and Python blocks send."""
    found = {}
    for path in PAGES:
        text = path.read_text()
        for block in blocks(text, "sql"):
            found[f"{path.name}:{block.line}"] = block.text
        for block in blocks(text, "bash", "python"):
            for number, quoted in enumerate(re.findall(r"\"(SELECT [^\"]+)\"", block.text)):
                found[f"{path.name}:{block.line}+{number}"] = re.sub(r" FORMAT \w+$", "", quoted)
    return found


def _problem(client: Any, sql: str) -> str | None:
    """What ClickHouse has against a query, None when it runs."""
    try:
        client.query(sql)
    except ClickHouseError as error:
        return str(error)
    return None


async def test_every_query_in_the_documentation_runs(tmp_path: Path) -> None:
    asked = queries()
    assert len(asked) >= 10
    async with running(tmp_path) as settings:
        await asyncio.to_thread(migrate, settings)
        client = await asyncio.to_thread(connect, settings)
        try:
            wrong = {place: problem for place, sql in asked.items() if (problem := _problem(client, sql))}
            assert wrong == {}
            assert "UNKNOWN_IDENTIFIER" in (_problem(client, "SELECT nps_of_today FROM v_customers") or "")
        finally:
            client.close()
