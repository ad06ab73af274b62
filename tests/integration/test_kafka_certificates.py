"""Mutual TLS against a real listener: who shows a certificate it knows enters, who does not is told what to set."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import ANY

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer
from command_rig import a_worker_enters, zelo
from faust.types import TP
from pydantic import SecretStr
from tls_files import PASSWORD, Pair, lock, make_pair

from streams.config import Settings
from streams.embedded.kafka import ApacheKafka, Secured
from streams.embedded.ports import free_port
from streams.engine.offsets import end_offsets
from streams.engine.topics import TopicSpec
from streams.errors import ConfigurationError
from streams.kafka import client_options, make_topics, require_access

pytestmark = [
    pytest.mark.integration,
    pytest.mark.kafka,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]


class Cluster(NamedTuple):
    """A broker that asks for certificates, and one it knows."""

    kafka: ApacheKafka
    known: Pair


@asynccontextmanager
async def asking(folder: Path, **user: str) -> AsyncIterator[Cluster]:
    known = make_pair(folder, "worker")
    secured = Secured(client_authorities=known.certificate, **user)
    async with ApacheKafka(folder / "kafka", secured=secured) as kafka:
        yield Cluster(kafka, known)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with asking(tmp_path_factory.mktemp("certificates")) as cluster:
        yield cluster


def settings_of(cluster: Cluster, folder: Path, **more: Any) -> Settings:
    return Settings(
        **{
            "kafka_bootstrap": cluster.kafka.secure_bootstrap,
            "kafka_security": "SSL",
            "kafka_ca_file": cluster.kafka.certificate,
            "kafka_certificate_file": cluster.known.certificate,
            "kafka_key_file": cluster.known.key,
            "data_dir": folder,
            "partitions": 1,
            "http_port": free_port(),
            "clickhouse_url": "http://127.0.0.1:9",
            **more,
        }
    )


async def goes_in(settings: Settings, topic: str) -> None:
    here = TP(topic, 0)
    options = client_options(settings)
    await require_access(settings)
    assert await make_topics(settings, [TopicSpec(topic, 1)]) == [topic]
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap, **options) as producer:
        await producer.send_and_wait(topic, b"x", partition=0)
    assert await end_offsets(settings.kafka_bootstrap, [here], **options) == {here: 1}


async def test_a_certificate_alone_lets_every_client_in(cluster: Cluster, tmp_path: Path) -> None:
    await goes_in(settings_of(cluster, tmp_path), "certificate")
    locked = {"kafka_key_file": lock(cluster.known).key, "kafka_key_password": SecretStr(PASSWORD)}
    await goes_in(settings_of(cluster, tmp_path, **locked), "locked")


async def test_who_shows_none_is_told_what_to_set(cluster: Cluster, tmp_path: Path) -> None:
    settings = settings_of(cluster, tmp_path, kafka_certificate_file=None, kafka_key_file=None)
    with pytest.raises(ConfigurationError, match="ZELO_KAFKA_CERTIFICATE_FILE: the broker asks its clients for a cert"):
        await require_access(settings)


async def test_a_certificate_of_a_stranger_is_refused_by_its_name(cluster: Cluster, tmp_path: Path) -> None:
    stranger = make_pair(tmp_path, "stranger")
    settings = settings_of(cluster, tmp_path, kafka_certificate_file=stranger[0], kafka_key_file=stranger[1])
    with pytest.raises(ConfigurationError, match=r"ZELO_KAFKA_CERTIFICATE_FILE: the broker does not take .*stranger"):
        await require_access(settings)


async def test_a_certificate_and_a_user_together_let_in(tmp_path: Path) -> None:
    async with asking(tmp_path, user="zelo", password="right secret") as both:
        user: dict[str, Any] = {"kafka_security": "SASL_SSL", "kafka_user": "zelo"}
        await goes_in(settings_of(both, tmp_path, **user, kafka_password=SecretStr("right secret")), "both")
        with pytest.raises(ConfigurationError, match="ZELO_KAFKA_USER and ZELO_KAFKA_PASSWORD"):
            await require_access(settings_of(both, tmp_path, **user, kafka_password=SecretStr("wrong secret")))


async def test_the_commands_and_a_worker_enter_or_end_with_the_setting(cluster: Cluster, tmp_path: Path) -> None:
    settings = settings_of(cluster, tmp_path)
    assert await zelo(settings, "topics", "--create") == (0, ANY)
    none = settings.model_copy(update={"kafka_certificate_file": None, "kafka_key_file": None})
    status, said = await zelo(none, "worker", "--role", "stream")
    assert (status, "ZELO_KAFKA_CERTIFICATE_FILE: the broker asks its clients" in said) == (2, True), said
    await a_worker_enters(settings)
