"""`zelo doctor` on topics that an earlier version, or somebody else, has made."""

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.app import changelog_specs
from streams.cli.doctor import examine
from streams.config import load_settings
from streams.embedded import EmbeddedStack
from streams.kafka import make_topics
from streams.topics import topic_specs

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]


async def test_a_topic_that_counts_its_age_from_events_is_named() -> None:
    async with EmbeddedStack() as stack:
        settings = load_settings(kafka_bootstrap=stack.bootstrap, clickhouse_url=stack.clickhouse_url)
        specs = [*topic_specs(settings), *changelog_specs(settings)]
        earlier = NewTopic(
            "zelo.usage.v1", settings.partitions, 1, topic_configs={"message.timestamp.type": "CreateTime"}
        )
        admin = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap)
        await admin.start()
        await admin.create_topics([earlier])
        await admin.close()
        await make_topics(settings, specs[1:])
        about = [finding for finding in await examine(settings) if "topic" in finding.what]
    (finding,) = about
    assert not finding.well
    assert finding.what == "topic settings: zelo.usage.v1: message.timestamp.type is CreateTime, expected LogAppendTime"
    assert "docs/topics.md" in finding.mend
