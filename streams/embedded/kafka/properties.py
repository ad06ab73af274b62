"""The `server.properties` of a local Apache Kafka, as text. Pure: no file, port or process is touched here.

Every node is broker and controller in one (KRaft, combined mode). The voters stand in the file and not in the
metadata log, so that the same folder can be started again on other ports.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from streams.embedded.ports import LOOPBACK


@dataclass(frozen=True)
class Node:
    """One process of the cluster.

    Attributes:
        number: node id, from 1.
        folder: where its log and its properties are.
        port: plain listener of clients and of the other brokers.
        controller_port: listener of the metadata quorum.
        secure_port: TLS listener; 0 for none.
    """

    number: int
    folder: Path
    port: int
    controller_port: int
    secure_port: int = 0

    @property
    def bootstrap(self) -> str:
        """`host:port` of the plain listener."""
        return f"{LOOPBACK}:{self.port}"


#: Small and quick on a laptop: few coordinator partitions and threads, 1 MB index files instead of 10 MB, groups that
#: form at once, and sessions as short as a test likes them.
_LOCAL: Mapping[str, object] = {
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": 0,
    "group.min.session.timeout.ms": 1_000,
    "log.cleaner.dedupe.buffer.size": 8 * 1024 * 1024,
    "log.index.size.max.bytes": 1024 * 1024,
    "num.io.threads": 4,
    "num.network.threads": 2,
    "offsets.topic.num.partitions": 4,
    "share.coordinator.state.topic.num.partitions": 4,
    "transaction.state.log.num.partitions": 4,
}
#: A broker that is gone is noticed after 3 s, not 9.
_QUICK_FAILOVER: Mapping[str, object] = {
    "broker.heartbeat.interval.ms": 500,
    "broker.session.timeout.ms": 3_000,
}


@dataclass(frozen=True)
class Layout:
    """All nodes of a cluster and what they have in common.

    Attributes:
        nodes: one, or three.
        extra: further properties, of a secure listener for example.
        secure_protocol: what the secure listener speaks.
    """

    nodes: Sequence[Node]
    extra: Mapping[str, str] = field(default_factory=dict)
    secure_protocol: str = "SASL_SSL"

    @property
    def replicas(self) -> int:
        """Of the topics Kafka keeps for itself, and of topics that name no number."""
        return min(3, len(self.nodes))

    def of(self, node: Node) -> dict[str, str]:
        """The properties of one node."""
        listeners = {"PLAINTEXT": node.port, "CONTROLLER": node.controller_port}
        if node.secure_port:
            listeners["SECURE"] = node.secure_port
        secure = {"SECURE": self.secure_protocol} if node.secure_port else {}
        urls = {name: f"{name}://{LOOPBACK}:{port}" for name, port in listeners.items()}
        protocols = {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT", **secure}
        chosen: dict[str, object] = {
            "process.roles": "broker,controller",
            "node.id": node.number,
            "controller.quorum.voters": ",".join(f"{n.number}@{LOOPBACK}:{n.controller_port}" for n in self.nodes),
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "listeners": ",".join(urls.values()),
            "advertised.listeners": ",".join(url for name, url in urls.items() if name != "CONTROLLER"),
            "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in protocols.items()),
            "log.dirs": node.folder / "log",
            **self._replication(),
            **_LOCAL,
            **(_QUICK_FAILOVER if len(self.nodes) > 1 else {}),
            **self.extra,
        }
        return {name: str(value) for name, value in chosen.items()}

    def _replication(self) -> dict[str, object]:
        kept = max(1, self.replicas - 1)  # one of three may be gone
        factors = ("default", "offsets.topic", "share.coordinator.state.topic", "transaction.state.log")
        return {
            **{f"{name}.replication.factor": self.replicas for name in factors},
            "min.insync.replicas": kept,
            "share.coordinator.state.topic.min.isr": kept,
            "transaction.state.log.min.isr": kept,
        }


def render(properties: Mapping[str, str]) -> str:
    r"""A Java properties file: sorted by name; values with what its reader would take for syntax escaped.

    Example:
        >>> print(render({"log.dirs": "C:\\José", "a": " x"}), end="")
        a=\ x
        log.dirs=C:\\Jos\u00e9
    """
    return "".join(f"{name}={_escaped(value)}\n" for name, value in sorted(properties.items()))


def _escaped(value: str) -> str:
    r"""Java reads the file as ISO 8859-1, takes `\\` for itself and drops blanks in front."""
    units = value.encode("utf-16-be")
    codes = [int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2)]
    text = "".join(_escape(code) for code in codes)
    return f"\\{text}" if text.startswith(" ") else text


def _escape(code: int) -> str:
    if chr(code) == "\\":
        return "\\\\"
    return chr(code) if 0x20 <= code < 0x7F else f"\\u{code:04x}"
