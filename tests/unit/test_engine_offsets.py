"""Ends and committed offsets while a cluster is not quite there: leaders and coordinators that are missing or move."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    KafkaConnectionError,
    KafkaError,
    NotCoordinatorForGroupError,
    TopicAuthorizationFailedError,
)
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.types import TP

from streams.engine import offsets
from streams.engine.offsets import committed_offsets, end_offsets, raise_to_high_watermarks
from streams.errors import TransientError

A, B = TopicPartition("usage", 0), TopicPartition("usage", 1)
NOT_LEADER, NO_LEADER = 6, -1


@pytest.fixture(autouse=True)
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nobody waits here; what would have been waited for, in seconds."""
    found: list[float] = []

    async def nap(seconds: float) -> None:
        found.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", nap)
    return found


# --- ends


class Brokers:
    """What `raise_to_high_watermarks` uses of an aiokafka client; every look at the metadata is one step of a story.

    Args:
        leaders: leader by partition, after each look; the last one stays.
        answers: high watermark by partition (or an error code below 0), or an error, of each node at each step.
    """

    def __init__(
        self, leaders: Sequence[Mapping[TopicPartition, int]], answers: Sequence[Mapping[int, Any]] = ({},)
    ) -> None:
        self.step = 0
        self.asked: list[tuple[int, int, list[TopicPartition]]] = []
        self._leaders, self._answers = leaders, answers
        self.cluster = SimpleNamespace(leader_for_partition=lambda tp: self._now(self._leaders).get(tp))

    def _now(self, story: Sequence[Any]) -> Any:
        return story[min(self.step, len(story) - 1)]

    async def force_metadata_update(self) -> bool:
        self.step += 1
        return True

    async def send(self, node: int, request: Any) -> Any:
        wait_ms, wanted = request._max_wait_ms, request._topics
        tps = [TopicPartition(topic, number) for topic, numbers in wanted for number, *_ in numbers]
        self.asked.append((node, wait_ms, tps))
        answer = self._now(self._answers).get(node, {})
        if isinstance(answer, KafkaError):
            raise answer
        told = [(tp.partition, 0, answer[tp]) for tp in tps if answer.get(tp, -1) >= 0]
        refused = [(tp.partition, -answer[tp], -1) for tp in tps if answer.get(tp, 0) < 0]
        return SimpleNamespace(topics=[("usage", [*told, *refused])])


async def test_the_larger_of_both_ends_counts() -> None:
    brokers = Brokers([{A: 1, B: 2}], [{1: {A: 9}, 2: {B: 3}}])
    assert await raise_to_high_watermarks(brokers, {A: 4, B: 5}) == {A: 9, B: 5}
    assert brokers.asked == [(1, 50, [A]), (2, 50, [B])]
    assert brokers.step == 0


@pytest.mark.parametrize("nobody", [{}, {A: NO_LEADER, B: 2}], ids=["no metadata yet", "no leader yet"])
async def test_a_leader_that_is_not_there_yet_is_waited_for(nobody: Mapping[TopicPartition, int]) -> None:
    brokers = Brokers([nobody, nobody, {A: 1, B: 2}], [{1: {A: 9}, 2: {B: 8}}])
    assert await raise_to_high_watermarks(brokers, {A: 0, B: 0}) == {A: 9, B: 8}
    assert brokers.step == 2


async def test_a_leader_that_moved_is_asked_where_it_went_and_the_others_not_again() -> None:
    brokers = Brokers([{A: 1, B: 2}, {A: 3, B: 2}], [{1: {A: -NOT_LEADER}, 2: {B: 8}, 3: {A: 9}}])
    assert await raise_to_high_watermarks(brokers, {A: 0, B: 0}) == {A: 9, B: 8}
    assert [(node, tps) for node, _, tps in brokers.asked] == [(1, [A]), (2, [B]), (3, [A])]


async def test_a_broker_that_is_gone_leaves_its_partitions_to_another() -> None:
    brokers = Brokers([{A: 1}, {A: 2}], [{1: KafkaConnectionError("gone"), 2: {A: 9}}])
    assert await raise_to_high_watermarks(brokers, {A: 0}) == {A: 9}


async def test_what_an_answer_leaves_out_is_asked_for_with_more_patience() -> None:
    brokers = Brokers([{A: 1, B: 1}], [{1: {A: 9}}, {1: {}}, {1: {B: 8}}])
    assert await raise_to_high_watermarks(brokers, {A: 0, B: 0}) == {A: 9, B: 8}
    assert brokers.asked == [(1, 50, [A, B]), (1, 200, [B]), (1, 1000, [B])]


