"""Whether published values are what the catalogue says of them: names, ranges, null only where it may be."""

from typing import cast

from schemas.metrics import Values
from streams.catalogue.metric import Metric
from streams.catalogue.registry import catalogue


def wrong(values: Values) -> list[str]:
    """What a domain's values have that the catalogue does not allow; empty when all is as it says.

    Args:
        values: of any domain.

    Example:
        >>> from schemas.metrics import SupportValues
        >>> wrong(SupportValues(tickets_open=-1))
        ['support.tickets_open: expected from 0, got -1']
    """
    domain = str(type(values).__struct_config__.tag)
    return [said for metric in catalogue().of(domain) if (said := judged(metric, getattr(values, metric.id)))]


def judged(metric: Metric, value: object) -> str | None:
    """What is wrong with a value of a figure; None when the catalogue allows it."""
    if value is None:
        return None if metric.null is not None else f"{metric.name}: null, and the catalogue has no rule for it"
    if isinstance(value, str):
        allowed = not metric.one_of or value in metric.one_of
        return None if allowed else f"{metric.name}: expected one of {', '.join(metric.one_of)}, got {value!r}"
    numbers = list(cast("dict[str, object]", value).values()) if isinstance(value, dict) else [value]
    for number in numbers:
        if isinstance(number, int | float) and not metric.range.holds(number):
            return f"{metric.name}: expected {metric.range.words() or 'a number'}, got {number!r}"
    return None
