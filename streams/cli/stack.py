"""The local stack of `zelo demo` and `zelo up`: embedded broker and ClickHouse, schema, topics, the three workers."""

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from streams.app import changelog_specs
from streams.cli.processes import pages_of, worker_children
from streams.config import Settings
from streams.embedded import BrokerKind, EmbeddedStack
from streams.embedded.kafka import kafka_version
from streams.errors import ConfigurationError
from streams.kafka import make_topics
from streams.sinks.migrate import migrate
from streams.topics import topic_specs

#: Short timeouts: the embedded broker answers a join only after the whole rebalance timeout.
EMBEDDED_TIMEOUTS: dict[str, Any] = {"rebalance_timeout_seconds": 3.0, "session_timeout_seconds": 6.0}

#: Our own broker has one plain listener; a certificate for another one would be refused beside it.
OWN_LISTENER: dict[str, Any] = {
    "kafka_security": "PLAINTEXT",
    "kafka_certificate_file": None,
    "kafka_key_file": None,
    "kafka_key_password": SecretStr(""),
}


@dataclass(frozen=True)
class LocalStack:
    """A running stack.

    Attributes:
        settings: with the addresses of this stack.
        pages: health and metrics pages by name of the worker.
        embedded: broker, ClickHouse and the supervisor of all children.
    """

    settings: Settings
    pages: dict[str, str]
    embedded: EmbeddedStack


@asynccontextmanager
async def local_stack(
    settings: Settings,
    data_dir: Path | None,
    say: Callable[[str], None],
    broker: BrokerKind = "embedded",
    kafka_port: int = 0,
) -> Any:
    """Starts everything, gives a `LocalStack`, stops everything.

    Args:
        settings: whose addresses are replaced by those of the stack.
        data_dir: kept; None for a temporary folder.
        say: told each step.
        broker: which one.
        kafka_port: of the broker; 0 for the one of earlier starts in the folder, or a free one.

    Raises:
        ConfigurationError: the folder holds rows of a broker that is gone; no Java for Apache Kafka; a port is taken.
    """
    if data_dir is not None:
        _check_folder(data_dir, broker)
    if broker == "kafka":
        say(f"starting Apache Kafka {kafka_version()} and ClickHouse (the first time, Maven fetches Kafka's jars)")
    else:
        say("starting the embedded broker and ClickHouse")
    async with EmbeddedStack(data_dir, broker=broker, broker_port=kafka_port) as embedded:
        settings = settings.model_copy(
            update={
                **EMBEDDED_TIMEOUTS,
                **OWN_LISTENER,
                "kafka_bootstrap": embedded.bootstrap,
                "replication_factor": 1,
                "clickhouse_url": embedded.clickhouse_url,
                "clickhouse_user": "default",
                "data_dir": embedded.data_dir,
            }
        )
        say("applying migrations and creating topics")
        await asyncio.to_thread(migrate, settings)
        await make_topics(settings, [*topic_specs(settings), *changelog_specs(settings)])
        say("starting the workers")
        children = worker_children(settings, embedded.data_dir / "logs")
        await asyncio.gather(*(embedded.supervisor.start(child) for child in children))
        yield LocalStack(settings, pages_of(children), embedded)


def _check_folder(data_dir: Path, broker: BrokerKind) -> None:
    """Rows outlive only a broker that keeps its offsets: new ones would begin at 0 and lose against them."""
    if not (data_dir / "clickhouse").exists():
        return
    of_kafka = (data_dir / "kafka").exists()
    if of_kafka and broker == "embedded":
        raise ConfigurationError(
            f"{data_dir}: holds a stack with Apache Kafka; add --broker kafka, or name a new folder"
        )
    if not of_kafka:
        raise ConfigurationError(
            f"{data_dir}: holds the rows of an earlier stack, whose broker (and offsets) lived in memory and is gone; "
            "name a new folder, or remove this one"
        )
