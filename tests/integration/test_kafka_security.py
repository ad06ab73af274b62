"""TLS and SCRAM against a real listener: our clients enter, and who may not is told which setting is wrong."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import ANY

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from command_rig import a_worker_enters, zelo
from faust.types import TP
from pydantic import SecretStr

from streams.config import Settings
from streams.embedded.kafka import ApacheKafka, Secured
from streams.embedded.ports import free_port
from streams.engine.offsets import committed_offsets, end_offsets
from streams.engine.security import Security, check_access
from streams.engine.topics import TopicSpec, create_topics
from streams.errors import ConfigurationError
from streams.kafka import NAMES

pytestmark = [
    pytest.mark.integration,
    pytest.mark.kafka,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]
HERE = TP("usage", 0)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kafka(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ApacheKafka]:
    folder = tmp_path_factory.mktemp("secured")
    async with ApacheKafka(folder, secured=Secured("zelo", "right secret")) as kafka:
        yield kafka


@pytest.fixture
def security(kafka: ApacheKafka) -> Security:
    return Security("SASL_SSL", kafka.certificate, "SCRAM-SHA-512", "zelo", "right secret", names=NAMES)


async def test_every_kind_of_client_enters_with_tls_and_scram(kafka: ApacheKafka, security: Security) -> None:
    options = security.client_options()
    await check_access(kafka.secure_bootstrap, security)
    assert await create_topics(kafka.secure_bootstrap, [TopicSpec(HERE.topic, 1)], **options) == [HERE.topic]
    async with AIOKafkaProducer(bootstrap_servers=kafka.secure_bootstrap, **options) as producer:
        await producer.send_and_wait(HERE.topic, b"x", partition=0)
    assert await end_offsets(kafka.secure_bootstrap, [HERE], **options) == {HERE: 1}
    assert await committed_offsets(kafka.secure_bootstrap, "nobody", [HERE], **options) == {HERE: None}


async def test_a_wrong_password_or_user_names_the_settings_and_not_the_password(
    kafka: ApacheKafka, security: Security
) -> None:
    for wrong in (replace(security, password="wrong secret"), replace(security, user="nobody")):
        with pytest.raises(ConfigurationError, match="ZELO_KAFKA_USER and ZELO_KAFKA_PASSWORD") as caught:
            await check_access(kafka.secure_bootstrap, wrong)
        assert "secret" not in str(caught.value) + repr(wrong)


async def test_a_mechanism_the_broker_does_not_take_names_the_setting(kafka: ApacheKafka, security: Security) -> None:
    with pytest.raises(ConfigurationError, match=r"ZELO_KAFKA_SASL_MECHANISM.*does not take PLAIN"):
        await check_access(kafka.secure_bootstrap, replace(security, mechanism="PLAIN"))


async def test_a_certificate_of_a_stranger_names_the_setting(kafka: ApacheKafka, security: Security) -> None:
    with pytest.raises(ConfigurationError, match="ZELO_KAFKA_CA_FILE: its certificate is not trusted by the authorit"):
        await check_access(kafka.secure_bootstrap, replace(security, ca_file=None))


async def test_tls_with_a_plain_listener_names_the_setting(kafka: ApacheKafka, security: Security) -> None:
    with pytest.raises(ConfigurationError, match="ZELO_KAFKA_SECURITY: the listener does not speak TLS"):
        await check_access(kafka.bootstrap, security)


async def test_a_plain_client_does_not_enter_the_secure_listener(kafka: ApacheKafka) -> None:
    with pytest.raises((KafkaError, OSError)):
        await check_access(kafka.secure_bootstrap, Security())


async def test_nobody_at_the_address_is_not_a_wrong_setting(security: Security) -> None:
    with pytest.raises((KafkaError, OSError)):
        await check_access("127.0.0.1:9", security)


@pytest.fixture
def settings(kafka: ApacheKafka, tmp_path: Path) -> Settings:
    return Settings(
        kafka_bootstrap=kafka.secure_bootstrap,
        kafka_security="SASL_SSL",
        kafka_ca_file=kafka.certificate,
        kafka_user="zelo",
        kafka_password=SecretStr("right secret"),
        data_dir=tmp_path,
        partitions=1,
        http_port=free_port(),
        clickhouse_url="http://127.0.0.1:9",
    )


async def test_the_commands_and_a_worker_enter(settings: Settings) -> None:
    assert await zelo(settings, "topics", "--create") == (0, ANY)
    assert f"Kafka at {settings.kafka_bootstrap}, 1 broker" in (await zelo(settings, "doctor"))[1]
    assert await zelo(settings, "dead-letters") == (0, ANY)
    await a_worker_enters(settings)


@pytest.mark.parametrize("words", [("dead-letters",), ("worker", "--role", "stream"), ("import", "jsonl", "FILE")])
async def test_a_wrong_password_ends_a_command_with_the_setting(
    settings: Settings, tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "events.jsonl").touch()
    words = tuple(str(tmp_path / "events.jsonl") if word == "FILE" else word for word in words)
    wrong = settings.model_copy(update={"kafka_password": SecretStr("wrong secret")})
    status, said = await zelo(wrong, *words)
    assert status == 2, said
    assert "ZELO_KAFKA_USER and ZELO_KAFKA_PASSWORD" in said
    assert "secret" not in said


async def test_the_doctor_names_the_setting_of_a_wrong_password(settings: Settings) -> None:
    status, said = await zelo(settings.model_copy(update={"kafka_password": SecretStr("wrong")}), "doctor")
    assert status == 1
    assert "ZELO_KAFKA_USER and ZELO_KAFKA_PASSWORD" in said


async def test_a_file_of_authorities_that_is_none_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for path in (tmp_path / "ca.pem", tmp_path / "absent.pem"):
        with pytest.raises(ConfigurationError, match="ZELO_KAFKA_CA_FILE: expected certificates in PEM"):
            Security("SSL", path, names=NAMES).client_options()
