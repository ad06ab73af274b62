"""The consumer's thread: takes records out of aiokafka's fetcher, one batch per partition.

aiokafka's own `max_records` is one budget for all partitions in the order of a dict, so the first ones
starve the others; here every partition has its own cap. Position and records are read in one step
without an await in between (I1): only this thread moves positions.

aiokafka unpacks the batches (checksums, aborted transactions, control batches); only what it makes of
each record is ours, a tuple at half the cost of its dataclass.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from time import monotonic
from typing import Any, cast

import aiokafka
from aiokafka.consumer.fetcher import FetchResult
from aiokafka.errors import (
    CommitFailedError,
    ConsumerStoppedError,
    IllegalGenerationError,
    IllegalStateError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.engine.batches import RawBatch
from streams.engine.offsets import raise_to_high_watermarks
from streams.engine.settings import EngineSettings
from streams.engine.unpacking import PackedBatch, Record, take_packed, take_records

#: A commit that fails like this is made again after the rebalance, or by whoever owns the partition then.
_COMMIT_AGAIN = (
    CommitFailedError,
    IllegalGenerationError,
    IllegalStateError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)


#: After the last records; then a fetch may be held so long. Both chosen.
_BUSY_SECONDS = 1.0
_IDLE_HOLD_MS = 500

Drained = dict[TP, RawBatch]


class Hold:
    """How long the broker may hold a fetch open, ms: aiokafka writes it into a request, which is when it is asked.

    A short hold lets a busy partition fetch again soon. While nothing comes at all nobody waits for that, and a fetch
    that is held ends with the first record, so then it is long: a worker without work makes a tenth of the requests.

    Args:
        busy_seconds: while records come.
        clock: monotonic seconds.
    """

    def __init__(self, busy_seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self._busy_ms = int(busy_seconds * 1000)
        self._idle_ms = max(_IDLE_HOLD_MS, self._busy_ms)
        self._clock = clock
        self.used()

    def used(self) -> None:
        """Records came."""
        self._until = self._clock() + _BUSY_SECONDS

    def __index__(self) -> int:
        return self._busy_ms if self._clock() < self._until else self._idle_ms


class BatchThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread, handing out whole batches."""

    def _settings(self) -> EngineSettings:
        return cast(EngineSettings, cast(Any, self.app).engine.settings)

    def _create_worker_consumer(self, transport: driver.Transport) -> Any:
        consumer = super()._create_worker_consumer(transport)
        self._hold = Hold(self._settings().fetch_max_wait_seconds)
        # Faust fixes 1.5 s; one fetch per broker is in flight, so an idle partition would delay a busy one
        consumer._fetch_max_wait_ms = self._hold
        # Faust reads what a transaction wrote and took back; such an event never happened
        consumer._isolation_level = "read_committed"
        return consumer

    async def _fetch_records(  # type: ignore[override]
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: set[TP] | None,
        timeout: float | None = None,  # noqa: ASYNC109
        **_: Any,
    ) -> dict[TP, RawBatch]:
        fetcher = consumer._fetcher
        subscriptions = fetcher._subscriptions
        cap = cast(Any, self.app).engine.batch_records
        deadline = monotonic() + (timeout or 0.0)
        # the context tells the coordinator that we poll, even while every partition is held back
        with subscriptions.fetch_context():
            while self.consumer.flow_active:
                if consumer._closed or fetcher._closed:
                    raise ConsumerStoppedError
                if subscriptions.reassignment_in_progress:
                    await subscriptions.wait_for_assignment()
                    continue
                if subscriptions.subscription is None or subscriptions.subscription.assignment is None:
                    return {}
                drained = _drain(fetcher, active_partitions or set(), cap, cast(Any, self.consumer)._is_changelog_tp)
                left = deadline - monotonic()
                if drained:
                    self._hold.used()
                if drained or left <= 0:
                    return drained
                await _data_or_timeout(fetcher, left)
        return {}

    def idle_positions(self) -> dict[TP, int]:
        """Where the fetcher stands in the partitions of which it holds nothing."""
        consumer = self._consumer
        subscription = None if consumer is None else consumer._subscription.subscription
        if consumer is None or subscription is None or subscription.assignment is None:
            return {}
        assignment, held = subscription.assignment, consumer._fetcher._records
        states = {tp: assignment.state_value(tp) for tp in assignment.tps if tp not in held}
        return {
            TP(tp.topic, tp.partition): s.position for tp, s in states.items() if s is not None and s.has_valid_position
        }

    def readable_end(self, tp: TP) -> int | None:
        """Where the partition ends for us; what an open transaction wrote lies behind. None before the first fetch."""
        consumer = self._ensure_consumer()
        high: int | None = consumer.highwater(tp)
        stable: int | None = consumer.last_stable_offset(tp)
        return high if high is None or stable is None or stable < 0 else min(high, stable)

    def _stopped_set(self) -> None:
        # after a crash the thread has ended by itself, and its loop with it
        with suppress(RuntimeError):
            super()._stopped_set()

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        consumer = self._ensure_consumer()
        assigned = self.assignment()
        wanted = {
            driver.ensure_aiokafka_TP(tp): OffsetAndMetadata(offset, "")
            for tp, offset in offsets.items()
            if tp in assigned
        }
        try:
            await consumer.commit(wanted)
        except _COMMIT_AGAIN as exc:
            self.log.info("commit refused, the group is changing: %r", exc)
            return False
        except KafkaError as exc:
            if exc.retriable:
                self.log.warning("commit failed, again at the next interval: %r", exc)
                return False
            await self.crash(exc)
            return False
        return True

    async def _highwaters(self, partitions: Any) -> Mapping[TP, int]:
        if not partitions:
            return {}
        consumer = self._ensure_consumer()
        ends = await consumer.end_offsets(partitions)
        ends = await raise_to_high_watermarks(consumer._client, ends)
        return {TP(tp.topic, tp.partition): end for tp, end in ends.items()}


