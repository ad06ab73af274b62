"""A worker that only recovers one table, the usage table of the product, and says what that took."""

import asyncio
from pathlib import Path
from typing import Any

import faust
import psutil

from bench.contestants import Task
from bench.growth import FOLD, PARTITIONS
from bench.progress import Progress
from streams.engine.app import EngineApp, engine_app
from streams.engine.settings import EngineSettings
from streams.engine.table import state_table
from streams.engine.transport import batch_topic
from streams.metrics.ledger import Ledger
from streams.metrics.lifts import customer_shape

#: Of the table, as `Rig.prepare` makes its changelog.
TABLE = "csj"
_LOOK_SECONDS = 0.01


def run(task: Task, progress: Progress) -> None:
    app = build(task, progress)
    faust.Worker(app, loglevel="WARNING", redirect_stdouts=False).execute_from_commandline()


def build(task: Task, progress: Progress) -> EngineApp:
    settings = EngineSettings.embedded(task.bootstrap, Path(task.folder), PARTITIONS)
    app = engine_app(task.group, settings)
    table = state_table(app, TABLE, task.source, PARTITIONS, customer_shape(FOLD), Ledger)

    async def agent(stream: Any) -> None:
        async for event in stream.noack().events():
            event.ack()

    async def tell() -> None:
        while not all(table.is_live(number) for number in range(PARTITIONS)):  # noqa: ASYNC110 - nothing says so
            await asyncio.sleep(_LOOK_SECONDS)
        progress.applied(sum(map(len, table.partitions_here())))
        counters = app.engine.counters
        found = {
            "seconds": counters.recovery_seconds,
            "cpu_seconds": counters.recovery_cpu_seconds,
            "rss_bytes": float(psutil.Process().memory_info().rss),
        }
        await progress.answer(lambda: found)

    app.agent(batch_topic(app, task.source, partitions=PARTITIONS), name="recovering")(agent)
    app.task(tell)
    return app
