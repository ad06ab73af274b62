"""Where topics end and where groups stand.

ListOffsets(latest) is not trusted alone: Tansu 0.6 answers with the base offset of the last batch, so
a recovery that believed it would stop one batch early and lose state. One fetch at that offset, which
returns at once, also reports the partition's high watermark; the larger of the two is right on every
broker. On Apache Kafka both agree.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    KafkaError,
    NotCoordinatorForGroupError,
)
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import TopicPartition
from faust.types import TP

from streams.errors import TransientError

_PROBE_BYTES = 1
#: Tansu leaves out what it did not get to within the wait, so the next try waits longer.
_PROBE_WAITS_MS = (50, 200, 1000, 3000)
#: A group's coordinator is being found: of a cluster's first group (its topic is made then), and after a broker's end.
_NO_COORDINATOR = (GroupCoordinatorNotAvailableError, GroupLoadInProgressError, NotCoordinatorForGroupError)
_COORDINATOR_WAITS_SECONDS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 3.2)


async def end_offsets(bootstrap: str, tps: Iterable[TP], **client_options: Any) -> dict[TP, int]:
    """Offset after the last record of each partition, exact on every broker.

    Args:
        bootstrap: `host:port`, several separated by commas.
        tps: the partitions.
        client_options: further options of an aiokafka client (security).

    Raises:
        TransientError: a partition has no leader now.
    """
    wanted = [TopicPartition(tp.topic, tp.partition) for tp in tps]
    if not wanted:
        return {}
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, **client_options) as consumer:
        consumer.assign(wanted)
        ends = await raise_to_high_watermarks(consumer._client, await consumer.end_offsets(wanted))
    return {TP(tp.topic, tp.partition): end for tp, end in ends.items()}


async def raise_to_high_watermarks(client: Any, ends: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    """The larger of the given ends and the high watermarks that a fetch there reports.

    Leaders that move or are missing for a moment (a topic just made, a broker just gone) are waited for.

    Raises:
        TransientError: a partition has no leader, or did not answer, for some seconds.
    """
    exact: dict[TopicPartition, int] = {}
    for wait_ms in _PROBE_WAITS_MS:
        asked = {tp: end for tp, end in ends.items() if tp not in exact}
        for node, tps in _by_leader(client, asked).items():
            for tp, high_watermark in await _probe(client, node, {tp: ends[tp] for tp in tps}, wait_ms):
                exact[tp] = max(ends[tp], high_watermark)
        if len(exact) == len(ends):
            return exact
        await client.force_metadata_update()
        await asyncio.sleep(wait_ms / 1000)
    raise TransientError(f"no leader that tells the high watermark of {sorted(set(ends) - set(exact))}")


async def _probe(
    client: Any, node: int, ends: Mapping[TopicPartition, int], wait_ms: int
) -> list[tuple[TopicPartition, int]]:
    topics: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for tp, end in ends.items():
        topics[tp.topic].append((tp.partition, end, _PROBE_BYTES))
    # of the answer only the header matters, so few bytes, and uncommitted ones too
    request = FetchRequest(wait_ms, 1, _PROBE_BYTES, 0, list(topics.items()))
    try:
        response = await client.send(node, request)
    except KafkaError as error:
        if not error.retriable:
            raise
        return []  # it is gone; its partitions get another leader
    return [
        (TopicPartition(topic, number), high_watermark)
        for topic, partitions in response.topics
        for number, error_code, high_watermark, *_ in partitions
        if error_code == 0
    ]


def _by_leader(client: Any, tps: Iterable[TopicPartition]) -> dict[int, list[TopicPartition]]:
    leaders: dict[int, list[TopicPartition]] = defaultdict(list)
    for tp in tps:
        leader = client.cluster.leader_for_partition(tp)
        if leader is not None and leader != -1:
            leaders[leader].append(tp)
    return leaders


async def committed_offsets(
    bootstrap: str, group: str, tps: Iterable[TP], **client_options: Any
) -> dict[TP, int | None]:
    """Committed offset of a consumer group for each partition, None where it never committed.

    Raises:
        TransientError: the group had no coordinator for some seconds.
    """
    wanted = [TopicPartition(tp.topic, tp.partition) for tp in tps]
    if not wanted:
        return {}
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, **client_options)
    await admin.start()
    try:
        found = await _group_offsets(admin, group, wanted)
    finally:
        await admin.close()
    offsets = {TP(tp.topic, tp.partition): found[tp].offset for tp in wanted if tp in found}
    return {TP(*tp): value if (value := offsets.get(TP(*tp))) is not None and value >= 0 else None for tp in wanted}


async def _group_offsets(admin: Any, group: str, wanted: list[TopicPartition]) -> Mapping[TopicPartition, Any]:
    for wait_seconds in _COORDINATOR_WAITS_SECONDS:
        try:
            found: Mapping[TopicPartition, Any] = await admin.list_consumer_group_offsets(group, partitions=wanted)
        except _NO_COORDINATOR:
            found = {}
        # A coordinator that is still loading, or is none any more, answers with an error and no partitions. aiokafka
        # looks at errors of partitions only, so this would read as "nothing was ever committed".
        if all(tp in found for tp in wanted):
            return found
        await asyncio.sleep(wait_seconds)
    raise TransientError(f"group {group} has no coordinator now")
