"""An HTTP request of the ClickHouse interface as a value, and the check of its credentials."""

import base64
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import BodyPartReader, web

from streams.embedded.clickhouse.errors import ClickHouseError, not_implemented

# Parameters that steer the transport; all others are settings of the query.
_TRANSPORT = frozenset(
    {
        "query",
        "database",
        "user",
        "password",
        "quota_key",
        "role",
        "session_id",
        "session_timeout",
        "session_check",
        "close_session",
        "query_id",
        "default_format",
        "compress",
        "decompress",
        "buffer_size",
        "wait_end_of_query",
        "client_protocol_version",
        "send_progress_in_http_headers",
        "http_headers_progress_interval_ms",
        "enable_http_compression",
        "http_zlib_compression_level",
        "http_native_compression_disable_checksumming_on_decompress",
        "cancel_http_readonly_queries_on_client_close",
        "http_write_exception_in_output_format",
    }
)
_EXTERNAL_SUFFIXES = ("_format", "_structure", "_types")
_COMMA = re.compile(r",(?![^(]*\))")  # between types, not within one such as Decimal(9, 2)
_LONGEST_SESSION_SECONDS = 3600.0


@dataclass(frozen=True)
class Credentials:
    """The one user that may come in."""

    user: str = "default"
    password: str = ""


@dataclass(frozen=True)
class SessionKey:
    """A session the request wants to work in.

    Attributes:
        id: chosen by the client.
        timeout_seconds: how long it outlives the request.
        must_exist: fail rather than open it.
        close: end it after the request.
    """

    id: str
    timeout_seconds: float
    must_exist: bool
    close: bool


@dataclass(frozen=True)
class ExternalTable:
    """Rows sent along with a query, visible to it as a temporary table."""

    name: str
    format: str
    structure: str
    rows: bytes


@dataclass(frozen=True)
class Query:
    """Everything the engine needs to answer one request.

    Attributes:
        id: the client's, or empty.
        sql: from the URL or a form field.
        body: decompressed; continues `sql`.
        read_only: sent with GET, so it must not change anything.
        buffered: the reply starts only when the query has ended, so an error always gets its own status.
    """

    id: str
    sql: bytes
    body: bytes
    read_only: bool
    buffered: bool
    database: str
    default_format: str
    settings: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    session: SessionKey | None = None
    externals: tuple[ExternalTable, ...] = ()


def check_credentials(request: web.Request, expected: Credentials) -> None:
    """Accepts the user by header, basic authentication or URL, in the server's order.

    Raises:
        ClickHouseError: AUTHENTICATION_FAILED.
    """
    user, password = _credentials(request)
    right_password = hmac.compare_digest(password.encode(), expected.password.encode())
    if user != expected.user or not right_password:
        raise ClickHouseError(
            516,
            "AUTHENTICATION_FAILED",
            f"{user}: Authentication failed: password is incorrect, or there is no user with such name.",
        )


def _credentials(request: web.Request) -> tuple[str, str]:
    if "X-ClickHouse-User" in request.headers:
        return request.headers["X-ClickHouse-User"], request.headers.get("X-ClickHouse-Key", "")
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except ValueError:
            return "", ""
        return user, password
    return request.query.get("user", "default"), request.query.get("password", "")


async def read_form(request: web.Request) -> tuple[dict[str, str], dict[str, bytes]]:
    """The URL's parameters, completed by the fields of a multipart body, and the files of that body."""
    parameters, files = dict(request.query), {}
    if request.content_type.startswith("multipart/"):
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader) or part.name is None:
                raise ClickHouseError(36, "BAD_ARGUMENTS", "A part of the multipart body has no name.")
            content = bytes(await part.read())
            if part.filename is not None:
                files[part.name] = content
            elif part.name == "query":
                parameters["query"] = parameters.get("query", "") + content.decode()
            else:
                parameters[part.name] = content.decode()
    return parameters, files


def build_query(
    method: str,
    headers: Mapping[str, str],
    parameters: Mapping[str, str],
    files: Mapping[str, bytes],
    body: bytes,
) -> Query:
    """Sorts the parameters of a request into a `Query`.

    Raises:
        ClickHouseError: for what the embedded endpoint cannot do or cannot understand.
    """
    for option in ("compress", "decompress"):
        if parameters.get(option) == "1":
            raise not_implemented(f"ClickHouse's native compression ({option}=1)")
    externals = tuple(_external(name, rows, parameters) for name, rows in files.items())
    about_externals = {table.name + suffix for table in externals for suffix in _EXTERNAL_SUFFIXES}
    settings = {
        name: value
        for name, value in parameters.items()
        if name not in _TRANSPORT and name not in about_externals and not name.startswith("param_")
    }
    return Query(
        id=parameters.get("query_id", ""),
        sql=parameters.get("query", "").encode(),
        body=body,
        read_only=method == "GET",
        buffered=parameters.get("wait_end_of_query") == "1",
        database=parameters.get("database") or headers.get("X-ClickHouse-Database") or "default",
        default_format=parameters.get("default_format") or headers.get("X-ClickHouse-Format") or "TabSeparated",
        settings=settings,
        params={name[6:]: value for name, value in parameters.items() if name.startswith("param_")},
        session=_session(parameters),
        externals=externals,
    )


def _session(parameters: Mapping[str, str]) -> SessionKey | None:
    if not parameters.get("session_id"):
        return None
    text = parameters.get("session_timeout", "60")
    try:
        timeout = float(text)
    except ValueError:
        timeout = -1.0
    if not 0 <= timeout <= _LONGEST_SESSION_SECONDS:
        raise ClickHouseError(
            374, "INVALID_SESSION_TIMEOUT", f"Invalid session timeout: '{text}', expected 0 to 3600 seconds."
        )
    return SessionKey(
        id=parameters["session_id"],
        timeout_seconds=timeout,
        must_exist=parameters.get("session_check") == "1",
        close=parameters.get("close_session") == "1",
    )


def _external(name: str, rows: bytes, parameters: Mapping[str, str]) -> ExternalTable:
    structure = parameters.get(f"{name}_structure", "")
    if not structure:
        types = parameters.get(f"{name}_types", "")
        structure = ", ".join(f"_{number} {kind}" for number, kind in enumerate(_COMMA.split(types), 1) if kind)
    if not name.isidentifier() or not structure:
        raise ClickHouseError(36, "BAD_ARGUMENTS", f"External table '{name}' needs a plain name and a structure.")
    return ExternalTable(name, parameters.get(f"{name}_format", "TabSeparated"), structure, rows)
