"""A TCP proxy on loopback that can be cut, frozen, slowed and restored."""

import asyncio
import socket
from contextlib import suppress
from types import TracebackType
from typing import Self

_CHUNK = 64 * 1024


class Proxy:
    """Stands before a port of this machine, as an async context manager.

    Args:
        target: port behind it.

    Attributes:
        port: it listens on.
        delay: seconds that every chunk waits, in both directions.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.delay = 0.0
        self._open = asyncio.Event()
        self._open.set()
        self._frozen = asyncio.Event()
        self._released = asyncio.Event()
        self._released.set()
        self._mark = b""
        self._alone = False
        self._refusing = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Resets every connection, and each new one at once."""
        self._refusing = True
        for writer in self._writers:
            writer.transport.abort()

    async def freeze_at(self, mark: bytes) -> None:
        """Freezes when the next request with these bytes comes, which does not get through either; returns then.

        Nothing gets through any more, and nobody is told.
        """
        self._mark = mark
        self._frozen.clear()
        await self._frozen.wait()

    async def hold_at(self, mark: bytes) -> None:
        """Like `freeze_at`, but of the connection alone on which it comes."""
        self._alone = True
        await self.freeze_at(mark)
        self._alone = False

    def restore(self) -> None:
        """As if nothing had been; what a freeze held back goes on, unless its sender has reset the connection since.

        So does a network that loses packets: the sender's kernel sends them again for as long as it has them.
        """
        self._refusing = False
        self.delay = 0.0
        self._open.set()
        self._released.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            if not self._refusing:
                await self._connect(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # of either side; the other one learns of it below
        finally:
            writer.transport.abort()
            self._writers.discard(writer)
            self._tasks.discard(task)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        self._writers.add(back)
        try:
            pumps = [
                asyncio.ensure_future(self._pump(reader, writer, back)),
                asyncio.ensure_future(self._pump(there, back, writer)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        finally:
            back.transport.abort()
            self._writers.discard(back)

    async def _pump(
        self, reader: asyncio.StreamReader, source: asyncio.StreamWriter, writer: asyncio.StreamWriter
    ) -> None:
        with suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                if self.delay:
                    await asyncio.sleep(self.delay)
                held = bool(self._mark) and self._mark in chunk
                if held:
                    self._mark = b""
                    (self._released if self._alone else self._open).clear()
                    self._frozen.set()
                if not self._open.is_set() or (held and not self._released.is_set()):
                    await self._open.wait()
                    await self._released.wait()
                    if _is_reset(reader, source):
                        return
                writer.write(chunk)
                await writer.drain()


def _is_reset(reader: asyncio.StreamReader, source: asyncio.StreamWriter) -> bool:
    """Whether the sender has taken back what it had not got an answer to; a mere close does not."""
    if reader.exception() is not None or source.is_closing():
        return True
    return bool(source.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
