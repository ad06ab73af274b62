"""How we enter a Kafka that asks for it: TLS, a user and a password, in the words of aiokafka and of Faust.

aiokafka only logs why a broker turned it away and then reports that nobody answers; `check_access` asks once more by
itself and says which setting is wrong.
"""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from aiokafka.conn import create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from faust.auth import SASLCredentials, SSLCredentials

from streams.errors import ConfigurationError

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]

_PROBE_MILLISECONDS = 5_000


@dataclass(frozen=True, slots=True)
class Security:
    """What a listener asks for.

    Attributes:
        protocol: TLS or not, SASL or not, in Kafka's word.
        ca_file: PEM of who signed the brokers' certificates; None for the authorities of the system.
        mechanism: of SASL.
        user, password: of SASL.
    """

    protocol: Protocol = "PLAINTEXT"
    ca_file: Path | None = None
    mechanism: Mechanism = "SCRAM-SHA-512"
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.protocol in ("SSL", "SASL_SSL")

    @property
    def sasl(self) -> bool:
        """Whether user and password are asked for."""
        return self.protocol in ("SASL_PLAINTEXT", "SASL_SSL")

    def client_options(self) -> dict[str, Any]:
        """Options of any aiokafka client; none for a plain listener.

        Raises:
            ConfigurationError: the file of authorities cannot be read.
        """
        if self.protocol == "PLAINTEXT":
            return {}
        options: dict[str, Any] = {"security_protocol": self.protocol}
        if self.tls:
            options["ssl_context"] = self._context()
        if self.sasl:
            options |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        return options

    def credentials(self) -> SASLCredentials | SSLCredentials | None:
        """The same for Faust's setting `broker_credentials`."""
        context = self._context() if self.tls else None
        if self.sasl:
            return SASLCredentials(
                username=self.user, password=self.password, mechanism=self.mechanism, ssl_context=context
            )
        return SSLCredentials(context) if context else None

    def _context(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                f"ZELO_KAFKA_CA_FILE: expected certificates in PEM, {self.ca_file} cannot be read as such: {error}"
            ) from error


async def check_access(bootstrap: str, security: Security) -> None:
    """Enters by the first of these brokers that answers; for a moment when something else found nobody.

    Raises:
        ConfigurationError: it turned us away, or its certificate is not trusted; names the setting.
        KafkaError, OSError, TimeoutError: nobody answers.
    """
    options, last = security.client_options(), None
    for host, port in _addresses(bootstrap):
        try:
            connection = await create_conn(host, port, request_timeout_ms=_PROBE_MILLISECONDS, **options)
        except (KafkaError, OSError, TimeoutError) as error:
            if problem := _refusal(error, security):
                raise ConfigurationError(f"Kafka at {host}:{port} turned us away: {problem}") from error
            last = error
        else:
            connection.close()
            return
    assert last is not None
    raise last


def _refusal(error: BaseException, security: Security) -> str | None:
    match error:
        case AuthenticationFailedError() | SaslAuthenticationFailed():
            return f"ZELO_KAFKA_USER and ZELO_KAFKA_PASSWORD: no such user as {security.user!r}, or another password"
        case UnsupportedSaslMechanismError() | IllegalSaslStateError():
            return f"ZELO_KAFKA_SASL_MECHANISM: the broker does not take {security.mechanism} ({error})"
        case ssl.SSLCertVerificationError():
            known = security.ca_file or "the authorities of the system"
            return f"ZELO_KAFKA_CA_FILE: its certificate is not trusted by {known} ({error.verify_message})"
        case ssl.SSLError() | ConnectionResetError() if security.tls:
            return f"ZELO_KAFKA_SECURITY: the listener does not speak TLS, as {security.protocol} wants it ({error})"
        case _:
            return None


def _addresses(bootstrap: str) -> Iterator[tuple[str, int]]:
    for address in bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        yield host.strip("[]"), int(port)
