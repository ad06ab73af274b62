"""Broker and ClickHouse together."""

import asyncio
import os
import signal
import socket
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from streams.embedded import ChildError, EmbeddedStack, Restart, stack
from streams.embedded.broker import answering_cluster_id
from streams.embedded.clickhouse.child import answering_name
from streams.embedded.ports import LOOPBACK, free_port
from streams.errors import ConfigurationError

pytestmark = [pytest.mark.integration, pytest.mark.embedded_broker]


async def test_the_stack_is_ready_when_entered_mends_clickhouse_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deaths: list[ChildError] = []
    with socket.create_server((LOOPBACK, 0)) as somebody_else:
        taken = somebody_else.getsockname()[1]
        offered = iter([taken])
        monkeypatch.setattr(stack, "free_port", lambda: next(offered, None) or free_port())
        restart = Restart(first_delay_seconds=0)
        embedded = await EmbeddedStack(clickhouse_restart=restart, on_exit=deaths.append).__aenter__()
    async with AsyncExitStack() as leave:
        leave.push_async_exit(embedded)
        assert embedded.broker_port != taken
        assert await answering_cluster_id(embedded.bootstrap) == embedded.cluster_id
        assert await answering_name(embedded.clickhouse_url) is not None
        data_dir = embedded.data_dir
        assert sorted(path.name for path in data_dir.iterdir()) == ["clickhouse", "logs"]
        os.kill(embedded.supervisor.pid("clickhouse"), signal.SIGKILL)
        async with asyncio.timeout(30):
            while not deaths or await answering_name(embedded.clickhouse_url) is None:
                await asyncio.sleep(0.02)
        os.kill(embedded.supervisor.pid("broker"), signal.SIGKILL)
        with pytest.raises(ChildError, match=r"broker died \(signal 9\)"):
            await embedded.supervisor.wait()
    assert [death.name for death in deaths] == ["clickhouse", "broker"]
    assert not data_dir.exists()
    assert await answering_name(embedded.clickhouse_url) is None


async def test_a_given_directory_is_kept_and_a_taken_port_is_an_error(tmp_path: Path) -> None:
    async with EmbeddedStack(tmp_path / "mine") as embedded:
        with pytest.raises(ConfigurationError, match=rf"^port {embedded.broker_port} of Kafka is taken \(Address alre"):
            async with EmbeddedStack(tmp_path / "second", broker_port=embedded.broker_port):
                pass
        with pytest.raises(ConfigurationError, match=rf"^port {embedded.clickhouse_port} of ClickHouse is taken"):
            async with EmbeddedStack(tmp_path / "second", clickhouse_port=embedded.clickhouse_port):
                pass
    assert any((tmp_path / "mine" / "clickhouse").iterdir())


def test_the_data_directory_is_unknown_before_entering() -> None:
    with pytest.raises(RuntimeError, match="before it is entered"):
        _ = EmbeddedStack().data_dir
