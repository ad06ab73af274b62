"""Taking records out of aiokafka's fetcher: I1, and one cap per partition."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.consumer.fetcher import FetchError, FetchResult
from aiokafka.consumer.subscription_state import TopicPartitionState
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition
from faust.types import TP

from streams.engine.fetching import _drain


class Records:
    """aiokafka's PartitionRecords: gives records, and knows the next fetch offset (markers, holes)."""

    def __init__(self, offsets: list[int], start: int, end: int) -> None:
        self.next_fetch_offset = start
        self._offsets, self._end = iter(offsets), end

    def __iter__(self) -> "Records":
        return self

    def __next__(self) -> Any:
        offset = next(self._offsets, None)
        self.next_fetch_offset = self._end if offset is None else offset + 1
        if offset is None:
            raise StopIteration
        return SimpleNamespace(offset=offset)


class Fetcher:
    """A fetcher with its subscription, filled by hand."""

    def __init__(self) -> None:
        self._records: dict[TopicPartition, Any] = {}
        self.states: dict[TopicPartition, TopicPartitionState] = {}
        self.notified = 0
        self._wait_consume_future = None
        self.assignment = SimpleNamespace(active=True, state_value=self.states.get)
        self._subscriptions = SimpleNamespace(
            subscription=SimpleNamespace(assignment=self.assignment), is_assigned=self.states.__contains__
        )

    def put(
        self, partition: int, offsets: list[int], start: int, end: int, position: int | None = None
    ) -> None:
        tp = TopicPartition("usage", partition)
        state = TopicPartitionState(self.assignment)
        state.reset_to(start if position is None else position)
        self.states[tp] = state
        self._records[tp] = FetchResult(
            tp, assignment=self.assignment, partition_records=Records(offsets, start, end), backoff=0
        )

    def _notify(self, future: Any) -> None:
        self.notified += 1

    def drain(self, *partitions: int, cap: int = 100) -> dict[int, tuple[int, int, list[int]]]:
        drained = _drain(self, {TP("usage", number) for number in partitions}, cap)
        return {
            tp.partition: (batch.start, batch.end, [r.offset for r in batch.records])
            for tp, batch in drained.items()
        }


@pytest.fixture
async def fetcher() -> Fetcher:
    return Fetcher()


async def test_a_batch_knows_where_it_starts_and_ends_holes_included(fetcher: Fetcher) -> None:
    fetcher.put(0, [12, 13, 17], start=10, end=20)
    assert fetcher.drain(0) == {0: (10, 20, [12, 13, 17])}
    assert fetcher._records == {}
    assert fetcher.notified == 1


async def test_a_batch_of_holes_only_still_moves_the_position(fetcher: Fetcher) -> None:
    fetcher.put(0, [], start=10, end=20)
    assert fetcher.drain(0) == {0: (10, 20, [])}


async def test_each_partition_has_its_own_cap_and_the_rest_stays(fetcher: Fetcher) -> None:
    fetcher.put(0, list(range(5)), start=0, end=5)
    fetcher.put(1, list(range(5)), start=0, end=5)
    assert fetcher.drain(0, 1, cap=3) == {0: (0, 3, [0, 1, 2]), 1: (0, 3, [0, 1, 2])}
    assert fetcher.drain(0, 1, cap=3) == {0: (3, 5, [3, 4]), 1: (3, 5, [3, 4])}


async def test_a_partition_held_back_keeps_its_records(fetcher: Fetcher) -> None:
    fetcher.put(0, [0], start=0, end=1)
    fetcher.put(1, [0], start=0, end=1)
    assert fetcher.drain(1) == {1: (0, 1, [0])}
    assert fetcher.drain() == {}
    assert fetcher.drain(0) == {0: (0, 1, [0])}


async def test_records_fetched_before_a_seek_are_not_given(fetcher: Fetcher) -> None:
    fetcher.put(0, [0, 1], start=0, end=2, position=50)
    assert fetcher.drain(0) == {}
    assert fetcher._records == {}


async def test_records_of_a_partition_that_went_away_are_dropped(fetcher: Fetcher) -> None:
    fetcher.put(0, [0], start=0, end=1)
    fetcher.states.clear()
    assert fetcher.drain() == {}
    assert fetcher._records == {}


async def test_an_error_waits_for_the_records_before_it_and_is_then_raised(fetcher: Fetcher) -> None:
    fetcher.put(0, [0], start=0, end=1)
    broken = TopicPartition("usage", 1)
    fetcher._records[broken] = FetchError(error=KafkaError("too large"), backoff=0)
    assert fetcher.drain(0, 1) == {0: (0, 1, [0])}
    with pytest.raises(KafkaError, match="too large"):
        fetcher.drain(0, 1)
    assert fetcher.drain(0, 1) == {}
