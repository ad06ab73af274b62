"""Alerts to Slack, one at a time and in order; a message that Slack will never take is logged and passed over."""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from schemas.alerts import Alert
from schemas.codec import MessageDecoder, SchemaError
from schemas.registry import ALERTS
from streams.app import Zelo
from streams.errors import PoisonError, TransientError
from streams.sinks.delivered import Delivered, Deliveries, wanted
from streams.sinks.slack import Posted, delivery

_log = structlog.get_logger(__name__)


def register(zelo: Zelo) -> None:
    """Declares the agent of the alerts."""
    table = zelo.table("delivered", ALERTS, Delivered, Deliveries, lambda part, key: None)
    read = MessageDecoder[Alert](Alert)
    way = delivery(zelo.settings)
    oldest = oldest_told(zelo)

    async def notify(stream: Any) -> None:
        async for event in stream.noack().events():
            for record in event.value:
                await take(event, record)
            event.ack()

    async def take(event: Any, record: Any) -> None:
        part = table.partition(event.message.partition)
        if record.offset <= part.applied or record.value is None:
            return
        try:
            alert = read(record.value)
        except SchemaError as error:
            _log.error("alert_unreadable", offset=record.offset, reason=str(error))
            return
        held = part.get(alert.customer_id) or Delivered()
        told = wanted(held, alert, oldest())
        posted = await deliver(alert, held.posted.get(alert.episode_id)) if told else None
        with table.batch(event, [record]) as (mine, records):
            if records:
                mine.put(alert.customer_id, held.after(alert, posted))

    async def deliver(alert: Alert, posted: Posted | None) -> Posted | None:
        while True:
            try:
                return await way.deliver(alert, posted)
            except TransientError as error:
                _log.warning("slack_waits", reason=str(error), seconds=error.retry_after_seconds)
                with zelo.app.engine.waiting("slack"):
                    await asyncio.sleep(error.retry_after_seconds)
            except PoisonError as error:
                _log.error("slack_refused", alert=alert.alert_id, reason=str(error))
                return posted

    zelo.app.agent(zelo.source(ALERTS), name="zelo.notify")(notify)


def oldest_told(zelo: Zelo) -> Callable[[], int]:
    """Time of the oldest alert people are told of, epoch ms; the log takes all."""
    if zelo.settings.slack_token is None:
        return lambda: 0
    max_age_ms = round(zelo.settings.slack_max_age_hours * 3_600_000)
    return lambda: zelo.clock.now_ms() - max_age_ms
