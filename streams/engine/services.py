"""Services that run beside the agents: publication of waiting outputs, and the watchdog's rounds."""

import asyncio
from time import monotonic
from typing import Any

from mode import Service

from streams.engine.lateness import Lateness
from streams.engine.rhythm import rest
from streams.engine.watchdog import Watchdog

_LOOK_SECONDS = 1.0


class Publisher(Service):
    """Publishes outputs: at once when nothing was published lately, else after a pause that grows with the load."""

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
            await rest(self, lambda: self.app.engine.rhythm.publication_pause(took))  # noqa: B023 - awaited here


class Watch(Service):
    """Looks at the partitions every second: fills `counters.lag` and `late_seconds`, ends a stuck worker."""

    def __init__(self, app: Any, **kwargs: Any) -> None:
        self.app = app
        self.watchdog = Watchdog(app.engine.settings.stuck_after_seconds)
        self.lateness = Lateness()
        super().__init__(**kwargs)

    @Service.task
    async def _look(self) -> None:
        engine = self.app.engine
        while not self.should_stop:
            await self.sleep(_LOOK_SECONDS)
            await self.app.consumer.look_for_gaps()
            sights = self.app.consumer.sights()
            engine.counters.lag = {tp: sight.lag for tp, sight in sights.items()}
            engine.counters.late_seconds = self.lateness.look(sights)
            busy = self.app.rebalancing or self.app.in_recovery or bool(engine.waiting_for)
            try:
                self.watchdog.look(sights, engine.counters.activity, excused=busy)
            except Exception as exc:  # noqa: BLE001 - the only way to end a Faust worker from a service
                await self.app.crash(exc)
