"""Our settings in the words of Kafka's clients: how to enter, and what to say when we may not."""

from contextlib import suppress
from typing import Any

from aiokafka.errors import KafkaError

from streams.config import Settings
from streams.engine.security import Security, check_access


def security(settings: Settings) -> Security:
    """What the listener of `kafka_bootstrap` asks for, as the settings say."""
    return Security(
        protocol=settings.kafka_security,
        ca_file=settings.kafka_ca_file,
        mechanism=settings.kafka_sasl_mechanism,
        user=settings.kafka_user,
        password=settings.kafka_password.get_secret_value(),
    )


def client_options(settings: Settings) -> dict[str, Any]:
    """Options for any aiokafka client beside its address.

    Raises:
        ConfigurationError: the file of authorities cannot be read.
    """
    return security(settings).client_options()


async def require_access(settings: Settings) -> None:
    """Asks a secured Kafka whether it lets us in; one that is plain or does not answer is left to whoever needs it.

    Raises:
        ConfigurationError: it turned us away; names the setting.
    """
    if settings.kafka_security != "PLAINTEXT":
        with suppress(KafkaError, OSError, TimeoutError):
            await check_access(settings.kafka_bootstrap, security(settings))
