"""The settings of a profile by their paths: what they are now, and which there are."""

from collections.abc import Iterator
from typing import Any

import msgspec


def setting(profile: Any, path: str) -> Any:
    """What a profile says at a path like `engagement.good_from`, as plain values.

    Raises:
        LookupError: profiles have no such setting.

    Example:
        >>> from streams.metrics.profile import load_profile
        >>> setting(load_profile("default"), "health.activation")
        {'grace_days': 7.0, 'limit_days': 45.0}
    """
    found = profile
    for step in path.split("."):
        if step not in getattr(found, "__struct_fields__", ()):
            raise LookupError(f"profiles have no setting {path}: there is no {step}")
        found = getattr(found, step)
    return msgspec.to_builtins(found)


def switches(policy: Any, path: str = "") -> Iterator[str]:
    """The paths of every setting in a profile, sections opened, `name` and `version` left out.

    Example:
        >>> from streams.metrics.feedback import FeedbackPolicy
        >>> next(switches(FeedbackPolicy(), "feedback"))
        'feedback.csat_positive_from'
    """
    for name in policy.__struct_fields__:
        value, here = getattr(policy, name), f"{path}.{name}" if path else name
        # A criterion is a value with parts of its own, not a section.
        if isinstance(value, msgspec.Struct) and value.__struct_config__.tag is None:
            yield from switches(value, here)
        elif here not in ("name", "version"):
            yield here
