"""One block of rows, until every row is stored or known to be unstorable.

Transient errors are waited out for ever: nothing is acknowledged meanwhile, so nothing is lost. A block that
is too large goes in halves. A block with a poison row is halved until that row stands alone; its neighbours
are stored.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from itertools import groupby
from operator import attrgetter
from random import Random
from time import monotonic
from typing import NamedTuple
from zlib import crc32

import structlog

from streams.errors import ConfigurationError, PoisonError, TransientError
from streams.sinks.backend import Backend, BlockTooLargeError
from streams.sinks.run import Row, Run

_log = structlog.get_logger()

Announce = Callable[[str], AbstractContextManager[object]]

_source = attrgetter("topic", "partition")

# When so many rows are refused and none is taken, it is the table that is wrong, not the rows. Chosen.
_HOPELESS = 20


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to wait between attempts: doubling from `first_seconds` to `most_seconds`.

    Attributes:
        jitter: up to this share is added at random, so that workers do not come back together.
        warn_every_seconds: a lasting error is logged this often.
    """

    first_seconds: float = 0.5
    most_seconds: float = 30.0
    jitter: float = 0.2
    warn_every_seconds: float = 30.0

    def wait_seconds(self, attempt: int, at_least: float, chance: float) -> float:
        """Pause after the failed attempt number `attempt` (from 0); `chance` in [0, 1)."""
        doubled = min(self.most_seconds, self.first_seconds * 2.0 ** min(attempt, 30))
        return max(doubled, at_least) * (1.0 + self.jitter * chance)


class Rejected(NamedTuple):
    """A row the database can never take."""

    row: Row
    error: PoisonError


@dataclass(slots=True)
class Counters:
    """Running totals of one table.

    Attributes:
        rows: stored; blocks: inserts that succeeded; seconds: in them.
        retries: attempts that failed and were made again.
        rejected: rows that can never be stored.
    """

    rows: int = 0
    blocks: int = 0
    seconds: float = 0.0
    retries: int = 0
    rejected: int = 0


class Delivery:
    """Brings blocks of one table into the database.

    Args:
        backend: called in `executor`, so that the event loop is never blocked.
        waiting: entered with a reason from the first failed attempt of a block to its end.
    """

    def __init__(
        self,
        backend: Backend,
        executor: Executor,
        policy: RetryPolicy,
        random: Random,
        waiting: Announce = nullcontext,
    ) -> None:
        self.counters = Counters()
        self._backend = backend
        self._executor = executor
        self._policy = policy
        self._random = random
        self._announce = waiting

    async def deliver(self, rows: Run) -> list[Rejected]:
        """Stores a block of rows of one table.

        Returns:
            The rows that can never be stored; all others are.

        Raises:
            ConfigurationError: nothing can be stored in this table.
        """
        rejected: list[Rejected] = []
        taken = 0
        waiting = [rows]
        asked_once = len(rows) == 1  # a refusal may be a mistake; a larger block is asked for again, in halves
        while waiting:
            block = waiting.pop()
            try:
                whole = await self._insert(block)
            except PoisonError as error:
                if asked_once:
                    asked_once = False
                    waiting.append(block)
                    continue
                if len(block) == 1:
                    rejected.append(Rejected(block[0], error))
                    _give_up_if_hopeless(rejected, taken, error)
                    continue
                whole = False
            if whole:
                taken += len(block)
            else:
                middle = len(block) // 2
                waiting += [block[middle:], block[:middle]]
        self.counters.rejected += len(rejected)
        return rejected

    async def _insert(self, rows: Run) -> bool:
        """Stores a block, however long that takes; False when only smaller ones pass."""
        attempt, warned_at = 0, None
        with ExitStack() as waiting:
            while True:
                try:
                    await self._attempt(rows)
                    return True
                except TransientError as error:
                    if isinstance(error, BlockTooLargeError) and len(rows) > 1:
                        return False
                    if attempt == 0:
                        waiting.enter_context(self._announce("clickhouse"))
                    warned_at = self._warn(rows, error, attempt, warned_at)
                    await self._pause(attempt, error.retry_after_seconds)
                    attempt += 1

    async def _pause(self, attempt: int, at_least: float) -> None:
        self.counters.retries += 1
        await asyncio.sleep(self._policy.wait_seconds(attempt, at_least, self._random.random()))

    async def _attempt(self, rows: Run) -> None:
        started = monotonic()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._executor, partial(_insert, self._backend, rows))
        self.counters.rows += len(rows)
        self.counters.blocks += 1
        self.counters.seconds += monotonic() - started

    def _warn(self, rows: Run, error: TransientError, attempt: int, warned_at: float | None) -> float:
        now = monotonic()
        if warned_at is not None and now - warned_at < self._policy.warn_every_seconds:
            return warned_at
        _log.warning(
            "clickhouse_insert_waits",
            table=rows.table.name,
            rows=len(rows),
            attempts=attempt + 1,
            error=str(error),
        )
        return now


def token(rows: Run) -> str:
    """Names a block by what is in it: source positions, the records' bytes, the table's columns.

    The bytes are in it because positions alone may come again with other content, after a topic was made anew
    or the mapping changed, and a block taken for a repetition would be lost.
    """
    spans: dict[tuple[str, int], tuple[int, int, int]] = {}
    for source, run in groupby(rows.records, _source):
        records = list(run)
        offsets = [record.offset for record in records]
        first, last, digest = spans.get(source, (offsets[0], offsets[0], 0))
        text = b"".join([record.value or b"" for record in records])
        spans[source] = (min(first, *offsets), max(last, *offsets), crc32(text, digest))
    content = repr((len(rows), rows.table.fingerprint, sorted(spans.items())))
    return f"{rows.table.name}:{blake2b(content.encode(), digest_size=16).hexdigest()}"


def _insert(backend: Backend, rows: Run) -> None:
    backend.insert(rows.table, rows.values, token(rows))


def _give_up_if_hopeless(rejected: list[Rejected], taken: int, error: PoisonError) -> None:
    if not taken and len(rejected) >= _HOPELESS:
        raise ConfigurationError(
            f"ClickHouse table {rejected[0].row.table.name}: expected a table that fits this version, "
            f"the first {len(rejected)} rows were all refused; run `zelo migrate` ({error})"
        ) from error
