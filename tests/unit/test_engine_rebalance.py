"""What a rebalance does with checkpoint, lease and positions, step by step."""

import asyncio
import time
from collections import defaultdict
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.errors import KafkaConnectionError
from faust.transport.drivers.aiokafka import Consumer as AiokafkaConsumer
from faust.types import TP

from streams.cli.processes import _GRACE_SECONDS
from streams.engine.batches import BatchMessage, Positions
from streams.engine.committing import CommittingConsumer
from streams.engine.consumer import BatchConsumer, Membership
from streams.engine.counters import Counters
from streams.engine.gate import always_open
from streams.engine.joining import NoPartitionsError, join_however_late
from streams.engine.lease import Lease, LeaseLostError
from streams.engine.leaving import leave_from_the_first
from streams.engine.services import Watch

HERE, THERE, CHANGELOG = TP("usage", 0), TP("usage", 1), TP("app-usage-changelog", 0)


class Checkpoint:
    """Tells what was asked of it, and in which order with the rest."""

    def __init__(self, told: list[str]) -> None:
        self.told = told
        self.under_way = False

    def leaving(self, seconds: float) -> None:
        self.seconds = seconds
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
    consumer.settings = SimpleNamespace(
        session_timeout_seconds=0.2,
        rebalance_timeout_seconds=60.0,
        heartbeat_interval_seconds=0.05,
        join_patience_seconds=600.0,
    )
    consumer.log = Mock()
    consumer.positions = SimpleNamespace(forget=lambda: told.append("forgotten"))
    coordinator = SimpleNamespace(
        reset_generation=Mock(),
        _do_heartbeat=AsyncMock(),
        _send_req=AsyncMock(),
        _maybe_leave_group=AsyncMock(spec=()),
        ensure_active_group=AsyncMock(spec=()),
        generation=4,
    )
    consumer._thread = SimpleNamespace(
        _ensure_consumer=lambda: SimpleNamespace(_coordinator=coordinator), crash=AsyncMock()
    )
    consumer._rest_until = {HERE: 1.0}
    consumer._held = Membership(4, frozenset({HERE}))
    consumer._taken, consumer._committed_offset = {}, defaultdict(lambda: None)

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
    assert 0.0 < consumer.engine.checkpoint.seconds <= consumer._patience() / 2  # the rest is for writing


