"""A ClickHouse that misbehaves: an HTTP server on loopback that hands requests on to a real one, or fails inserts."""

import asyncio
import io
from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

import aiohttp
from aiohttp import web

_HOP = {"connection", "content-length", "content-encoding", "transfer-encoding", "keep-alive", "host"}


@dataclass(frozen=True)
class Trouble:
    """What happens to one insert.

    Attributes:
        kind: `status` answers with an HTTP status and, if `code` is set, an exception of ClickHouse, nothing stored;
            `reset` breaks the connection before anything is stored; `lost` stores it and breaks the connection;
            `half` stores it and breaks off in the middle of the answer; `slow` stores it `seconds` later.
        code: of a ClickHouse exception.
    """

    kind: Literal["status", "reset", "lost", "half", "slow"]
    status: int = 500
    code: int = 0
    seconds: float = 0.0


class FaultyClickHouse:
    """Stands before a ClickHouse, as an async context manager.

    Args:
        target: base URL of the real one.

    Attributes:
        troubles: of the next inserts, one each.
        inserts: seen so far.
        in_vain: requests of any kind that the real one did not answer.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self.troubles: deque[Trouble] = deque()
        self.inserts = 0
        self.in_vain = 0
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**30)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._session = aiohttp.ClientSession(auto_decompress=False)
        self._runner = web.AppRunner(app, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if "INSERT" not in request.query.get("query", "") and b"INSERT INTO" not in body[:200]:
            return await self._hand_on(request, body)
        self.inserts += 1
        trouble = self.troubles.popleft() if self.troubles else None
        match trouble:
            case None:
                return await self._hand_on(request, body)
            case Trouble(kind="status"):
                return _refusal(trouble)
            case Trouble(kind="reset"):
                return _reset(request)
            case Trouble(kind="slow"):
                await asyncio.sleep(trouble.seconds)
                return await self._hand_on(request, body)
            case _:
                answer = await self._hand_on(request, body)
                return await _half(request) if trouble.kind == "half" and answer.status == 200 else _reset(request)

    async def _hand_on(self, request: web.Request, body: bytes) -> web.StreamResponse:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
        if "Content-Encoding" in request.headers:
            headers["Content-Encoding"] = request.headers["Content-Encoding"]
        url = self.target + request.path_qs
        try:
            async with self._session.request(request.method, url, data=io.BytesIO(body), headers=headers) as answer:
                content = await answer.read()
        except aiohttp.ClientError:
            self.in_vain += 1
            return _reset(request)
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP}
        if "Content-Encoding" in answer.headers:
            kept["Content-Encoding"] = answer.headers["Content-Encoding"]
        return web.Response(status=answer.status, body=content, headers=kept)


def _refusal(trouble: Trouble) -> web.Response:
    if not trouble.code:
        return web.Response(status=trouble.status, text="no ClickHouse here")
    text = f"Code: {trouble.code}. DB::Exception: told to fail. (TOLD_TO_FAIL) (version 25.8)"
    headers = {"X-ClickHouse-Exception-Code": str(trouble.code)}
    return web.Response(status=trouble.status, text=text, headers=headers)


def _reset(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _half(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Length": "1000"})
    await answer.prepare(request)
    await answer.write(b'{"written_rows"')
    _reset(request)
    return answer
