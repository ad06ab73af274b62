"""The ports of a durable stack, kept in its folder: started again there, it stands where its clients look for it."""

import socket
from pathlib import Path
from typing import Annotated

import msgspec

from streams.embedded.ports import LOOPBACK
from streams.errors import ConfigurationError

Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]


class Ports(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the parts of a stack listen on the loopback interface; 0 where they have not yet."""

    kafka: Port = 0
    clickhouse: Port = 0


def ports_path(folder: Path) -> Path:
    """The file of a folder that holds its stack's ports."""
    return folder / "ports.json"


def stored_ports(folder: Path) -> Ports:
    """The ports of the stack that ran in this folder before; zeros if none did.

    Raises:
        ConfigurationError: the file of ports is none.
    """
    path = ports_path(folder)
    if not path.exists():
        return Ports()
    try:
        return msgspec.json.decode(path.read_bytes(), type=Ports)
    except msgspec.MsgspecError as error:
        raise ConfigurationError(f"{path}: expected the ports of this stack in JSON: {error}; remove it") from error


def store_ports(folder: Path, ports: Ports) -> None:
    """Remembers the ports of the stack that runs in this folder."""
    ports_path(folder).write_bytes(msgspec.json.encode(ports) + b"\n")


def require_free(name: str, port: int, mend: str) -> None:
    """Refuses a port that somebody listens on.

    Args:
        name: who wants it.
        port: on the loopback interface.
        mend: what else could be done than to end who listens there.

    Raises:
        ConfigurationError: with all of these.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: what remains of closed connections is no listener.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise ConfigurationError(
                f"port {port} of {name} is taken ({error.strerror}): end what listens there, or {mend}"
            ) from error
