"""Services that run beside the agents: publication of waiting outputs, and the watchdog's rounds."""

import asyncio
from functools import partial
from time import monotonic
from typing import Any, cast

from faust.types import TP
from mode import Service

from streams.engine.backlog import Backlog
from streams.engine.lateness import Lateness
from streams.engine.rhythm import rest
from streams.engine.watchdog import Sight, Watchdog

_GLANCE_SECONDS = 0.25
_GLANCES = 4  # to a look


class Publisher(Service):
    """Publishes outputs: at once when nothing was published lately, else after a pause that grows with the load.

    A commit publishes everything, too, so behind it the pause begins anew, or what has just gone out would be rendered
    again where the pause happens to end.
    """

    def __init__(self, app: Any, **kwargs: Any) -> None:
        self.app = app
        super().__init__(**kwargs)

    @Service.task
    async def _publish(self) -> None:
        checkpoint = self.app.engine.checkpoint
        while not self.should_stop:
            await self.wait(checkpoint.wanted.wait())
            checkpoint.wanted.clear()
            began = monotonic()
            try:
                await checkpoint.publish_outputs()
            except asyncio.CancelledError:
                raise
            except Exception as exc:  # noqa: BLE001 - whatever was not published must not be committed past
                await self.app.crash(exc)
            took = monotonic() - began
            pause = partial(self.app.engine.rhythm.publication_pause, took)
            await rest(self, pause, checkpoint.paused_since)


class Watch(Service):
    """Looks at the partitions every second: fills the lags of `counters`, ends a stuck worker. Glances in between."""

    def __init__(self, app: Any, **kwargs: Any) -> None:
        self.app = app
        self.watchdog = Watchdog(app.engine.settings.stuck_after_seconds)
        self.lateness, self.lag, self.backlog = Lateness(), Lateness(), Backlog()
        super().__init__(**kwargs)

    @Service.task
    async def _watch(self) -> None:
        while not self.should_stop:
            for _ in range(_GLANCES - 1):
                await self.sleep(_GLANCE_SECONDS)
                self.glance()
            await self.sleep(_GLANCE_SECONDS)
            await self.look()

    def glance(self) -> dict[TP, Sight]:
        """How much is there to do, and for how long has it been; gives what was seen."""
        engine, sights = self.app.engine, self.app.consumer.sights()
        engine.counters.backlog_seconds = self.backlog.look(sights)
        engine.counters.late_seconds = self.lateness.look(sights)
        engine.settling.look()
        return cast("dict[TP, Sight]", sights)

    async def look(self) -> None:
        """One round."""
        engine = self.app.engine
        await self.app.consumer.look_for_gaps()
        sights = self.glance()
        group = {tp: sight.of_the_group for tp, sight in sights.items()}
        engine.counters.lag = {tp: sight.lag for tp, sight in group.items()}
        engine.counters.lag_seconds = self.lag.look(group)
        busy = self.app.rebalancing or self.app.in_recovery or bool(engine.waiting_for)
        try:
            self.watchdog.look(sights, engine.counters.activity, excused=busy)
        except Exception as exc:  # noqa: BLE001 - the only way to end a Faust worker from a service
            await self.app.crash(exc)
