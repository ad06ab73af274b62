"""Who may keep memory over a rebalance, and when a recovery is over (recovery.py)."""

import asyncio
from collections import Counter
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from faust.tables.recovery import Recovery
from faust.types import TP

from streams.engine.batches import RawBatch
from streams.engine.counters import Counters
from streams.engine.partition import META_KEY
from streams.engine.recovery import BulkRecovery
from streams.engine.settings import EngineSettings
from streams.engine.staging import PREFIX, Logged
from streams.engine.states import StateCodec
from streams.engine.table import StateTable

CHANGELOG = "app-usage-changelog"


def tp(number: int) -> TP:
    return TP(CHANGELOG, number)


class Customer(msgspec.Struct):
    events: int = 0


class World:
    """A recovery without Faust's service around it."""

    def __init__(self) -> None:
        self.table: StateTable[Customer, Customer] = StateTable.__new__(StateTable)
        self.table.name = "usage"
        checkpoint = SimpleNamespace(wanted=asyncio.Event())
        engine = SimpleNamespace(settings=EngineSettings("broker:9092"), counters=Counters(), checkpoint=checkpoint)
        self.table.app = SimpleNamespace(engine=engine)
        self.table._changelog_topic = SimpleNamespace(get_topic_name=lambda: CHANGELOG)
        self.table.configure("usage", StateCodec(Customer, Customer), None)
        self.recovery = recovery = BulkRecovery.__new__(BulkRecovery)
        recovery.app = SimpleNamespace(assignor=self, consumer_generation_id=0, in_recovery=False, engine=engine)
        recovery.tables = {"usage": self.table}
        recovery.active_tps, recovery.standby_tps = set(), set()
        recovery.active_offsets, recovery.standby_offsets = Counter(), Counter()
        recovery.active_highwaters, recovery.standby_highwaters = Counter(), Counter()
        recovery.tp_to_table = {}
        recovery._last_generation = None
        recovery._were_standby = frozenset()
        recovery._began = None
        self.actives: set[TP] = set()
        self.standbys: set[TP] = set()
        self.overtaken_by: int | None = None

    def assigned_actives(self) -> set[TP]:
        return self.actives

    def assigned_standbys(self) -> set[TP]:
        return self.standbys

    async def rebalance(self, generation: int, actives: set[int], standbys: set[int] = frozenset()) -> None:  # type: ignore[assignment]
        self.actives, self.standbys = {tp(n) for n in actives}, {tp(n) for n in standbys}
        self.recovery.app.consumer_generation_id = self.overtaken_by or generation
        await self.recovery.on_rebalance(set(), set(), set(), generation)

    def finish(self) -> None:
        """The recovery ends: active partitions go live."""
        for here in self.recovery.active_tps:
            self.table.partition(here.partition).recovered()

    @property
    def here(self) -> set[int]:
        return {part.number for part in self.table.partitions_here()}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()

    async def on_rebalance(self: Any, assigned: Any, revoked: Any, added: Any, generation: int) -> None:
        if generation != self.app.consumer_generation_id:
            return
        # as the stock version: who is what now, and offsets of whatever is not kept start empty
        self.active_tps, self.standby_tps = set(world.actives), set(world.standbys)
        self.tp_to_table = dict.fromkeys(world.actives | world.standbys, world.table)
        for tps, offsets in (
            (self.active_tps, self.active_offsets),
            (self.standby_tps, self.standby_offsets),
        ):
            for here in tps:
                offsets.setdefault(here, None)
                world.table.partition(here.partition)

    monkeypatch.setattr(Recovery, "on_rebalance", on_rebalance)
    return world


async def test_memory_is_kept_when_nobody_else_can_have_written(world: World) -> None:
    await world.rebalance(1, {0})
    world.finish()
    world.recovery.written(CHANGELOG, 0, 41)
    kept = world.table.partition(0)
    await world.rebalance(2, {0})
    assert world.table.partition(0) is kept
    assert world.recovery.active_offsets[tp(0)] == 41


async def test_memory_is_dropped_after_a_generation_without_us(world: World) -> None:
    await world.rebalance(1, {0})
    world.finish()
    world.recovery.written(CHANGELOG, 0, 41)
    kept = world.table.partition(0)
    await world.rebalance(3, {0})
    assert world.table.partition(0) is not kept
    assert world.recovery.active_offsets[tp(0)] is None


async def test_an_overtaken_generation_does_not_count_as_ours(world: World) -> None:
    await world.rebalance(1, {0})
    world.finish()
    kept = world.table.partition(0)
    world.overtaken_by = 3
    await world.rebalance(2, {0})
    await world.rebalance(3, {0})
    assert world.table.partition(0) is not kept


async def test_memory_is_dropped_when_the_partition_goes_and_when_it_comes_back(world: World) -> None:
    await world.rebalance(1, {0, 1})
    world.finish()
    await world.rebalance(2, {1})
    assert world.here == {1}
    await world.rebalance(3, {0, 1})
    assert not world.table.partition(0).live
    assert world.table.partition(1).live


async def test_a_recovery_that_was_interrupted_begins_anew(world: World) -> None:
    await world.rebalance(1, {0})
    half = world.table.partition(0)
    await world.rebalance(2, {0})
    assert world.table.partition(0) is not half


