"""Delayed labels of one customer: what an outcome makes positive, and when the rest becomes negative.

A snapshot of day s describes the customer at the end of s and asks about its window, the days s+1 to s+H.
An outcome on s itself lies before it and labels nothing. The window has passed when day s+H is over: then the
label is mature. A window that reaches past the end of what is known stays pending, for ever if need be.
"""

from bisect import insort
from collections.abc import Container

from msgspec import Struct

from schemas.scores import Censored, Labelled, Outcome, Snapshot
from streams.churn import places
from streams.churn.booster_fit import Trees
from streams.churn.booster_labels import KeptLabels
from streams.churn.features import known


class Pending(Struct, array_like=True, dict=True):
    """A snapshot the model was tested on, until its label is mature; fields are only ever appended.

    Attributes:
        day: whose end it describes.
        packed: `features` as they are stored: mostly a customer is touched without anybody reading them.
        probability: given by the model then, version `model_version`.
        churned_day: first outcome inside the window, None while there is none.
        raw: probability before calibration, None when none was on.
        others: what each challenger said then, by name.
    """

    day: int
    packed: bytes
    probability: float
    model_version: int
    churned_day: int | None = None
    raw: float | None = None
    others: dict[str, float] = {}

    @property
    def features(self) -> dict[str, float]:
        """As frozen at the end of the day; decoded once, and kept as long as this is."""
        found: dict[str, float] | None = vars(self).get("features")
        if found is None:
            found = vars(self)["features"] = places.unpack(self.packed)
        return found

    @property
    def churned(self) -> bool:
        """Whether the customer left within the window, as far as is known."""
        return self.churned_day is not None

    @property
    def uncalibrated(self) -> float:
        """The probability before calibration."""
        return self.probability if self.raw is None else self.raw

    def labelled(self, key: str, day: int, churned: bool | None, version: int) -> Labelled:
        """Its label as it is told on a day, of the customer `key`; None takes it back."""
        return Labelled(
            customer_id=key,
            day=self.day,
            features=self.features,
            probability=self.probability,
            churned=churned,
            labelled_day=day,
            model_version=self.model_version,
            version=version,
        )


class CustomerRecords(Struct, array_like=True):
    """What the trainer's table holds of a customer; fields are only ever appended.

    Attributes:
        snapshots: features by day, as they are stored, of days that are not yet learned.
        outcomes: days on which the last subscription ended, not yet learned.
        pending: tested and waiting for a mature label, by day.
        churned: already counted among the customers that churned.
        censored: days from which on nothing can be said of the customer, not yet taken.
        kept: under keys of the booster's own, that are no customer's: what it keeps there.
    """

    snapshots: dict[int, bytes] = {}
    outcomes: list[int] = []
    pending: list[Pending] = []
    churned: bool = False
    censored: list[int] = []
    kept: KeptLabels | Trees | None = None

    @property
    def forgettable(self) -> bool:
        """True when nothing would be lost without it."""
        waiting = self.snapshots or self.outcomes or self.pending or self.censored
        return not (waiting or self.churned or self.kept is not None)

    def held(self, observation: Snapshot | Outcome | Censored) -> Container[int]:
        """The days of which such observations wait already."""
        if isinstance(observation, Snapshot):
            return self.snapshots
        return self.outcomes if isinstance(observation, Outcome) else self.censored

    def hold(self, observation: Snapshot | Outcome | Censored) -> None:
        """Keeps an observation until its day is taken; of features only those that are known."""
        if isinstance(observation, Snapshot):
            self.snapshots[observation.day] = places.pack(known(observation.features))
        elif isinstance(observation, Outcome):
            insort(self.outcomes, observation.day)
        else:
            insort(self.censored, observation.day)

    def leave(self, day: int, horizon_days: int) -> list[Pending]:
        """Marks the snapshots an outcome on `day` makes positive; those not marked before, oldest first."""
        positive = [p for p in self.pending if p.churned_day is None and p.day < day <= p.day + horizon_days]
        for snapshot in positive:
            snapshot.churned_day = day
        return positive

    def censor(self, day: int) -> tuple[int, list[Pending]]:
        """Forgets the snapshots up to `day` that are not mature, when that day says so.

        Those of a customer that left, too: who ends a subscription to merge two customers has lost neither.

        Returns:
            How many it were, and those of them that were labelled already.
        """
        if day not in self.censored:
            return 0, []
        self.censored.remove(day)
        before, labelled = len(self.snapshots) + len(self.pending), [p for p in self.pending if p.churned]
        self.snapshots = {of: packed for of, packed in self.snapshots.items() if of > day}
        self.pending = []
        return before - len(self.snapshots), labelled

    def mature(self, day: int, horizon_days: int) -> list[Pending]:
        """Takes out the snapshots whose window has passed with the end of `day`, oldest first."""
        mature = [p for p in self.pending if p.day + horizon_days <= day]
        self.pending = [p for p in self.pending if p.day + horizon_days > day]
        return mature
