"""The HTTP side: requests in, streamed results and ClickHouse-style errors out.

A result is pulled piece by piece from a worker thread, so a slow reader slows its query down and costs
neither memory nor a thread. An error after the first byte goes into the body between markers that carry the
random tag of the reply's header (so no result can imitate it), and the connection is cut without the last
chunk.
"""

import asyncio
import json
import secrets
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web

from streams.embedded.clickhouse.child import NAME_HEADER
from streams.embedded.clickhouse.compression import decompressed
from streams.embedded.clickhouse.engine import Engine, Head, Reply
from streams.embedded.clickhouse.errors import ClickHouseError
from streams.embedded.clickhouse.request import Credentials, Query, build_query, check_credentials, read_form

LARGEST_BODY_BYTES = 1 << 30
_CONTENT_TYPES = (
    ("JSONEachRow", "application/x-ndjson; charset=UTF-8"),
    ("JSON", "application/json; charset=UTF-8"),
    ("CSV", "text/csv; charset=UTF-8"),
    ("TabSeparated", "text/tab-separated-values; charset=UTF-8"),
    ("TSV", "text/tab-separated-values; charset=UTF-8"),
    ("Native", "application/octet-stream"),
    ("RowBinary", "application/octet-stream"),
    ("Parquet", "application/octet-stream"),
    ("Arrow", "application/octet-stream"),
    ("ORC", "application/octet-stream"),
)


class Pull:
    """Pulls a blocking iterator from worker threads, never from two at once.

    Args:
        pool: where the work is done.
        source: closed as soon as it is exhausted, has failed, or `abandon` is called.
    """

    def __init__(self, pool: ThreadPoolExecutor, source: Reply) -> None:
        self._pool = pool
        self._source = source
        self._lock = threading.Lock()

    async def next(self) -> Head | bytes | None:
        """The next item; None at the end."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._step)

    def abandon(self) -> None:
        """Gives up the rest, in the background: a running step cannot be interrupted."""
        self._pool.submit(self._close)

    def _step(self) -> Head | bytes | None:
        with self._lock:
            return next(self._source, None)

    def _close(self) -> None:
        with self._lock:
            self._source.close()


class Endpoint:
    """The ClickHouse HTTP interface over one engine.

    Args:
        engine: opened engine; the caller closes it after `close`.
        credentials: the one user.
        name: shown to clients as the server's display name.
        threads: queries that run at the same time; further ones wait.
    """

    def __init__(self, engine: Engine, credentials: Credentials, name: str = "zelo-embedded", threads: int = 8) -> None:
        self._engine = engine
        self._credentials = credentials
        self._name = name
        self._pool = ThreadPoolExecutor(threads, "chdb")

    def application(self) -> web.Application:
        """The aiohttp application; serve it with `auto_decompress=False`."""
        app = web.Application(client_max_size=LARGEST_BODY_BYTES)
        for path in ("/ping", "/replicas_status"):
            app.router.add_get(path, self._say_ok)
        for path in ("/", "/query"):
            app.router.add_get(path, self._answer)
            app.router.add_post(path, self._answer)
        return app

    def close(self) -> None:
        """Waits for running queries and stops."""
        self._pool.shutdown()

    async def _say_ok(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(text="Ok.\n", headers={NAME_HEADER: self._name})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.method != "POST" and not request.query.get("query"):
            return await self._say_ok(request)
        headers = {
            NAME_HEADER: self._name,
            "X-ClickHouse-Query-Id": request.query.get("query_id") or str(uuid.uuid4()),
            "X-ClickHouse-Timezone": self._engine.timezone,
            "X-ClickHouse-Exception-Tag": secrets.token_hex(8),
        }
        try:
            query = await self._read(request)
            return await self._stream(request, headers, Pull(self._pool, self._engine.execute(query)))
        except ClickHouseError as error:
            headers["X-ClickHouse-Exception-Code"] = str(error.code)
            return web.Response(status=error.status, text=error.body(self._engine.version), headers=headers)

    async def _read(self, request: web.Request) -> Query:
        self._refuse_web_pages(request)
        check_credentials(request, self._credentials)
        parameters, files = await read_form(request)
        body = b"" if request.content_type.startswith("multipart/") else await request.read()
        encoding = request.headers.get("Content-Encoding", "")
        if encoding:
            body = await asyncio.to_thread(decompressed, body, encoding)
        return build_query(request.method, request.headers, parameters, files, body)

    def _refuse_web_pages(self, request: web.Request) -> None:
        # Any page in the user's browser can send requests to loopback; only a password could stop it.
        from_page = request.headers.get("Sec-Fetch-Site", "none") != "none" or "Origin" in request.headers
        if from_page and not self._credentials.password:
            raise ClickHouseError(497, "ACCESS_DENIED", "Web pages are refused while the endpoint has no password.")

    async def _stream(self, request: web.Request, headers: dict[str, str], pull: Pull) -> web.StreamResponse:
        response = web.StreamResponse(headers=headers)
        try:
            head = await pull.next()
            assert isinstance(head, Head)
            _describe(response, head)
            await response.prepare(request)
            try:
                while (piece := await pull.next()) is not None:
                    assert isinstance(piece, bytes)
                    await response.write(piece)
            except ClickHouseError as error:
                await self._break_off(request, response, error)
                return response
            await response.write_eof()
        except BaseException:
            pull.abandon()
            raise
        return response

    async def _break_off(self, request: web.Request, response: web.StreamResponse, error: ClickHouseError) -> None:
        """Ends a body that has begun with the error, in the form of ClickHouse 25.11 and later."""
        tag, text = response.headers["X-ClickHouse-Exception-Tag"], error.body(self._engine.version)
        frame = f"\r\n__exception__\r\n{tag}\r\n{text}{len(text.encode())} {tag}\r\n__exception__\r\n"
        await response.write(frame.encode())
        if request.transport is not None:
            request.transport.close()


def _describe(response: web.StreamResponse, head: Head) -> None:
    if head.format is not None:  # drivers take its absence for "no result set"
        response.headers["X-ClickHouse-Format"] = head.format
    if head.summary is not None:
        response.headers["X-ClickHouse-Summary"] = json.dumps(head.summary)
    response.headers["Content-Type"] = content_type(head.format or "")


def content_type(format_name: str) -> str:
    """MIME type of a ClickHouse format.

    Example:
        >>> content_type("JSONCompact"), content_type("Pretty")
        ('application/json; charset=UTF-8', 'text/plain; charset=UTF-8')
    """
    known = (mime for prefix, mime in _CONTENT_TYPES if format_name.startswith(prefix))
    return next(known, "text/plain; charset=UTF-8")
