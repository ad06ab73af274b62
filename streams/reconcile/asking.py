"""How ClickHouse is asked: under settings no figure may depend on, and in steps where it keeps temporary tables."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from secrets import token_hex
from typing import Any

from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

from streams.reconcile.recount import Recount

#: What figures depend on, as the views have it: a server, a profile or a user may have it otherwise.
FIGURES: Mapping[str, int | str] = {
    "join_use_nulls": 0,
    "join_default_strictness": "ALL",
    "aggregate_functions_null_for_empty": 0,
    "empty_result_for_aggregation_by_empty_set": 0,
    "enable_global_with_statement": 1,
    "prefer_column_name_to_alias": 0,
    "transform_null_in": 0,
    "output_format_json_quote_64bit_floats": 0,
}
#: Chains of comparisons are not looked for: that took most of the time in which a recount was planned.
_FASTER: Mapping[str, int] = {"optimize_and_compare_chain": 0}
_UNKNOWN_TABLE = 60


class Asking:
    """Asks ClickHouse.

    Args:
        client: of clickhouse-connect; its errors pass through. It refuses settings of `FIGURES` that the user has
            otherwise and may not change.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        known = client.server_settings
        faster = {name: value for name, value in _FASTER.items() if name in known and not known[name].readonly}
        self._settings: dict[str, int | str] = {**FIGURES, **faster}
        # What comparisons of a LowCardinality come to is one, too, and stands in no file.
        kept = {"allow_suspicious_low_cardinality_types": 1, "session_id": f"zelo-reconcile-{token_hex(8)}"}
        self._session = self._settings | kept

    def answer(self, sql: str, parameters: Mapping[str, Any]) -> Any:
        """Rows with the names of their columns."""
        return self._client.query(sql, parameters=parameters, settings=self._settings)

    def rows(self, sql: str, **parameters: Any) -> Sequence[Sequence[Any]]:
        """Rows alone."""
        rows: Sequence[Sequence[Any]] = self.answer(sql, parameters).result_rows
        return rows

    def one(self, sql: str, **parameters: Any) -> int:
        """The first number."""
        found: int = self.rows(sql, **parameters)[0][0]
        return found

    def recounted(self, recount: Recount, parameters: Mapping[str, Any]) -> Any:
        """The rows of a recount."""
        if self._keeps_tables:
            try:
                return self._in_steps(recount, parameters)
            except DatabaseError as error:
                if error.code != _UNKNOWN_TABLE:
                    raise
                self._keeps_tables = False  # made on one replica, looked for on another
        return self.answer(recount.sql, parameters)

    def _in_steps(self, recount: Recount, parameters: Mapping[str, Any]) -> Any:
        made: list[str] = []
        try:
            for name, sql in recount.steps.tables:
                text = f"CREATE TEMPORARY TABLE {name} ENGINE = Memory AS {sql}"
                self._client.command(text, parameters=parameters, settings=self._session)
                made.append(name)
            return self._client.query(recount.steps.answer, parameters=parameters, settings=self._session)
        finally:
            for name in made:
                with suppress(ClickHouseError):  # why the recount failed is what matters
                    self._client.command(f"DROP TEMPORARY TABLE {name}", settings=self._session)

    @cached_property
    def _keeps_tables(self) -> bool:
        """Whether temporary tables are allowed, and found again; without them a recount is one slow statement."""
        try:
            self._client.command(
                "CREATE TEMPORARY TABLE probe ENGINE = Memory AS SELECT 1 AS one", settings=self._session
            )
            self._client.command("DROP TEMPORARY TABLE probe", settings=self._session)
        except ClickHouseError:
            return False
        return True
