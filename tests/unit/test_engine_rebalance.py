"""What a rebalance does with checkpoint, lease and positions, step by step."""

import asyncio
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import KafkaConnectionError
from faust.types import TP

from streams.engine.committing import CommittingConsumer
from streams.engine.consumer import BatchConsumer, Membership
from streams.engine.lease import Lease, LeaseLostError
from streams.engine.leaving import leave_from_the_first

HERE, THERE, CHANGELOG = TP("usage", 0), TP("usage", 1), TP("app-usage-changelog", 0)


class Checkpoint:
    """Tells what was asked of it, and in which order with the rest."""

    def __init__(self, told: list[str]) -> None:
        self.told = told
        self.under_way = False

    def leaving(self) -> None:
        self.told.append("leaving")

    def left(self) -> None:
        self.told.append("left")

    def joined(self) -> None:
        self.told.append("joined")


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def consumer(told: list[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """In generation 4, with one partition; Faust's own part of a rebalance only says that it was there."""

    async def stock(self: Any, *_: Any) -> None:
        told.append("stock")

    monkeypatch.setattr(CommittingConsumer, "on_partitions_revoked", stock)
    monkeypatch.setattr(CommittingConsumer, "on_partitions_assigned", stock)
    consumer: Any = BatchConsumer.__new__(BatchConsumer)
    lease = Lease(0.2, 60.0)
    lease.renewed()
    consumer.engine = SimpleNamespace(lease=lease, checkpoint=Checkpoint(told), assigned=Mock())
    consumer.app = SimpleNamespace(
        crashed=False,
        should_stop=False,
        consumer_generation_id=5,
        crash=AsyncMock(),
        tables=SimpleNamespace(_changelogs={CHANGELOG.topic: object()}),
    )
    consumer.settings = SimpleNamespace(session_timeout_seconds=0.2)
    consumer.log = Mock()
    consumer.positions = SimpleNamespace(forget=lambda: told.append("forgotten"))
    coordinator = SimpleNamespace(
        reset_generation=Mock(),
        _do_heartbeat=AsyncMock(),
        _send_req=AsyncMock(),
        _maybe_leave_group=AsyncMock(spec=()),
        generation=4,
    )
    consumer._thread = SimpleNamespace(_ensure_consumer=lambda: SimpleNamespace(_coordinator=coordinator))
    consumer._rest_until = {HERE: 1.0}
    consumer._held = Membership(4, frozenset({HERE}))

    async def commit() -> bool:
        told.append("committed")
        return True

    consumer.force_commit = commit
    return consumer


async def test_the_last_commit_comes_behind_the_last_publication_and_then_nothing_is_written(
    consumer: Any, told: list[str]
) -> None:
    await consumer.on_partitions_revoked({HERE})
    assert told == ["leaving", "stock", "committed", "left", "forgotten"]
    assert consumer.engine.lease.is_over
    assert consumer._rest_until == {}
    consumer.log.warning.assert_not_called()


async def test_a_last_commit_that_takes_longer_than_half_a_session_is_not_waited_for(
    consumer: Any, told: list[str]
) -> None:
    consumer.force_commit = asyncio.Event().wait
    await consumer.on_partitions_revoked({HERE})
    assert told == ["leaving", "stock", "left", "forgotten"]
    consumer.log.warning.assert_called_once()


async def test_writing_goes_on_when_the_tables_have_dropped_what_is_not_ours(consumer: Any, told: list[str]) -> None:
    consumer.engine.lease.suspended()
    await consumer.on_partitions_assigned({THERE, CHANGELOG}, 5)
    assert told == ["stock", "joined"]
    assert not consumer.engine.lease.is_over
    assert consumer._held == Membership(5, frozenset({THERE}))
    consumer.app.crash.assert_not_awaited()


@pytest.mark.parametrize("change", [{"should_stop": True}, {"consumer_generation_id": 6}])
async def test_nothing_is_written_when_the_tables_were_not_asked(
    consumer: Any, told: list[str], change: dict[str, Any]
) -> None:
    vars(consumer.app).update(change)
    await consumer.on_partitions_assigned({HERE}, 5)
    assert told == ["stock"]


async def test_a_worker_that_crashed_takes_no_partitions(consumer: Any, told: list[str]) -> None:
    """It joined the lease again, and what it had in hand was written after all."""
    consumer.app.crashed = True
    consumer.engine.lease.lost()
    await consumer.on_partitions_assigned({HERE}, 5)
    assert told == []
    assert consumer.engine.lease.is_over


@pytest.mark.parametrize(
    "assigned, generation, ends",
    [
        ({HERE, CHANGELOG}, 5, False),
        ({HERE, THERE}, 5, False),
        ({THERE}, 5, True),  # another has it
        ({HERE}, 6, True),  # another may have had it in between
        ({HERE}, 4, True),  # a group that begins anew
    ],
)
async def test_a_write_that_a_rebalance_finds_under_way_ends_the_worker_unless_all_is_still_its_own(
    consumer: Any, told: list[str], assigned: set[TP], generation: int, ends: bool
) -> None:
    """The output's broker was away: what waited for it came in behind the new owner's."""
    consumer.app.consumer_generation_id = generation
    consumer.engine.checkpoint.under_way = True
    consumer.engine.lease.suspended()
    await consumer.on_partitions_assigned(assigned, generation)
    if not ends:
        assert told == ["stock", "joined"]
        await consumer.engine.lease.held()
        return
    assert told == []
    (error,) = consumer.app.crash.await_args.args
    assert isinstance(error, LeaseLostError)
    consumer.engine.lease.renewed()  # its heartbeats go on until it has left
    with pytest.raises(LeaseLostError):
        await consumer.engine.lease.held()


@pytest.mark.parametrize("generation, sent", [(-1, False), (0, True), (7, True)])
async def test_a_group_is_left_in_its_first_generation_too(generation: int, sent: bool) -> None:
    seen: list[tuple[str, int]] = []
    coordinator: Any = GroupCoordinator.__new__(GroupCoordinator)
    coordinator.group_id, coordinator.member_id, coordinator._group_instance_id = "group", "member", None
    coordinator.generation, coordinator.coordinator_id = generation, 0
    coordinator._rejoin_needed_fut = asyncio.get_running_loop().create_future()

    async def send(node: int, request: Any, group: Any = None) -> Any:
        seen.append((type(request).__name__, coordinator.generation))  # what a commit beside it would carry
        raise KafkaConnectionError  # who leaves goes, answer or not

    coordinator.coordinator_dead = lambda: None
    coordinator._client = SimpleNamespace(send=send)
    leave_from_the_first(coordinator)
    ours = coordinator._maybe_leave_group
    leave_from_the_first(coordinator)
    assert coordinator._maybe_leave_group is ours
    await ours()
    assert (seen, coordinator.generation) == ([("LeaveGroupRequest", generation)] if sent else [], -1)


async def test_offsets_are_not_committed_past_an_error(consumer: Any) -> None:
    consumer.assignment = lambda: {HERE}
    consumer._commit = AsyncMock()
    consumer.app.crashed = True
    assert not await consumer._commit_offsets({HERE: 7})
    consumer._commit.assert_not_awaited()
