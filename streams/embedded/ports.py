"""Free TCP ports, of the loopback interface unless told otherwise, for children that cannot be asked to pick one."""

import socket
from random import SystemRandom

LOOPBACK = "127.0.0.1"
#: Below what systems give to outgoing connections (Linux from 32768, others from 49152): one of those may take a port
#: in the seconds until the child listens on it.
_PORTS = range(20_000, 32_768)
_TRIES = 20


def free_port(host: str = LOOPBACK) -> int:
    """A port that nobody listened on a moment ago.

    Somebody else may take it before the child does. Callers therefore check that the one who answers is
    their child, and try another port when the child reports the address as taken.

    Args:
        host: name or address of this machine that the child will listen on; `0.0.0.0` and `::` for all.

    Raises:
        OSError: no such host, or it is not this machine.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
    for port in SystemRandom().sample(_PORTS, _TRIES):
        with socket.socket(family, kind, protocol) as probe:
            try:
                probe.bind((address[0], port, *address[2:]))
            except OSError:
                continue
            return port
    with socket.socket(family, kind, protocol) as probe:
        probe.bind(address)
        found: int = probe.getsockname()[1]
        return found


def reports_taken_address(text: str) -> bool:
    """Whether a child's last words say that its port was taken (wordings of Python, Rust and libc)."""
    return any(words in text.lower() for words in ("address in use", "address already in use", "addrinuse"))
