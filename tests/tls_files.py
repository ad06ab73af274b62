"""Certificates and keys in PEM for tests, made by openssl (which every Java of Debian and Ubuntu brings along)."""

import subprocess
from pathlib import Path
from typing import NamedTuple

PASSWORD = "guards the key"


class Pair(NamedTuple):
    """A self-signed certificate, so its own authority, and its private key."""

    certificate: Path
    key: Path


def make_pair(folder: Path, name: str) -> Pair:
    """A certificate for `name`, good for a day."""
    pair = Pair(folder / f"{name}.pem", folder / f"{name}.key")
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    _openssl(
        "req", "-x509", *curve, "-days", "1", "-subj", f"/CN={name}", "-keyout", str(pair.key), "-out", str(pair[0])
    )
    return pair


def lock(pair: Pair, password: str = PASSWORD) -> Pair:
    """The same with the key encrypted."""
    locked = pair.key.with_suffix(".locked")
    words = ("-in", str(pair.key), "-out", str(locked), "-passout", f"pass:{password}")
    _openssl("pkcs8", "-topk8", *words)
    return Pair(pair.certificate, locked)


def _openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True, timeout=60)
