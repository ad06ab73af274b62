"""How the trainer's table was stored by older releases, and the way from there (shape.py).

Version 2 (after 0.1.0) stores a customer in a sixth of the bytes: snapshots and features by their place, without names.
"""

from msgspec import Struct

from streams.churn import places
from streams.churn.booster_fit import Trees
from streams.churn.booster_labels import KeptLabels
from streams.churn.labels import CustomerRecords, Pending
from streams.shape import Lift, Shape


class PendingOf1(Struct):
    """A snapshot that waits for its label in version 1."""

    day: int
    features: dict[str, float]
    probability: float
    model_version: int
    churned_day: int | None = None
    raw: float | None = None
    others: dict[str, float] = {}


class RecordsOf1(Struct):
    """A customer in version 1."""

    snapshots: dict[int, dict[str, float]] = {}
    outcomes: list[int] = []
    pending: list[PendingOf1] = []
    churned: bool = False
    censored: list[int] = []
    kept: KeptLabels | Trees | None = None


def records_of_1(old: RecordsOf1) -> CustomerRecords:
    """The same records in this release's coding."""
    return CustomerRecords(
        snapshots={day: places.pack(features) for day, features in old.snapshots.items()},
        outcomes=old.outcomes,
        pending=[
            Pending(
                one.day,
                places.pack(one.features),
                one.probability,
                one.model_version,
                one.churned_day,
                one.raw,
                one.others,
            )
            for one in old.pending
        ],
        churned=old.churned,
        censored=old.censored,
        kept=old.kept,
    )


#: What the trainer's table stores of a customer.
RECORDS: Shape[CustomerRecords] = Shape(CustomerRecords, 2, {1: Lift(RecordsOf1, records_of_1)})
