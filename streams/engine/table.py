"""Tables whose state is exact after any crash: one source topic, one writing agent, one partition at a time.

The agent changes a table only inside `with table.batch(event) as (partition, records)`. The block is
synchronous, so a commit, which runs between the awaits of the agent, always sees a whole number of
records applied.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Any, Generic, TypeVar, cast

import faust
from faust.types import TP, EventT

from streams.engine.batches import RawBatch
from streams.engine.outbox import Output
from streams.engine.partition import Partition, Render
from streams.engine.states import StateCodec
from streams.errors import ConfigurationError, TransientError
from streams.shape import Shape

#: The longest is a whole batch: the more events of a customer meet in a run, the less each costs (metrics/together.py).
_FIRST_RUN, _LONGEST_RUN = 16, 10_000

S = TypeVar("S")
M = TypeVar("M")


class UnsavedError(TransientError):
    """What is in memory can never be saved; only a new process can go on, from the last commit.

    Its cause is the error that matters.
    """


class StateTable(faust.Table[str, Any], Generic[S, M]):
    """A Faust table whose partitions are `Partition` objects; created by `state_table`."""

    source_topic: str
    last: bool

    def configure(self, source_topic: str, codec: StateCodec[S, M], render: Render | None, last: bool = False) -> None:
        """Set by `state_table`; Faust clones tables by keyword, so its constructor stays as it is."""
        self.last = last
        self._engine = cast(Any, self.app).engine
        self.source_topic = source_topic
        self.room_records = self._engine.settings.room_records
        self._decoded_states = self._engine.settings.decoded_states_per_partition
        self.broken: BaseException | None = None
        self._codec = codec
        self._render = render
        self._parts: dict[int, Partition[S, M]] = {}
        self._busy = False
        self._run_length = _FIRST_RUN

    # what an agent uses

    @contextmanager
    def batch(
        self, event: EventT[Any], records: Sequence[Any] | None = None
    ) -> Iterator[tuple[Partition[S, M], Sequence[Any]]]:
        """Gives the partition of `event` and those of its records that the state does not contain.

        The block must not await. A batch whose partition went to another worker meanwhile gives no
        records. When the block raises, the state is half changed: nothing is saved any more.

        Args:
            event: a batch of the table's source topic.
            records: a run of `event.value`, in order, to work through a large batch in slices.
        """
        message = cast(Any, event.message)
        if message.topic != self.source_topic:
            raise ConfigurationError(
                f"table {self.name} is fed by {self.source_topic}, not by {message.topic}: "
                "one table has one source topic"
            )
        run: Sequence[Any] = cast(Any, event.value) if records is None else records
        part = self.partition(message.partition)
        if not run or not self._engine.is_current(message):
            yield part, []
            return
        if run[0].offset <= part.applied:
            run = [record for record in run if record.offset > part.applied]
        self._taken = len(run)
        with self._changing(part):
            yield part, run
        run = run[: self._taken]
        if run:
            part.advance(run[-1].offset)
            if message.refcount == 1:  # no other agent has still to read it
                message.reached = run[-1].offset + 1
            message.track.applied += len(run)
            self._engine.counters.applied += len(run)
        if part.has_outputs:
            self._engine.checkpoint.wanted.set()

    def took(self, taken: int) -> None:
        """Inside a block of `batch`: only so many of its records were applied; give it the rest again later."""
        self._taken = taken

    @contextmanager
    def piece(self, event: EventT[Any]) -> Iterator[Partition[S, M] | None]:
        """Like `batch`, for work that takes in no record: what must be done before the next one is.

        Gives None when the partition went to another worker meanwhile. The block must not await, and done twice it
        must change a key once: of a piece that a crash tore, some keys may be kept that nothing marks as ahead.
        It moves the partition when the meta has an attribute `got_to` that is another behind it (watchdog.py).
        """
        message = cast(Any, event.message)
        if not self._engine.is_current(message):
            yield None
            return
        part = self.partition(message.partition)
        before = _got_to(part.meta)
        with self._changing(part):
            yield part
        part.worked = True
        message.track.pieces += 1
        message.track.applied += _got_to(part.meta) != before
        self._engine.counters.pieces += 1
        self._engine.checkpoint.pieces = True
        if part.has_outputs:
            self._engine.checkpoint.wanted.set()

    @contextmanager
    def _changing(self, part: Partition[S, M]) -> Iterator[None]:
        self._check_usable(part)
        self._busy = True
        try:
            yield
        except BaseException as exc:
            self.broken = exc
            raise
        finally:
            self._busy = False

    def _check_usable(self, part: Partition[S, M]) -> None:
        if self._busy:
            raise ConfigurationError(f"table {self.name}: a block of table.batch() awaited, it must not")
        if not part.live:
            raise ConfigurationError(
                f"table {self.name}: partition {part.number} of {self.source_topic} is here, that of "
                f"{self.changelog_topic_name} is not: both topics must have the same number of partitions"
            )

    async def runs(self, event: EventT[Any]) -> AsyncIterator[Sequence[Any]]:
        """The records of a batch in runs of so much work as the rhythm says, each when it is this agent's turn.

        The length follows what the runs before it took.
        """
        records: Sequence[Any] = cast(Any, event.value)
        start = 0
        while start < len(records):
            await self.room()
            run = records[start : start + self._run_length]
            began = monotonic()
            yield run
            per_record = (monotonic() - began) / len(run)
            wanted = int(self._engine.rhythm.run_seconds / per_record) if per_record > 0 else _LONGEST_RUN
            self._run_length = max(1, min(wanted, 2 * self._run_length, _LONGEST_RUN))
            start += len(run)

    async def room(self) -> None:
        """Waits while too many outputs are unpublished, and for this agent's turn.

        Call it between batches and slices, so that a busy agent lets everything else go on.
        """
        while self.outputs_waiting >= self.room_records:
            await self._engine.checkpoint.publish_outputs(marked=False)
        await self._engine.pace.turn()

    # what the engine uses

    @property
    def outputs_waiting(self) -> int:
        """Outputs of all partitions not yet published."""
        return sum(len(part.outputs) for part in self._parts.values() if part.live)

    def partition(self, number: int) -> Partition[S, M]:
        """The partition with this number, empty when it was not here."""
        part = self._parts.get(number)
        if part is None:
            part = self._parts[number] = Partition(number, self._codec, self._render, self._decoded_states)
        return part

    def partitions_here(self) -> list[Partition[S, M]]:
        """The partitions in this process, standbys included."""
        return list(self._parts.values())

    def is_live(self, number: int) -> bool:
        """Whether a partition is here, and recovered."""
        part = self._parts.get(number)
        return part is not None and part.live

    def drop_partition(self, number: int) -> None:
        """Forgets a partition and its unpublished outputs: its next owner makes them again."""
        self._parts.pop(number, None)

    def check_whole(self) -> None:
        """Raises when the state must not be saved."""
        if self.broken is not None:
            raise UnsavedError(f"table {self.name} is half changed by a failed batch") from self.broken
        if self._busy:
            raise ConfigurationError(f"table {self.name}: a block of table.batch() awaited, it must not")

    def take_outputs(self, marked: bool = True) -> list[Output]:
        """Hands over the outputs of the partitions we own, with what is marked rendered unless told otherwise."""
        return [output for part in self._parts.values() if part.live for output in part.take_outputs(marked)]

    def load(self, number: int, batch: RawBatch) -> None:
        """Takes a batch of the changelog of one partition, unless it is live."""
        part = self.partition(number)
        if not part.live:
            for run in batch.runs():
                part.load(run)
                self._engine.counters.recovered += len(run)
            part.passed(batch.end)

    # Faust's own storage is not used

    async def on_start(self) -> None:
        """Opens no store and declares no topic (create_topics did)."""

    async def on_rebalance(self, *args: Any, **kwargs: Any) -> None:
        """The recovery decides what is kept (recovery.py)."""

    async def on_recovery_completed(self, *args: Any, **kwargs: Any) -> None:
        """Nothing to do: the recovery has marked the partitions live."""

    def persisted_offset(self, tp: TP) -> int | None:
        """Nothing is on disk."""
        return None

    def on_key_set(self, key: Any, value: Any) -> None:
        raise ConfigurationError(f"table {self.name} is changed through table.batch(event) only")

    def on_key_del(self, key: Any) -> None:
        raise ConfigurationError(f"table {self.name} is changed through table.batch(event) only")


def _got_to(meta: object) -> object:
    """How far work in pieces has come, by a meta record that says so: a day, say. Pieces alone are no progress."""
    return getattr(meta, "got_to", None)


def changelog_name(app_id: str, table: str) -> str:
    """Name of a table's changelog topic."""
    return f"{app_id}-{table}-changelog"


