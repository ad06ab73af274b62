"""Memberships that begin and end at any point of the commit protocol: who writes is the owner, and nobody hangs."""

import asyncio
from contextlib import suppress
from typing import Any

from faust.types import TP
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_engine_checkpoint import (
    CHANGELOG,
    OUT,
    SOURCE,
    Batch,
    Broker,
    Customer,
    Worker,
    emitted,
    event_of,
    is_shown,
    source,
    state_of,
    turns,
)

from streams.engine.lease import Lease, LeaseLostError
from streams.engine.outbox import publish_steps
from streams.engine.table import UnsavedError

HERE = TP(SOURCE, 0)
#: Before a record of this key comes work in so many pieces.
LABOURED, PIECES = 5, 2


class Net(Broker):
    """A broker that cannot always be reached, and knows whose the partition is."""

    def __init__(self) -> None:
        super().__init__()
        self.up = asyncio.Event()
        self.up.set()
        self.owner: Member | None = None


class Member(Worker):
    """A worker in a group: what the consumer does with checkpoint, lease and positions, without Faust."""

    broker: Net

    def __init__(self, broker: Net, keys: list[int]) -> None:
        super().__init__(broker)
        self.log = source(keys)
        self.lease = Lease(10.0, 60.0)
        self.tasks: list[asyncio.Task[Any]] = []
        self.checkpoint._send = lambda steps: publish_steps(self, steps, 1_000_000)
        self.position: int | None = None
        self.ended = False
        self.checkpoint.leaving()
        self.checkpoint.left()

    # a producer, whose requests wait for the lease and for the network

    def create_batch(self) -> Batch:
        return self.broker.create_batch()

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> Any:
        while not self.broker.up.is_set() or self.lease.is_over:
            if self.lease.is_over:
                await self.lease.held()
            else:
                up, over = (asyncio.ensure_future(wait) for wait in (self.broker.up.wait(), self._over()))
                await asyncio.wait((up, over), return_when=asyncio.FIRST_COMPLETED)
                up.cancel()
                over.cancel()
        assert self.broker.owner is self, "written on a membership that has ended"
        return await self.broker.send_batch(batch, topic, partition=partition)

    async def _over(self) -> None:
        while not self.lease.is_over:
            await asyncio.sleep(0)

    # what an agent does

    def work(self, most: int) -> None:
        """Takes in so many records; before some, pieces of work, of which each counts like a record."""
        if self.position is None or self.ended:
            return
        for _ in range(most):
            at = max(self.position, self.part.applied + 1)
            if at >= len(self.log):
                return
            done = self.part.get(f"work-{at}")
            pieces = 0 if done is None else done.events
            if self.log[at].key == b"c%d" % LABOURED and pieces < PIECES:
                with self.table.piece(event_of([self.log[at]])) as part:
                    assert part is not None
                    part.put(f"work-{at}", Customer(pieces + 1))
                    part.emit(OUT, b"work", b"event %d.%d" % (at, pieces))
            else:
                self.process([self.log[at]])

    def publish(self) -> None:
        self.tasks.append(asyncio.create_task(self.checkpoint.publish_outputs()))

    async def save(self) -> bool:
        return await self.checkpoint.save(self._committable, self._commit)

    def _committable(self) -> dict[TP, int]:
        if self.position is None or self.part.applied + 1 <= self.broker.committed.get(HERE, 0):
            return {}
        return {HERE: self.part.applied + 1}

    async def _commit(self, offsets: dict[TP, int]) -> bool:
        if self.ended or self.broker.owner is not self:
            return False
        return await self.broker.commit(offsets)

    # what its consumer does

    async def revoked(self, patience: int) -> None:
        self.checkpoint.leaving()
        saving = asyncio.create_task(self.save())
        self.tasks.append(saving)
        for _ in range(patience):
            if saving.done():
                break
            await asyncio.sleep(0)
        self.checkpoint.left()
        self.lease.suspended()
        self.position = None

    def assigned(self, still_ours: bool) -> None:
        self.broker.owner = self
        if self.checkpoint.under_way and not still_ours:
            self.lease.lost()
            self.ended = True
            return
        self.lease.joined()
        if not still_ours:
            self.table.drop_partition(0)
            self.table.load(0, self.broker.changelog())
            self.part = self.table.partition(0)
            self.part.recovered()
        self.position = self.broker.committed.get(HERE, 0)
        self.checkpoint.joined()

    async def done(self) -> None:
        """Whatever was asked of it comes to an end."""
        for task in [*self.tasks, *self.checkpoint._tasks]:
            with suppress(LeaseLostError if self.ended else ()):
                await task


STEP = st.one_of(
    st.tuples(st.just("work"), st.integers(1, 6)),
    st.tuples(st.just("late"), st.integers(0, 1)),
    st.tuples(st.sampled_from(["publish", "save", "cut", "restore"]), st.just(0)),
    st.tuples(st.just("revoked"), st.integers(0, 30)),
    st.tuples(st.just("another"), st.integers(0, 8)),
    st.tuples(st.sampled_from(["assigned", "died"]), st.just(0)),
    st.tuples(st.just("turns"), st.integers(1, 20)),
)