def _no_changelog(tp: TP) -> bool:
    return False


def _drain(
    fetcher: Any, wanted: set[TP], cap: Callable[[TP], int], is_changelog: Callable[[TP], bool] = _no_changelog
) -> Drained:
    """Takes what is fetched of each partition: at most `cap(tp)` records, of a changelog all of it, still packed."""
    drained: Drained = {}
    assignment = fetcher._subscriptions.subscription.assignment
    for aiotp in list(fetcher._records):
        tp = TP(aiotp.topic, aiotp.partition)
        if tp not in wanted:
            if not fetcher._subscriptions.is_assigned(aiotp):
                del fetcher._records[aiotp]
            continue
        result = fetcher._records[aiotp]
        if type(result) is FetchResult:
            batch = _take(fetcher, aiotp, result, assignment, None if is_changelog(tp) else cap(tp))
            if batch is not None:
                drained[tp] = batch
        elif drained:
            return drained  # its error is raised by the next call
        else:
            _release(fetcher, aiotp)
            result.check_raise()
    return drained


def _take(
    fetcher: Any, aiotp: TopicPartition, result: FetchResult, assignment: Any, cap: int | None
) -> RawBatch | None:
    state = assignment.state_value(aiotp)
    start = state.position if state is not None and state.has_valid_position else None
    records: list[Any] = []
    if result.check_assignment(aiotp) and result.has_more():
        records = _packed(result) if cap is None else _unpack(result, aiotp, cap)
    if not result.has_more():
        _release(fetcher, aiotp)
    if start is None or not state.has_valid_position:
        return None
    end = state.position
    if not records and end == start:
        return None
    return PackedBatch(start, end, records) if cap is None else RawBatch(start, end, records)


def _packed(result: FetchResult) -> list[Any]:
    batches = take_packed(result._partition_records)
    result._update_position()
    result._partition_records = None
    return batches


def _unpack(result: FetchResult, aiotp: TopicPartition, cap: int) -> list[Record]:
    records, more = take_records(result._partition_records, aiotp.topic, aiotp.partition, cap)
    result._update_position()
    if not more:
        result._partition_records = None
    return records


def _release(fetcher: Any, aiotp: TopicPartition) -> None:
    del fetcher._records[aiotp]
    fetcher._notify(fetcher._wait_consume_future)


async def _data_or_timeout(fetcher: Any, seconds: float) -> None:
    waiter = fetcher._create_fetch_waiter()
    done, pending = await asyncio.wait([waiter], timeout=seconds)
    for future in pending:
        future.cancel()
    for future in done:
        future.result()  # raises what the coordinator could not handle (authorisation)
