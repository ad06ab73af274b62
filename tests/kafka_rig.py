"""The broker under test: the embedded one, or, with `pytest --broker kafka`, one Apache Kafka for the whole session.

A test finds Kafka as empty as a fresh embedded broker: the topics of whoever was there before are deleted, and with
them the offsets that groups committed. Names of groups must differ between tests all the same, because a killed
member stays in its group until its session ends.
"""

import asyncio
import shutil
import tempfile
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient

from streams.embedded.kafka import ApacheKafka
from streams.embedded.kafka.properties import Layout
from streams.embedded.stack import EmbeddedStack

#: What a broker does after minutes, it does at once: delete what is older than its topic keeps, and compact.
_HASTE = {
    "log.initial.task.delay.ms": "500",
    "log.retention.check.interval.ms": "500",
    "log.cleaner.backoff.ms": "500",
    "log.segment.delete.delay.ms": "1000",
}


class HastyKafka(ApacheKafka):
    """An Apache Kafka that throws away whatever it may as soon as it may."""

    def _new_layout(self) -> Layout:
        layout = super()._new_layout()
        return replace(layout, extra={**layout.extra, **_HASTE})


class SessionKafka:
    """An Apache Kafka of its own thread: a broker dies with the thread that started it, and loops of tests come and go.

    Attributes:
        folder: its data; deleted at the end, while the logs stay in it.
        asked: how often a test has asked for a broker.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="zelo-kafka-"))
        self.asked = 0
        self._started: Future[ApacheKafka] = Future()
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._live, name="session kafka")

    @property
    def kafka(self) -> ApacheKafka:
        """The running broker; starts it when first asked for."""
        if self._thread.ident is None:
            self._thread.start()
        return self._started.result()

    def _live(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        try:
            async with HastyKafka(self.folder) as kafka:
                self._started.set_result(kafka)
                await self._over.wait()
        except Exception as error:
            if self._started.done():
                raise
            self._started.set_exception(error)

    def end(self) -> None:
        """Stops the broker, if it was ever asked for."""
        if self._thread.ident is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._over.set)
            self._thread.join()
        for node in self.folder.glob("node-*"):
            shutil.rmtree(node)

    async def emptied(self) -> str:
        """The bootstrap address, after all topics but Kafka's own were deleted."""
        self.asked += 1
        kafka = await asyncio.to_thread(lambda: self.kafka)
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        await admin.start()
        try:
            while left := [name for name in await admin.list_topics() if not name.startswith("__")]:
                await admin.delete_topics(left)
        finally:
            await admin.close()
        return kafka.bootstrap


#: Set by conftest when pytest was called with `--broker kafka`.
session: SessionKafka | None = None


_start_own: Callable[[EmbeddedStack], Awaitable[None]] = EmbeddedStack._start_broker


async def start_shared(stack: EmbeddedStack) -> None:
    """Stands in for `EmbeddedStack._start_broker`: the session's Kafka instead of a child of the stack.

    A stack that asks for a Kafka itself gets its own, with its data in its own folder.
    """
    if stack._broker_kind == "kafka":
        await _start_own(stack)
        return
    assert session is not None
    stack.broker_port = int((await session.emptied()).rpartition(":")[2])
    stack.cluster_id = session.kafka.cluster_id
