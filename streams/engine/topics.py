"""Explicit creation of topics, before anything reads or writes them.

Faust and brokers would create topics as they come, with whatever number of partitions and cleanup
policy happens to be the default there; a changelog that is not compacted, or a topic with another
number of partitions than its siblings, is found months later.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from streams.errors import ConfigurationError, TransientError

#: A day without compaction: a zombie's late flush must meet the newer record still in the log, and a flush
#: torn by a crash must not have displaced what it did not replace before somebody recovers (staging.py).
CHANGELOG_CONFIG: Mapping[str, str] = {"cleanup.policy": "compact", "min.compaction.lag.ms": "86400000"}

#: Kafka's own default is 1 MiB; our producers write dead letters and states up to `producer_request_bytes` (4 MiB, and
#: a little for the batch around them), and a broker that refuses one ends the worker again and again.
LARGEST_BATCH_BYTES = 4 * 1024 * 1024 + 64 * 1024
#: Settings without which records go too early, or stay for ever; how long they are kept is the company's own choice.
_WATCHED = ("cleanup.policy", "message.timestamp.type", "min.compaction.lag.ms")
#: What a broker that tells only of what was set takes for granted.
_UNSET: Mapping[str, str] = {"cleanup.policy": "delete"}
_SPREAD_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class TopicPartitionsError(ConfigurationError):
    """A topic exists with another number of partitions than it must have."""


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it must be: name, partitions, and the broker's settings for it.

    `max.message.bytes` is `LARGEST_BATCH_BYTES` unless the settings name another.
    """

    name: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=dict)


async def create_topics(
    bootstrap: str, specs: Iterable[TopicSpec], replication_factor: int = 1, **client_options: Any
) -> list[str]:
    """Creates the topics that do not exist yet; those that do must have the same partitions.

    Returns when the broker that was asked knows all of them.

    Returns:
        The names of the topics created.

    Raises:
        TopicPartitionsError: a topic exists with another number of partitions.
        TransientError: the broker refused for now, or does not know of a topic some seconds after it was made.
    """
    wanted = list(specs)
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, **client_options)
    try:
        await admin.start()
        existing = await _partitions(admin)
        _check(wanted, existing)
        missing = [spec for spec in wanted if spec.name not in existing]
        made = await _create(admin, missing, replication_factor) if missing else []
        if missing:
            _check(missing, await _known(admin, missing))
    finally:
        await admin.close()
    return made


async def differing(admin: AIOKafkaAdminClient, specs: Iterable[TopicSpec]) -> list[str]:
    """What of existing topics is set in a way that loses records or never lets go of them, in words.

    Args:
        admin: a started client.
        specs: as the topics must be; all of them exist.
    """
    wanted = {spec.name: spec.config for spec in specs}
    answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in wanted])
    found: list[str] = []
    for error_code, _, _, name, entries in (resource for answer in answers for resource in answer.resources):
        if error_code:
            found.append(f"{name}: its settings cannot be read ({for_code(error_code).__name__})")
            continue
        present = {**_UNSET, **{entry[0]: entry[1] for entry in entries}}
        found += [
            f"{name}: {setting} is {present.get(setting)}, expected {expected}"
            for setting, expected in wanted[name].items()
            if setting in _WATCHED and not _serves(setting, present.get(setting), expected)
        ]
    return sorted(found)


def _serves(setting: str, present: str | None, wanted: str) -> bool:
    if setting.endswith(".ms"):
        return present is not None and int(present) >= int(wanted)
    return present == wanted


async def _known(admin: AIOKafkaAdminClient, specs: list[TopicSpec]) -> dict[str, int]:
    """Partitions of these topics, as soon as the broker tells of all: one that has just been made spreads slowly."""
    for seconds in _SPREAD_SECONDS:
        existing = await _partitions(admin)
        if all(spec.name in existing for spec in specs):
            return existing
        await asyncio.sleep(seconds)
    raise TransientError(f"topics {', '.join(spec.name for spec in specs)}: made, but the broker does not tell of all")


async def _partitions(admin: AIOKafkaAdminClient) -> dict[str, int]:
    """Partitions of all topics; one that the broker cannot tell of yet has an error, no partitions, and is left out."""
    return {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics() if topic["partitions"]}


def _check(wanted: Iterable[TopicSpec], existing: Mapping[str, int]) -> None:
    for spec in wanted:
        present = existing.get(spec.name)
        if present is not None and present != spec.partitions:
            raise TopicPartitionsError(f"topic {spec.name} has {present} partitions, it must have {spec.partitions}")


async def _create(admin: AIOKafkaAdminClient, specs: list[TopicSpec], replication_factor: int) -> list[str]:
    own = {"max.message.bytes": str(LARGEST_BATCH_BYTES)}
    response = await admin.create_topics(
        [
            NewTopic(spec.name, spec.partitions, replication_factor, topic_configs={**own, **spec.config})
            for spec in specs
        ]
    )
    made = []
    for name, error_code, *details in response.topic_errors:
        error = for_code(error_code)
        if not error_code:
            made.append(name)
        if error_code and error is not TopicAlreadyExistsError:  # another worker was faster
            raise TransientError(f"creating topic {name}: {error.__name__} {details}")
    return made
