"""What people should hear of the model: drift, changes of what serves, examples that were refused; each once.

A worker that takes the trainer over says nothing of what was before: the one before it did.
"""

from collections.abc import Sequence
from typing import Any

from msgspec import structs

from schemas.models import ModelChange, ModelSnapshot

Item = tuple[str, dict[str, Any]]


class News:
    """Remembers what was told of a model."""

    def __init__(self) -> None:
        self._through: int | None = None
        self._refused = 0
        self._changes: list[ModelChange] = []

    def of(self, snapshot: ModelSnapshot) -> list[Item]:
        """What is new since the snapshot before: names of log events with their fields."""
        since = snapshot.trained_through - 1 if self._through is None else self._through
        if self._through is None:
            self._refused = snapshot.counts["refused"]
        alarms: list[Item] = [("churn_drift", structs.asdict(one)) for one in snapshot.drift.alarms if one.day > since]
        changes: list[Item] = [
            ("churn_model_changed" if _moves(one) else "churn_booster_better", structs.asdict(one))
            for one in snapshot.changes
            if one.day > since and one not in self._changes
        ]
        refused = snapshot.counts["refused"] - self._refused
        # A roll-back may bring an older, smaller count.
        told: list[Item] = [("churn_examples_refused", {"count": refused})] if refused > 0 else []
        self._through, self._refused = snapshot.trained_through, snapshot.counts["refused"]
        self._changes = list(snapshot.changes)  # one of the day after what is learned is told before that day is
        return alarms + changes + told


def changed_day(changes: Sequence[ModelChange]) -> int | None:
    """The day of the newest change of what serves; None when there was none."""
    return max((one.day for one in changes if _moves(one)), default=None)


def _moves(change: ModelChange) -> bool:
    return change.kind != "booster_better"
