"""The three trials: how fast and at what cost, how soon, and what is left after a kill -9."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

import msgspec

from bench.contestants import SESSION_SECONDS, Contestant
from bench.job import PARTITIONS, Customer, Score, generate
from bench.measures import Journey, Recount, percentile, recount
from bench.progress import processor_seconds
from bench.rig import BenchError, Rig, Run, Worker

#: No contestant is this slow; beyond it something hangs.
_SLOWEST_PER_SECOND = 300
_START_SECONDS = 30.0
_COMMIT_SECONDS = 20.0
_TICK_SECONDS = 0.005
_REJOIN_SECONDS = _START_SECONDS + 2 * SESSION_SECONDS


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
    """From the first records at the worker to the last one applied; processor time until all is committed.

    Raises:
        BenchError: a score or the state is not what a fold of the same events gives.
    """
    load = await rig.load(events, customers)
    run = await rig.prepare(contestant, load.topic)
    async with rig.worker(run) as worker:
        await worker.until_applied(load.events, _START_SECONDS + events / _SLOWEST_PER_SECOND)
        await worker.until_committed(load, _COMMIT_SECONDS)
        used = processor_seconds(worker.progress.pid) - worker.progress.first_processor_seconds
        seconds = worker.progress.seconds
        published = await _all_scores(rig, run, load.expected)
        _must_be_exact(run, recount(await worker.state(), load.expected))
    return Throughput(load.events, load.events / seconds, used / load.events * 1e6, published / load.events * 1000)


async def latency(rig: Rig, contestant: Contestant, customers: int, rate: int, seconds: float) -> Latency:
    """Events at a steady rate to an idle worker; the way ends where a consumer sees the score."""
    events = int(rate * seconds)
    warm_up = PARTITIONS * 25
    topic = f"csj-live-{contestant.name}-{monotonic():.6f}"
    await rig.empty_topic(topic)
    run = await rig.prepare(contestant, topic)
    async with rig.worker(run) as worker, rig.producer() as producer, rig.scores(run) as newest:
        due = [
            (number, event.customer_id, msgspec.json.encode(event))
            for number, event in generate(warm_up + events, customers)
        ]
        sent = Counter[str]()
        for partition, customer_id, value in due[:warm_up]:
            await producer.send(topic, value, customer_id.encode(), partition)
            sent[customer_id] += 1
        await _until_seen(worker, newest, dict(sent))
        journey = Journey()
        for customer_id, number in sent.items():
            journey.skip(customer_id, number)
        watching = asyncio.create_task(_watch(newest, journey, events, seconds + _START_SECONDS))
        await _send_steadily(producer, topic, due[warm_up:], rate, journey)
        await watching
    if journey.missing:
        raise BenchError(f"{contestant.title} published no score for {journey.missing:,} of {events:,} events")
    p50, p99 = (percentile(journey.seconds, share) * 1000 for share in (0.5, 0.99))
    return Latency(events, p50, p99)


async def kill(rig: Rig, contestant: Contestant, events: int, customers: int) -> Recount:
    """SIGKILL at half of the events, a new worker, all the rest; then its state against a fold."""
    load = await rig.load(events, customers)
    run = await rig.prepare(contestant, load.topic)
    async with rig.worker(run) as worker:
        await worker.until_applied(load.events // 2, _START_SECONDS + events / _SLOWEST_PER_SECOND)
        worker.kill()
        if worker.progress.records >= load.events:
            raise BenchError(f"{contestant.title} was done before it could be killed: raise --events")
    async with rig.worker(run) as worker:
        await worker.until(lambda: worker.progress.records > 0, _REJOIN_SECONDS, "rejoin")
        await worker.until_committed(load, _COMMIT_SECONDS + events / _SLOWEST_PER_SECOND)
        return recount(await worker.state(), load.expected)


def _must_be_exact(run: Run, counted: Recount) -> None:
    if not counted.exact:
        raise BenchError(f"{run.contestant.title}, undisturbed, has a wrong state: {counted}")


async def _all_scores(rig: Rig, run: Run, expected: dict[str, Customer]) -> int:
    """Number of scores published, once the last one of each customer contains all its events."""
    due = {name: customer.events for name, customer in expected.items()}
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


async def _until_seen(worker: Worker, newest: Callable[[], Any], due: dict[str, int]) -> None:
    end = monotonic() + _START_SECONDS
    seen = dict[str, int]()
    while seen != due:
        seen.update((one.customer_id, one.events) for one in await newest())
        worker.check(end, "score the first events")


async def _send_steadily(
    producer: Any, topic: str, due: list[tuple[int, str, bytes]], rate: int, journey: Journey
) -> None:
    begin = monotonic()
    for number, (partition, customer_id, value) in enumerate(due):
        due_at = begin + number / rate
        while (early := due_at - monotonic()) > 0:
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
