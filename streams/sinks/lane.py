"""The rows of one table that wait, and when they go: enough of them, or the oldest waited long enough."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from streams.sinks.rows import Row


@dataclass(frozen=True, slots=True)
class BlockPolicy:
    """When a table's rows become a block.

    Attributes:
        rows, bytes: at most in one insert; a single larger row goes alone.
        age_seconds: at which fewer rows go too.
    """

    rows: int = 20_000
    bytes: int = 32 * 1024 * 1024
    age_seconds: float = 1.0


class Ticket:
    """What must be told when all rows of a batch are stored."""

    __slots__ = ("_done", "_left")

    def __init__(self, rows: int, done: Callable[[], object]) -> None:
        self._left = rows
        self._done = done

    def settle(self) -> None:
        """One row of the batch needs no more attention."""
        self._left -= 1
        if self._left == 0:
            self._done()


class Waiting:
    """A row in a lane, with its size and the ticket of its batch."""

    __slots__ = ("row", "size", "ticket")

    def __init__(self, row: Row, ticket: Ticket) -> None:
        self.row = row
        self.ticket = ticket
        # The record's bytes stand for the row's: both live as long as the row does.
        self.size = len(row.record.value or b"") + 1


class Lane:
    """Rows of one table in order.

    Attributes:
        added: rows ever put in.
        settled: of these, rows whose block is done.
    """

    def __init__(self, policy: BlockPolicy) -> None:
        self.added = 0
        self.settled = 0
        self._policy = policy
        self._rows: deque[Waiting] = deque()
        self._bytes = 0
        self._oldest_at = 0.0
        self._urgent_until = 0
        self._changed = asyncio.Event()

    def add(self, row: Waiting) -> None:
        """Puts a row at the end."""
        if not self._rows:
            self._oldest_at = monotonic()
            self._changed.set()
        self._rows.append(row)
        self._bytes += row.size
        self.added += 1
        if self._full():
            self._changed.set()

    def hurry(self) -> int:
        """Sends what is here whatever its age; it is done when `settled` reaches the count returned."""
        self._urgent_until = self.added
        self._changed.set()
        return self.added

    async def block(self) -> list[Waiting]:
        """The next block, as soon as it is due; call `settle` with it before asking for another."""
        await self._due()
        return self._take()

    def settle(self, block: list[Waiting]) -> None:
        """The rows of a block are stored or reported."""
        self.settled += len(block)
        for waiting in block:
            waiting.ticket.settle()

    async def _due(self) -> None:
        while not (self._rows and (self._full() or self._urgent_until > self.settled)):
            left = self._oldest_at + self._policy.age_seconds - monotonic() if self._rows else None
            if left is not None and left <= 0:
                return
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), left)
            except TimeoutError:
                return

    def _full(self) -> bool:
        return len(self._rows) >= self._policy.rows or self._bytes >= self._policy.bytes

    def _take(self) -> list[Waiting]:
        block: list[Waiting] = []
        size = 0
        while self._rows and len(block) < self._policy.rows:
            if block and size + self._rows[0].size > self._policy.bytes:
                break
            row = self._rows.popleft()
            size += row.size
            block.append(row)
        self._bytes -= size
        # What stays behind came later than what goes; its age counts from now, at most one interval too late.
        self._oldest_at = monotonic()
        return block
