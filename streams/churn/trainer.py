"""The trainer machine: observations in, day by day; labels and a model out.

Theory of operation. Records are only buffered, per customer, until every scoring partition has closed a day.
Then the days up to it are taken one after the other, each with its customers sorted by id:

    0 open      a new week: champion, challengers and calibration are judged, what serves may change (`learner`)
    1 label     outcomes make the pending snapshots positive in whose window they fall; what is open of the
                censored is forgotten, and labels that it was given are taken back
    2 test      new snapshots get the probability of the models as they are, before anything of the day is learned
    3 evaluate  snapshots whose window has passed are mature: their probability of then enters the quality
    4 learn     first who left, then the new snapshots as staying (fake-negative weighting, `model`)

A booster, where there is one, is fitted before step 0, says its probabilities in step 2 and keeps the labels of step 3
(`booster`); nothing else depends on it.

Invariants:
 T1 the same records, in any interleaving of the partitions, with any repetition, in batches of any size, in
    one go or in pieces, give the same weights, labels and quality, bit for bit;
 T2 the probability a snapshot is tested with depends on records of days up to its own alone: no look-ahead;
 T3 read = applied + duplicate + late + dead + own, after every record.
The table's keys and meta must come from one flush: the model in meta knows what was taken out of the keys. What a
recovery leaves of another is forgotten (`ledger`).
"""

from bisect import insort
from collections import deque
from collections.abc import Iterator, Sequence
from typing import assert_never

from schemas.codec import encode
from schemas.envelope import LATEST_MS
from schemas.models import ModelSnapshot
from schemas.registry import MODELS, OBSERVATIONS
from schemas.scores import Censored, Labelled, Observation, ObservationsClosed, Outcome, Snapshot
from streams.alerts.model_machine import ModelAlerts
from streams.churn.agenda import Agenda
from streams.churn.booster import Shadow
from streams.churn.labels import CustomerRecords, Pending
from streams.churn.learner import Learner
from streams.churn.ledger import TrainerLedger, TrainerPartition, forget_ahead
from streams.churn.model import MODEL_NAME
from streams.churn.policy import ChurnPolicy
from streams.churn.publishing import published, seen_on
from streams.churn.quality import QualityFigures
from streams.churn.window import begun_anew
from streams.metrics.days import DAY_MS

MODEL_KEY = "\x00model"
_LATEST_DAY = LATEST_MS // DAY_MS


