"""Rows of all topics and partitions into ClickHouse, in large blocks, acknowledged only when stored.

    add(runs, done)  takes the rows of a batch; waits while too many rows wait already; calls `done` once all
                     are stored (or rejected and reported): then the batch may be acknowledged
    flush()          returns when everything added before is stored
    close()          flushes within a grace time; what is left is unacknowledged and will be read again

Each table has its lane: a table whose inserts wait holds up no other, until the common bound on waiting rows
is met and the intake stops. The driver works in one thread of its own; the event loop is never blocked.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from random import Random

from streams.errors import ZeloError
from streams.sinks.backend import Backend
from streams.sinks.delivery import Announce, Counters, Delivery, Rejected, RetryPolicy
from streams.sinks.lane import BlockPolicy, Lane, Ticket, Waiting
from streams.sinks.run import Run, joined
from streams.sinks.table import Table

Reject = Callable[[Sequence[Rejected]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class WriterPolicy:
    """Sizes of blocks, bounds of memory, pauses between attempts.

    Attributes:
        waiting_rows, waiting_bytes: bound of what all tables together hold; beyond it `add` waits. One batch
            may pass the bound when nothing else waits.
    """

    block: BlockPolicy = field(default_factory=BlockPolicy)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    waiting_rows: int = 200_000
    waiting_bytes: int = 256 * 1024 * 1024


class Writer:
    """Buffers rows per table and brings them into the database.

    Args:
        backend: the database.
        reject: publishes dead letters of the rows that can never be stored; they count as done when it
            returns.
        failed: called once with the error after which this writer can do nothing more (wrong schema, access
            denied, `reject` failed); `add` and `flush` raise it from then on.
        waiting: entered with a reason while an insert is put off, for a watchdog that would call it stuck.
    """

    def __init__(
        self,
        backend: Backend,
        reject: Reject,
        failed: Callable[[BaseException], None],
        policy: WriterPolicy | None = None,
        random: Random | None = None,
        waiting: Announce = nullcontext,
    ) -> None:
        self.waiting_rows = 0
        self.waiting_bytes = 0
        self._backend = backend
        self._reject = reject
        self._failed = failed
        self._announce = waiting
        self._policy = policy or WriterPolicy()
        self._random = random or Random()  # noqa: S311 - jitter, not a secret
        self._executor = ThreadPoolExecutor(1, "clickhouse")
        self._lanes: dict[str, Lane] = {}
        self._deliveries: dict[str, Delivery] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._progress = asyncio.Condition()
        self._failure: BaseException | None = None

    @property
    def counters(self) -> Mapping[str, Counters]:
        """Totals by table name."""
        return {name: delivery.counters for name, delivery in self._deliveries.items()}

    async def add(self, runs: Sequence[Run], done: Callable[[], object]) -> None:
        """Takes the rows of a batch; `done` is called in the event loop once none of them needs attention.

        Raises:
            ZeloError: the writer failed.
        """
        rows = sum(map(len, runs))
        if not rows:
            self._raise_failure()
            done()
            return
        async with self._progress:
            await self._progress.wait_for(self._has_room)
        self._raise_failure()
        ticket = Ticket(rows, done)
        for run in runs:
            waiting = Waiting(run, ticket)
            self.waiting_bytes += waiting.bytes
            self._lane(run.table).add(waiting)
        self.waiting_rows += rows

    async def flush(self) -> None:
        """Returns when every row added before the call is stored or reported.

        Raises:
            ZeloError: the writer failed.
        """
        goals = [(lane, lane.hurry()) for lane in self._lanes.values()]
        async with self._progress:
            await self._progress.wait_for(
                lambda: self._failure is not None or all(lane.settled >= goal for lane, goal in goals)
            )
        self._raise_failure()

    async def close(self, grace_seconds: float = 10.0) -> bool:
        """Stops; True when everything was stored before."""
        stored = True
        try:
            await asyncio.wait_for(self.flush(), grace_seconds)
        except (TimeoutError, ZeloError):
            stored = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._executor.shutdown(wait=stored, cancel_futures=True)
        self._backend.close()
        return stored

    def _lane(self, table: Table) -> Lane:
        lane = self._lanes.get(table.name)
        if lane is None:
            delivery = Delivery(self._backend, self._executor, self._policy.retry, self._random, self._announce)
            lane = Lane(self._policy.block)
            self._lanes[table.name], self._deliveries[table.name] = lane, delivery
            self._tasks.append(asyncio.create_task(self._run(lane, delivery), name=f"archive-{table.name}"))
        return lane

    async def _run(self, lane: Lane, delivery: Delivery) -> None:
        try:
            while True:
                await self._bring(lane, delivery)
        except Exception as error:  # noqa: BLE001 - a dead lane must end the worker, or rows wait for ever
            await self._fail(error)

    async def _bring(self, lane: Lane, delivery: Delivery) -> None:
        block = await lane.block()
        rejected = await delivery.deliver(joined([waiting.run for waiting in block]))
        if rejected:
            await self._reject(rejected)
        self.waiting_rows -= sum(map(len, block))
        self.waiting_bytes -= sum(waiting.bytes for waiting in block)
        lane.settle(block)
        async with self._progress:
            self._progress.notify_all()

    async def _fail(self, error: BaseException) -> None:
        first = self._failure is None
        self._failure = self._failure or error
        async with self._progress:
            self._progress.notify_all()
        if first:
            self._failed(error)

    def _has_room(self) -> bool:
        within = self.waiting_rows < self._policy.waiting_rows and self.waiting_bytes < self._policy.waiting_bytes
        return within or self._failure is not None

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure
