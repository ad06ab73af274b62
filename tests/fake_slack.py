"""A strict Slack on a free loopback port: chat.postMessage and chat.update as documented, or stricter.

In a test: `async with FakeSlack() as slack:` and point the client at `slack.url`. As a process,
`python tests/fake_slack.py --port 0` prints a line of JSON with `port`, `url` and `token`; GET
`/control/messages` gives what stands in the channels, GET `/control/calls` the calls, POST `/control/fail`
takes a list of failures such as `{"kind": "status", "status": 503}` for the next calls.
"""

import argparse
import asyncio
import json
import math
import re
import signal
from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from time import monotonic
from typing import Any, Literal, Self

from aiohttp import web
from slack_blocks import InvalidBlocksError, check_blocks, mentions

TOKEN = "xoxb-fake"
CHANNELS = {"#customer-success": "C0000000001", "#sales": "C0000000002"}
_ARGUMENTS = {
    "chat.postMessage": {
        "channel",
        "text",
        "blocks",
        "metadata",
        "thread_ts",
        "unfurl_links",
        "unfurl_media",
    },
    "chat.update": {"channel", "ts", "text", "blocks", "metadata"},
}
_TEXT_LENGTH = {"chat.postMessage": 40_000, "chat.update": 4_000}


@dataclass(frozen=True)
class Failure:
    """What happens to one call instead of an answer.

    Attributes:
        kind: `status` answers with an HTTP status, `error` with `ok: false`, `limited` with 429; `reset`
            breaks the connection before anything is done, `lost` after the message was posted; `hang` never
            answers; `body` answers 200 with something else than a JSON object.
    """

    kind: Literal["status", "error", "limited", "reset", "lost", "hang", "body"]
    status: int = 500
    error: str = "internal_error"
    retry_after: str = "1"
    body: str = ""
    content_type: str = "text/html"


@dataclass
class Message:
    """A message that stands in a channel.

    Attributes:
        mentions: what Slack would turn into a mention or a link; a message of ours has none.
    """

    channel: str
    ts: str
    text: str
    blocks: list[dict[str, Any]]
    metadata: dict[str, Any]
    edits: int = 0
    mentions: list[str] = field(default_factory=list)


class _RefusedError(Exception):
    """`ok: false`."""

    def __init__(self, error: str, *messages: str) -> None:
        super().__init__(error)
        self.answer: dict[str, Any] = {"ok": False, "error": error}
        if messages:
            self.answer["response_metadata"] = {"messages": [f"[ERROR] {message}" for message in messages]}


