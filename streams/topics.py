"""The registry's topics as they stand on a broker: prefixed names, partitions, retention."""

from collections.abc import Iterable, Mapping

from schemas.registry import TOPICS, Topic
from streams.config import Settings
from streams.engine.topics import TopicSpec

# Inputs and history are kept for two years, so that a rebuild from the log has all that windows and labels need.
_KEPT_MS = 730 * 86_400_000
# A week in which nothing is compacted: ClickHouse gets every daily score, however long it or the archive was away.
_WHOLE_MS = 7 * 86_400_000
# Ages count from arrival. Records carry the time of their event, and by that the broker would delete an imported
# history older than its retention, and compact scores of the past, before anybody has read them.
_AGE: Mapping[str, str] = {"message.timestamp.type": "LogAppendTime"}
_CONFIG: Mapping[str, Mapping[str, str]] = {
    "delete": {"cleanup.policy": "delete", "retention.ms": str(_KEPT_MS), **_AGE},
    "compact": {"cleanup.policy": "compact", "min.compaction.lag.ms": str(_WHOLE_MS), **_AGE},
}


def topic_name(settings: Settings, topic: Topic) -> str:
    """The topic's name on the broker."""
    return settings.topic_prefix + topic.name


def partitions(settings: Settings, topic: Topic) -> int:
    """How many partitions the topic must have."""
    return topic.partitions or settings.partitions


def topic_specs(settings: Settings, topics: Iterable[Topic] = TOPICS) -> list[TopicSpec]:
    """What `zelo topics --create` makes."""
    return [
        TopicSpec(topic_name(settings, topic), partitions(settings, topic), _CONFIG[topic.cleanup]) for topic in topics
    ]
