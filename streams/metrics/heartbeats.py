"""When an idle partition follows the wall clock.

Time is in the log: a live worker writes heartbeats into its own silent input partitions, so that days close although
nothing happens, and a replay of the log closes the same days at the same places.
"""

from collections.abc import Mapping

from msgspec import Struct

from streams.metrics.days import DAY_MS


class Standing(Struct, frozen=True):
    """Where an input partition stands.

    Attributes:
        watermark: epoch ms, None before its first record.
        quiet_ms: how long no record came.
        pending: whether records wait to be read.
    """

    watermark: int | None
    quiet_ms: int
    pending: bool


class HeartbeatPolicy(Struct, frozen=True, kw_only=True):
    """When to beat.

    Attributes:
        idle_ms: silence after which a partition follows the clock.
        lateness_ms: how far behind the clock it stays.
        live_ms: siblings count as live while one of them is at most this far behind the clock. A log of the past
            that pauses is not live: pushing its time to the present would make the rest of it late. Chosen.
    """

    idle_ms: int = 60_000
    lateness_ms: int = 3_600_000
    live_ms: int = 7 * DAY_MS


def heartbeats_due(policy: HeartbeatPolicy, siblings: Mapping[str, Standing], now_ms: int) -> dict[str, int]:
    """Heartbeat times by topic, for the silent ones among the input partitions of one number.

    Example:
        >>> live, silent = Standing(86_400_000_000, 0, False), Standing(None, 70_000, False)
        >>> heartbeats_due(HeartbeatPolicy(), {"usage.v1": live, "surveys.v1": silent}, 86_400_000_000)
        {'surveys.v1': 86396400000}
    """
    newest = max((s.watermark for s in siblings.values() if s.watermark is not None), default=None)
    if newest is None or newest < now_ms - policy.live_ms:
        return {}
    target = now_ms - policy.lateness_ms
    return {
        topic: target
        for topic, standing in siblings.items()
        if standing.quiet_ms >= policy.idle_ms
        and not standing.pending
        and (standing.watermark is None or standing.watermark < target)
    }
