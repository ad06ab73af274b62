"""Whether this worker may still write: only as long as its consumer group counts it in.

A worker that was frozen (SIGSTOP, a suspended machine) or cut off for longer than its session has lost its partitions
and does not know it. Commits of such a zombie are refused by the broker, its late state is ignored by whoever recovers
(staging.py), but an output that comes after those of the new owner would stand as the newest value of its key. So
nothing is written on a membership that may have ended: the next heartbeat is awaited, and it tells. What was asked to
be written before, and has not left, is taken back (fence.py). The same holds between two memberships: what a rebalance
finds half written waits until it is known whether the partitions are still ours (consumer.py).
"""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any

from aiokafka.errors import KafkaError
from aiokafka.protocol.group import SyncGroupRequest
from aiokafka.protocol.produce import ProduceRequest

from streams.errors import TransientError

_LOOK_SECONDS = 0.02


class LeaseLostError(TransientError, KafkaError):  # type: ignore[misc]
    """Another worker may have our partitions; what is in memory is theirs to make.

    An error of Kafka's too, not to be retried, so that aiokafka's producer gives up what it has in hand.
    """


class Lease:
    """The membership of this worker, as its heartbeats tell.

    Args:
        session_seconds: the broker forgets a member after so long without a heartbeat.
        patience_seconds: how long to wait for an answer of the broker before giving up.
        clock: monotonic seconds.
    """

    def __init__(self, session_seconds: float, patience_seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self._session_seconds = session_seconds
        self._patience_seconds = patience_seconds
        self._clock = clock
        self._renewed_at: float | None = None
        self._asked_at: float | None = None
        self._settled_at: float | None = None
        self._suspended = False
        self._lost = False
        self._wakers: list[Callable[[], object]] = []

    def wakes(self, waker: Callable[[], object]) -> None:
        """Calls this, from whatever thread, when the lease has ended at a word, not with its time."""
        self._wakers.append(waker)

    def renewed(self, at: float | None = None) -> None:
        """The broker counted us in at this time: when the request that it answered was sent."""
        self._renewed_at = self._clock() if at is None else at

    def joined(self) -> None:
        """We have partitions, since we asked for them."""
        self.renewed(self._asked_at)
        self._settled_at = self._renewed_at
        self._suspended = self._lost = False  # behind the time, which the other thread looks at then

    def suspended(self) -> None:
        """Until we have joined again, others may be given what we held."""
        self._suspended = True
        self._wake()

    def lost(self) -> None:
        """The broker does not know us any more, or our partitions are another's; only a join mends it."""
        self._lost = True
        self._wake()

    def _wake(self) -> None:
        for waker in self._wakers:
            waker()

    async def held(self) -> None:
        """Returns when writing is safe.

        Raises:
            LeaseLostError: the membership has ended, or nobody can say.
        """
        since = self._clock()
        while self.is_over:
            if self._lost or self._clock() - since > self._patience_seconds:
                raise LeaseLostError(
                    "this worker was frozen or cut off for longer than its session "
                    f"({self._session_seconds:g} s), its partitions may be another's: it ends with nothing written"
                )
            await asyncio.sleep(_LOOK_SECONDS)

    @property
    def is_over(self) -> bool:
        """Whether the membership has ended, or may have."""
        at = self._renewed_at  # once: the other thread may join in between
        return self._suspended or self._lost or (at is not None and self._left(at) < 0)

    @property
    def seconds_left(self) -> float | None:
        """Until the membership may have ended; None if it may have, or if there is none."""
        at = self._renewed_at
        left = -1.0 if at is None or self._suspended else self._left(at)
        return left if left >= 0 else None

    @property
    def unsettled_seconds(self) -> float:
        """For so long, at most, the group may have been waiting for us to join it anew; 0 before the first time."""
        at = self._settled_at
        return 0.0 if at is None else self._clock() - at

    def _left(self, renewed_at: float) -> float:
        return renewed_at + self._session_seconds - self._clock()

    def watch(self, coordinator: Any) -> None:
        """Learns from the requests of an aiokafka group coordinator; it may be told of the same one again."""
        if getattr(coordinator, "zelo_lease", None) is self:
            return
        beat, ask, reset = coordinator._do_heartbeat, coordinator._send_req, coordinator.reset_generation

        async def heartbeat() -> bool:
            sent = self._clock()
            alive: bool = await beat()
            if alive:
                self.renewed(sent)
                self._settled_at = self._settled_at if _is_rebalancing(coordinator) else sent
            elif coordinator.generation < 0:
                self.lost()
            return alive

        async def send(request: Any) -> Any:
            if isinstance(request, SyncGroupRequest):  # the last one of a join: its answer has the partitions
                self._asked_at = self._clock()
            return await ask(request)

        def reset_generation() -> None:  # a commit was told so, or it leaves: no heartbeat will come to say it
            self.lost()
            reset()

        coordinator.reset_generation = reset_generation
        coordinator._do_heartbeat, coordinator._send_req, coordinator.zelo_lease = heartbeat, send, self

    def guard(self, client: Any) -> None:
        """Holds back every produce request of an aiokafka client until writing is safe."""
        send = client.send

        async def send_if_held(node_id: int, request: Any, **options: Any) -> Any:
            if isinstance(request, ProduceRequest):
                await self.held()
            return await send(node_id, request, **options)

        client.send = send_if_held


def _is_rebalancing(coordinator: Any) -> bool:
    """Whether the group waits for us to join it anew, as a heartbeat may have told the coordinator."""
    return bool(coordinator._rejoin_needed_fut.done())
