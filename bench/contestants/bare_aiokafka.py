"""The floor: a loop over aiokafka with a dict, which a crash empties. What state and recovery cost is above it.

It publishes by the same rule as our engine, at most one score per customer and publication, and with the same
batched writing, so that the difference is the price of Faust and of exact state alone.
"""

import asyncio
import signal
from collections import defaultdict
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from bench import contestants as terms
from bench.contestants import Task
from bench.job import Customer, UsageEvent, fold, score_of
from bench.progress import Progress
from streams.engine.outbox import Output, publish

_REQUEST_BYTES = 4 * 1024 * 1024


def run(task: Task, progress: Progress) -> None:
    asyncio.run(Loop(task, progress).run())


class Loop:
    """Reads, folds, and at its intervals publishes and commits."""

    def __init__(self, task: Task, progress: Progress) -> None:
        self._task = task
        self._progress = progress
        self._customers: dict[str, Customer] = defaultdict(Customer)
        self._changed: dict[str, int] = {}
        self._decode = msgspec.json.Decoder(UsageEvent).decode
        self._encode = msgspec.json.Encoder().encode

    async def run(self) -> None:
        self._consumer = AIOKafkaConsumer(
            self._task.source,
            bootstrap_servers=self._task.bootstrap,
            group_id=self._task.group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=25,
            max_partition_fetch_bytes=_REQUEST_BYTES,
            session_timeout_ms=int(terms.SESSION_SECONDS * 1000),
            heartbeat_interval_ms=int(terms.HEARTBEAT_SECONDS * 1000),
            rebalance_timeout_ms=int(terms.REBALANCE_SECONDS * 1000),
            request_timeout_ms=int(terms.REQUEST_SECONDS * 1000),
        )
        self._producer = AIOKafkaProducer(bootstrap_servers=self._task.bootstrap, max_batch_size=512 * 1024, acks="all")
        async with self._consumer, self._producer, asyncio.TaskGroup() as group:
            jobs = [self._read, self._publish, self._commit, self._answer]
            tasks = [group.create_task(job()) for job in jobs]
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: [task.cancel() for task in tasks])

    async def _read(self) -> None:
        while True:
            for tp, records in (await self._consumer.getmany(timeout_ms=250, max_records=5000)).items():
                for record in records:
                    self._take(tp.partition, self._decode(record.value))
                self._progress.applied(len(records))
            await asyncio.sleep(0)

    def _take(self, partition: int, event: UsageEvent) -> None:
        fold(self._customers[event.customer_id], event)
        self._changed[event.customer_id] = partition

    async def _publish(self) -> None:
        while True:
            await self._publish_changed()
            await asyncio.sleep(terms.PUBLISH_SECONDS)

    async def _publish_changed(self) -> None:
        changed, self._changed = self._changed, {}
        outputs = [self._output(customer_id, partition) for customer_id, partition in changed.items()]
        await publish(self._producer, outputs, _REQUEST_BYTES)

    def _output(self, customer_id: str, partition: int) -> Output:
        published = score_of(customer_id, self._customers[customer_id])
        return Output(self._task.scores, partition, customer_id.encode(), self._encode(published))

    async def _commit(self) -> None:
        while True:
            await asyncio.sleep(terms.COMMIT_SECONDS)
            offsets = await self._read_so_far()
            await self._publish_changed()  # a commit says that the scores are out
            if offsets:
                await self._consumer.commit(offsets)

    async def _read_so_far(self) -> Any:
        return {tp: await self._consumer.position(tp) for tp in self._consumer.assignment()}

    async def _answer(self) -> None:
        await self._progress.answer(lambda: self._customers)
