"""The three trials: how fast and at what cost, how soon, and what is left after a kill -9."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

from bench.contestants import Contestant
from bench.job import PARTITIONS, Customer, Score
from bench.measures import Journey, Recount, percentile, recount, recount_of_scores
from bench.rig import BenchError, Load, OutOfTimeError, Record, Rig, Run, Worker, load

#: No contestant is this slow; beyond it something hangs.
_SLOWEST_PER_SECOND = 300
_START_SECONDS = 30.0
_COMMIT_SECONDS = 20.0
_TICK_SECONDS = 0.005
#: Longer than anybody waits between a publication and the next.
_QUIET_SECONDS = 2.0
Newest = Callable[[], Awaitable[list[Score]]]
_WARM_UP = 25 * PARTITIONS


@dataclass(frozen=True)
class Pace:
    """A steady stream of events."""

    events_per_second: int
    seconds: float

    @property
    def events(self) -> int:
        return int(self.events_per_second * self.seconds)


@dataclass(frozen=True)
class Throughput:
    """A topic full of events worked off."""

    events: int
    events_per_second: float
    cpu_seconds_per_million: float
    scores_per_thousand_events: float = 0.0


@dataclass(frozen=True)
class Latency:
    """From event to score at a steady rate, in milliseconds."""

    events: int
    p50_ms: float
    p99_ms: float


async def steady(
    rig: Rig, contestant: Contestant, events: int, customers: int, pace: Pace | None
) -> tuple[Throughput, Latency | None]:
    """A backlog for a running worker, then events at a steady pace, if one is given.

    The worker is warm and frozen while the topic is filled, so nothing of start, rebalance or reading ahead
    falls on either side of the clock. Processor time counts until everything is saved and committed.

    Raises:
        BenchError: a score or the state is not what a fold of the same events gives.
    """
    work = load(_WARM_UP + events, customers)
    run = await rig.prepare(contestant)
    async with rig.worker(run) as worker:
        await _warm_up(rig, worker, work.records[:_WARM_UP])
        rate = await _backlog(rig, worker, work)
        async with rig.scores(run) as newest:
            published, last = await _all_scores(newest, worker, work)
            rate = replace(rate, scores_per_thousand_events=published / len(work.records) * 1000)
            _must_be_exact(run, await _recount(worker, last, work.expected))
            return rate, await _paced(rig, newest, worker, work, pace) if pace else None


async def _backlog(rig: Rig, worker: Worker, work: Load) -> Throughput:
    records = work.records[_WARM_UP:]
    with worker.frozen():
        await rig.fill(worker.run.task.source, records)
        used, began = worker.cpu_seconds(), monotonic()
    await worker.until_applied(len(work.records), _START_SECONDS + len(records) / _SLOWEST_PER_SECOND)
    await worker.until_saved(work.records, _COMMIT_SECONDS)
    used = worker.cpu_seconds() - used
    seconds = worker.progress.last_applied_at - began
    return Throughput(len(records), len(records) / seconds, used / len(records) * 1e6)


async def _paced(rig: Rig, newest: Newest, worker: Worker, work: Load, pace: Pace) -> Latency:
    """The way of each event ends where a consumer sees the first score that contains it."""
    records = load(pace.events, len(work.expected)).records
    journey = Journey({name: customer.events for name, customer in work.expected.items()})
    async with rig.producer() as producer, asyncio.TaskGroup() as group:
        group.create_task(_watch(newest, journey, pace))
        await _send(producer, worker.run.task.source, records, pace, journey)
    if journey.missing:
        raise BenchError(
            f"{worker.run.contestant.title} published no score for {journey.missing:,} of {pace.events:,} events"
        )
    p50, p99 = (percentile(journey.seconds, share) * 1000 for share in (0.5, 0.99))
    return Latency(pace.events, p50, p99)


async def kill(rig: Rig, contestant: Contestant, customers: int, pace: Pace) -> Recount:
    """SIGKILL while events arrive at a steady pace, a new worker at once; then its state against a fold.

    Every contestant gets the same events, and the sender never stops.
    """
    work = load(pace.events, customers)
    run = await rig.prepare(contestant)
    topic, half = run.task.source, len(work.records) // 2
    async with rig.producer() as producer, asyncio.TaskGroup() as group:
        async with rig.worker(run) as worker:
            await _warm_up(rig, worker, work.records[:_WARM_UP])
            sending = group.create_task(_send(producer, topic, work.records[_WARM_UP:], pace, Journey({})))
            # so far that offsets were committed and more was applied since: a crash between two commits
            await worker.until_applied(half, _START_SECONDS + half / _SLOWEST_PER_SECOND)
            worker.process.kill()
        async with rig.worker(run) as worker:
            await sending
            committed = await _saved_in_time(worker, work, 2 * _START_SECONDS + half / _SLOWEST_PER_SECOND)
            async with rig.scores(run) as newest:
                last = {} if contestant.opens_state else await _last_scores(newest, work)
            return replace(await _recount(worker, last, work.expected), committed=committed)


async def _saved_in_time(worker: Worker, work: Load, seconds: float) -> bool:
    """False when the new worker lives but never gets its offsets to the end: what it counted is told all the same."""
    try:
        await worker.until_saved(work.records, seconds)
    except OutOfTimeError:
        return False
    return True


async def _recount(worker: Worker, last: dict[str, Score], expected: dict[str, Customer]) -> Recount:
    if worker.run.contestant.opens_state:
        return recount(await worker.state(), expected)
    return recount_of_scores(last, expected)


async def _last_scores(newest: Newest, work: Load) -> dict[str, Score]:
    """The last score of each customer: when all are as they must be, or nothing came for two seconds."""
    last, at = dict[str, Score](), monotonic()
    due = {name: customer.events for name, customer in work.expected.items()}
    while monotonic() - at < _QUIET_SECONDS and {name: one.events for name, one in last.items()} != due:
        if found := await newest():
            at = monotonic()
        last.update((one.customer_id, one) for one in found)
    return last


async def _warm_up(rig: Rig, worker: Worker, records: list[Record]) -> None:
    """The first events, until their scores are out and committed offsets cover them."""
    await rig.fill(worker.run.task.source, records)
    due, seen = _events_by_customer(records), dict[str, int]()
    end = monotonic() + _START_SECONDS
    async with rig.scores(worker.run) as newest:
        while seen != due:
            seen.update((one.customer_id, one.events) for one in await newest())
            worker.check(end, "score the first events")
    await worker.until_saved(records, _COMMIT_SECONDS)


def _events_by_customer(records: list[Record]) -> dict[str, int]:
    return dict(Counter(customer_id for _, customer_id, _ in records))


def _must_be_exact(run: Run, counted: Recount) -> None:
    if not counted.exact:
        raise BenchError(f"{run.contestant.title}, undisturbed, has a wrong state: {counted}")


async def _all_scores(newest: Newest, worker: Worker, work: Load) -> tuple[int, dict[str, Score]]:
    """Number of scores published and the last of each customer, once these contain all its events."""
    due = {name: customer.events for name, customer in work.expected.items()}
    published, last = 0, dict[str, Score]()
    end = monotonic() + _COMMIT_SECONDS
    while {name: one.events for name, one in last.items()} != due:
        found = await newest()
        published += len(found)
        last.update((one.customer_id, one) for one in found)
        worker.check(end, "publish scores that contain all events")
    return published, last


async def _send(producer: Any, topic: str, records: list[Record], pace: Pace, journey: Journey) -> None:
    begin = monotonic()
    for number, (partition, customer_id, value) in enumerate(records):
        due_at = begin + number / pace.events_per_second
        if (early := due_at - monotonic()) > 0:
            await asyncio.sleep(max(early, _TICK_SECONDS))  # the rhythm of the load, not a wait for something
        journey.sent(customer_id, due_at)
        await producer.send(topic, value, customer_id.encode(), partition)


async def _watch(newest: Newest, journey: Journey, pace: Pace) -> None:
    end = monotonic() + pace.seconds + 2 * _START_SECONDS
    while len(journey.seconds) < pace.events and monotonic() < end:
        found = await newest()
        now = monotonic()
        for one in found:
            journey.seen(one.customer_id, one.events, now)
