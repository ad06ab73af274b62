"""What a domain machine tells: values, movements and accounting as messages of `metrics.v1`."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from msgspec.structs import replace

from schemas.metrics import MetricValues, Movement, Progress, Values
from streams.metrics.customer import Customer
from streams.metrics.ledger import Ledger

#: Stands where the event does that changed a figure, when the policy of a profile did.
POLICY_CHANGED = "policy_changed"


def values_of(
    customer: Customer[Any],
    key: str,
    kind: Literal["live", "day"],
    as_of: int,
    day: int,
    values: Values,
    revision: int,
    version: int,
) -> MetricValues:
    """A customer's values at an instant."""
    return MetricValues(
        customer_id=key,
        kind=kind,
        as_of=as_of,
        day=day,
        values=values,
        revision=revision,
        version=version,
        event_id=customer.event_id,
        event_at=customer.newest_at,
    )


def told_anew(
    before: Sequence[Movement], after: Sequence[Movement], event_id: str | None, version: int
) -> Iterator[Movement]:
    """The movements an event made new or different, then those it took back."""
    if after == before:
        return
    known = {(m.currency, m.effective_at): m for m in before}
    for movement in after:
        if known.pop((movement.currency, movement.effective_at), None) != movement:
            yield replace(movement, event_id=event_id, removed=False, version=version)
    for movement in known.values():
        yield replace(movement, event_id=event_id, removed=True, version=version)


def progress(topic: str, partition: int, ledger: Ledger, version: int) -> Progress:
    """The accounting of an input partition."""
    return Progress(
        topic=topic,
        partition=partition,
        read=ledger.read,
        applied=ledger.applied,
        duplicate=ledger.duplicate,
        late=ledger.late,
        dead=ledger.dead,
        watermark=ledger.watermark,
        closed_day=ledger.closed_day,
        version=version,
    )
