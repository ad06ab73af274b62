"""Takes back what was asked to be written and has not left this machine when the membership may have ended.

A produce request that was sent in time can still arrive too late: while the network is gone it waits in a buffer of
this process or of the kernel, and comes after everything the new owner of the partition wrote. So connections with
such a request on them are reset, not closed: the kernel throws away what it holds, and nobody sends it again. That
happens when the lease runs out, when a rebalance or the broker ends it, and, in a process that was frozen meanwhile, as
soon as it wakes: the event loop asks its selector what is ready before it sends anything. And it happens when the
process ends or dies, for then nobody would be left to do it.

What has left the machine cannot be taken back: a network that delivers packets later than a session lets a late one in.
"""

import selectors
import socket
import struct
from collections.abc import Sequence
from typing import Any

from aiokafka.conn import CloseReason
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.produce import ProduceRequest

from streams.engine.lease import Lease

#: On, and nothing to wait for: whoever closes the socket, it is reset. All that was answered has arrived.
_RESET = struct.pack("ii", 1, 0)


class Fence(selectors.DefaultSelector):
    """The selector of the loop in which a producer lives.

    Args:
        lease: of this worker.
    """

    def __init__(self, lease: Lease) -> None:
        super().__init__()
        self._lease = lease
        self._clients: list[Any] = []

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """As any selector, but it wakes in time and looks before the loop goes on."""
        left = self._lease.seconds_left
        ready = super().select(left if timeout is None else timeout if left is None else min(timeout, left))
        if self._lease.is_over:
            for client in self._clients:
                take_back(list(client._conns.values()))
        return ready

    def guard(self, client: Any) -> None:
        """Watches the connections of an aiokafka client, and asks the lease once more when one is about to write."""
        self._clients.append(client)
        find = client._get_conn

        async def find_guarded(*args: Any, **options: Any) -> Any:
            connection = await find(*args, **options)
            if connection is not None and getattr(connection, "zelo_fence", None) is not self:
                self._guard_connection(connection)
            return connection

        client._get_conn = find_guarded

    def _guard_connection(self, connection: Any) -> None:
        transport, send = connection._writer.transport, connection.send
        if not transport.is_closing():
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

        def send_if_held(request: Any, *args: Any, **options: Any) -> Any:
            if isinstance(request, ProduceRequest) and self._lease.is_over:
                raise KafkaConnectionError("the membership may have ended while a connection was made")
            return send(request, *args, **options)

        connection.send, connection.zelo_fence = send_if_held, self


def take_back(connections: Sequence[Any]) -> None:
    """Ends those guarded connections of aiokafka's that have a produce request without an answer."""
    for connection in connections:
        if any(request.API_KEY == ProduceRequest.API_KEY for _, request, _ in connection._requests if request):
            connection._writer.transport.abort()
            connection.close(reason=CloseReason.CONNECTION_BROKEN)
