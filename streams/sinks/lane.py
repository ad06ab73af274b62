"""The rows of one table that wait, and when they go: enough of them, or the oldest waited long enough."""

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from time import monotonic

from streams.sinks.record import Record
from streams.sinks.run import Run


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

    def settle(self, rows: int) -> None:
        """So many rows of the batch need no more attention."""
        self._left -= rows
        if self._left == 0:
            self._done()


class Waiting:
    """Rows of one batch in a lane that follow one another, with their size and the batch's ticket."""

    __slots__ = ("bytes", "run", "ticket")

    def __init__(self, run: Run, ticket: Ticket) -> None:
        self.run = run
        self.ticket = ticket
        self.bytes = sum(map(size_of, run.records))

    def __len__(self) -> int:
        return len(self.run)

    def first(self, rows: int, size: int) -> int:
        """How many of at most so many rows take at most so many bytes together."""
        if len(self) <= rows and self.bytes <= size:
            return len(self)
        sums = accumulate(map(size_of, self.run.records[:rows]))
        return bisect_right(list(sums), size)

    def cut(self, rows: int) -> "tuple[Waiting, Waiting]":
        """Its first so many rows, and the rest."""
        return Waiting(self.run[:rows], self.ticket), Waiting(self.run[rows:], self.ticket)


def size_of(record: Record) -> int:
    """Bytes a row takes: those of its record stand for it, since both live as long."""
    return len(record.value or b"") + 1


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
        self._waiting: deque[Waiting] = deque()
        self._rows = 0
        self._bytes = 0
        self._oldest_at = 0.0
        self._urgent_until = 0
        self._changed = asyncio.Event()

    def add(self, waiting: Waiting) -> None:
        """Puts rows at the end."""
        if not self._waiting:
            self._oldest_at = monotonic()
            self._changed.set()
        self._waiting.append(waiting)
        self._rows += len(waiting)
        self._bytes += waiting.bytes
        self.added += len(waiting)
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
        for waiting in block:
            self.settled += len(waiting)
            waiting.ticket.settle(len(waiting))

    async def _due(self) -> None:
        while not (self._waiting and (self._full() or self._urgent_until > self.settled)):
            left = self._oldest_at + self._policy.age_seconds - monotonic() if self._waiting else None
            if left is not None and left <= 0:
                return
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), left)
            except TimeoutError:
                return

    def _full(self) -> bool:
        return self._rows >= self._policy.rows or self._bytes >= self._policy.bytes

    def _take(self) -> list[Waiting]:
        block: list[Waiting] = []
        rows, size = self._policy.rows, self._policy.bytes
        while self._waiting and rows:
            waiting = self._waiting[0]
            count = waiting.first(rows, size) or (0 if block else 1)  # a larger row goes alone
            if count == 0:
                break
            if count < len(waiting):
                waiting, self._waiting[0] = waiting.cut(count)
            else:
                self._waiting.popleft()
            rows, size = rows - len(waiting), size - waiting.bytes
            block.append(waiting)
        self._rows -= sum(map(len, block))
        self._bytes -= sum(waiting.bytes for waiting in block)
        # What stays behind came later than what goes; its age counts from now, at most one interval too late.
        self._oldest_at = monotonic()
        return block