async def test_a_partition_that_stays_without_leader_is_named(naps: list[float]) -> None:
    with pytest.raises(TransientError, match=r"no leader that tells .*usage.*partition=1"):
        await raise_to_high_watermarks(Brokers([{A: 1}], [{1: {A: 9}}]), {A: 0, B: 0})
    assert 3 < sum(naps) < 10


async def test_an_error_that_waiting_does_not_mend_is_raised_at_once(naps: list[float]) -> None:
    brokers = Brokers([{A: 1}], [{1: TopicAuthorizationFailedError("usage")}])
    with pytest.raises(TopicAuthorizationFailedError):
        await raise_to_high_watermarks(brokers, {A: 0})
    assert naps == []


async def test_no_partitions_have_no_ends_and_nobody_is_asked() -> None:
    assert await end_offsets("127.0.0.1:1", []) == {}
    assert await committed_offsets("127.0.0.1:1", "workers", []) == {}


# --- committed


class Admin:
    """What `committed_offsets` uses of aiokafka's admin client.

    Args:
        story: of each request: an error, or the offsets of partitions.
    """

    def __init__(self, story: Iterable[Any]) -> None:
        self.story = list(story)
        self.made_with: dict[str, Any] = {}
        self.open = False

    def __call__(self, **options: Any) -> "Admin":
        self.made_with = options
        return self

    async def start(self) -> None:
        self.open = True

    async def close(self) -> None:
        self.open = False

    async def list_consumer_group_offsets(self, group: str, partitions: Any) -> dict[TopicPartition, OffsetAndMetadata]:
        assert self.open
        said = self.story.pop(0) if len(self.story) > 1 else self.story[0]
        if isinstance(said, Exception):
            raise said
        return {tp: OffsetAndMetadata(offset, "") for tp, offset in said.items()}


def told_by(monkeypatch: pytest.MonkeyPatch, *story: Any) -> Admin:
    admin = Admin(story)
    monkeypatch.setattr(offsets, "AIOKafkaAdminClient", admin)
    return admin


WANTED = [TP(*A), TP(*B)]


async def test_committed_is_what_the_group_says_and_none_where_it_never_committed(
    monkeypatch: pytest.MonkeyPatch, naps: list[float]
) -> None:
    admin = told_by(monkeypatch, {A: 7, B: -1})
    assert await committed_offsets("kafka:9092", "workers", WANTED, security_protocol="SSL") == {
        TP(*A): 7,
        TP(*B): None,
    }
    assert admin.made_with == {"bootstrap_servers": "kafka:9092", "security_protocol": "SSL"}
    assert not admin.open
    assert naps == []


@pytest.mark.parametrize(
    "away",
    [
        GroupCoordinatorNotAvailableError("the groups' own topic is being made"),
        GroupLoadInProgressError("it reads the groups"),
        NotCoordinatorForGroupError("it moved"),
        {},  # the same said of the whole answer: aiokafka gives no partitions then
        {A: 7},
    ],
    ids=lambda away: type(away).__name__,
)
async def test_a_coordinator_that_is_not_there_yet_is_waited_for_and_its_silence_is_no_answer(
    monkeypatch: pytest.MonkeyPatch, naps: list[float], away: Any
) -> None:
    told_by(monkeypatch, away, away, {A: 7, B: 8})
    assert await committed_offsets("kafka:9092", "workers", WANTED) == {TP(*A): 7, TP(*B): 8}
    assert len(naps) == 2


@pytest.mark.parametrize("away", [GroupCoordinatorNotAvailableError(), {}], ids=["error", "silence"])
async def test_a_coordinator_that_stays_away_is_an_error_to_try_again_and_the_client_is_closed(
    monkeypatch: pytest.MonkeyPatch, naps: list[float], away: Any
) -> None:
    admin = told_by(monkeypatch, away)
    with pytest.raises(TransientError, match="group workers has no coordinator now"):
        await committed_offsets("kafka:9092", "workers", WANTED)
    assert 5 < sum(naps) < 15
    assert not admin.open


async def test_a_group_that_is_forbidden_is_told_at_once(monkeypatch: pytest.MonkeyPatch, naps: list[float]) -> None:
    admin = told_by(monkeypatch, GroupAuthorizationFailedError("workers"))
    with pytest.raises(GroupAuthorizationFailedError):
        await committed_offsets("kafka:9092", "workers", WANTED)
    assert naps == []
    assert not admin.open