@pytest.mark.parametrize("becomes", ["active", "standby"])
async def test_a_standby_is_kept_in_either_role_with_the_offset_it_has(world: World, becomes: str) -> None:
    await world.rebalance(1, set(), {0})
    world.recovery.standby_offsets[tp(0)] = 17
    kept = world.table.partition(0)
    active = becomes == "active"
    await world.rebalance(2, {0} if active else set(), set() if active else {0})
    assert world.table.partition(0) is kept
    offsets = world.recovery.active_offsets if active else world.recovery.standby_offsets
    assert offsets[tp(0)] == 17


async def test_an_active_that_becomes_a_standby_is_dropped(world: World) -> None:
    await world.rebalance(1, {0})
    world.finish()
    kept = world.table.partition(0)
    await world.rebalance(2, set(), {0})
    assert world.table.partition(0) is not kept


async def test_the_changelog_is_never_loaded_over_live_memory(world: World) -> None:
    await world.rebalance(1, {0})
    world.finish()
    part = world.table.partition(0)
    part.put("c1", Customer(9))
    old = SimpleNamespace(offset=0, key=b"c1", value=PREFIX.pack(99, 7) + msgspec.msgpack.encode(Customer(1)))
    world.recovery.in_recovery = False
    world.recovery.load(tp(0), RawBatch(0, 1, [old]))
    assert part.get("c1") == Customer(9)


async def test_a_standby_that_takes_over_drops_the_flush_that_was_torn(world: World) -> None:
    await world.rebalance(1, set(), {0})
    flushes = [(b"c1", 5, 1), (META_KEY, 5, 1), (b"c1", 9, 2), (b"c2", 9, 2)]
    for position, (key, offset, events) in enumerate(flushes):
        value = PREFIX.pack(offset, 7) + msgspec.msgpack.encode(Customer(events))
        record = SimpleNamespace(offset=position, key=key, value=value)
        world.recovery.load(tp(0), RawBatch(position, position + 1, [record]))
    await world.rebalance(2, {0})
    world.finish()
    part = world.table.partition(0)
    assert (part.applied, part.keys(), part.get("c1"), part.meta) == (5, ["c1"], Customer(1), Customer(1))


async def test_trailing_holes_end_a_recovery(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.rebalance(1, {0})
    ended = []
    monkeypatch.setattr(world.recovery, "_set_recovery_ended", lambda: ended.append(True), raising=False)
    world.recovery._signal_recovery_end = SimpleNamespace(set=lambda: None)
    world.recovery.in_recovery = True
    world.recovery.active_offsets[tp(0)] = -1
    world.recovery.active_highwaters[tp(0)] = 9
    world.recovery.load(tp(0), RawBatch(0, 5, []))
    assert not ended
    world.recovery.load(tp(0), RawBatch(5, 10, []))
    assert ended


async def test_a_recovery_counts_until_its_partitions_are_live_and_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def done(self: Any, generation: int) -> None:
        pass

    monkeypatch.setattr(Recovery, "_set_recovery_started", lambda self: None)
    monkeypatch.setattr(Recovery, "on_recovery_completed", done)
    world.recovery._signal_recovery_end = SimpleNamespace(clear=lambda: None)
    counters = world.recovery.app.engine.counters
    await world.rebalance(1, {0})
    world.recovery._set_recovery_started()  # positions are asked for
    began = world.recovery._began
    world.recovery._set_recovery_started()  # reading begins: the same recovery
    assert world.recovery._began == began
    assert counters.recoveries == 0
    await world.recovery.on_recovery_completed(1)
    assert world.table.partition(0).live
    assert (counters.recoveries, counters.recovery_seconds > 0, counters.recovery_cpu_seconds > 0) == (1, True, True)
    await world.recovery.on_recovery_completed(1)
    assert counters.recoveries == 1


async def test_what_a_late_worker_left_marked_is_published_though_no_batch_may_come(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def done(self: Any, generation: int) -> None:
        pass

    monkeypatch.setattr(Recovery, "on_recovery_completed", done)
    wanted = world.recovery.app.engine.checkpoint.wanted
    before = world.table.partition(0)
    before.live, before.applied = True, 5
    before.put("c1", Customer(1))
    before.publish("c1")
    saved = [before.take_state()]
    before.render_marked()
    before.put("c1", Customer(2))
    before.applied = 6
    saved.append(before.take_state())
    for (keys, meta), marked in zip(saved, (True, False), strict=True):
        await world.rebalance(1, set())
        await world.rebalance(3, {0})
        wanted.clear()
        for offset, (key, value) in enumerate([*keys, (META_KEY, meta)]):
            world.table.partition(0).load([Logged(offset, key, value)])
        await world.recovery.on_recovery_completed(3)
        assert (world.table.partition(0).marks, wanted.is_set()) == (int(marked), marked)


async def test_a_changelog_that_is_not_ours_is_ignored(world: World) -> None:
    await world.rebalance(1, {0})
    world.recovery.load(tp(5), RawBatch(0, 1, []))
    assert world.here == {0}