class TrainerMachine:
    """Steps over the observations topic.

    Args:
        policy: horizon and constants of the model.
        partitions: how many scoring partitions close days.
        observations_topic, models_topic: where labels and models go.
        alerts: tells people of the model; None tells nobody.
        figures: tells how good it has been; None tells nobody.
        boosted: a booster learns beside the models, if its library works.
    """

    def __init__(
        self,
        policy: ChurnPolicy,
        partitions: int,
        observations_topic: str = OBSERVATIONS.name,
        models_topic: str = MODELS.name,
        alerts: ModelAlerts | None = None,
        figures: QualityFigures | None = None,
        boosted: bool = False,
    ) -> None:
        self.policy = policy
        self._partitions = partitions
        self._observations_topic = observations_topic
        self._models_topic = models_topic
        self._alerts, self._figures = alerts, figures
        self._shadow = Shadow(policy, boosted)
        self._of: TrainerLedger | None = None

    def step(self, part: TrainerPartition, offset: int, observation: Observation) -> Iterator[None] | None:
        """Takes the observation at `offset` in.

        Returns:
            None; or pieces, when a booster is to be fitted first: then nothing is taken in yet. Run through all of
            them and call again.
        """
        self._follow(part)
        if begun_anew(part, self.policy):
            self._build(part)
            part.publish(MODEL_KEY)
        ledger = part.meta
        if isinstance(observation, ObservationsClosed) and (pieces := self._before(part, observation)) is not None:
            return pieces
        part.offset = offset
        ledger.read += 1
        match observation:
            case Labelled():
                ledger.own += 1
            case ObservationsClosed():
                self._close(part, observation)
            case Snapshot() | Outcome() | Censored():
                self._buffer(part, observation)
            case _:
                assert_never(observation)
        return None

    @property
    def booster_problem(self) -> str | None:
        """Why the booster gave up in this process; None when it did not."""
        return self._shadow.problem

    def dead(self, part: TrainerPartition, offset: int) -> None:
        """Counts the record at `offset`, which could not be read."""
        part.offset = offset
        part.meta.read += 1
        part.meta.dead += 1

    def render(self, part: TrainerPartition, keys: Sequence[str]) -> None:
        """Sends the model; a recovery may ask for customers, too, and there is nothing to send of those."""
        if MODEL_KEY not in keys:
            return
        part.emit(self._models_topic, MODEL_NAME.encode(), encode(self.snapshot(part)))

    def snapshot(self, part: TrainerPartition) -> ModelSnapshot:
        """The model as it is now."""
        return published(self._learner(part).champion, part.meta, self.policy, part.offset)

    def _buffer(self, part: TrainerPartition, observation: Snapshot | Outcome | Censored) -> None:
        ledger, key, day = part.meta, observation.customer_id, observation.day
        if ledger.trained_through is not None and day <= ledger.trained_through:
            ledger.late += 1
            return
        if not 0 <= day <= _LATEST_DAY:
            ledger.dead += 1
            return
        records = part.get(key) or CustomerRecords()
        if day in records.held(observation):
            ledger.duplicate += 1
            return
        records.hold(observation)
        part.put(key, records)
        self._agenda_of(part).add(day, key)
        _insert(ledger.waiting, day)
        ledger.applied += 1

    def _before(self, part: TrainerPartition, marker: ObservationsClosed) -> Iterator[None] | None:
        """What is to be done before the first day that the marker makes ready is taken."""
        ledger = part.meta
        closed = ledger.closed | {marker.partition: marker.day}
        if not self._is_sound(marker) or len(closed) < self._partitions:
            return None
        day = next(self._days(ledger, min(closed.values())), None)
        return None if day is None else self._fit(part, day)

    def _fit(self, part: TrainerPartition, day: int) -> Iterator[None] | None:
        learning = part.meta.learning
        return self._shadow.due(part, learning.boosting, learning.monday, day)

    def _is_sound(self, marker: ObservationsClosed) -> bool:
        return 0 <= marker.partition < self._partitions and marker.day <= _LATEST_DAY

    def _close(self, part: TrainerPartition, marker: ObservationsClosed) -> None:
        ledger = part.meta
        if not self._is_sound(marker):
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
        ledger, learner, boosting = part.meta, self._learner(part), part.meta.learning.boosting
        deque(self._fit(part, day) or (), maxlen=0)  # of the first day of a marker it was gone through in pieces
        learner.open(day, ledger.evaluation.customers_churned, self._shadow.present)
        touched = [(key, part.get(key) or CustomerRecords()) for key in self._agenda_of(part).take(day)]
        left = [(key, p) for key, records in touched for p in self._leave(records, day)]
        taken_back = [(key, p) for key, records in touched for p in self._censor(ledger, records, day)]
        taken = [p for key, records in touched for p in self._test(part, key, records, day)]
        self._shadow.test(part, boosting, taken)
        mature = [(key, records, records.mature(day, self.policy.horizon_days)) for key, records in touched]
        self._evaluate(part, day, mature)
        self._shadow.keep(part, boosting, day, [(key, snapshots) for key, _, snapshots in mature])
        for key, pending in left:
            self._label(part, key, pending, day, True)
        for key, pending in taken_back:
            self._label(part, key, pending, day, None)
        learner.learn_leaving([pending for _, pending in left])
        learner.learn_staying(taken)
        self._finish(part, day, touched, bool(taken))
        if self._figures is not None and any(pending for *_, pending in mature):
            self._figures.tell(part, day, self.snapshot(part), ledger.learning.week.of_week(day))

    def _test(self, part: TrainerPartition, key: str, records: CustomerRecords, day: int) -> list[Pending]:
        """The snapshot of `day`, if there is one, with what the models say of it; now pending."""
        packed = records.snapshots.pop(day, None)
        if packed is None:
            return []
        pending = self._learner(part).test(day, packed, part.meta.model_version)
        records.pending.append(pending)
        part.meta.evaluation.observations += 1
        self._agenda_of(part).add(day + self.policy.horizon_days, key)
        return [pending]

    def _leave(self, records: CustomerRecords, day: int) -> list[Pending]:
        if day not in records.outcomes:
            return []
        records.outcomes.remove(day)
        return records.leave(day, self.policy.horizon_days)

    def _censor(self, ledger: TrainerLedger, records: CustomerRecords, day: int) -> list[Pending]:
        forgotten, labelled = records.censor(day)
        ledger.censored += forgotten
        return labelled

    def _evaluate(
        self, part: TrainerPartition, day: int, mature: list[tuple[str, CustomerRecords, list[Pending]]]
    ) -> None:
        evaluation = part.meta.evaluation
        constant = evaluation.constant_guess(self.policy.base_rate)
        labels: list[tuple[Pending, bool]] = []
        for key, records, snapshots in mature:
            for pending in snapshots:
                evaluation.add(pending.probability, pending.churned, constant, not records.churned)
                labels.append((pending, pending.churned))
                if not pending.churned:
                    self._label(part, key, pending, day, False)
                elif not records.churned:
                    records.churned = True
                    self._learner(part).hear([p.day for p in (*snapshots, *records.pending) if p.churned])
        self._learner(part).mature(day, labels, constant)

    def _label(self, part: TrainerPartition, key: str, pending: Pending, day: int, churned: bool | None) -> None:
        labelled = pending.labelled(key, day, churned, part.offset)
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
        learner, churned = self._learner(part), ledger.evaluation.customers_churned
        ledger.parameters = learner.close(day, churned)
        ledger.model_version += 1
        if self._alerts is not None:
            self._alerts.tell(part, ledger.told, seen_on(day, ledger.learning, churned, learner.refused, ledger.untold))
        ledger.untold = None
        part.publish(MODEL_KEY)

    def _learner(self, part: TrainerPartition) -> Learner:
        """The models of the ledger, kept built as long as the table has not been recovered anew."""
        self._follow(part)
        return self._models

    def _agenda_of(self, part: TrainerPartition) -> Agenda:
        self._follow(part)
        return self._agenda

    def _follow(self, part: TrainerPartition) -> None:
        if part.meta is not self._of:
            self._of = part.meta
            forget_ahead(part)
            self._build(part)

    def _build(self, part: TrainerPartition) -> None:
        self._models = Learner(self.policy, part.meta.learning, part.meta.parameters)
        self._agenda = Agenda(part, self.policy.horizon_days)


def _insert(days: list[int], day: int) -> None:
    if day not in days:
        insort(days, day)
