"""Faust's producer with aiokafka's in a thread of its own.

One write of outputs or state takes several round trips, and each of them several turns of the event loop
it runs in. In the agents' loop a turn lasts as long as the agents' slices, so under load a save took
seconds of waiting for milliseconds of work. Here a whole write is one call from that loop.

Faust's own way of sending, message by message, is not offered: agents emit through tables and outboxes.
"""

import asyncio
import sys
from collections.abc import Coroutine
from contextlib import suppress
from threading import Thread
from typing import Any, TypeVar

from faust.transport.drivers import aiokafka as driver

from streams.engine.fence import Fence
from streams.engine.outbox import Output, publish_steps
from streams.errors import ConfigurationError, TransientError

T = TypeVar("T")

#: Python's 5 ms are what every round trip of this thread and the consumer's would wait for, several times, while
#: an agent computes. Measured: a save under full load takes 0.4 s instead of 1.4.
_SWITCH_SECONDS = 0.001


class ThreadProducer(driver.Producer):
    """Writes whole lists of records; `start` and `stop` are Faust's."""

    _home: asyncio.AbstractEventLoop | None = None
    _thread: Thread
    _fence: Fence

    async def on_start(self) -> None:
        sys.setswitchinterval(_SWITCH_SECONDS)
        self._fence = Fence(self.app.engine.lease)  # type: ignore[attr-defined]
        self._home = asyncio.SelectorEventLoop(self._fence)
        self.app.engine.lease.wakes(self._look_at_lease)  # type: ignore[attr-defined]
        self._thread = Thread(target=self._home.run_forever, name="zelo-producer", daemon=True)
        self._thread.start()
        await self._there(self._connect())

    async def _connect(self) -> None:
        self._producer = self._new_producer()
        await self._producer.start()
        self.app.engine.lease.guard(self._producer.client)  # type: ignore[attr-defined]
        self._fence.guard(self._producer.client)

    def _look_at_lease(self) -> None:
        """Wakes the thread: its fence looks at the lease whenever its loop turns, and else when the time is up."""
        home = self._home
        if home is not None:
            with suppress(RuntimeError):  # closed in between
                home.call_soon_threadsafe(lambda: None)

    async def write(self, steps: list[list[Output]]) -> list[dict[tuple[str, int], int]]:
        """Sends the steps one after the other, each when the broker has the one before (see `publish`)."""
        counters = self.app.engine.counters  # type: ignore[attr-defined]

        def acknowledged(records: int) -> None:
            counters.acknowledged += records  # this thread alone writes it

        return await self._there(publish_steps(self._producer, steps, self.max_request_size, acknowledged))

    async def _there(self, work: Coroutine[Any, Any, T]) -> T:
        if self._home is None:
            work.close()
            raise TransientError("the producer has been stopped")
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._home))

    async def on_stop(self) -> None:
        if self._home is None:
            return
        try:
            await self._there(self._disconnect())
        finally:
            home, self._home = self._home, None
            home.call_soon_threadsafe(home.stop)
            self._thread.join()
            home.close()

    async def _disconnect(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def flush(self) -> None:
        """Nothing to do: `write` returns when the broker has everything."""

    async def send(self, *_: Any, **__: Any) -> Any:
        raise ConfigurationError("agents emit through a table's partition or an outbox, not through Faust")

    def send_soon(self, *_: Any, **__: Any) -> None:
        raise ConfigurationError("agents emit through a table's partition or an outbox, not through Faust")
