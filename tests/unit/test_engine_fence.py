"""What was sent and has not left is taken back when the membership may have ended."""

import asyncio
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.produce import ProduceRequest

from streams.engine.fence import Fence
from streams.engine.lease import Lease
from streams.engine.producer import ThreadProducer

#: More than all the buffers between two sockets hold.
LARGE = 32 * 1024 * 1024
SESSION = 10.0


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Connection:
    """Of aiokafka's what a fence needs, on a real socket; a request is sent as so many bytes."""

    def __init__(self, writer: asyncio.StreamWriter, size: int) -> None:
        self._writer = writer
        self._requests: list[tuple[int, Any, None]] = []
        self._size = size
        self.closed = False

    def send(self, request: Any) -> None:
        self._requests.append((len(self._requests), request, None))
        self._writer.write(b"x" * self._size)

    def close(self, reason: object = None) -> None:
        self.closed, self._requests = True, []
        self._writer.close()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def fence(time: Time) -> Fence:
    lease = Lease(SESSION, 60.0, time)
    lease.renewed()
    return Fence(lease)


@pytest.fixture
def broker() -> Iterator[socket.socket]:
    """Takes no more than its buffers hold, until somebody reads."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def run(fence: Fence, work: Any) -> Any:
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(fence)) as runner:
        return runner.run(work)


async def connected(fence: Fence, broker: socket.socket, size: int = 100) -> Any:
    """A guarded client's connection, as the client gives it."""
    _, writer = await asyncio.open_connection(*broker.getsockname())
    connection = Connection(writer, size)

    async def find(node_id: int) -> Connection:
        return connection

    client = SimpleNamespace(_conns={1: connection}, _get_conn=find)
    fence.guard(client)
    assert await client._get_conn(1) is await client._get_conn(1) is connection
    return connection


def received(broker: socket.socket) -> int:
    """How many bytes come until the sender closes or resets the connection."""
    accepted, _ = broker.accept()
    count = 0
    with accepted:
        try:
            while chunk := accepted.recv(1024 * 1024):
                count += len(chunk)
        except ConnectionResetError:
            return count
    raise AssertionError("closed in order")


PRODUCE = ProduceRequest("", -1, 1000, [])


def test_what_is_left_of_a_request_goes_no_further_when_a_frozen_process_wakes(
    fence: Fence, time: Time, broker: socket.socket
) -> None:
    async def work() -> None:
        connection = await connected(fence, broker, LARGE)
        connection.send(PRODUCE)
        time.now += SESSION + 0.1  # as if it had been frozen
        reading = asyncio.create_task(asyncio.to_thread(received, broker))
        assert await reading < LARGE
        assert connection.closed

    run(fence, work())


def test_a_silent_loop_wakes_when_the_session_is_over(broker: socket.socket) -> None:
    lease = Lease(0.2, 60.0)
    fence = Fence(lease)

    async def work() -> int:
        connection = await connected(fence, broker)
        connection.send(PRODUCE)
        lease.renewed()
        return await asyncio.to_thread(received, broker)  # nothing else is to be done

    assert run(fence, work()) == 100


class Producer(ThreadProducer):
    """In its thread, with one connection instead of aiokafka's."""

    connection: Any

    def __init__(self, lease: Lease, broker: socket.socket) -> None:
        self.app = cast(Any, SimpleNamespace(engine=SimpleNamespace(lease=lease)))
        self._broker = broker

    async def _connect(self) -> None:
        self.connection = await connected(self._fence, self._broker)
        self.connection.send(PRODUCE)

    async def _disconnect(self) -> None:
        pass


@pytest.mark.parametrize("word", ["lost", "suspended"])
async def test_a_producer_learns_at_once_that_the_membership_has_ended(
    broker: socket.socket, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    """A heartbeat says so, or a rebalance: its thread slept on until the session was over."""
    monkeypatch.setattr("streams.engine.producer.sys.setswitchinterval", lambda seconds: None)
    lease = Lease(3_600.0, 60.0)
    lease.renewed()
    producer = Producer(lease, broker)
    await producer.on_start()
    try:
        tell = lease.lost if word == "lost" else lease.suspended
        reading = asyncio.create_task(asyncio.to_thread(received, broker))
        await asyncio.to_thread(tell)
        assert await asyncio.wait_for(reading, 30) == 100
    finally:
        await producer.on_stop()
    assert producer.connection.closed
    tell()  # to nobody


def test_a_connection_without_a_write_stays_and_so_do_all_of_a_member(
    fence: Fence, time: Time, broker: socket.socket
) -> None:
    async def work() -> None:
        asking, writing = await connected(fence, broker), await connected(fence, broker)
        asking.send(MetadataRequest())
        writing.send(PRODUCE)
        time.now += SESSION - 0.1
        await asyncio.sleep(0)
        assert not writing.closed
        time.now += 0.2
        await asyncio.sleep(0)
        assert (asking.closed, writing.closed) == (False, True)
        asking.close()

    run(fence, work())


def test_a_request_that_waited_for_its_connection_is_refused_and_may_be_tried_again(
    fence: Fence, time: Time, broker: socket.socket
) -> None:
    async def work() -> None:
        connection = await connected(fence, broker)
        time.now += SESSION + 0.1
        with pytest.raises(KafkaConnectionError) as refused:
            connection.send(PRODUCE)
        assert refused.value.retriable
        connection.send(MetadataRequest())
        assert len(connection._requests) == 1
        connection.close()

    run(fence, work())
