"""`zelo up --broker kafka`: durable, and careful with the folders of others."""

from pathlib import Path

import pytest
from system_oracle import PARTITIONS, differences, oracle, sample
from system_rig import System

from streams.cli.stack import local_stack
from streams.config import Settings
from streams.embedded import EmbeddedStack
from streams.embedded.addresses import Ports, stored_ports
from streams.embedded.broker import answering_cluster_id
from streams.embedded.ports import free_port
from streams.errors import ConfigurationError

pytestmark = [pytest.mark.integration, pytest.mark.kafka, pytest.mark.timeout(240)]

SETTINGS = {
    "clock": "log",
    "partitions": PARTITIONS,
    "dedup_days": 1100,
    "profile": "demo",
    "rescore_seconds": 0.5,
    "commit_interval_seconds": 0.5,
    "archive_seconds": 0.5,
}


async def test_a_stack_goes_on_where_it_stopped(tmp_path: Path) -> None:
    records = sample()
    half = len(records) // 2
    settings = Settings(**SETTINGS)  # type: ignore[arg-type]
    identities = set()
    for part in (records[:half], records[half:]):
        async with local_stack(settings, tmp_path, lambda text: None, "kafka") as stack:
            identities.add(stack.embedded.cluster_id)
            system = System(stack.embedded, stack.settings, {})
            await system.send(part)
            await system.drained()
            tables = await system.tables()
    assert len(identities) == 1
    assert differences(tables, oracle(records)) == []
    with pytest.raises(ConfigurationError, match="holds a stack with Apache Kafka; add --broker kafka"):
        async with local_stack(settings, tmp_path, lambda text: None):
            pass


async def test_a_stack_started_again_stands_where_its_clients_look_for_it(tmp_path: Path) -> None:
    async with EmbeddedStack(tmp_path, broker="kafka") as first:
        stood = (first.bootstrap, first.clickhouse_url)
        with pytest.raises(ConfigurationError, match=rf"^port {first.broker_port} of Kafka is taken .* --kafka-port$"):
            async with EmbeddedStack(tmp_path, broker="kafka"):
                pass
    async with EmbeddedStack(tmp_path, broker="kafka") as again:
        assert (again.bootstrap, again.clickhouse_url, again.cluster_id) == (*stood, first.cluster_id)
    chosen = free_port()
    async with EmbeddedStack(tmp_path, broker="kafka", broker_port=chosen) as moved:
        assert (moved.bootstrap, moved.clickhouse_url) == (f"127.0.0.1:{chosen}", stood[1])
        assert await answering_cluster_id(moved.bootstrap) == first.cluster_id
    assert stored_ports(tmp_path) == Ports(kafka=chosen, clickhouse=first.clickhouse_port)


async def test_a_folder_whose_broker_lived_in_memory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clickhouse").mkdir()
    for broker in ("embedded", "kafka"):
        with pytest.raises(ConfigurationError, match="lived in memory and is gone"):
            async with local_stack(Settings(), tmp_path, lambda text: None, broker):  # type: ignore[arg-type]
                pass
