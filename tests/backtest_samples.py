"""What backtests are tried with: a churn, and the records of a few uses; shared by unit and property tests."""

from collections.abc import Iterable

from alert_samples import AT

from schemas.metrics import Movement
from schemas.usage_events import FeatureUsed
from streams.intake.importer import ImportReport, Produced
from streams.intake.ordering import PreparedImport, in_event_time
from streams.metrics.days import DAY_MS, Days
from streams.offline import Input

START = 19_700 * DAY_MS
PARTITIONS = 2
LEFT = Movement(
    customer_id="c1",
    effective_at=AT + 5 * DAY_MS,
    currency="BRL",
    movement="churn",
    amount_minor=-100,
    mrr_before_minor=100,
    mrr_after_minor=0,
)
_EMPTY = ImportReport(rows={}, events={}, bad_rows={}, first_bad_rows=(), rules={})


def used(uses: Iterable[tuple[str, int]]) -> list[Input]:
    """The records of uses, of whom and how many ms after the start, with the heartbeats around them."""
    events = [
        Produced("usage.v1", FeatureUsed(event_id=f"e{number}", customer_id=customer, occurred_at=START + at))
        for number, (customer, at) in enumerate(uses)
    ]
    prepared = PreparedImport("test", _EMPTY, in_event_time(events, PARTITIONS), PARTITIONS, Days())
    return [Input(*record[:4]) for record in prepared]
