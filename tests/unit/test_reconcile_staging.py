"""A recount in steps: what becomes a table, and that the steps say what the statement says."""

import re

import pytest

from streams.reconcile.recount import Recount
from streams.reconcile.recounts import RECOUNTS
from streams.reconcile.staging import steps

SQL = """-- What it is about.
WITH facts AS
(
    SELECT 1 AS one
),
once AS
(
    SELECT one FROM facts
),
often AS
(
    SELECT one FROM once
)
-- Its own part.
, last AS
(
    SELECT a.one FROM often AS a INNER JOIN often AS b USING (one) CROSS JOIN facts
)
SELECT * FROM last
"""


def test_what_is_read_in_several_places_becomes_a_table_behind_what_it_reads() -> None:
    found = steps(SQL)
    assert [name for name, _ in found.tables] == ["often"]
    assert found.tables[0][1] == (
        "WITH facts AS\n(\n    SELECT 1 AS one\n),\nonce AS\n(\n    SELECT one FROM facts\n)\n    SELECT one FROM once"
    )
    assert found.answer == (
        "WITH facts AS\n(\n    SELECT 1 AS one\n),\nlast AS\n(\n    SELECT a.one FROM often AS a INNER JOIN often AS b "
        "USING (one) CROSS JOIN facts\n)\nSELECT * FROM last\n"
    )


def test_a_statement_without_parts_is_its_answer() -> None:
    assert steps("SELECT 1") == steps("SELECT 1")
    assert (steps("SELECT 1").tables, steps("SELECT 1").answer) == ((), "SELECT 1")


@pytest.mark.parametrize("recount", RECOUNTS, ids=lambda one: one.domain)
def test_steps_of_a_recount_hold_all_that_is_read_of_it_and_no_step_is_in_another(recount: Recount) -> None:
    parts = re.findall(r"^(?:WITH |, )?(\w+) AS$", recount.sql, re.MULTILINE)
    assert len(parts) == len(set(parts))
    tables = [name for name, _ in recount.steps.tables]
    for place, text in enumerate([*(sql for _, sql in recount.steps.tables), recount.steps.answer]):
        inside = re.findall(r"^(?:WITH )?(\w+) AS$", text, re.MULTILINE)
        read = set(re.findall(r"(?:FROM|JOIN)\s+(\w+)", text)) & set(parts)
        assert read <= {*inside, *tables[:place]}
        assert not set(inside) & set(tables)
        assert "{standing}" not in text
