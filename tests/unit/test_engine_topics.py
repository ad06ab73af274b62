"""Topics are made once, checked, and waited for until the broker tells of them."""

import asyncio
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka.errors import (
    InvalidReplicationFactorError,
    KafkaConnectionError,
    NotControllerError,
    TopicAlreadyExistsError,
)

from streams.config import Settings
from streams.engine import topics
from streams.engine.topics import LARGEST_BATCH_BYTES, TopicPartitionsError, TopicSpec, create_topics, differing
from streams.errors import ConfigurationError, TransientError
from streams.kafka import make_topics

NOT_TOLD = "an error and no partitions"
SPECS = [TopicSpec("usage", 4, {"cleanup.policy": "compact"}), TopicSpec("models", 1)]
BOTH = {"usage": 4, "models": 1}


class Admin:
    """What `create_topics` uses of aiokafka's admin client.

    Args:
        story: partitions by topic at each look; the last one stays.
        errors: of the topics that are asked to be made.
    """

    def __init__(self, story: Sequence[Mapping[str, Any]], errors: Mapping[str, type[Any]]) -> None:
        self._story, self._errors = list(story), errors
        self.made: list[Any] = []
        self.options: dict[str, Any] = {}
        self.open = False
        self.refuses: Exception | None = None

    def __call__(self, **options: Any) -> "Admin":
        self.options = options
        return self

    async def start(self) -> None:
        if self.refuses:
            raise self.refuses
        self.open = True

    async def close(self) -> None:
        self.open = False

    async def describe_topics(self) -> list[dict[str, Any]]:
        assert self.open
        now = self._story.pop(0) if len(self._story) > 1 else self._story[0]
        return [
            {"topic": name, "error_code": 5, "partitions": []}
            if number is NOT_TOLD
            else {"topic": name, "error_code": 0, "partitions": [{"partition": n} for n in range(number)]}
            for name, number in now.items()
        ]

    async def create_topics(self, asked: list[Any]) -> Any:
        self.made = asked
        errors = [(one.name, getattr(self._errors.get(one.name), "errno", 0), None) for one in asked]
        return SimpleNamespace(topic_errors=errors)


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nobody waits here; what would have been waited for, in seconds."""
    found: list[float] = []

    async def nap(seconds: float) -> None:
        found.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", nap)
    return found


def told_by(monkeypatch: pytest.MonkeyPatch, *story: Mapping[str, Any], **errors: type[Any]) -> Admin:
    admin = Admin(story, errors)
    monkeypatch.setattr(topics, "AIOKafkaAdminClient", admin)
    return admin


async def test_topics_are_made_as_they_must_be(monkeypatch: pytest.MonkeyPatch, naps: list[float]) -> None:
    admin = told_by(monkeypatch, {}, BOTH)
    assert await create_topics("kafka:9092", SPECS, 3, security_protocol="SSL") == ["usage", "models"]
    assert admin.options == {"bootstrap_servers": "kafka:9092", "security_protocol": "SSL"}
    usage, models = admin.made
    assert (usage.name, usage.num_partitions, usage.replication_factor) == ("usage", 4, 3)
    assert usage.topic_configs == {"max.message.bytes": str(LARGEST_BATCH_BYTES), "cleanup.policy": "compact"}
    assert (models.num_partitions, models.topic_configs) == (1, {"max.message.bytes": str(LARGEST_BATCH_BYTES)})
    assert naps == []
    assert not admin.open


async def test_what_exists_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    admin = told_by(monkeypatch, {**BOTH, "another": 9})
    assert await create_topics("kafka:9092", SPECS) == []
    assert admin.made == []


async def test_a_topic_somebody_else_made_meanwhile_is_checked_and_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    told_by(monkeypatch, {"models": 1}, BOTH, usage=TopicAlreadyExistsError)
    assert await create_topics("kafka:9092", SPECS) == []
    told_by(monkeypatch, {"models": 1}, {"models": 1, "usage": 3}, usage=TopicAlreadyExistsError)
    with pytest.raises(TopicPartitionsError, match=r"^topic usage has 3 partitions, it must have 4$"):
        await create_topics("kafka:9092", SPECS)


@pytest.mark.parametrize("not_yet", [{}, {"usage": 4}, {"usage": 4, "models": NOT_TOLD}], ids=["none", "one", "half"])
async def test_a_broker_that_does_not_tell_of_them_yet_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, naps: list[float], not_yet: Mapping[str, Any]
) -> None:
    told_by(monkeypatch, {}, not_yet, not_yet, BOTH)
    assert await create_topics("kafka:9092", SPECS) == ["usage", "models"]
    assert len(naps) == 2


async def test_a_topic_whose_leader_is_missing_is_no_topic_of_another_size(
    monkeypatch: pytest.MonkeyPatch, naps: list[float]
) -> None:
    told_by(monkeypatch, {"usage": NOT_TOLD, "models": 1}, {"usage": NOT_TOLD}, BOTH, usage=TopicAlreadyExistsError)
    assert await create_topics("kafka:9092", SPECS) == []
    assert len(naps) == 1


async def test_a_broker_that_never_tells_is_an_error_to_try_again(
    monkeypatch: pytest.MonkeyPatch, naps: list[float]
) -> None:
    admin = told_by(monkeypatch, {}, {"usage": 4})
    with pytest.raises(TransientError, match="topics usage, models: made, but the broker does not tell of all"):
        await create_topics("kafka:9092", SPECS)
    assert 5 < sum(naps) < 15
    assert not admin.open


@pytest.mark.parametrize("error", [NotControllerError, InvalidReplicationFactorError])
async def test_a_topic_that_is_refused_is_named_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, error: type[Any]
) -> None:
    admin = told_by(monkeypatch, {}, models=error)
    with pytest.raises(TransientError, match=f"creating topic models: {error.__name__}"):
        await create_topics("kafka:9092", SPECS)
    assert not admin.open


async def test_a_broker_that_does_not_answer_leaves_no_client_open(monkeypatch: pytest.MonkeyPatch) -> None:
    admin = told_by(monkeypatch, {})
    admin.refuses = KafkaConnectionError("nobody")
    with pytest.raises(KafkaConnectionError):
        await create_topics("kafka:9092", SPECS)
    assert not admin.open


async def test_topics_of_another_size_are_told_with_the_settings_that_mend_it(monkeypatch: pytest.MonkeyPatch) -> None:
    told_by(monkeypatch, {"usage": 8, "models": 1})
    with pytest.raises(ConfigurationError) as refused:
        await make_topics(Settings(), SPECS)
    assert str(refused.value) == (
        "topic usage has 8 partitions, it must have 4: set ZELO_PARTITIONS to what is there, "
        "or use another ZELO_TOPIC_PREFIX and ZELO_APP_ID"
    )


async def test_topics_are_made_with_the_replicas_and_the_security_of_the_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    admin = told_by(monkeypatch, {}, BOTH)
    await make_topics(Settings(kafka_bootstrap="kafka:1", kafka_security="SSL", replication_factor=3), SPECS)
    assert admin.options["bootstrap_servers"] == "kafka:1"
    assert admin.options["security_protocol"] == "SSL"
    assert {one.replication_factor for one in admin.made} == {3}


async def test_settings_that_lose_records_are_named_and_those_of_taste_are_not() -> None:
    compacted = {
        "cleanup.policy": "compact",
        "min.compaction.lag.ms": "1000",
        "message.timestamp.type": "LogAppendTime",
    }
    specs = [
        TopicSpec("usage", 4, {"retention.ms": "5", "message.timestamp.type": "LogAppendTime"}),
        TopicSpec("models", 1, compacted),
        TopicSpec("health", 4, compacted),
        TopicSpec("secret", 4, compacted),
    ]
    there = {
        "usage": {"retention.ms": "9", "message.timestamp.type": "CreateTime"},
        "models": {"cleanup.policy": "delete", "min.compaction.lag.ms": "999"},
        "health": compacted | {"min.compaction.lag.ms": "2000"},
        "secret": {},
    }

    async def describe_configs(asked: Sequence[Any]) -> list[Any]:
        assert [one.name for one in asked] == list(there)
        resources = [
            (29 if name == "secret" else 0, "", 2, name, [(*one, False, 5) for one in there[name].items()])
            for name in there
        ]
        return [SimpleNamespace(resources=resources[:1]), SimpleNamespace(resources=resources[1:])]

    found = await differing(cast(Any, SimpleNamespace(describe_configs=describe_configs)), specs)
    assert found == [
        "models: cleanup.policy is delete, expected compact",
        "models: message.timestamp.type is None, expected LogAppendTime",
        "models: min.compaction.lag.ms is 999, expected 1000",
        "secret: its settings cannot be read (TopicAuthorizationFailedError)",
        "usage: message.timestamp.type is CreateTime, expected LogAppendTime",
    ]
