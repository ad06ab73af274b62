"""Explicit creation of topics, before anything reads or writes them.

Faust and brokers would create topics as they come, with whatever number of partitions and cleanup
policy happens to be the default there; a changelog that is not compacted, or a topic with another
number of partitions than its siblings, is found months later.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from streams.errors import ConfigurationError, TransientError

#: A day without compaction: a zombie's late flush must meet the newer record still in the log, and a flush
#: torn by a crash must not have displaced what it did not replace before somebody recovers (staging.py).
CHANGELOG_CONFIG: Mapping[str, str] = {"cleanup.policy": "compact", "min.compaction.lag.ms": "86400000"}


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it must be: name, partitions, and the broker's settings for it."""

    name: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=dict)


async def create_topics(
    bootstrap: str, specs: Iterable[TopicSpec], replication_factor: int = 1, **client_options: Any
) -> list[str]:
    """Creates the topics that do not exist yet; those that do must have the same partitions.

    Returns:
        The names of the topics created.

    Raises:
        ConfigurationError: a topic exists with another number of partitions.
        TransientError: the broker refused for now.
    """
    wanted = list(specs)
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, **client_options)
    try:
        await admin.start()
        existing = await _partitions(admin)
        _check(wanted, existing)
        missing = [spec for spec in wanted if spec.name not in existing]
        if missing:
            await _create(admin, missing, replication_factor)
    finally:
        await admin.close()
    return [spec.name for spec in missing]


async def _partitions(admin: AIOKafkaAdminClient) -> dict[str, int]:
    names = await admin.list_topics()
    described = await admin.describe_topics(list(names)) if names else []
    return {topic["topic"]: len(topic["partitions"]) for topic in described}


def _check(wanted: Iterable[TopicSpec], existing: Mapping[str, int]) -> None:
    for spec in wanted:
        present = existing.get(spec.name)
        if present is not None and present != spec.partitions:
            raise ConfigurationError(
                f"topic {spec.name} has {present} partitions, it must have {spec.partitions}: "
                "set partitions to what is there, or create the topics under another prefix"
            )


async def _create(admin: AIOKafkaAdminClient, specs: list[TopicSpec], replication_factor: int) -> None:
    response = await admin.create_topics(
        [NewTopic(spec.name, spec.partitions, replication_factor, topic_configs=dict(spec.config)) for spec in specs]
    )
    for name, error_code, *details in response.topic_errors:
        error = for_code(error_code)
        if error_code and error is not TopicAlreadyExistsError:  # another worker was faster
            raise TransientError(f"creating topic {name}: {error.__name__} {details}")
