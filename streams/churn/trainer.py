"""The trainer machine: observations in, day by day; labels and a model out.

Theory of operation. Records are only buffered, per customer, until every scoring partition has closed a day.
Then the days up to it are taken one after the other, each with its customers sorted by id:

    1 test      new snapshots get the probability of the model as it is, before anything of the day is learned
    2 label     outcomes make the pending snapshots positive in whose window they fall
    3 evaluate  snapshots whose window has passed are mature: their probability of then enters the quality
    4 learn     first who left, then the new snapshots as staying (fake-negative weighting, `model`)

Invariants:
 T1 the same records, in any interleaving of the partitions, with any repetition, in batches of any size, in
    one go or in pieces, give the same weights, labels and quality, bit for bit;
 T2 the probability a snapshot is tested with depends on records of days up to its own alone: no look-ahead;
 T3 read = applied + duplicate + late + dead + own, after every record.
The table's keys and meta must come from one flush: the model in meta knows what was taken out of the keys.
"""

from bisect import insort
from collections.abc import Iterator
from typing import assert_never

from msgspec import Struct, field

from schemas.codec import encode
from schemas.registry import MODELS, OBSERVATIONS
from schemas.scores import Labelled, ModelSnapshot, Observation, ObservationsClosed, Outcome, Snapshot
from streams.churn.evaluation import Evaluation
from streams.churn.features import known
from streams.churn.labels import CustomerRecords, Pending
from streams.churn.model import MODEL_NAME, RIVER_VERSION, ChurnModel
from streams.churn.parameters import Parameters
from streams.churn.policy import ChurnPolicy
from streams.metrics.days import DAY_MS
from streams.metrics.partition import Partition

MODEL_KEY = "\x00model"


class TrainerLedger(Struct):
    """Partition-level state of the trainer's table.

    Attributes:
        parameters: the model's state, None before anything was learned.
        model_version: rises with every day that changed the model or what is known of it.
        trained_through: last day taken; records of days up to it are late.
        closed: last day closed by each scoring partition.
        waiting: days with buffered records, sorted; pending: days of snapshots without mature label, sorted.
        own: our own labels met again on the topic.
    """

    parameters: Parameters | None = None
    evaluation: Evaluation = field(default_factory=Evaluation)
    model_version: int = 0
    trained_through: int | None = None
    closed: dict[int, int] = {}
    waiting: list[int] = []
    pending: list[int] = []
    read: int = 0
    applied: int = 0
    duplicate: int = 0
    late: int = 0
    dead: int = 0
    own: int = 0


TrainerPartition = Partition[CustomerRecords, TrainerLedger]


