"""Batches of another size, two stream workers, the import in pieces: the same figures."""

import asyncio
from typing import Any

import pytest
from system_oracle import sample
from system_rig import running

from streams.embedded import EmbeddedStack

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


async def test_small_batches_two_stream_workers_and_pieces_give_the_same_figures() -> None:
    records = sample()
    first, second = len(records) // 3, 2 * len(records) // 3
    chosen: dict[str, Any] = {"max_poll_records": 37, "publish_interval_seconds": 0.05, "archive_rows": 300}
    chosen["piece_customers"] = 1  # a day stops behind every customer
    async with EmbeddedStack() as stack, running(stack, "pieces", stream_workers=2, **chosen) as system:
        await system.send(records[:first])
        await system.drained()
        for start, end in ((first, second), (second, len(records))):
            await system.send(records[start:end])
        await system.drained()
        pages = await asyncio.gather(*(system.partitions_of(role) for role in ("stream", "stream-2")))
        assert min(pages) > 0, "one of the two workers had nothing to do"
        assert await system.differences(records) == []


@pytest.mark.any_broker("a batch is put together on our side of a fetch, however large")
async def test_one_large_batch_gives_the_same_figures() -> None:
    records = sample()
    chosen: dict[str, Any] = {
        "max_poll_records": 100_000,
        "publish_interval_seconds": 5.0,
        "commit_interval_seconds": 3.0,
    }
    async with EmbeddedStack() as stack, running(stack, "large", **chosen) as system:
        await system.send(records)
        await system.drained(quiet_seconds=7.0)
        assert await system.differences(records) == []
