"""What the clients are told of a secured Kafka."""

import ssl
from pathlib import Path

import pytest
from aiokafka.errors import KafkaConnectionError
from faust.auth import SASLCredentials, SSLCredentials
from pydantic import SecretStr
from tls_files import PASSWORD, Pair, lock, make_pair

from streams.config import Settings
from streams.engine import security as engine_security
from streams.engine.security import Security, check_access
from streams.errors import ConfigurationError
from streams.kafka import client_options, require_access, security


def test_a_plain_listener_needs_no_options() -> None:
    assert Security().client_options() == {}
    assert Security().credentials() is None
    assert client_options(Settings()) == {}


async def test_a_plain_listener_is_not_asked_for_access() -> None:
    await require_access(Settings(kafka_bootstrap="127.0.0.1:1"))


async def test_a_secured_one_that_does_not_answer_is_left_to_whoever_needs_it() -> None:
    await require_access(Settings(kafka_bootstrap="127.0.0.1:1", kafka_security="SSL"))


def test_settings_become_options_of_aiokafka_and_credentials_of_faust() -> None:
    chosen = security(
        Settings(
            kafka_security="SASL_SSL",
            kafka_sasl_mechanism="SCRAM-SHA-256",
            kafka_user="zelo",
            kafka_password=SecretStr("secret"),
        )
    )
    options = chosen.client_options()
    assert options.pop("ssl_context") is not None
    assert options == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-256",
        "sasl_plain_username": "zelo",
        "sasl_plain_password": "secret",
    }
    credentials = chosen.credentials()
    assert isinstance(credentials, SASLCredentials)
    assert (credentials.protocol.value, credentials.mechanism.value) == ("SASL_SSL", "SCRAM-SHA-256")
    assert isinstance(Security("SSL").credentials(), SSLCredentials)
    assert "secret" not in repr(chosen)


def test_sasl_without_tls_has_no_context() -> None:
    options = Security("SASL_PLAINTEXT", user="zelo", password="secret").client_options()
    assert "ssl_context" not in options


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return make_pair(tmp_path_factory.mktemp("tls"), "worker")


def context_of(settings: Settings) -> ssl.SSLContext:
    context = client_options(settings)["ssl_context"]
    assert isinstance(context, ssl.SSLContext)
    return context


def secured(certificate: Path, key: Path | None = None, password: str = "") -> Settings:
    return Settings(
        kafka_security="SSL",
        kafka_certificate_file=certificate,
        kafka_key_file=key,
        kafka_key_password=SecretStr(password),
    )


def test_a_certificate_is_loaded_with_its_key_from_two_files_or_one_and_with_a_password(
    pair: Pair, tmp_path: Path
) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(pair.certificate.read_bytes() + pair.key.read_bytes())
    locked = lock(pair)
    for settings in (secured(*pair), secured(both), secured(*locked, PASSWORD)):
        context_of(settings)
        assert isinstance(security(settings).credentials(), SSLCredentials)
    assert PASSWORD not in repr(security(secured(*locked, PASSWORD))) + repr(secured(*locked, PASSWORD))


def test_a_file_that_is_not_there_names_its_setting(pair: Pair, tmp_path: Path) -> None:
    absent = tmp_path / "absent.pem"
    with pytest.raises(ConfigurationError) as refused:
        client_options(secured(absent, pair.key))
    assert str(refused.value) == (
        f"ZELO_KAFKA_CERTIFICATE_FILE: expected a file in PEM, {absent} cannot be read: No such file or directory"
    )
    with pytest.raises(ConfigurationError, match=r"^ZELO_KAFKA_KEY_FILE: expected a file in PEM, .*absent.pem cannot"):
        client_options(secured(pair.certificate, absent))
    with pytest.raises(ConfigurationError, match=r"^ZELO_KAFKA_KEY_FILE: .*Is a directory"):
        client_options(secured(pair.certificate, tmp_path))


def test_files_that_make_no_certificate_with_its_key_name_the_settings(pair: Pair, tmp_path: Path) -> None:
    none = tmp_path / "none.pem"
    none.write_text("no certificate")
    locked, other = lock(pair), make_pair(tmp_path, "other")
    wrong = [
        secured(none, pair.key),
        secured(pair.certificate, none),
        secured(pair.certificate),  # the key is not in there
        secured(pair.certificate, other.key),
        secured(*locked),
        secured(*locked, "hush"),
    ]
    for settings in wrong:
        with pytest.raises(ConfigurationError) as refused:
            client_options(settings)
        said = str(refused.value)
        assert said.startswith("ZELO_KAFKA_CERTIFICATE_FILE and ZELO_KAFKA_KEY_FILE: expected a certificate and its")
        assert "ZELO_KAFKA_KEY_PASSWORD" in said
        assert str(settings.kafka_certificate_file) in said
        assert "hush" not in said


def test_an_engine_on_its_own_names_its_own_settings(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^ca_file: expected certificates in PEM"):
        Security("SSL", tmp_path / "absent").client_options()
    with pytest.raises(ConfigurationError, match=r"^certificate_file: expected a file in PEM"):
        Security("SSL", certificate_file=tmp_path / "absent").client_options()


def tls_error(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}] {reason.lower()}")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    "reason, said",
    [
        ("SSLV3_ALERT_BAD_CERTIFICATE", "bad certificate"),
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "certificate required"),
        ("TLSV1_ALERT_UNKNOWN_CA", "unknown ca"),
    ],
)
@pytest.mark.parametrize("where", ["in the handshake", "after it"])
async def test_what_the_broker_has_against_our_certificate_names_the_setting(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, reason: str, said: str, where: str
) -> None:
    async def refused(*_: object, **__: object) -> None:
        if where == "in the handshake":
            raise tls_error(reason)
        raise KafkaConnectionError("Connection at kafka:9092 closed") from tls_error(reason)

    monkeypatch.setattr(engine_security, "create_conn", refused)
    for settings, problem in (
        (Settings(kafka_security="SSL"), f"the broker asks its clients for a certificate ({said}), none is set"),
        (secured(*pair), f"the broker does not take {pair.certificate} ({said})"),
    ):
        with pytest.raises(ConfigurationError) as turned_away:
            await check_access("kafka:9092", security(settings))
        assert str(turned_away.value) == f"Kafka at kafka:9092 turned us away: ZELO_KAFKA_CERTIFICATE_FILE: {problem}"


async def test_brokers_without_a_port_and_of_version_6_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    async def nobody(host: str, port: int, **_: object) -> None:
        asked.append((host, port))
        raise KafkaConnectionError

    monkeypatch.setattr(engine_security, "create_conn", nobody)
    with pytest.raises(KafkaConnectionError):
        await check_access("kafka-1,[::1]:9093,10.0.0.7", Security())
    assert asked == [("kafka-1", 9092), ("::1", 9093), ("10.0.0.7", 9092)]