class TrainerMachine:
    """Steps over the observations topic.

    Args:
        policy: horizon and constants of the model.
        partitions: how many scoring partitions close days.
        observations_topic, models_topic: where labels and models go.
    """

    def __init__(
        self,
        policy: ChurnPolicy,
        partitions: int,
        observations_topic: str = OBSERVATIONS.name,
        models_topic: str = MODELS.name,
    ) -> None:
        self.policy = policy
        self._partitions = partitions
        self._observations_topic = observations_topic
        self._models_topic = models_topic
        self._model = ChurnModel.prior(policy)
        self._model_of: Parameters | None = None

    def step(self, part: TrainerPartition, offset: int, observation: Observation) -> None:
        """Takes the observation at `offset` in."""
        part.offset = offset
        ledger = part.meta
        ledger.read += 1
        match observation:
            case Labelled():
                ledger.own += 1
            case ObservationsClosed():
                self._close(part, observation)
            case Snapshot() | Outcome():
                self._buffer(part, observation)
            case _:
                assert_never(observation)

    def dead(self, part: TrainerPartition, offset: int) -> None:
        """Counts the record at `offset`, which could not be read."""
        part.offset = offset
        part.meta.read += 1
        part.meta.dead += 1

    def render(self, part: TrainerPartition, key: str) -> None:
        """Sends the model, the only thing ever asked for."""
        part.emit(self._models_topic, MODEL_NAME.encode(), encode(self.snapshot(part)))

    def snapshot(self, part: TrainerPartition) -> ModelSnapshot:
        """The model as it is now."""
        ledger = part.meta
        return ModelSnapshot(
            model=MODEL_NAME,
            model_version=ledger.model_version,
            trained_through=-1 if ledger.trained_through is None else ledger.trained_through,
            horizon_days=self.policy.horizon_days,
            is_prior=ledger.evaluation.customers_churned < self.policy.min_customers_churned,
            quality=ledger.evaluation.quality(),
            parameters=self._current(ledger).to_parameters(),
            river_version=RIVER_VERSION,
            version=part.offset,
        )

    def _buffer(self, part: TrainerPartition, observation: Snapshot | Outcome) -> None:
        ledger, key, day = part.meta, observation.customer_id, observation.day
        if ledger.trained_through is not None and day <= ledger.trained_through:
            ledger.late += 1
            return
        records = part.get(key) or CustomerRecords()
        held = records.snapshots if isinstance(observation, Snapshot) else records.outcomes
        if part.ahead(key, part.offset) or day in held:
            ledger.duplicate += 1
            return
        if isinstance(observation, Snapshot):
            records.snapshots[day] = known(observation.features)
        else:
            insort(records.outcomes, day)
        part.put(key, records)
        _insert(ledger.waiting, day)
        ledger.applied += 1

    def _close(self, part: TrainerPartition, marker: ObservationsClosed) -> None:
        ledger = part.meta
        if not 0 <= marker.partition < self._partitions:
            ledger.dead += 1
            return
        if marker.day <= ledger.closed.get(marker.partition, marker.day - 1):
            ledger.duplicate += 1
            return
        ledger.applied += 1
        ledger.closed[marker.partition] = marker.day
        if len(ledger.closed) < self._partitions:
            return
        ready = min(ledger.closed.values())
        for day in self._days(ledger, ready):
            self._take(part, day)
        ledger.trained_through = ready

    def _days(self, ledger: TrainerLedger, ready: int) -> Iterator[int]:
        """Days up to `ready` with something to do, in order; new ones may join while they are taken."""
        while True:
            days = ledger.waiting[:1] + [day + self.policy.horizon_days for day in ledger.pending[:1]]
            if not days or min(days) > ready:
                return
            yield min(days)

    def _take(self, part: TrainerPartition, day: int) -> None:
        ledger, model = part.meta, self._current(part.meta)
        touched = list(self._touched(part, day))
        taken = [(key, p) for key, records in touched for p in _test(records, day, model, ledger)]
        left = [(key, p) for key, records in touched for p in self._leave(records, day)]
        mature = [(key, records, records.mature(day, self.policy.horizon_days)) for key, records in touched]
        self._evaluate(part, day, mature)
        for key, pending in left:
            self._label(part, key, pending, day)
            model.learn_leaving(pending.features)
        for _, pending in taken:
            model.learn_staying(pending.features, pending.probability)
        self._finish(part, day, touched, bool(taken))

    def _touched(self, part: TrainerPartition, day: int) -> Iterator[tuple[str, CustomerRecords]]:
        """Customers with something to do on `day`, by id."""
        over = day - self.policy.horizon_days
        for key in sorted(part.keys()):
            records = part.get(key)
            if records is not None and (
                day in records.snapshots or day in records.outcomes or any(p.day <= over for p in records.pending)
            ):
                yield key, records

    def _leave(self, records: CustomerRecords, day: int) -> list[Pending]:
        if day not in records.outcomes:
            return []
        records.outcomes.remove(day)
        return records.leave(day, self.policy.horizon_days)

    def _evaluate(
        self, part: TrainerPartition, day: int, mature: list[tuple[str, CustomerRecords, list[Pending]]]
    ) -> None:
        evaluation = part.meta.evaluation
        constant = evaluation.constant_guess(self.policy.base_rate)
        for key, records, snapshots in mature:
            for pending in snapshots:
                churned = pending.churned_day is not None
                evaluation.add(pending.probability, churned, constant, not records.churned)
                records.churned |= churned
                if not churned:
                    self._label(part, key, pending, day)

    def _label(self, part: TrainerPartition, key: str, pending: Pending, day: int) -> None:
        labelled = Labelled(
            customer_id=key,
            day=pending.day,
            features=pending.features,
            probability=pending.probability,
            churned=pending.churned_day is not None,
            labelled_day=day,
            model_version=pending.model_version,
            version=part.offset,
        )
        at = (day + 1) * DAY_MS
        part.emit(self._observations_topic, key.encode(), encode(labelled), timestamp_ms=at)

    def _finish(self, part: TrainerPartition, day: int, touched: list[tuple[str, CustomerRecords]], took: bool) -> None:
        ledger = part.meta
        for key, records in touched:
            if records.forgettable:
                part.delete(key)
            else:
                part.put(key, records)
        ledger.waiting = [d for d in ledger.waiting if d > day]
        ledger.pending = [d for d in ledger.pending if d + self.policy.horizon_days > day]
        if took:
            _insert(ledger.pending, day)
        ledger.parameters = self._model_of = self._model.parameters()
        ledger.model_version += 1
        part.publish(MODEL_KEY)

    def _current(self, ledger: TrainerLedger) -> ChurnModel:
        """The model of the ledger, kept built as long as the ledger is the one it was built from."""
        if ledger.parameters is not self._model_of:
            self._model_of = ledger.parameters
            self._model = (
                ChurnModel.prior(self.policy)
                if ledger.parameters is None
                else ChurnModel.resumed(ledger.parameters, self.policy)
            )
        return self._model


def _test(records: CustomerRecords, day: int, model: ChurnModel, ledger: TrainerLedger) -> list[Pending]:
    """The snapshot of `day`, if there is one, with the probability the model gives it; now pending."""
    features = records.snapshots.pop(day, None)
    if features is None:
        return []
    pending = Pending(day, features, model.probability(features), ledger.model_version)
    records.pending.append(pending)
    ledger.evaluation.observations += 1
    return [pending]


def _insert(days: list[int], day: int) -> None:
    if day not in days:
        insort(days, day)
