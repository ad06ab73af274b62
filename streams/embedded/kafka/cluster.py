"""Apache Kafka on this machine: one broker, or three, as children of a supervisor.

Everything lies below one folder: `node-N` with the log and the properties of each node, `logs` with what they print,
`tls` with a certificate if there is a secure listener. The folder is durable: started on it again, Kafka goes on with
its topics, records and committed offsets. Listeners are on the loopback interface.

One broker is stopped in order. Three are killed at the end: the last ones would wait minutes for a quorum that has
gone before them, and Kafka's log bears it.
"""

import asyncio
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from streams.embedded.broker import answering_cluster
from streams.embedded.kafka.jars import Java, require_java
from streams.embedded.kafka.properties import Layout, Node
from streams.embedded.kafka.secure import Secured, certificate, listener_properties, make_certificate
from streams.embedded.kafka.storage import (
    new_cluster_id,
    prepare,
    properties_path,
    scratch_folder,
    stored_cluster_id,
)
from streams.embedded.ports import LOOPBACK, free_port, reports_taken_address
from streams.embedded.supervise import Child, ChildError, Restart, Supervisor

_READY_SECONDS, _GRACE_SECONDS = 90, 30
_PORT_ATTEMPTS = 5


class ApacheKafka:
    """A local Apache Kafka, as an async context manager, or started on somebody else's supervisor with `start`.

    Args:
        folder: where it keeps everything; one process at a time.
        brokers: 1, or 3 with replication 3 and two replicas in sync required.
        port: of the plain listener of a single broker; 0 picks a free one.
        secured: adds a TLS listener for this user, or for clients with a certificate.
        supervisor: runs the brokers; None makes one, for the time between entering and leaving.
        restart: how a broker that died is started again, if at all.

    Raises:
        ConfigurationError: on entering, no Java, or the folder cannot be used.
        ChildError: on entering, a broker did not start; with its log's last lines.
    """

    def __init__(
        self,
        folder: Path,
        *,
        brokers: int = 1,
        port: int = 0,
        secured: Secured | None = None,
        supervisor: Supervisor | None = None,
        restart: Restart | None = None,
    ) -> None:
        if brokers not in (1, 3):
            raise ValueError(f"brokers is {brokers}: it must be 1 or 3")
        self.folder = folder.resolve()
        self.cluster_id = ""
        self._brokers = brokers
        self._port = port
        self._secured = secured
        self._restart = restart
        self._borrowed = supervisor is not None
        self.supervisor = supervisor or Supervisor()
        self._layout = Layout(())

    @property
    def bootstrap(self) -> str:
        """`host:port` of every broker's plain listener, separated by commas; known once started."""
        return ",".join(node.bootstrap for node in self._layout.nodes)

    @property
    def secure_bootstrap(self) -> str:
        """The same of the TLS listeners."""
        return ",".join(f"{LOOPBACK}:{node.secure_port}" for node in self._layout.nodes)

    @property
    def certificate(self) -> Path:
        """What clients of the TLS listener must trust, PEM."""
        return certificate(self.folder / "tls")

    async def __aenter__(self) -> Self:
        if self._borrowed:
            raise RuntimeError("a Kafka on a borrowed supervisor is started with start() and ends with the supervisor")
        await self.supervisor.__aenter__()
        try:
            await self.start()
        except BaseException:
            await self._end(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end(kind, error, trace)

    async def _end(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._brokers > 1:
                running = [name for node in self._layout.nodes if self.supervisor.runs(name := _name(node))]
                await asyncio.gather(*(self.supervisor.kill(name) for name in running))
        finally:
            await self.supervisor.__aexit__(kind, error, trace)

    async def start(self) -> None:
        """Starts all brokers and waits until each is registered; on other ports if somebody took one of ours."""
        self._java = await asyncio.to_thread(require_java)
        if self._secured:
            await asyncio.to_thread(make_certificate, self.folder / "tls")
        for attempt in count(1):
            self._layout = self._new_layout()
            try:
                await self._start_all()
            except ChildError as failure:
                if self._port or attempt == _PORT_ATTEMPTS or not reports_taken_address(failure.log_tail):
                    raise
            else:
                return

    async def kill(self, number: int) -> None:
        """Kill -9 of one broker (from 1)."""
        await self.supervisor.kill(_name(self._node(number)))

    async def stop(self, number: int) -> None:
        """Orderly stop of one broker (from 1): it hands its partitions over first."""
        await self.supervisor.stop(_name(self._node(number)))

    async def restart(self, number: int) -> None:
        """Starts a broker (from 1) that was killed or stopped, on its ports; returns when it is registered."""
        await self.supervisor.start(self._child(self._node(number)))

    def pid(self, number: int) -> int:
        """Process id of one broker (from 1)."""
        return self.supervisor.pid(_name(self._node(number)))

    def _node(self, number: int) -> Node:
        return next(node for node in self._layout.nodes if node.number == number)

    def _new_layout(self) -> Layout:
        nodes = [
            Node(
                number,
                self.folder / f"node-{number}",
                port=self._port if self._port and number == 1 else free_port(),
                controller_port=free_port(),
                secure_port=free_port() if self._secured else 0,
            )
            for number in range(1, self._brokers + 1)
        ]
        if self._secured is None:
            return Layout(nodes)
        return Layout(nodes, listener_properties(self.folder / "tls", self._secured), self._secured.protocol)

    async def _start_all(self) -> None:
        nodes = self._layout.nodes
        stored = filter(None, (stored_cluster_id(node.folder) for node in nodes))
        self.cluster_id = next(stored, None) or new_cluster_id()
        await asyncio.gather(*(asyncio.to_thread(self._prepare, node) for node in nodes))
        started = await asyncio.gather(
            *(self.supervisor.start(self._child(node)) for node in nodes), return_exceptions=True
        )
        failures = [outcome for outcome in started if outcome is not None]
        if failures:
            alive = [_name(node) for node, outcome in zip(nodes, started, strict=True) if outcome is None]
            await asyncio.gather(*(self.supervisor.kill(name) for name in alive))
            raise failures[0]

    def _prepare(self, node: Node) -> None:
        prepare(self._java, self._layout, node, self.cluster_id, self._secured)

    def _child(self, node: Node) -> Child:
        return kafka_child(self._java, node, self.cluster_id, self.folder / "logs", self._restart)


def kafka_child(java: Java, node: Node, cluster_id: str, logs: Path, restart: Restart | None = None) -> Child:
    """A prepared node as a child of a supervisor; ready when it is registered in its own cluster."""

    async def ready() -> bool:
        cluster = await answering_cluster(node.bootstrap)
        return cluster is not None and cluster[0] == cluster_id and node.number in cluster[1]

    return Child(
        name=_name(node),
        argv=java.command("kafka.Kafka", str(properties_path(node)), scratch=scratch_folder(node)),
        ready=ready,
        log_path=logs / f"{_name(node)}.log",
        ready_seconds=_READY_SECONDS,
        grace_seconds=_GRACE_SECONDS,
        restart=restart,
    )


def _name(node: Node) -> str:
    return f"kafka-{node.number}"
