"""Ports that a durable stack keeps: read back, refused when they are none or somebody else's."""

import re
import socket
from pathlib import Path

import pytest

from streams.embedded import EmbeddedStack, ports
from streams.embedded.addresses import Ports, ports_path, require_free, store_ports, stored_ports
from streams.embedded.ports import LOOPBACK, free_port
from streams.errors import ConfigurationError


def test_ports_are_read_back_and_are_zeros_before(tmp_path: Path) -> None:
    assert stored_ports(tmp_path / "absent") == Ports(kafka=0, clickhouse=0)
    store_ports(tmp_path, Ports(kafka=9092, clickhouse=8123))
    assert stored_ports(tmp_path) == Ports(kafka=9092, clickhouse=8123)


@pytest.mark.parametrize("text", ["", "{}x", '{"kafka": "9092"}', '{"kafka": 65536}', '{"broker": 9092}'])
def test_a_file_of_ports_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    ports_path(tmp_path).write_text(text)
    with pytest.raises(ConfigurationError, match=f"^{re.escape(str(ports_path(tmp_path)))}: expected the ports"):
        stored_ports(tmp_path)


def test_a_free_port_is_none_that_an_outgoing_connection_may_be_given() -> None:
    assert all(port < 32_768 for port in (free_port() for _ in range(50)))


def test_where_all_tried_are_taken_the_system_picks(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        taken = server.getsockname()[1]
        monkeypatch.setattr(ports, "_PORTS", range(taken, taken + 1))
        monkeypatch.setattr(ports, "_TRIES", 1)
        assert free_port() not in {0, taken}


def test_a_port_that_somebody_listens_on_is_refused_and_one_just_left_is_not() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(ConfigurationError) as refused:
            require_free("Kafka", port, "name another")
        assert str(refused.value) == (
            f"port {port} of Kafka is taken (Address already in use): end what listens there, or name another"
        )
        with socket.create_connection((LOOPBACK, port)) as client:
            server.accept()[0].close()  # who closes first keeps the port for a minute, without listening
            assert client.recv(1) == b""
    require_free("Kafka", port, "name another")


async def test_a_stack_whose_ports_are_taken_ends_before_it_starts_anything(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        taken = server.getsockname()[1]
        store_ports(tmp_path, Ports(kafka=free_port(), clickhouse=taken))
        with pytest.raises(ConfigurationError, match=rf"^port {taken} of ClickHouse is taken .* remove .*ports\.json"):
            await EmbeddedStack(tmp_path, broker="kafka").__aenter__()
        store_ports(tmp_path, Ports(kafka=taken))
        with pytest.raises(ConfigurationError, match=f"^port {taken} of Kafka is taken .* --kafka-port$"):
            await EmbeddedStack(tmp_path, broker="kafka").__aenter__()
    assert [path.name for path in tmp_path.iterdir()] == ["ports.json"]  # noqa: ASYNC240 - a few names
