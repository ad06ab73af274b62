"""The three trials: how fast and at what cost, how soon, and what is left after a kill -9."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

from bench.contestants import Contestant
from bench.job import PARTITIONS, Score
from bench.measures import Journey, Recount, percentile, recount
from bench.rig import BenchError, Load, Rig, Run, Worker, load

#: No contestant is this slow; beyond it something hangs.
_SLOWEST_PER_SECOND = 300
_START_SECONDS = 30.0
_COMMIT_SECONDS = 20.0
_TICK_SECONDS = 0.005
_WARM_UP = 25 * PARTITIONS
#: Session timeouts: one that a frozen worker outlives, one that gives up a killed one soon.
_PATIENT_SECONDS = 20.0
_HASTY_SECONDS = 6.0


@dataclass(frozen=True)
class Throughput:
    """A topic full of events worked off."""

    events: int
    events_per_second: float
    cpu_seconds_per_million: float
    scores_per_thousand_events: float


@dataclass(frozen=True)
class Latency:
    """From event to score at a steady rate, in milliseconds."""

    events: int
    p50_ms: float
    p99_ms: float


async def throughput(rig: Rig, contestant: Contestant, events: int, customers: int) -> Throughput:
    """A backlog for a running worker, from its release to the last event applied.

    The worker is warm and frozen while the topic is filled, so nothing of start, rebalance or reading ahead
    falls on either side of the clock. Processor time counts until everything is saved and committed.

    Raises:
        BenchError: a score or the state is not what a fold of the same events gives.
    """
    work = load(_WARM_UP + events, customers)
    run = await rig.prepare(contestant, _PATIENT_SECONDS)
    async with rig.worker(run) as worker:
        await _warm_up(rig, worker, work)
        with worker.frozen():
            await rig.fill(run.task.source, work.records[_WARM_UP:])
            used, began = worker.cpu_seconds(), monotonic()
        await worker.until_applied(len(work.records), _START_SECONDS + events / _SLOWEST_PER_SECOND)
        await worker.until_committed(work, _COMMIT_SECONDS)
        used = worker.cpu_seconds() - used
        seconds = worker.progress.last_applied_at - began
        published = await _all_scores(rig, run, work)
        _must_be_exact(run, recount(await worker.state(), work.expected))
    return Throughput(events, events / seconds, used / events * 1e6, published / len(work.records) * 1000)


async def latency(rig: Rig, contestant: Contestant, customers: int, rate: int, seconds: float) -> Latency:
    """Events at a steady rate to a warm worker; the way ends where a consumer sees the score."""
    events = int(rate * seconds)
    work = load(_WARM_UP + events, customers)
    run = await rig.prepare(contestant, _PATIENT_SECONDS)
    journey = Journey()
    async with rig.worker(run) as worker:
        await _warm_up(rig, worker, work)
        for customer_id, number in _events_by_customer(work.records[:_WARM_UP]).items():
            journey.skip(customer_id, number)
        async with rig.producer() as producer, rig.scores(run) as newest, asyncio.TaskGroup() as group:
            group.create_task(_watch(newest, journey, events, seconds + _START_SECONDS))
            await _send_steadily(producer, run.task.source, work.records[_WARM_UP:], rate, journey)
    if journey.missing:
        raise BenchError(f"{contestant.title} published no score for {journey.missing:,} of {events:,} events")
    p50, p99 = (percentile(journey.seconds, share) * 1000 for share in (0.5, 0.99))
    return Latency(events, p50, p99)


async def kill(rig: Rig, contestant: Contestant, events: int, customers: int) -> Recount:
    """SIGKILL at half of the events, a new worker, all the rest; then its state against a fold."""
    work = load(events, customers)
    run = await rig.prepare(contestant, _HASTY_SECONDS)
    await rig.fill(run.task.source, work.records)
    async with rig.worker(run) as worker:
        await worker.until_applied(events // 2, _START_SECONDS + events / _SLOWEST_PER_SECOND)
        worker.process.kill()
        if worker.progress.records >= events:
            raise BenchError(f"{contestant.title} was done before it could be killed: raise --events")
    async with rig.worker(run) as worker:
        rejoined = _START_SECONDS + 2 * _HASTY_SECONDS
        await worker.until(lambda: worker.progress.records > 0, rejoined, "go on after the kill")
        await worker.until_committed(work, _COMMIT_SECONDS + events / _SLOWEST_PER_SECOND)
        return recount(await worker.state(), work.expected)


async def _warm_up(rig: Rig, worker: Worker, work: Load) -> None:
    """The first events, until their scores are out and committed offsets cover them."""
    records = work.records[:_WARM_UP]
    await rig.fill(worker.run.task.source, records)
    due, seen = _events_by_customer(records), dict[str, int]()
    end = monotonic() + _START_SECONDS
    async with rig.scores(worker.run) as newest:
        while seen != due:
            seen.update((one.customer_id, one.events) for one in await newest())
            worker.check(end, "score the first events")
    await worker.until_committed(Load(records, {}), _COMMIT_SECONDS)


def _events_by_customer(records: list[tuple[int, str, bytes]]) -> dict[str, int]:
    return dict(Counter(customer_id for _, customer_id, _ in records))


def _must_be_exact(run: Run, counted: Recount) -> None:
    if not counted.exact:
        raise BenchError(f"{run.contestant.title}, undisturbed, has a wrong state: {counted}")


async def _all_scores(rig: Rig, run: Run, work: Load) -> int:
    """Number of scores published, once the last one of each customer contains all its events."""
    due = {name: customer.events for name, customer in work.expected.items()}
    published, newest_by_customer = 0, dict[str, int]()
    end = monotonic() + _COMMIT_SECONDS
    async with rig.scores(run) as newest:
        while newest_by_customer != due:
            found: list[Score] = await newest()
            published += len(found)
            newest_by_customer.update((one.customer_id, one.events) for one in found)
            if monotonic() > end:
                raise BenchError(f"{run.contestant.title}: the scores do not contain all events")
    return published


async def _send_steadily(
    producer: Any, topic: str, due: list[tuple[int, str, bytes]], rate: int, journey: Journey
) -> None:
    begin = monotonic()
    for number, (partition, customer_id, value) in enumerate(due):
        due_at = begin + number / rate
        if (early := due_at - monotonic()) > 0:
            await asyncio.sleep(max(early, _TICK_SECONDS))  # the rhythm of the load, not a wait for something
        journey.sent(customer_id, due_at)
        await producer.send(topic, value, customer_id.encode(), partition)


async def _watch(newest: Callable[[], Any], journey: Journey, events: int, seconds: float) -> None:
    end = monotonic() + seconds
    while len(journey.seconds) < events and monotonic() < end:
        found: list[Score] = await newest()
        now = monotonic()
        for one in found:
            journey.seen(one.customer_id, one.events, now)
