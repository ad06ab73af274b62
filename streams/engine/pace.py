"""Takes turns: one agent a turn of the event loop.

Agents work in long synchronous slices. If all of them ran in the same turn, whatever else needs the loop
(commits, heartbeats of the group, deliveries) would wait for the sum of their slices at every step.
"""

import asyncio
from collections import deque


class Pace:
    """A queue of agents; each turn of the loop lets the first one go on."""

    def __init__(self) -> None:
        self._queue: deque[asyncio.Future[None]] = deque()
        self._running = False

    async def turn(self) -> None:
        """Returns when it is the caller's turn, at least one turn of the loop later."""
        loop = asyncio.get_running_loop()
        mine = loop.create_future()
        self._queue.append(mine)
        if not self._running:
            self._running = True
            loop.call_soon(self._next)
        await mine

    def _next(self) -> None:
        while self._queue:
            first = self._queue.popleft()
            if not first.done():  # cancelled while it waited
                first.set_result(None)
                break
        self._running = bool(self._queue)
        if self._running:
            asyncio.get_running_loop().call_soon(self._next)