def state_table(
    app: faust.App,
    name: str,
    source_topic: str,
    partitions: int,
    state: Shape[S] | type[S],
    meta: Shape[M] | type[M],
    render: Render | None = None,
    last: bool = False,
) -> StateTable[S, M]:
    """Makes a table.

    Args:
        app: made by `engine_app`.
        name: of the table; its changelog is `{app id}-{name}-changelog`.
        source_topic: the one topic whose batches change it.
        partitions: of that topic.
        state: shape of the values; their type alone is version 1 of it.
        meta: shape of the partition-level state, or its type; `type()` must make an empty one.
        render: called at publication for each key marked by `partition.publish(key)`; it emits what is to be seen of
            it. It must bear being asked for any key at any time, a deleted one or one that nobody marked, and then say
            nothing new: who recovers from a flush that left keys marked asks for all of them.
        last: it reads what other tables of the worker send: at the end of a backlog it is rendered behind them, when
            that has been read (settling.py).
    """
    changelog = app.topic(
        changelog_name(app.conf.id, name),
        partitions=partitions,
        key_serializer="raw",
        value_serializer="raw",
        acks=False,
        compacting=True,
    )
    table = app.Table(name, partitions=partitions, changelog_topic=changelog)
    assert isinstance(table, StateTable)
    app_id = cast(Any, app).engine.settings.names.get("app_id", "app_id")
    table.configure(source_topic, StateCodec(state, meta, f"table {name}", app_id), render, last)
    return table
