"""chdb as the engine behind the endpoint: connections, sessions, and the execution of one query.

Theory: one process holds one engine per data directory. The root connection keeps it alive; every other
connection to the same directory is cheap (0.2 ms) and carries what ClickHouse calls a session: current
database, settings, temporary tables. A request gets its own connection, or that of its `session_id`. chdb
releases the GIL while it works, so threads are enough to serve clients in parallel.

Execution is a generator that a thread pulls: first the `Head`, then the body piece by piece. Closing it early
cancels the query. Everything here blocks and belongs on a worker thread.
"""

import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import chdb

from streams.embedded.clickhouse.errors import ClickHouseError, not_implemented
from streams.embedded.clickhouse.request import ExternalTable, Query, SessionKey
from streams.embedded.clickhouse.statement import (
    InsertData,
    insert_data,
    inserts_from_input,
    is_select,
    output_format,
)

# Formats whose blocks make one valid document when written one after the other; the rest is answered at once.
_STREAMABLE = frozenset({"Native", "TabSeparated", "TSV", "CSV", "RowBinary", "JSONEachRow"})

StatementKind = Literal["READ_ONLY", "MUTATING", "MUTATING_GLOBAL", "CONTROL", "UNKNOWN"]


@dataclass(frozen=True)
class Head:
    """What is known when the body starts.

    Attributes:
        format: of the body; None when there is no result set.
        summary: counts for X-ClickHouse-Summary; None while the query still runs.
    """

    format: str | None
    summary: Mapping[str, str] | None = None


Reply: TypeAlias = Generator[Head | bytes, None, None]
"""The head, then the body."""


@dataclass
class _Connection:
    """One chdb connection, that is one ClickHouse session."""

    chdb: Any
    database: str = "default"
    settings: Mapping[str, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    expires_at: float = 0.0

    def command(self, sql: str) -> None:
        self.chdb.query(sql, "Null")

    def prepare(self, database: str, settings: Mapping[str, str]) -> None:
        """Makes database and settings of this request current and forgets those of the last one."""
        if database != self.database:
            self.command(f"USE {_quoted(database, '`')}")
            self.database = database
        for name in settings:
            if not name.isidentifier():
                raise ClickHouseError(115, "UNKNOWN_SETTING", f"Unknown setting '{name}'.")
        changes = [f"{name} = DEFAULT" for name in self.settings if name not in settings]
        changes += [
            f"{name} = {_quoted(value)}" for name, value in settings.items() if self.settings.get(name) != value
        ]
        if changes:
            self.command(f"SET {', '.join(changes)}")
            self.settings = settings

    def load(self, table: ExternalTable) -> None:
        self.command(f"CREATE TEMPORARY TABLE {table.name} ({table.structure})")
        self.insert(f"INSERT INTO {table.name}", table.format, table.rows)

    def insert(self, head: str, format_name: str, rows: bytes) -> Mapping[str, str]:
        # The rows go to the parser of their format and never through SQL.
        with self.chdb.send_insert(head, format_name) as insert:
            insert.append(rows)
            done = insert.finish()
        return _summary(done.elapsed, written_rows=done.rows_written, written_bytes=done.bytes_written)

    def kind(self, text: bytes) -> tuple[StatementKind, int]:
        """What the text would do, and how many statements it holds (0 when it does not parse)."""
        # The only private name of chdb we lean on; a contract test (multi-statements) guards it.
        found = self.chdb._conn.classify_query(text.decode(errors="replace"))
        return found["query_class"].name, found["statement_count"]


class Engine:
    """The embedded engine of one data directory.

    Args:
        path: the directory, made if missing.

    Raises:
        RuntimeError: the engine cannot open it, for one because another process has it.
    """

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self._path = str(path)
        self._root = self._connect()
        self._sessions: dict[str, _Connection] = {}
        self._guard = threading.Lock()
        facts = self._root.chdb.query("SELECT version(), timezone()", "TSV").bytes().decode()
        self.version, self.timezone = facts.strip().split("\t")

    def execute(self, query: Query) -> Reply:
        """Runs one query: its `Head`, then pieces of the body.

        Raises:
            ClickHouseError: before the head, or in mid-stream.
        """
        try:
            with self._connection(query.session) as connection:
                connection.prepare(query.database, query.settings)
                with _loaded(connection, query.externals):
                    yield from _run(connection, query)
        except RuntimeError as error:  # what chdb raises, ChdbError included
            raise ClickHouseError.from_engine(error) from error

    def close(self) -> None:
        """Ends all sessions and the engine; no query may run any more."""
        for connection in (*self._sessions.values(), self._root):
            connection.chdb.close()

    def _connect(self) -> _Connection:
        return _Connection(chdb.connect(self._path))  # type: ignore[no-untyped-call]

    @contextmanager
    def _connection(self, key: SessionKey | None) -> Iterator[_Connection]:
        if key is None:
            connection = self._connect()
            try:
                yield connection
            finally:
                connection.chdb.close()
            return
        connection = self._enter_session(key)
        try:
            yield connection
        finally:
            self._leave_session(key, connection)

    def _enter_session(self, key: SessionKey) -> _Connection:
        with self._guard:
            self._close_expired()
            if key.id not in self._sessions:
                if key.must_exist:
                    raise ClickHouseError(372, "SESSION_NOT_FOUND", f"Session {key.id} not found.")
                self._sessions[key.id] = self._connect()
            connection = self._sessions[key.id]
            if not connection.lock.acquire(blocking=False):
                raise ClickHouseError(373, "SESSION_IS_LOCKED", f"Session {key.id} is locked by a concurrent client.")
            return connection

    def _leave_session(self, key: SessionKey, connection: _Connection) -> None:
        with self._guard:
            connection.expires_at = time.monotonic() + key.timeout_seconds
            connection.lock.release()
            if key.close:
                self._sessions.pop(key.id).chdb.close()

    def _close_expired(self) -> None:
        now = time.monotonic()
        for name, connection in list(self._sessions.items()):
            if not connection.lock.locked() and connection.expires_at <= now:
                self._sessions.pop(name).chdb.close()


@contextmanager
def _loaded(connection: _Connection, tables: tuple[ExternalTable, ...]) -> Iterator[None]:
    with ExitStack() as cleanup:
        for table in tables:
            cleanup.callback(connection.command, f"DROP TEMPORARY TABLE IF EXISTS {table.name}")
            connection.load(table)
        yield


def _run(connection: _Connection, query: Query) -> Reply:
    insert = None if query.params else insert_data(query.sql)
    if insert is not None:  # the usual insert: statement in the URL, rows in the body, no copy of them
        yield from _insert(connection, query, insert, query.sql[insert.data_start :] + query.body)
        return
    text = b"\n".join(part for part in (query.sql, query.body) if part)
    insert = None if query.params else insert_data(text)
    if insert is not None:
        yield from _insert(connection, query, insert, text[insert.data_start :])
        return
    yield from _statement(connection, query, text)


def _insert(connection: _Connection, query: Query, insert: InsertData, rows: bytes) -> Reply:
    if query.read_only:
        raise _read_only()
    yield Head(None, connection.insert(insert.head, insert.format, rows))


def _statement(connection: _Connection, query: Query, text: bytes) -> Reply:
    kind, statements = connection.kind(text)
    if statements > 1:
        raise ClickHouseError(62, "SYNTAX_ERROR", "Syntax error (Multi-statements are not allowed).")
    if query.read_only and kind in ("MUTATING", "MUTATING_GLOBAL"):
        raise _read_only()
    if inserts_from_input(text):
        raise not_implemented("INSERT ... SELECT ... FROM input()")
    reads = kind == "READ_ONLY"
    format_name = (output_format(text) if reads else None) or query.default_format
    if reads and not query.buffered and format_name in _STREAMABLE and is_select(text):
        yield from _streamed(connection, query, text, format_name)
        return
    result = connection.chdb.query(text, format_name, params=query.params)
    if not statements:  # it did not parse, and yet the engine accepted it: blanks and comments only
        raise ClickHouseError(62, "SYNTAX_ERROR", "Syntax error: Empty query.")
    body: bytes = result.bytes() or b""
    summary = _summary(
        elapsed_seconds=result.elapsed(),
        read_rows=result.rows_read(),
        read_bytes=result.bytes_read(),
        written_rows=result.rows_written(),
        written_bytes=result.bytes_written(),
    )
    yield Head(format_name if reads or body else None, summary)
    yield body


def _streamed(connection: _Connection, query: Query, text: bytes, format_name: str) -> Reply:
    with connection.chdb.send_query(text, format_name, params=query.params) as stream:
        piece = stream.fetch()  # before the head: most errors show now and still get their own status
        yield Head(format_name)
        while piece is not None:
            yield piece.bytes()
            piece = stream.fetch()


def _read_only() -> ClickHouseError:
    return ClickHouseError(
        164, "READONLY", "Cannot execute query in readonly mode: GET only reads, use POST to modify."
    )


def _summary(elapsed_seconds: float, **counts: int) -> dict[str, str]:
    absent = dict.fromkeys(("read_rows", "read_bytes", "written_rows", "written_bytes"), 0)
    figures = {**absent, **counts, "elapsed_ns": round(elapsed_seconds * 1e9)}
    return {name: str(figure) for name, figure in figures.items()}


def _quoted(text: str, quote: str = "'") -> str:
    return quote + text.replace("\\", "\\\\").replace(quote, "\\" + quote) + quote
