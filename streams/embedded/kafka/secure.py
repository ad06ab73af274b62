"""A TLS listener beside the plain one, with SCRAM-SHA-512, client certificates or both: secured clients can be tried.

The certificate is self-signed, for 127.0.0.1 and localhost, made by Java's own `keytool` and kept in the cluster's
folder: for this machine only.
"""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from streams.embedded.ports import LOOPBACK
from streams.errors import ConfigurationError

_STORE_PASSWORD = "local-kafka"  # noqa: S105  it guards a key that is good for nothing beyond this machine
_ALIAS = "broker"
_KEYTOOL_SECONDS = 60


@dataclass(frozen=True)
class Secured:
    """Who may enter by the TLS listener; a user is made when the folder is formatted, so it must stay the same later.

    Attributes:
        user: name of the one user; empty: no user is asked for (the listener is SSL, else SASL_SSL).
        password: of that user, without `,` and `]`, which the storage tool takes for its own.
        client_authorities: PEM of who signs the certificates that clients must show; None: none is asked for.
    """

    user: str = ""
    password: str = ""
    client_authorities: Path | None = None

    @property
    def protocol(self) -> str:
        """What the listener speaks, in Kafka's word."""
        return "SASL_SSL" if self.user else "SSL"

    @property
    def format_arguments(self) -> list[str]:
        """What makes the user while the storage is formatted."""
        return ["--add-scram", f"SCRAM-SHA-512=[name={self.user},password={self.password}]"] if self.user else []


def certificate(folder: Path) -> Path:
    """The certificate that clients must trust, PEM."""
    return folder / "certificate.pem"


def key_store(folder: Path) -> Path:
    """The broker's key and certificate, PKCS 12."""
    return folder / "broker.p12"


def make_certificate(folder: Path) -> None:
    """Makes key and certificate in a folder, unless they are there.

    Raises:
        ConfigurationError: no keytool, or it failed; with its words.
    """
    if certificate(folder).exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    store = ["-keystore", str(key_store(folder)), "-storepass", _STORE_PASSWORD, "-alias", _ALIAS]
    names = f"SAN=ip:{LOOPBACK},dns:localhost"
    _keytool("-genkeypair", *store, "-keyalg", "EC", "-dname", "CN=localhost", "-ext", names, "-validity", "3650")
    _keytool("-exportcert", *store, "-rfc", "-file", str(certificate(folder)))


def listener_properties(folder: Path, secured: Secured) -> Mapping[str, str]:
    """Properties of the listener SECURE."""
    chosen = {
        "ssl.keystore.type": "PKCS12",
        "ssl.keystore.location": str(key_store(folder)),
        "ssl.keystore.password": _STORE_PASSWORD,
    }
    if secured.user:
        login = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        chosen |= {"sasl.enabled.mechanisms": "SCRAM-SHA-512", "scram-sha-512.sasl.jaas.config": login}
    if secured.client_authorities:
        chosen |= {
            "ssl.client.auth": "required",
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(secured.client_authorities.resolve()),
        }
    return {f"listener.name.secure.{name}": value for name, value in chosen.items()}


def _keytool(*arguments: str) -> None:
    program = shutil.which("keytool")
    if program is None:
        raise ConfigurationError("a TLS listener needs a certificate, made by Java's keytool: found no keytool")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=_KEYTOOL_SECONDS, check=False)  # noqa: S603
    if done.returncode != 0:
        raise ConfigurationError(f"keytool {arguments[0]}: {(done.stdout + done.stderr).strip()}")
