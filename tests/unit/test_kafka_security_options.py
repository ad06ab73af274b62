"""What the clients are told of a secured Kafka."""

from faust.auth import SASLCredentials, SSLCredentials
from pydantic import SecretStr

from streams.config import Settings
from streams.engine.security import Security
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