class Story:
    """One worker after the other in the place of one, and another that has the partition now and then."""

    def __init__(self, keys: list[int]) -> None:
        self.keys = keys
        self.broker = Net()
        self.member = Member(self.broker, keys)
        self.member.assigned(still_ours=False)
        self.still_ours = True

    @property
    def belongs(self) -> bool:
        return self.member.position is not None

    async def tell(self, what: str, number: int) -> None:
        match what:
            case "turns":
                await turns(number)
            case "revoked":
                await self.member.revoked(number)
            case "died":
                await self.died()
            case "late":
                self.member.behind = bool(number)
            case "assigned" | "another":
                await self.goes_on(what, number)
            case _:
                self.asks(what, number)

    async def goes_on(self, what: str, number: int) -> None:
        """After a revocation."""
        if not self.belongs:
            await (self.assigned() if what == "assigned" else self.another(number))

    def asks(self, what: str, number: int) -> None:
        """What ends at some time, or at once."""
        match what:
            case "work":
                self.member.work(number)
            case "publish":
                self.member.publish()
            case "save":
                self.member.tasks.append(asyncio.create_task(self.member.save()))
            case "cut":
                self.broker.up.clear()
            case _:
                self.broker.up.set()

    async def another(self, records: int) -> None:
        """Has the partition for a while, does some of the work, and saves it; a cut does not concern it."""
        self.still_ours = False
        other = Member(self.broker, self.keys)
        was_up = self.broker.up.is_set()
        self.broker.up.set()
        other.assigned(still_ours=False)
        other.work(records)
        await other.save()
        if not was_up:
            self.broker.up.clear()

    async def assigned(self) -> None:
        self.member.assigned(self.still_ours)
        self.still_ours = True
        if self.member.ended:
            await self.died()

    async def died(self) -> None:
        """Killed, or ended because its write was late; nothing of it arrives any more."""
        before = self.member
        before.ended = True
        before.lease.lost()
        for task in [*before.tasks, *before.checkpoint._tasks]:
            task.cancel()
            with suppress(asyncio.CancelledError, LeaseLostError, UnsavedError):
                await task
        self.member = Member(self.broker, self.keys)
        self.member.assigned(still_ours=False)
        self.still_ours = True

    async def end(self) -> None:
        self.broker.up.set()
        if not self.belongs:
            await self.assigned()
        self.member.work(10 * len(self.keys) + 10)
        self.member.behind = False
        await self.member.save()
        await self.member.checkpoint.publish_outputs()
        await self.member.done()


async def undisturbed(keys: list[int]) -> Story:
    story = Story(keys)
    await story.end()
    return story


@settings(max_examples=300)
@given(st.lists(st.integers(0, LABOURED), min_size=1, max_size=30), st.lists(STEP, max_size=40))
@example(  # it dies with a publication on its way and a save behind it, which then must not be made
    [0], [("work", 1), ("publish", 0), ("publish", 0), ("save", 0), ("turns", 1), ("died", 0)]
)
def test_whoever_writes_owns_the_partition_and_the_figures_are_as_if_nothing_had_been(
    keys: list[int], steps: list[tuple[str, int]]
) -> None:
    async def run() -> None:
        story = Story(keys)
        async with asyncio.timeout(20):  # a deadlock
            for what, number in steps:
                await story.tell(what, number)
            await story.end()
        plain = await undisturbed(keys)
        assert state_of(story.member) == state_of(plain.member)
        assert story.member.part.meta.read == len(keys)
        assert emitted(story.broker) == emitted(plain.broker)
        assert newest(story.broker) == newest(plain.broker)
        assert is_shown(story.broker, story.member)
        assert story.broker.committed == {HERE: len(keys)}
        survivor = Worker(story.broker)
        assert state_of(survivor) == state_of(plain.member)

    asyncio.run(run())


def newest(broker: Broker) -> dict[bytes, bytes]:
    return {key: value for key, value in broker.logs[OUT, 0] if value.startswith(b"event")}


async def test_a_rebalance_that_finds_a_write_under_way_lets_it_go_on_only_where_nothing_is_lost() -> None:
    for lost in (False, True):
        story = Story([1, 2, 3])
        member = story.member
        member.work(2)
        story.broker.up.clear()
        member.publish()
        await turns()
        await member.revoked(5)
        assert member.checkpoint.under_way
        if lost:
            await story.another(3)
        written = len(story.broker.writes)
        story.broker.up.set()
        await turns(50)
        assert len(story.broker.writes) == written  # not between two memberships
        member.assigned(still_ours=not lost)
        assert member.ended is lost
        await member.done()
        told = [key for key, value in story.broker.logs[OUT, 0] if value.startswith(b"event")]
        assert told == [b"c1", b"c2", b"c3"] if lost else [b"c1", b"c2"]
        assert (len(story.broker.writes) == written) is lost
        assert (CHANGELOG, 0) in story.broker.logs or not lost