async def test_a_worker_that_ends_publishes_what_is_marked_behind_a_commit_that_is_under_way(
    consumer: Any, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a backlog a commit renders nothing, and nobody published anything after it."""

    async def stock(self: Any) -> None:
        told.append("stock")

    monkeypatch.setattr(AiokafkaConsumer, "on_stop", stock)
    await consumer.on_stop()
    assert told == ["leaving", "committed", "stock"]
    assert 0.0 < consumer.engine.checkpoint.seconds <= _GRACE_SECONDS / 2


async def test_a_last_commit_that_takes_longer_than_half_a_session_is_not_waited_for(
    consumer: Any, told: list[str]
) -> None:
    consumer.force_commit = asyncio.Event().wait
    await consumer.on_partitions_revoked({HERE})
    assert told == ["leaving", "stock", "left", "forgotten"]
    consumer.log.warning.assert_called_once()


async def test_a_group_that_may_have_given_our_partitions_away_gets_no_last_save(
    consumer: Any, told: list[str]
) -> None:
    consumer.settings.rebalance_timeout_seconds = 0.05
    await consumer.on_partitions_revoked({HERE})
    assert told == ["leaving", "stock", "left", "forgotten"]


@pytest.mark.parametrize(
    "rebalance, heartbeat, unsettled, seconds",
    [
        (60.0, 3.0, 3.0, 15.0),  # half a session
        (10.0, 3.0, 3.0, 4.0),
        (10.0, 3.0, 9.0, 0.0),  # heartbeats were lost: it is too late for a save
        (3.0, 0.75, 0.5, 1.75),
    ],
)
def test_the_last_save_leaves_time_to_join_before_the_group_gives_our_partitions_away(
    consumer: Any, rebalance: float, heartbeat: float, unsettled: float, seconds: float
) -> None:
    """It had half a session, also where the group waits for less."""
    consumer.settings = SimpleNamespace(
        session_timeout_seconds=30.0, rebalance_timeout_seconds=rebalance, heartbeat_interval_seconds=heartbeat
    )
    consumer.engine.lease = SimpleNamespace(unsettled_seconds=unsettled)
    assert consumer._patience() == pytest.approx(seconds)


async def test_a_last_save_that_fails_after_it_was_given_up_ends_the_worker_at_once(consumer: Any) -> None:
    """It was told with the next save, which came after the next assignment, if ever."""
    fail = asyncio.Event()

    async def save(*_: Any) -> bool:
        await fail.wait()
        raise LeaseLostError("the output's broker is away")

    consumer.force_commit = lambda: consumer._commit_tps([])  # as Faust does
    consumer.engine.checkpoint.save = save
    await consumer.on_partitions_revoked({HERE})
    consumer.app.crash.assert_not_awaited()
    fail.set()
    for _ in range(10):
        await asyncio.sleep(0)
    (error,) = consumer.app.crash.await_args.args
    assert isinstance(error, LeaseLostError)


async def test_what_is_committed_never_goes_back(consumer: Any) -> None:
    """Faust forgets it with the membership; a commit that the rebalance found under way is taken behind the seek."""
    consumer.positions = Positions(Counters())
    consumer.counters = Counters()
    consumer._acked, consumer._acked_index = {}, {}
    consumer.assignment = lambda: {HERE}
    consumer._commit = AsyncMock(return_value=True)
    consumer.app.monitor = Mock()
    consumer.positions.sought(HERE, 100)  # of the second membership
    read = BatchMessage("usage", 0, 100, 0.0, 0, None, None, None, None, 0, 0, HERE)
    read.end = 200
    consumer.positions.delivered(read)
    read.acked = True
    assert consumer._filter_committable_offsets([HERE]) == {HERE: 200}
    await consumer._commit_offsets({HERE: 500})  # of the first
    assert consumer._filter_committable_offsets([HERE]) == {}
    consumer._committed_offset.pop(HERE)  # with the end of the second
    assert consumer._filter_committable_offsets([HERE]) == {}
    consumer.positions.sought(HERE, 501)
    consumer.positions.passed(HERE, 501)
    assert consumer._filter_committable_offsets([HERE]) == {HERE: 501}


async def test_lag_counts_from_what_the_group_has_and_lateness_from_what_is_done(consumer: Any) -> None:
    """The gauge says "not yet committed", and said how far the work was; a broker that takes no commit went unseen."""
    consumer.engine.counters = consumer.counters = Counters()
    consumer.engine.settings = SimpleNamespace(stuck_after_seconds=60.0)
    consumer.engine.waiting_for = []
    consumer.engine.settling = Mock()
    consumer.engine.gate = always_open
    consumer.positions = Positions(Counters())
    consumer._readable_end = lambda tp: 300
    consumer.assignment = lambda: {HERE}
    consumer._commit = AsyncMock(return_value=False)
    consumer.app.monitor = Mock()
    consumer.look_for_gaps = AsyncMock()
    vars(consumer.app).update(consumer=consumer, engine=consumer.engine, rebalancing=False, in_recovery=False)
    watch = Watch(consumer.app)

    async def looked() -> tuple[int, bool, bool]:
        await watch.look()
        counters = consumer.counters
        return counters.lag[HERE], counters.lag_seconds[HERE] > 0.0, counters.late_seconds[HERE] > 0.0

    sight = consumer._sight(HERE, held=False)
    assert sight.of_the_group == sight  # nothing is known of it yet
    consumer.positions.sought(HERE, 100)
    assert (await looked())[0] == 200
    consumer.positions.passed(HERE, 300)
    assert await looked() == (200, True, False)
    assert not await consumer._commit_offsets({HERE: 300})
    assert (await looked())[0] == 200
    consumer._commit.return_value = True
    assert await consumer._commit_offsets({HERE: 300})
    assert await looked() == (0, False, False)
    watch.backlog = Mock(look=Mock(return_value=7.5))
    watch.glance()
    assert consumer.counters.backlog_seconds == 7.5
    assert watch.backlog.look.call_args.args == (consumer.sights(),)
    consumer.engine.settling.look.assert_called_with()
    consumer._readable_end = lambda tp: 400
    watch.glance()
    watch.glance()
    assert consumer.counters.late_seconds[HERE] > 0.0  # as fresh as the backlog: a pause is as long as both
    consumer.app.crash.assert_not_awaited()


@pytest.mark.parametrize("prepared, joins", [(False, 0), (True, 1)])
async def test_a_join_is_made_again_however_long_the_coordinator_was_away(prepared: bool, joins: int) -> None:
    """Nobody polls between two memberships: aiokafka took the worker for stuck, and it waited for ever."""
    state = SubscriptionState()
    state._last_fetch_ended = time.monotonic() - 301.0
    state.subscribe({"usage"})
    coordinator: Any = GroupCoordinator.__new__(GroupCoordinator)
    coordinator._subscription, coordinator._heartbeat_task = state, None
    coordinator._max_poll_interval, coordinator._retry_backoff_ms = 300.0, 1
    coordinator._performed_join_prepare = prepared
    coordinator._on_join_prepare = AsyncMock()
    coordinator._do_rejoin_group = AsyncMock(return_value=False)
    join_however_late(coordinator, 600.0, AsyncMock())
    ours = coordinator.ensure_active_group
    join_however_late(coordinator, 600.0, AsyncMock())
    assert coordinator.ensure_active_group is ours
    held = SimpleNamespace(tps={HERE})
    await ours(state.subscription, held)
    assert coordinator._do_rejoin_group.await_count == joins
    assert [call.args for call in coordinator._on_join_prepare.await_args_list] == ([] if prepared else [(held,)])
    await ours(state.subscription, held)  # which has begun by now
    assert coordinator._do_rejoin_group.await_count == joins + 1


async def test_a_group_that_answers_and_never_gives_partitions_is_given_up_with_the_worker() -> None:
    """A leader that left while we joined: the embedded broker waits for it to share out the partitions, for ever."""
    now, give_up = [0.0], AsyncMock()

    async def join(*_: Any) -> Any:
        now[0] += 150.0
        return "ours" if now[0] == 600.0 else None

    coordinator: Any = SimpleNamespace(_performed_join_prepare=True, ensure_active_group=join)
    join_however_late(coordinator, 500.0, give_up, clock=lambda: now[0])
    for _ in range(4):
        await coordinator.ensure_active_group(None, None)
    now[0] += 100.0  # a membership, or nobody there to be asked
    for _ in range(3):
        await coordinator.ensure_active_group(None, None)
        now[0] += 0.1
    now[0] += 100.0
    for _ in range(4):
        give_up.assert_not_awaited()
        await coordinator.ensure_active_group(None, None)
    (error,) = give_up.await_args.args
    assert isinstance(error, NoPartitionsError)
    assert str(error) == "the group has given us no partitions for 600 s"


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


@pytest.mark.parametrize("away", [250.0, 310.0, 10_000.0])
async def test_the_end_of_a_membership_may_take_longer_than_the_patience_with_joins(away: float) -> None:
    """Frozen in the middle of the last save: nobody was asked meanwhile."""
    now, give_up = [0.0], AsyncMock()
    coordinator: Any = SimpleNamespace(_performed_join_prepare=False)

    async def join(*_: Any) -> Any:
        now[0] += 1.0 if coordinator._performed_join_prepare else away
        coordinator._performed_join_prepare = True

    coordinator.ensure_active_group = join
    join_however_late(coordinator, 300.0, give_up, clock=lambda: now[0])
    await coordinator.ensure_active_group(None, None)
    for _ in range(299):
        await coordinator.ensure_active_group(None, None)
    give_up.assert_not_awaited()
    for _ in range(2):
        await coordinator.ensure_active_group(None, None)
    give_up.assert_awaited_once()


async def test_joins_that_bring_partitions_are_no_time_without_any() -> None:
    now, give_up = [0.0], AsyncMock()
    answers = iter([*["ours"] * 200, None])

    async def join(*_: Any) -> Any:
        now[0] += 1.0
        return next(answers)

    coordinator: Any = SimpleNamespace(_performed_join_prepare=True, ensure_active_group=join)
    join_however_late(coordinator, 600.0, give_up, clock=lambda: now[0])
    for _ in range(201):
        now[0] += 3.0  # another member that dies again and again
        await coordinator.ensure_active_group(None, None)
    give_up.assert_not_awaited()
