"""Whether this worker may still write: only as long as its consumer group counts it in.

A worker that was frozen (SIGSTOP, a suspended machine) or cut off for longer than its session has lost its partitions
and does not know it. Commits of such a zombie are refused by the broker, its late state is ignored by whoever recovers
(staging.py), but an output that comes after those of the new owner would stand as the newest value of its key. So
nothing is written on a membership that may have ended: the next heartbeat is awaited, and it tells. The question is
asked last just before a request leaves the process, so what is left is the time between two instructions.
"""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any

from aiokafka.errors import KafkaError
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
        self._lost = False
        self._life = 0

    def renewed(self, at: float | None = None) -> None:
        """The broker counted us in at this time: when the request that it answered was sent."""
        self._renewed_at = self._clock() if at is None else at
        self._lost = False

    def suspended(self) -> None:
        """We hold no partition until we have joined again, so there is nothing to lose."""
        self._renewed_at = None
        self._life += 1

    def lost(self) -> None:
        """The broker does not know us any more."""
        self._lost = True

    async def held(self) -> None:
        """Returns when writing is safe.

        Raises:
            LeaseLostError: the membership has ended, or nobody can say.
        """
        since, life = self._clock(), self._life
        while self._lost or self._is_doubtful() or self._life != life:
            waited = self._clock() - since
            if self._lost or self._life != life or waited > self._patience_seconds:
                raise LeaseLostError(
                    "this worker was frozen or cut off for longer than its session "
                    f"({self._session_seconds:g} s), its partitions may be another's: it ends with nothing written"
                )
            await asyncio.sleep(_LOOK_SECONDS)

    def _is_doubtful(self) -> bool:
        return self._renewed_at is not None and self._clock() - self._renewed_at > self._session_seconds

    def watch(self, coordinator: Any) -> None:
        """Learns from the heartbeats of an aiokafka group coordinator; it may be told of the same one again."""
        if getattr(coordinator, "zelo_lease", None) is self:
            return
        beat = coordinator._do_heartbeat

        async def heartbeat() -> bool:
            sent = self._clock()
            alive: bool = await beat()
            if alive and self._renewed_at is not None:  # else we have given all up, and a join is under way
                self.renewed(sent)
            elif coordinator.generation < 0:
                self.lost()
            return alive

        coordinator._do_heartbeat, coordinator.zelo_lease = heartbeat, self

    def guard(self, client: Any) -> None:
        """Holds back every produce request of an aiokafka client until writing is safe."""
        send = client.send

        async def send_if_held(node_id: int, request: Any, **options: Any) -> Any:
            if isinstance(request, ProduceRequest):
                await self.held()
            return await send(node_id, request, **options)

        client.send = send_if_held
