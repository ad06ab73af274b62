"""How fast one worker recovers a table from its changelog, through a broker.

The changelog is that of typical customers (bench/growth.py) with 28 days of history, compressed as the engine writes
it, and every value is its customer's. The clock runs in the worker, from the beginning of the recovery (positions are
asked for) until every partition is live; processor time is that of all its threads meanwhile.
"""

from dataclasses import dataclass

import msgspec
import psutil
from aiokafka import AIOKafkaProducer

from bench.contestants import Contestant
from bench.growth import CODEC, PARTITIONS, name, templates
from bench.recovering import TABLE
from bench.rig import BenchError, Rig, Run
from streams.engine.outbox import Output, publish
from streams.engine.partition import META_KEY
from streams.engine.staging import PREFIX
from streams.engine.table import changelog_name

_WORKER = Contestant("zelo", "recovery", "bench.recovering")
_DAYS, _EVENTS = 28, 47
_AT_ONCE = 10_000
_BATCH_BYTES, _REQUEST_BYTES = 512 * 1024, 4 * 1024 * 1024
#: Slower than this and something hangs.
_LEAST_PER_SECOND = 5_000
_START_SECONDS = 30.0


@dataclass(frozen=True)
class Recovery:
    """One recovery.

    Attributes:
        keys: of all partitions.
        value_bytes: mean length of a value, without its key.
        seconds: from the beginning of the recovery until all partitions are live.
        cpu_seconds_per_million: keys, of the worker.
        broker_cpu_seconds: of the broker meanwhile, the rebalance included.
        rss_bytes: of the worker afterwards.
    """

    keys: int
    value_bytes: float
    seconds: float
    cpu_seconds_per_million: float
    broker_cpu_seconds: float
    rss_bytes: float

    @property
    def keys_per_second(self) -> float:
        return self.keys / self.seconds


async def measure(rig: Rig, customers: int) -> Recovery:
    """Writes a changelog of so many customers and recovers it.

    Raises:
        BenchError: the worker has not recovered them all in time.
    """
    run = await rig.prepare(_WORKER)
    value_bytes = await _fill(rig, run, customers)
    before = _broker_cpu_seconds(0)
    async with rig.worker(run) as worker:
        await worker.until_applied(customers, _START_SECONDS + customers / _LEAST_PER_SECOND)
        broker = _broker_cpu_seconds(worker.progress.pid) - before
        if worker.progress.records != customers:
            raise BenchError(f"{worker.progress.records:,} customers recovered of {customers:,}")
        worker.progress.ask()
        path = worker.progress.answer_path
        await worker.until(path.exists, _START_SECONDS, "tell what it took")
        found = msgspec.json.decode(path.read_bytes(), type=dict[str, float])
    per_million = found["cpu_seconds"] / customers * 1e6
    return Recovery(customers, value_bytes, found["seconds"], per_million, broker, found["rss_bytes"])


def _broker_cpu_seconds(worker: int) -> float:
    """Of all processes of the harness but the worker."""
    times = [one.cpu_times() for one in psutil.Process().children(recursive=True) if one.pid != worker]
    return sum(one.user + one.system for one in times)


async def _fill(rig: Rig, run: Run, customers: int) -> float:
    """Writes the changelog a piece at a time, so that it is never in memory as a whole; mean bytes of a value."""
    states, ledger = templates(_DAYS, _EVENTS)
    topic, prefix = changelog_name(run.task.group, TABLE), PREFIX.pack(-1, 1)
    async with AIOKafkaProducer(
        bootstrap_servers=rig.bootstrap,
        max_batch_size=_BATCH_BYTES,
        max_request_size=_REQUEST_BYTES,
        compression_type="snappy",
    ) as producer:
        for number in range(PARTITIONS):
            owned = range(number, customers, PARTITIONS)
            for start in range(0, len(owned), _AT_ONCE):
                some = [
                    Output(topic, number, name(one).encode(), prefix + states[one % len(states)])
                    for one in owned[start : start + _AT_ONCE]
                ]
                await publish(producer, some, _REQUEST_BYTES)
            meta = Output(topic, number, META_KEY, CODEC.meta.encode(ledger, prefix))
            await publish(producer, [meta], _REQUEST_BYTES)
    return sum(map(len, states)) / len(states) + PREFIX.size
