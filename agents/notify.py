"""Alerts to Slack, one at a time and in order; decides nothing (streams.sinks.notifier does).

Never lost: an alert may be committed once it is dealt with, the rest of its batch or not. Posted twice only when
Slack's answer is lost, or the worker dies between it and the next commit, which is one commit interval.
"""

import asyncio
from collections.abc import Iterator
from random import Random
from typing import Any

import structlog

from schemas.alerts import Alert
from schemas.codec import MessageDecoder, SchemaError
from schemas.registry import ALERTS
from streams.app import Zelo
from streams.sinks.delivered import Delivered, Deliveries
from streams.sinks.delivery import RetryPolicy
from streams.sinks.notifier import Notifier, Pace
from streams.sinks.slack import delivery, oldest_told

_log = structlog.get_logger(__name__)
_RETRY = RetryPolicy(first_seconds=1.0, most_seconds=60.0)


def register(zelo: Zelo) -> None:
    """Declares the agent of the alerts."""
    table = zelo.table("delivered", ALERTS, Delivered, Deliveries, lambda part, key: None)
    engine, read = zelo.app.engine, MessageDecoder[Alert](Alert)
    way, random = delivery(zelo.settings), Random()  # noqa: S311 - spreads retries

    async def wait(seconds: float) -> None:
        with engine.waiting("slack"):
            await asyncio.sleep(seconds)

    oldest = oldest_told(zelo.settings, zelo.clock)
    notifier = Notifier(way, oldest, _RETRY, random, Pace(way.seconds_between), wait)

    async def notify(stream: Any) -> None:
        async for event in stream.noack().events():
            for record in _ours(engine, event):
                await take(event, record)
            event.ack()

    async def take(event: Any, record: Any) -> None:
        part = table.partition(event.message.partition)
        alert = None if record.offset <= part.applied else _alert(read, record)
        if alert is None:
            return
        held = part.get(alert.customer_id) or Delivered()
        after = await notifier.tell(alert, held, lambda: engine.is_current(event.message))
        with table.batch(event, [record]) as (mine, records):
            if records and after is not None and after is not held:
                mine.put(alert.customer_id, after)
                mine.meta.told += 1

    zelo.app.agent(zelo.source(ALERTS), name="zelo.notify")(notify)


def _ours(engine: Any, event: Any) -> Iterator[Any]:
    """The records of a batch, as long as nobody else has the partition and tells of them."""
    for record in event.value:
        if not engine.is_current(event.message):
            return
        yield record


def _alert(read: MessageDecoder[Alert], record: Any) -> Alert | None:
    """The alert in a record; our own messages are readable, or somebody else writes to the topic."""
    try:
        return read(record.value)
    except SchemaError as error:
        _log.error("alert_unreadable", partition=record.partition, offset=record.offset, reason=str(error))
        return None
