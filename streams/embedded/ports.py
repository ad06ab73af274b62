"""Free TCP ports of the loopback interface, for children that cannot be asked to pick their own."""

import socket

LOOPBACK = "127.0.0.1"


def free_port(host: str = LOOPBACK) -> int:
    """A port that nobody listened on a moment ago.

    Somebody else may take it before the child does. Callers therefore check that the one who answers is
    their child, and try another port when the child reports the address as taken.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def reports_taken_address(text: str) -> bool:
    """Whether a child's last words say that its port was taken (wordings of Python, Rust and libc)."""
    return any(words in text.lower() for words in ("address in use", "address already in use", "addrinuse"))
