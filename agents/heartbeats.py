"""Writes heartbeats into this worker's silent input partitions, in clock mode `wall`."""

from collections import defaultdict
from time import monotonic
from typing import Any

from faust.types import TP

from schemas.codec import encode
from schemas.envelope import CLOCK_CUSTOMER, Heartbeat
from streams.app import Zelo
from streams.engine.outbox import Output
from streams.metrics.heartbeats import HeartbeatPolicy, Standing, heartbeats_due
from streams.metrics.ledger import Ledger

LOOK_SECONDS = 1.0


class Pulse:
    """Watches this worker's input partitions and beats for the silent ones.

    Args:
        zelo: the worker.
    """

    def __init__(self, zelo: Zelo) -> None:
        settings = zelo.settings
        self._zelo = zelo
        self._policy = HeartbeatPolicy(
            idle_ms=round(settings.idle_seconds * 1000), lateness_ms=round(settings.lateness_seconds * 1000)
        )
        self._outbox = zelo.app.engine.outbox()
        self._seen: dict[TP, tuple[int, float]] = {}

    async def beat(self, *_: Any) -> None:
        """Looks once and writes what is due."""
        now = self._zelo.clock.now_ms()
        for number, siblings in self._standings().items():
            for topic, at in heartbeats_due(self._policy, siblings, now).items():
                event_id = f"heartbeat:{topic}:{number}:{at}"
                event = Heartbeat(event_id=event_id, customer_id=CLOCK_CUSTOMER, occurred_at=at, source="zelo")
                self._outbox.emit(Output(topic, number, CLOCK_CUSTOMER.encode(), encode(event), (), at))

    def _standings(self) -> dict[int, dict[str, Standing]]:
        found: dict[int, dict[str, Standing]] = defaultdict(dict)
        for topic, table in self._zelo.inputs.items():
            for part in table.partitions_here():
                if part.live:
                    found[part.number][topic] = self._standing(TP(topic, part.number), part.meta)
        return found

    def _standing(self, tp: TP, ledger: Ledger) -> Standing:
        consumer: Any = self._zelo.app.consumer
        pending = consumer.standing(tp).pending
        last, since = self._seen.get(tp, (-1, 0.0))
        if ledger.read != last:
            _, since = self._seen[tp] = ledger.read, monotonic()
        return Standing(ledger.watermark, round((monotonic() - since) * 1000), pending)


def register(zelo: Zelo) -> None:
    """Declares the timer; in clock mode `log` only the log moves time."""
    if zelo.settings.clock == "wall":
        zelo.app.timer(LOOK_SECONDS, name="zelo.heartbeats")(Pulse(zelo).beat)
