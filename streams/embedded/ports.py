"""Free TCP ports, of the loopback interface unless told otherwise, for children that cannot be asked to pick one."""

import socket

LOOPBACK = "127.0.0.1"


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
    with socket.socket(family, kind, protocol) as probe:
        probe.bind(address)
        port: int = probe.getsockname()[1]
        return port


def reports_taken_address(text: str) -> bool:
    """Whether a child's last words say that its port was taken (wordings of Python, Rust and libc)."""
    return any(words in text.lower() for words in ("address in use", "address already in use", "addrinuse"))
