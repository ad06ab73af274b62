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

LOOK_SECONDS = 1.0


def register(zelo: Zelo) -> None:
    """Declares the timer."""
    settings = zelo.settings
    if settings.clock == "log":
        return
    policy = HeartbeatPolicy(
        idle_ms=round(settings.idle_seconds * 1000), lateness_ms=round(settings.lateness_seconds * 1000)
    )
    outbox = zelo.app.engine.outbox()
    seen: dict[tuple[str, int], tuple[int, float]] = {}

    def quiet_ms(topic: str, number: int, read: int) -> int:
        last, since = seen.get((topic, number), (-1, 0.0))
        if read != last:
            last, since = seen[topic, number] = read, monotonic()
        return round((monotonic() - since) * 1000)

    def standings() -> dict[int, dict[str, Standing]]:
        found: dict[int, dict[str, Standing]] = defaultdict(dict)
        for topic, table in zelo.inputs.items():
            for part in table.partitions_here():
                if part.live:
                    _, pending = zelo.app.consumer.standing(TP(topic, part.number))  # type: ignore[attr-defined]
                    ledger = part.meta
                    quiet = quiet_ms(topic, part.number, ledger.read)
                    found[part.number][topic] = Standing(ledger.watermark, quiet, pending)
        return found

    async def beat(*_: Any) -> None:
        for number, siblings in standings().items():
            for topic, at in heartbeats_due(policy, siblings, zelo.clock.now_ms()).items():
                event = Heartbeat(
                    event_id=f"heartbeat:{topic}:{number}:{at}",
                    customer_id=CLOCK_CUSTOMER,
                    occurred_at=at,
                    source="zelo",
                )
                key = CLOCK_CUSTOMER.encode()
                outbox.emit(Output(topic, number, key, encode(event), (), at))

    zelo.app.timer(LOOK_SECONDS, name="zelo.heartbeats")(beat)
