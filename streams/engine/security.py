"""How we enter a Kafka that asks for it: TLS, a certificate, a user and a password, in the words of aiokafka and Faust.

aiokafka only logs why a broker turned it away and then reports that nobody answers; `check_access` asks once more by
itself and says which setting is wrong, by the name that `names` gives it.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from aiokafka.conn import collect_hosts, create_conn
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
        certificate_file: PEM of our own certificate, for brokers that ask for one; None to show none.
        key_file: PEM of its private key; None when it stands in the certificate's file.
        key_password: of that key; empty for none.
        mechanism: of SASL.
        user, password: of SASL.
        names: what people call these settings where they set them, for errors; the names here by default.
    """

    protocol: Protocol = "PLAINTEXT"
    ca_file: Path | None = None
    mechanism: Mechanism = "SCRAM-SHA-512"
    user: str = ""
    password: str = field(default="", repr=False)
    certificate_file: Path | None = None
    key_file: Path | None = None
    key_password: str = field(default="", repr=False)
    names: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

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
            ConfigurationError: a file of certificates or keys is not there, or is none; names the setting.
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

    def called(self, *settings: str) -> str:
        """What people call these settings."""
        return " and ".join(self.names.get(setting, setting) for setting in settings)

    def _context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ssl.SSLError) as error:
            expected = f"{self.called('ca_file')}: expected certificates in PEM"
            raise ConfigurationError(f"{expected}, {self.ca_file} cannot be read as such: {error}") from error
        if self.certificate_file is not None:
            self._load_certificate(context, self.certificate_file)
        return context

    def _load_certificate(self, context: ssl.SSLContext, certificate: Path) -> None:
        key = self.key_file or certificate
        for setting, path in (("certificate_file", certificate), ("key_file", key)):
            try:
                path.read_bytes()
            except OSError as error:
                raise ConfigurationError(
                    f"{self.called(setting)}: expected a file in PEM, {path} cannot be read: {error.strerror}"
                ) from error
        try:
            # a password is always given: without one OpenSSL would ask the terminal for it
            context.load_cert_chain(certificate, key, self.key_password)
        except ssl.SSLError as error:
            raise ConfigurationError(
                f"{self.called('certificate_file', 'key_file')}: expected a certificate and its private key in PEM, "
                f"{_pair(certificate, key)} (and {self.called('key_password')}) do not make one: {error}"
            ) from error


def _pair(certificate: Path, key: Path) -> str:
    return str(certificate) if key == certificate else f"{certificate} and {key}"


async def check_access(bootstrap: str, security: Security) -> None:
    """Enters by the first of these brokers that answers; for a moment when something else found nobody.

    Raises:
        ConfigurationError: it turned us away, or its certificate is not trusted; names the setting.
        KafkaError, OSError, TimeoutError: nobody answers.
    """
    options, last = security.client_options(), None
    for host, port, _ in collect_hosts(bootstrap, randomize=False):
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
    called = security.called
    if (alert := _certificate_alert(error)) and security.certificate_file is None:
        return f"{called('certificate_file')}: the broker asks its clients for a certificate ({alert}), none is set"
    if alert:
        return f"{called('certificate_file')}: the broker does not take {security.certificate_file} ({alert})"
    match error:
        case AuthenticationFailedError() | SaslAuthenticationFailed():
            return f"{called('user', 'password')}: no such user as {security.user!r}, or another password"
        case UnsupportedSaslMechanismError() | IllegalSaslStateError():
            return f"{called('mechanism')}: the broker does not take {security.mechanism} ({error})"
        case ssl.SSLCertVerificationError():
            known = security.ca_file or "the authorities of the system"
            return f"{called('ca_file')}: its certificate is not trusted by {known} ({error.verify_message})"
        case ssl.SSLError() | ConnectionResetError() if security.tls:
            return f"{called('protocol')}: the listener does not speak TLS, as {security.protocol} wants it ({error})"
        case _:
            return None


def _certificate_alert(error: BaseException) -> str | None:
    """What the broker's TLS says of our certificate; in TLS 1.3 it comes after the handshake, with the first answer."""
    found = error if isinstance(error, ssl.SSLError) else error.__cause__
    reason = (found.reason or "") if isinstance(found, ssl.SSLError) else ""
    if "_ALERT_" not in reason or not ("CERTIFICATE" in reason or reason.endswith("UNKNOWN_CA")):
        return None
    return reason.partition("_ALERT_")[2].replace("_", " ").lower()
