"""Our settings in the words of Kafka's clients: how to enter, and what to say when we may not."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from aiokafka.errors import KafkaError

from streams.config import Settings
from streams.engine.security import Security, check_access
from streams.engine.topics import TopicPartitionsError, TopicSpec, create_topics
from streams.errors import ConfigurationError

#: What people set, by the name of the engine's setting: an error of the engine's tells them.
NAMES: Mapping[str, str] = {
    "app_id": "ZELO_APP_ID",
    "protocol": "ZELO_KAFKA_SECURITY",
    "ca_file": "ZELO_KAFKA_CA_FILE",
    "certificate_file": "ZELO_KAFKA_CERTIFICATE_FILE",
    "key_file": "ZELO_KAFKA_KEY_FILE",
    "key_password": "ZELO_KAFKA_KEY_PASSWORD",
    "mechanism": "ZELO_KAFKA_SASL_MECHANISM",
    "user": "ZELO_KAFKA_USER",
    "password": "ZELO_KAFKA_PASSWORD",
}
#: How to mend topics that exist with other numbers of partitions.
OTHER_PARTITIONS = "set ZELO_PARTITIONS to what is there, or use another ZELO_TOPIC_PREFIX and ZELO_APP_ID"


def security(settings: Settings) -> Security:
    """What the listener of `kafka_bootstrap` asks for, as the settings say."""
    return Security(
        protocol=settings.kafka_security,
        ca_file=settings.kafka_ca_file,
        mechanism=settings.kafka_sasl_mechanism,
        user=settings.kafka_user,
        password=settings.kafka_password.get_secret_value(),
        certificate_file=settings.kafka_certificate_file,
        key_file=settings.kafka_key_file,
        key_password=settings.kafka_key_password.get_secret_value(),
        names=NAMES,
    )


def client_options(settings: Settings) -> dict[str, Any]:
    """Options for any aiokafka client beside its address.

    Raises:
        ConfigurationError: a file of certificates or keys cannot be read; names the setting.
    """
    return security(settings).client_options()


async def make_topics(settings: Settings, specs: Iterable[TopicSpec]) -> list[str]:
    """Creates the topics that do not exist yet; gives their names.

    Raises:
        ConfigurationError: one exists with another number of partitions, or a file of the settings cannot be read.
        TransientError: the broker refused for now.
        KafkaError, OSError: nobody answers.
    """
    try:
        return await create_topics(
            settings.kafka_bootstrap, specs, settings.replication_factor, **client_options(settings)
        )
    except TopicPartitionsError as error:
        raise ConfigurationError(f"{error}: {OTHER_PARTITIONS}") from error


async def require_access(settings: Settings) -> None:
    """Asks a secured Kafka whether it lets us in; one that is plain or does not answer is left to whoever needs it.

    Raises:
        ConfigurationError: it turned us away; names the setting.
    """
    if settings.kafka_security != "PLAINTEXT":
        with suppress(KafkaError, OSError, TimeoutError):
            await check_access(settings.kafka_bootstrap, security(settings))