class FakeSlack:
    """Slack's Web API for one bot.

    Args:
        seconds_between: two messages of a channel; sooner is answered with 429. 0 for no limit.
        port: 0 picks a free one.

    Attributes:
        failures: applied to the next calls, one each.
        calls: method and arguments of every call that was understood, refused ones too.
        messages: what stands in the channels, in order of posting.
    """

    def __init__(self, seconds_between: float = 0.0, port: int = 0) -> None:
        self.failures: deque[Failure] = deque()
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.messages: list[Message] = []
        self.port = port
        self._seconds_between = seconds_between
        self._next_at: dict[str, float] = {}
        self._posted = 0
        self._closing = asyncio.Event()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Base of the Web API."""
        return f"http://127.0.0.1:{self.port}/api/"

    async def __aenter__(self) -> Self:
        """Starts; again, after it was left, on the same port and with the same messages."""
        self._closing.clear()
        app = web.Application()
        app.router.add_post("/api/{method}", self._answer)
        app.router.add_get("/control/messages", self._list_messages)
        app.router.add_get("/control/calls", self._list_calls)
        app.router.add_post("/control/fail", self._fail)
        self._runner = web.AppRunner(app, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        self._closing.set()
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        failure = self.failures.popleft() if self.failures else None
        if failure is not None and failure.kind != "lost":
            return await self._failed(request, failure)
        method = request.match_info["method"]
        try:
            if method not in _ARGUMENTS:
                raise _RefusedError("unknown_method")
            answer = self._take(method, request.headers, await _arguments(request))
        except _RefusedError as refused:
            answer = refused.answer
        except InvalidBlocksError as invalid:
            answer = _RefusedError("invalid_blocks", str(invalid)).answer
        if failure is not None:
            return _reset(request)
        if "retry_after" in answer:
            return _limited(str(answer["retry_after"]))
        return web.json_response(answer)

    async def _failed(self, request: web.Request, failure: Failure) -> web.StreamResponse:
        await request.read()
        match failure.kind:
            case "status":
                return web.Response(status=failure.status, text=failure.body, content_type=failure.content_type)
            case "error":
                return web.json_response({"ok": False, "error": failure.error})
            case "limited":
                return _limited(failure.retry_after)
            case "body":
                return web.Response(text=failure.body, content_type=failure.content_type)
            case "hang":
                await self._closing.wait()
            case _:
                pass
        return _reset(request)

    def _take(self, method: str, headers: Any, arguments: dict[str, Any]) -> dict[str, Any]:
        self.calls.append((method, arguments))
        token = headers.get("Authorization", "").removeprefix("Bearer").strip()
        if token != TOKEN:
            raise _RefusedError("invalid_auth" if token else "not_authed")
        _check(method, arguments)
        return self._post(arguments) if method == "chat.postMessage" else self._update(arguments)

    def _post(self, arguments: dict[str, Any]) -> dict[str, Any]:
        channel = CHANNELS.get(arguments["channel"], arguments["channel"])
        if channel not in CHANNELS.values():
            raise _RefusedError("channel_not_found")
        wait = self._next_at.get(channel, 0.0) - monotonic()
        if wait > 0:
            return {"retry_after": math.ceil(wait)}
        self._next_at[channel] = monotonic() + self._seconds_between
        self._posted += 1
        message = Message(channel, f"1700000000.{self._posted:06d}", "", [], {})
        self.messages.append(message)
        return _written(message, arguments)

    def _update(self, arguments: dict[str, Any]) -> dict[str, Any]:
        channel, ts = arguments["channel"], arguments["ts"]
        if channel not in CHANNELS.values():  # unlike chat.postMessage it takes no names
            raise _RefusedError("channel_not_found")
        for message in self.messages:
            if (message.channel, message.ts) == (channel, ts):
                message.edits += 1
                return _written(message, arguments)
        raise _RefusedError("message_not_found")

    async def _list_messages(self, _: web.Request) -> web.Response:
        return web.json_response([asdict(message) for message in self.messages])

    async def _list_calls(self, _: web.Request) -> web.Response:
        return web.json_response(self.calls)

    async def _fail(self, request: web.Request) -> web.Response:
        self.failures.extend(Failure(**failure) for failure in await request.json())
        return web.json_response({"failures": len(self.failures)})


async def _arguments(request: web.Request) -> dict[str, Any]:
    if request.content_type == "application/json":
        try:
            body = await request.json()
        except ValueError:
            raise _RefusedError("invalid_json") from None
        if not isinstance(body, dict):
            raise _RefusedError("json_not_object")
        return body
    if request.content_type not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        raise _RefusedError("invalid_post_type")
    form: dict[str, Any] = {name: str(value) for name, value in (await request.post()).items()}
    for name in form.keys() & {"blocks", "metadata"}:
        try:
            form[name] = json.loads(form[name])
        except ValueError:
            raise _RefusedError(f"invalid_{name}_format") from None
    return form


def _check(method: str, arguments: dict[str, Any]) -> None:
    unknown = arguments.keys() - _ARGUMENTS[method]
    if unknown:
        raise _RefusedError("invalid_arguments", f"unknown argument: {', '.join(sorted(unknown))}")
    for name in {"channel"} | ({"ts"} if method == "chat.update" else set()):
        if not isinstance(arguments.get(name), str) or not arguments[name]:
            raise _RefusedError("invalid_arguments", f"missing required field: {name}")
    text = arguments.get("text")
    if not isinstance(text, str) or not text.strip():
        raise _RefusedError("no_text")
    if len(text) > _TEXT_LENGTH[method]:
        raise _RefusedError("msg_too_long")
    if "blocks" in arguments:
        check_blocks(arguments["blocks"])
    if "metadata" in arguments:
        _check_metadata(arguments["metadata"])


def _check_metadata(metadata: Any) -> None:
    if not isinstance(metadata, dict) or metadata.keys() != {"event_type", "event_payload"}:
        raise _RefusedError("invalid_metadata_format")
    name, payload = metadata["event_type"], metadata["event_payload"]
    if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]{0,254}", name):
        raise _RefusedError("invalid_metadata_schema")
    if (
        not isinstance(payload, dict)
        or not payload
        or not all(isinstance(v, str | int | float) for v in payload.values())
    ):
        raise _RefusedError("invalid_metadata_schema")


def _written(message: Message, arguments: dict[str, Any]) -> dict[str, Any]:
    message.text = arguments["text"]
    message.blocks = arguments.get("blocks", message.blocks)
    message.metadata = arguments.get("metadata", message.metadata)
    message.mentions = list(mentions(message.text, message.blocks))
    return {"ok": True, "channel": message.channel, "ts": message.ts, "message": {"text": message.text}}


def _limited(retry_after: str) -> web.Response:
    answer = {"ok": False, "error": "ratelimited"}
    return web.json_response(answer, status=429, headers={"Retry-After": retry_after})


def _reset(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _serve(port: int, seconds_between: float) -> None:
    async with FakeSlack(seconds_between, port) as slack:
        print(json.dumps({"port": slack.port, "url": slack.url, "token": TOKEN}), flush=True)  # noqa: T201
        await asyncio.Event().wait()


def main() -> None:
    """Serves until it is ended."""
    parser = argparse.ArgumentParser(description="A strict fake of Slack's Web API.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seconds-between", type=float, default=0.0)
    chosen = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever starts us in the background may have it ignored
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(chosen.port, chosen.seconds_between))


if __name__ == "__main__":
    main()
