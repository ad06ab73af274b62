"""What a recount sends along with its statements, and what becomes of one that fails."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from streams.reconcile.asking import FIGURES, Asking
from streams.reconcile.recounts import RECOUNTS

FASTER = "optimize_and_compare_chain"
RESPONSES = next(one for one in RECOUNTS if one.domain == "responses")


class Client:
    """A server whose statements fail where a word of `failing` is in them."""

    def __init__(self, readonly: int | None = 0, **failing: Exception) -> None:
        known = {} if readonly is None else {FASTER: SimpleNamespace(readonly=readonly)}
        self.server_settings: dict[str, Any] = known
        self.failing = failing
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def query(self, sql: str, *, settings: dict[str, Any], parameters: Any = None) -> Any:
        self.asked.append((sql, settings))
        for word, error in self.failing.items():
            if word in sql and "probe" not in sql and "session_id" in settings:
                raise error
        return SimpleNamespace(result_rows=[(sql,)])

    command = query


def asking(client: Client) -> Asking:
    return Asking(cast(Any, client))


@pytest.mark.parametrize("readonly", [1, None])
def test_a_setting_that_may_not_be_changed_or_is_unknown_is_not_sent_where_it_only_saves_time(
    readonly: int | None,
) -> None:
    assert asking(client := Client(readonly)).rows("SELECT 1") == [("SELECT 1",)]
    assert client.asked == [("SELECT 1", dict(FIGURES))]
    asking(client := Client()).rows("SELECT 1")
    assert client.asked == [("SELECT 1", {**FIGURES, FASTER: 0})]


def test_every_statement_says_what_figures_depend_on() -> None:
    asking(client := Client()).recounted(RESPONSES, {})
    assert len(client.asked) > 4
    assert all(settings.items() >= FIGURES.items() for _, settings in client.asked)
    assert all("session_id" in settings for _, settings in client.asked)


def test_why_a_recount_failed_is_told_though_its_tables_cannot_be_dropped() -> None:
    slow, locked = OperationalError("Timeout exceeded"), DatabaseError("Session is locked", code=373)
    client = Client(**{"response_rate": slow, "DROP TEMPORARY TABLE": locked})
    with pytest.raises(OperationalError, match="Timeout exceeded"):
        asking(client).recounted(RESPONSES, {})


def test_where_a_table_is_not_found_again_a_recount_is_one_statement_from_then_on() -> None:
    client = Client(response_rate=DatabaseError("Unknown table", code=60))
    asked = asking(client)
    for _ in range(2):
        before = len(client.asked)
        assert asked.recounted(RESPONSES, {}).result_rows == [(RESPONSES.sql,)]
    assert len(client.asked) == before + 1


def test_other_errors_are_not_asked_again() -> None:
    client = Client(CREATE=DatabaseError("Memory limit exceeded", code=241))
    with pytest.raises(DatabaseError, match="Memory limit"):
        asking(client).recounted(RESPONSES, {})
    assert RESPONSES.sql not in [sql for sql, _ in client.asked]
