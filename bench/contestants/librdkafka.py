"""Settings of librdkafka that its users here share; Pathway's, Bytewax's and Quix's clients are librdkafka as well.

The rebalance timeout is librdkafka's `max.poll.interval.ms`, which may not be shorter than the session.
`fetch.queue.backoff.ms` is lowered from a second, with which a consumer stands still once its queue was full.
"""

from bench.contestants import HEARTBEAT_SECONDS, SESSION_SECONDS, Task

_FETCH_WAIT_SECONDS = 0.025
_LINGER_SECONDS = 0.005


def group_settings() -> dict[str, str | int]:
    """How a group forms and how long a member may be silent: the same for all contestants."""
    return {
        "session.timeout.ms": _ms(SESSION_SECONDS),
        "heartbeat.interval.ms": _ms(HEARTBEAT_SECONDS),
        "max.poll.interval.ms": _ms(SESSION_SECONDS),
    }


def fetch_settings() -> dict[str, str | int]:
    """How records are fetched."""
    return {"fetch.wait.max.ms": _ms(_FETCH_WAIT_SECONDS), "fetch.queue.backoff.ms": 10}


def consumer_settings(task: Task) -> dict[str, str | int]:
    """Of a consumer without its group."""
    return {
        "bootstrap.servers": task.bootstrap,
        "auto.offset.reset": "earliest",
        **group_settings(),
        **fetch_settings(),
    }


def producer_settings(task: Task) -> dict[str, str | int]:
    """Of a producer."""
    return {"bootstrap.servers": task.bootstrap, "linger.ms": _ms(_LINGER_SECONDS)}


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
