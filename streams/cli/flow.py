"""Whether everything has flowed through: where topics end, where the consumer groups stand."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from faust.types import TP

from schemas.registry import ALERTS, HEALTH, INPUT_TOPICS, METRICS, OBSERVATIONS, PORTFOLIO, TOPICS, Topic
from streams.app import Role, group
from streams.config import Settings
from streams.engine.offsets import committed_offsets, end_offsets
from streams.kafka import client_options
from streams.topics import partitions, topic_name

_POLL_SECONDS = 1.0
#: What each role reads; the stream reads models by broadcast as well.
READS: dict[Role, tuple[Topic, ...]] = {
    "stream": (*INPUT_TOPICS, METRICS, HEALTH, OBSERVATIONS, PORTFOLIO),
    "archive": TOPICS,
    "notify": (ALERTS,),
}


@dataclass(frozen=True)
class Standing:
    """How far a role is.

    Attributes:
        done, total: records committed and records there, over all it reads.
    """

    done: int
    total: int


async def standings(settings: Settings) -> dict[Role, Standing]:
    """How far each role is now."""
    options = client_options(settings)
    ends = await end_offsets(settings.kafka_bootstrap, _all_partitions(settings), **options)
    found: dict[Role, Standing] = {}
    for role, topics in READS.items():
        wanted = _partitions(settings, topics)
        committed = await committed_offsets(settings.kafka_bootstrap, group(settings, role), wanted, **options)
        done = sum(min(committed.get(tp) or 0, ends[tp]) for tp in wanted)
        found[role] = Standing(done, sum(ends[tp] for tp in wanted))
    return found


async def drained(
    settings: Settings,
    quiet_seconds: float,
    show: Callable[[dict[Role, Standing]], None],
    deadline_seconds: float = 900.0,
) -> None:
    """Returns when every role has committed all there is, and nothing new came for `quiet_seconds`.

    Raises:
        TimeoutError: it did not come to rest in time.
    """
    last: dict[Role, Standing] = {}
    since = started = monotonic()
    while True:
        now = await standings(settings)
        show(now)
        if now != last or any(standing.done < standing.total for standing in now.values()):
            last, since = now, monotonic()
        elif monotonic() - since >= quiet_seconds:
            return
        if monotonic() - started > deadline_seconds:
            raise TimeoutError(f"the streams did not come to rest within {deadline_seconds:g} s: {now}")
        await asyncio.sleep(_POLL_SECONDS)


def _partitions(settings: Settings, topics: tuple[Topic, ...]) -> list[TP]:
    return [
        TP(topic_name(settings, topic), number) for topic in topics for number in range(partitions(settings, topic))
    ]


def _all_partitions(settings: Settings) -> list[TP]:
    return _partitions(settings, TOPICS)
