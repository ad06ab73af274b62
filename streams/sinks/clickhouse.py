"""ClickHouse over HTTP (clickhouse-connect): inserts in native columns, and what its errors mean."""

import struct
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

import clickhouse_connect
from clickhouse_connect.driver import options
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DataError, ProgrammingError

from streams.config import Settings
from streams.errors import ConfigurationError, PoisonError, TransientError, ZeloError
from streams.sinks.backend import BlockTooLargeError, Values
from streams.sinks.run import by_column
from streams.sinks.table import Table

# system.errors names; what is in none of the three lists is transient.
POISON: Mapping[int, str] = {
    6: "CANNOT_PARSE_TEXT",
    26: "CANNOT_PARSE_QUOTED_STRING",
    27: "CANNOT_PARSE_INPUT_ASSERTION_FAILED",
    33: "CANNOT_READ_ALL_DATA",
    38: "CANNOT_PARSE_DATE",
    41: "CANNOT_PARSE_DATETIME",
    53: "TYPE_MISMATCH",
    69: "ARGUMENT_OUT_OF_BOUND",
    70: "CANNOT_CONVERT_TYPE",
    72: "CANNOT_PARSE_NUMBER",
    117: "INCORRECT_DATA",
    128: "TOO_LARGE_ARRAY_SIZE",
    131: "TOO_LARGE_STRING_SIZE",
    190: "SIZES_OF_ARRAYS_DONT_MATCH",
    321: "VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE",
    349: "CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN",
    469: "VIOLATED_CONSTRAINT",
}
CONFIGURATION: Mapping[int, str] = {
    8: "THERE_IS_NO_COLUMN",
    16: "NO_SUCH_COLUMN_IN_TABLE",
    20: "NUMBER_OF_COLUMNS_DOESNT_MATCH",
    47: "UNKNOWN_IDENTIFIER",
    50: "UNKNOWN_TYPE",
    60: "UNKNOWN_TABLE",
    62: "SYNTAX_ERROR",
    81: "UNKNOWN_DATABASE",
    115: "UNKNOWN_SETTING",
    164: "READONLY",
    192: "UNKNOWN_USER",
    193: "WRONG_PASSWORD",
    194: "REQUIRED_PASSWORD",
    195: "IP_ADDRESS_NOT_ALLOWED",
    497: "ACCESS_DENIED",
    516: "AUTHENTICATION_FAILED",
}
TOO_LARGE: Mapping[int, str] = {
    158: "TOO_MANY_ROWS",
    241: "MEMORY_LIMIT_EXCEEDED",
    307: "TOO_MANY_BYTES",
    396: "TOO_MANY_ROWS_OR_BYTES",
}
TOO_MANY_PARTS = 252
_MERGES_CATCH_UP_SECONDS = 10.0  # chosen: inserting on only makes more parts
_LOCAL = {"127.0.0.1", "::1", "localhost"}
# What the driver asks for to see whether a block is a data frame: it would import pandas, 0.3 s and 70 MB. None, as
# where pandas is not installed: every block of ours is a list.
_FRAMES = ("pd", "pd_time_test")

# What values of a wrong type or range raise while the driver writes a column.
_UNWRITABLE = (DataError, TypeError, ValueError, OverflowError, AttributeError, LookupError, struct.error)


class ClickHouse:
    """The writer's backend over one HTTP client, opened by the first insert.

    Args:
        settings: where and as whom.
        timeout_seconds: for a block to be stored.
    """

    def __init__(self, settings: Settings, timeout_seconds: float = 120.0) -> None:
        self._settings = settings
        self._timeout_seconds = timeout_seconds
        self._client: Client | None = None

    def insert(self, table: Table, rows: Values, token: str) -> None:
        """Stores a block (streams.sinks.backend)."""
        # Asynchronous inserts are not deduplicated; one block may span any number of months.
        settings = {"async_insert": 0, "insert_deduplicate": 1, "max_partitions_per_insert_block": 0}
        columns = [*by_column(rows)]
        try:
            if self._client is None:
                self._client = connect(self._settings, self._timeout_seconds)
            self._client.insert(
                table.name,
                columns,
                column_names=table.column_names,
                column_type_names=table.column_types,  # saves a DESCRIBE per block
                column_oriented=True,
                settings={**settings, "insert_deduplication_token": token},
            )
        except (ClickHouseError, *_UNWRITABLE) as error:
            raise translated(error, table.name) from error
        finally:
            # The driver's insert context refers to itself: with it the block would live on until a rare collection.
            columns.clear()

    def close(self) -> None:
        """Closes the connections."""
        if self._client is not None:
            self._client.close()
            self._client = None


def connect(settings: Settings, timeout_seconds: float = 120.0) -> Client:
    """A client for the settings' database; it may be shared by threads.

    Raises:
        ClickHouseError: the driver's own; `translated` makes it one of ours.
    """
    where = urlsplit(settings.clickhouse_url)
    host, port, secure = endpoint(where)
    for name in _FRAMES:
        vars(options).setdefault(name, None)
    client: Client = clickhouse_connect.get_client(
        host=host,
        port=port,
        secure=secure,
        username=settings.clickhouse_user,
        password=settings.clickhouse_password.get_secret_value(),
        database=settings.clickhouse_database,
        compress=host not in _LOCAL,
        connect_timeout=10,
        send_receive_timeout=int(timeout_seconds),
        # With a session, two queries at the same time would be an error.
        autogenerate_session_id=False,
        client_name="zelo",
    )
    return client


def endpoint(where: SplitResult) -> tuple[str, int, bool]:
    """Host, port and whether TLS is used.

    Raises:
        ConfigurationError: not the URL of an HTTP endpoint.
    """
    try:
        port = where.port
    except ValueError:
        port = -1
    if where.scheme not in ("http", "https") or not where.hostname or port == -1:
        raise ConfigurationError(
            f"ZELO_CLICKHOUSE_URL: expected http://host:port or https://host:port, it was {where.geturl()!r}"
        )
    secure = where.scheme == "https"
    return where.hostname, port or (8443 if secure else 8123), secure


def translated(error: Exception, table: str = "") -> ZeloError:
    """One of our errors for one of the driver's, by its ClickHouse code."""
    code: int | None = getattr(error, "code", None)
    said = f"ClickHouse{table and f' table {table}'}: {_first_line(error)}"
    if isinstance(error, _UNWRITABLE) or code in POISON:
        return PoisonError(said)
    if code in CONFIGURATION or (code is None and isinstance(error, ProgrammingError)):
        return ConfigurationError(f"{said}; check ZELO_CLICKHOUSE_* and run `zelo migrate`")
    if code in TOO_LARGE:
        return BlockTooLargeError(said)
    return TransientError(said, _MERGES_CATCH_UP_SECONDS if code == TOO_MANY_PARTS else 0.0)


def _first_line(error: Any) -> str:
    text = str(error) or type(error).__name__
    return text.splitlines()[0][:500]
