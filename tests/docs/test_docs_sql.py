"""Every SQL query in the documentation runs on a database with all migrations applied."""

import re

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from docs_pages import PAGES, blocks

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


def _problem(client: Client, sql: str) -> str | None:
    """What ClickHouse has against a query, None when it runs."""
    try:
        client.query(sql)
    except ClickHouseError as error:
        return str(error)
    return None


def test_every_query_in_the_documentation_runs(client: Client) -> None:
    asked = queries()
    assert len(asked) >= 10
    wrong = {place: problem for place, sql in asked.items() if (problem := _problem(client, sql))}
    assert wrong == {}
    assert "UNKNOWN_IDENTIFIER" in (_problem(client, "SELECT nps_of_today FROM v_customers") or "")
