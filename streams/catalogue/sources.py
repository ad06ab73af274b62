"""Where the events of a figure come from: the input topic of each type."""

from functools import cache
from typing import get_args

from schemas.envelope import Heartbeat
from schemas.registry import INPUT_TOPICS


@cache
def topics_by_type() -> dict[str, str]:
    """The input topic of every type of event, without the prefix; heartbeats, which are on all of them, left out.

    Example:
        >>> topics_by_type()["feature_used"]
        'usage.v1'
    """
    return {
        str(event.__struct_config__.tag): topic.name
        for topic in INPUT_TOPICS
        for event in get_args(topic.message)
        if event is not Heartbeat
    }


def topic_of(event_type: str) -> str:
    """The input topic of a type of event.

    Raises:
        LookupError: there is no such type.
    """
    found = topics_by_type().get(event_type)
    if found is None:
        raise LookupError(f"there is no event type {event_type}")
    return found
