"""Nothing is written on a membership of the group that may have ended."""

import asyncio
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import pytest
from aiokafka.protocol.group import SyncGroupRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.produce import ProduceRequest

from streams.engine.lease import Lease, LeaseLostError


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def lease(time: Time) -> Lease:
    lease = Lease(10.0, 60.0, time)
    lease.renewed()
    return lease


async def waits(lease: Lease) -> asyncio.Task[None]:
    task = asyncio.create_task(lease.held())
    await asyncio.sleep(0.05)
    assert not task.done()
    return task


async def test_a_member_may_write_and_so_may_who_has_not_joined_yet(lease: Lease, time: Time) -> None:
    time.now += 10.0
    await lease.held()
    await Lease(10.0, 60.0, time).held()


async def test_after_a_session_without_heartbeat_the_next_one_decides(lease: Lease, time: Time) -> None:
    time.now += 10.1
    writing = await waits(lease)
    lease.renewed()
    await writing
    time.now += 10.1
    writing = await waits(lease)
    lease.lost()
    with pytest.raises(LeaseLostError, match="longer than its session"):
        await writing


async def test_between_two_memberships_nothing_is_written(lease: Lease, time: Time) -> None:
    lease.suspended()
    assert (lease.is_over, lease.seconds_left) == (True, None)
    writing = await waits(lease)
    lease.renewed()  # a heartbeat that was on its way
    await asyncio.sleep(0.05)
    assert not writing.done()
    lease.joined()
    await writing
    assert lease.seconds_left == 10.0


async def test_what_waited_is_not_written_when_the_rebalance_gave_its_partitions_away(lease: Lease, time: Time) -> None:
    time.now += 10.1
    writing = await waits(lease)
    lease.suspended()
    lease.lost()
    with pytest.raises(LeaseLostError):
        await writing
    lease.renewed()  # heartbeats of a membership that nobody uses
    with pytest.raises(LeaseLostError):
        await lease.held()


async def test_a_worker_frozen_between_two_memberships_may_not_write_when_it_thaws(lease: Lease, time: Time) -> None:
    lease.suspended()
    time.now += 1_000.0
    assert lease.is_over


async def test_who_looks_at_the_lease_is_told_when_it_ends_at_a_word(lease: Lease) -> None:
    told: list[str] = []
    lease.wakes(lambda: told.append("suspended" if lease._suspended else "lost"))
    lease.lost()
    lease.joined()
    lease.suspended()
    assert told == ["lost", "suspended"]


async def test_nobody_waits_longer_than_the_patience(lease: Lease, time: Time) -> None:
    time.now += 10.1
    writing = await waits(lease)
    time.now += 60.1
    with pytest.raises(LeaseLostError):
        await writing


async def test_a_join_that_takes_longer_than_a_session_loses_nothing(lease: Lease, time: Time) -> None:
    lease.suspended()
    coordinator = coordinator_of(AsyncMock(return_value=True), AsyncMock())
    lease.watch(coordinator)
    assert await coordinator._do_heartbeat()  # one that was on its way
    time.now += 50.0
    await coordinator._send_req(SyncGroupRequest("group", 3, "member", "", []))
    lease.joined()
    await lease.held()


async def test_a_request_to_produce_waits_and_is_refused_others_are_not(lease: Lease, time: Time) -> None:
    sent: list[object] = []

    async def send(node_id: int, request: object, **options: object) -> None:
        sent.append(request)

    client = SimpleNamespace(send=send)
    lease.guard(client)
    asking, producing = MetadataRequest(), ProduceRequest("", -1, 1000, [])
    await client.send(1, producing)
    time.now += 10.1
    await client.send(1, asking, group=2)
    lease.lost()
    with pytest.raises(LeaseLostError) as refused:
        await client.send(1, producing)
    assert not refused.value.retriable
    assert sent == [producing, asking]


async def test_heartbeats_count_from_when_they_were_sent(lease: Lease, time: Time) -> None:
    answers = iter([True, False, False])

    async def beat() -> bool:
        time.now += 6.0  # the answer is slow
        return next(answers)

    coordinator = coordinator_of(beat, AsyncMock())
    lease.watch(coordinator)
    lease.watch(coordinator)
    assert await coordinator._do_heartbeat()
    time.now += 5.0
    writing = await waits(lease)
    assert not await coordinator._do_heartbeat()  # no answer: nothing is known
    await asyncio.sleep(0.05)
    assert not writing.done()
    coordinator.generation = -1
    assert not await coordinator._do_heartbeat()
    with pytest.raises(LeaseLostError):
        await writing


async def test_a_membership_counts_from_when_it_was_asked_for(lease: Lease, time: Time) -> None:
    """A worker frozen between the answer and its callback took itself for a member for another session."""

    async def answer(request: object) -> None:
        time.now += 8.0

    lease.suspended()
    coordinator = coordinator_of(AsyncMock(), answer)
    lease.watch(coordinator)
    await coordinator._send_req(SyncGroupRequest("group", 3, "member", "", []))
    lease.joined()
    assert lease.seconds_left == 2.0
    time.now += 2.5
    assert (lease.seconds_left, lease.is_over) == (None, True)


async def test_a_group_may_wait_for_us_since_the_last_heartbeat_that_said_nothing_of_it(
    lease: Lease, time: Time
) -> None:
    assert Lease(10.0, 60.0, time).unsettled_seconds == 0.0
    coordinator = coordinator_of(AsyncMock(return_value=True), AsyncMock())
    lease.watch(coordinator)
    assert await coordinator._do_heartbeat()
    time.now += 4.0
    assert lease.unsettled_seconds == 4.0
    coordinator._rejoin_needed_fut.set_result(None)
    assert await coordinator._do_heartbeat()  # which told us so, and keeps the membership
    assert (lease.unsettled_seconds, lease.seconds_left) == (4.0, 10.0)
    await coordinator._send_req(SyncGroupRequest("group", 3, "member", "", []))
    time.now += 0.5
    lease.joined()
    assert lease.unsettled_seconds == 0.5


async def test_who_is_told_that_it_is_no_member_or_leaves_writes_nothing_more(lease: Lease) -> None:
    """A refused commit resets the generation, and no heartbeat comes any more to tell."""
    coordinator = coordinator_of(AsyncMock(return_value=True), AsyncMock())
    lease.watch(coordinator)
    assert await coordinator._do_heartbeat()
    coordinator.reset_generation()
    assert coordinator.generation == -1
    with pytest.raises(LeaseLostError):
        await lease.held()


def coordinator_of(beat: Any, ask: Any) -> Any:
    coordinator = SimpleNamespace(_do_heartbeat=beat, _send_req=ask, generation=3, _rejoin_needed_fut=asyncio.Future())

    def reset_generation() -> None:
        coordinator.generation = -1

    coordinator.reset_generation = reset_generation
    return coordinator
