"""One input topic served by its domain machine: the shell around `streams.metrics.domain`."""

from typing import Any

from schemas.codec import EventDecoder
from schemas.registry import METRICS, Topic
from streams.app import Zelo
from streams.config import Settings
from streams.messages import Runs, serve
from streams.metrics.domain import DomainMachine, TimePolicy
from streams.metrics.fold import Fold
from streams.metrics.ledger import Ledger
from streams.metrics.lifts import customer_shape


def time_policy(settings: Settings) -> TimePolicy:
    """The settings that say how time is treated."""
    return TimePolicy(
        lateness_ms=round(settings.lateness_seconds * 1000),
        horizon_days=settings.horizon_days,
        dedup_days=settings.dedup_days,
    )


def serve_domain(zelo: Zelo, topic: Topic, fold: Fold[Any, Any]) -> None:
    """Declares the agent that keeps the table of `fold` from `topic`."""
    machine: DomainMachine[Any] = DomainMachine(
        fold, zelo.days, time_policy(zelo.settings), zelo.name(topic), zelo.name(METRICS), zelo.settings.piece_customers
    )
    table = zelo.table(fold.domain, topic, customer_shape(fold), Ledger, machine.render)
    decode = EventDecoder[Any](topic.message, round(zelo.settings.max_future_seconds * 1000))
    zelo.inputs[zelo.name(topic)] = table

    def decoder(record: Any) -> Any:
        return decode(record.key, record.value, record.headers, zelo.clock.now_ms())

    def many(records: Any) -> Any:
        return decode.many(records, zelo.clock.now_ms())

    def done(tp: Any, part: Any) -> None:
        if part.meta.watermark is not None:
            zelo.gate.advance(tp, part.meta.watermark, part.applied)

    serve(zelo, topic, table, decoder, machine.step, machine.dead, done, Runs(many, machine.steps))
